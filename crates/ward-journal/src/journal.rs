//! The handle everyone holds, and the three threads behind it.
//!
//! `writer` commits batches, `grower` takes leaves into the tree and signs, `keeper` makes the
//! spare and counts the seconds. No thread here decides anything: they call the functions the
//! simulator calls. Best test: `tests.rs`.

use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use ward_model::{Entry, LeafIndex, Position, Record, Rows, TreeSize, UnixMillis, View};
use ward_tlog::{Hash, ProofText, Tile};

use crate::disk::Disk;
use crate::error::{AppendError, OpenError, ReadError};
use crate::export::{self, ExportReport};
use crate::frame::{frame_len, put_payload};
use crate::grow::Grower;
use crate::health::Health;
use crate::limits::{GATHER_YIELDS_MAX, frame_bytes_max};
use crate::notes::Kept;
use crate::prove::{self, Proven};
use crate::queue::{Ack, Pending, Queue, Reply};
use crate::read;
use crate::recorded::Recorded;
use crate::recover::{self, Options, Parts};
use crate::shared::{Shared, lock};
use crate::spare;
use crate::writer::{Step, Writer};

/// A checkpoint is signed at most this often, and the spare tried for.
const SECOND: Duration = Duration::from_secs(1);

/// The journal. Cheap to clone; when the last handle goes it stops as by [`Journal::stop`].
#[derive(Clone)]
pub struct Journal {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    queue: Arc<Queue>,
    grower: Arc<Mutex<Grower>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Released when the threads are gone.
    lock: Mutex<Option<crate::disk::LockGuard>>,
}

impl Journal {
    /// Makes a new journal and opens it. An explicit act: `open` never makes one.
    ///
    /// # Errors
    /// [`OpenError::Exists`]: there is one already. Otherwise as [`Self::open`].
    pub fn create(
        disk: Arc<dyn Disk>,
        mut options: Options,
        views: Vec<Box<dyn View>>,
    ) -> Result<Self, OpenError> {
        let guard = recover::create(disk.as_ref(), &mut options)?;
        Self::start(recover::open(&disk, options, views, Some(guard))?)
    }

    /// Opens a journal: checks it, repairs an unfinished tail, replays every record into `views`.
    /// Reads everything: about a second for 10 million records.
    ///
    /// # Errors
    /// [`OpenError`]; nothing is written unless it returns `Ok` or the disk fails.
    pub fn open(
        disk: Arc<dyn Disk>,
        options: Options,
        views: Vec<Box<dyn View>>,
    ) -> Result<Self, OpenError> {
        Self::start(recover::open(&disk, options, views, None)?)
    }

    fn start(parts: Parts) -> Result<Self, OpenError> {
        let Parts { shared, writer, grower, lock } = parts;
        let queue = Arc::new(Queue::default());
        let grower = Arc::new(Mutex::new(grower));
        let inner = Inner {
            shared: Arc::clone(&shared),
            queue: Arc::clone(&queue),
            grower: Arc::clone(&grower),
            threads: Mutex::default(),
            lock: Mutex::new(Some(lock)),
        };
        let journal = Self { inner: Arc::new(inner) };
        let spawn = |name: &str, work: Box<dyn FnOnce() + Send>| {
            let thread = std::thread::Builder::new().name(format!("journal-{name}"));
            thread.spawn(work).map_err(|source| OpenError::Io { doing: "start a thread", source })
        };
        let threads = [
            spawn(
                "writer",
                Box::new({
                    let queue = Arc::clone(&queue);
                    move || write(writer, &queue)
                }),
            )?,
            spawn(
                "grower",
                Box::new({
                    let shared = Arc::clone(&shared);
                    move || grow(&shared, &grower)
                }),
            )?,
            spawn("keeper", Box::new(move || keep(&shared, &queue)))?,
        ];
        *self::lock(&journal.inner.threads) = threads.into();
        Ok(journal)
    }

    /// Records `value`: when this returns `Ok` its rows are durable, in every view, and in order.
    ///
    /// `now` is the caller's clock; journal time is the later of it and the head's.
    /// Cancel safe in this sense: a dropped future leaves the rows recorded or not, never in part.
    ///
    /// # Errors
    /// [`AppendError`]: what the caller can do is in its variants.
    pub async fn append<T: Entry>(
        &self,
        value: T,
        now: UnixMillis,
    ) -> Result<Recorded<T>, AppendError> {
        let (sender, answer) = oneshot::channel();
        self.submit(&value, now, Reply::Task(sender))?;
        let ack: Ack = answer.await.map_err(|_| AppendError::Unavailable)??;
        Ok(Recorded::new(value, ack))
    }

    /// [`Self::append`] for threads without a runtime. Blocks for one batch.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub fn append_blocking<T: Entry>(
        &self,
        value: T,
        now: UnixMillis,
    ) -> Result<Recorded<T>, AppendError> {
        let (sender, answer) = mpsc::sync_channel(1);
        self.submit(&value, now, Reply::Thread(sender))?;
        let ack = answer.recv().map_err(|_| AppendError::Unavailable)??;
        Ok(Recorded::new(value, ack))
    }

    fn submit<T: Entry>(
        &self,
        value: &T,
        now: UnixMillis,
        reply: Reply,
    ) -> Result<(), AppendError> {
        let pending = encode(value, now, reply, self.inner.shared.segment_bytes)?;
        self.inner.shared.saw(now);
        self.inner.queue.push(pending)
    }

    /// Acknowledged records, and a watch of their number for followers.
    #[must_use]
    pub fn head(&self) -> watch::Receiver<TreeSize> {
        self.inner.shared.watch()
    }

    /// Records from `from` on, at most `max` and at most 65,536; none at the head.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn read(&self, from: LeafIndex, max: usize) -> Result<Vec<(Position, Record)>, ReadError> {
        let from = u64::try_from(from.0).map_err(|_| ReadError::OutOfRange)?;
        read::records(&self.inner.shared, from, max)
    }

    /// The records of leaves `start..end`, as far as they are acknowledged.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn between(&self, start: i64, end: i64) -> Result<Vec<(Position, Record)>, ReadError> {
        let mut records: Vec<(Position, Record)> = Vec::new();
        let mut from = start;
        while from < end {
            let part = self.read(LeafIndex(from), usize::try_from(end - from).unwrap_or(0))?;
            let Some((last, _)) = part.last() else { break };
            from = last.index.0.saturating_add(1);
            records.extend(part);
        }
        Ok(records)
    }

    /// The first leaf of journal time `time` or later: journal time never runs back.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn first_at(&self, time: UnixMillis) -> Result<LeafIndex, ReadError> {
        let (mut low, mut high) = (0, self.head().borrow().0);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.read(LeafIndex(middle), 1)?.first() {
                Some((at, _)) if at.time < time => low = middle + 1,
                _ => high = middle,
            }
        }
        Ok(LeafIndex(low))
    }

    /// Tells the clock: for jumps, for the checkpoint of this second, and to try again what a full
    /// disk refused. Cheap. The journal's own timer does the last two when nobody calls this.
    pub fn tick(&self, now: UnixMillis) {
        self.inner.shared.saw(now);
        if self.inner.shared.is_due(now) {
            self.inner.shared.chores.ask(|todo| {
                todo.spare = true;
                todo.checkpoint = true;
            });
        }
    }

    /// Takes everything acknowledged into the tree and signs it now.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn checkpoint_now(&self) -> Result<Option<Kept>, ReadError> {
        let mut grower = lock(&self.inner.grower);
        grower.grow()?;
        grower.checkpoint().map_err(ReadError::Io)?;
        Ok(grower.latest.clone())
    }

    /// The last signed checkpoint; it is kept on disk.
    #[must_use]
    pub fn latest_checkpoint(&self) -> Option<Kept> {
        lock(&self.inner.grower).latest.clone()
    }

    /// Every checkpoint ever signed, oldest first, read file by file.
    ///
    /// # Errors
    /// [`ReadError::Io`]: the directory cannot be listed. Items: a file cannot be read.
    pub fn checkpoints(
        &self,
    ) -> Result<impl Iterator<Item = Result<Kept, OpenError>> + use<>, ReadError> {
        prove::checkpoints(Arc::clone(&self.inner.shared.disk))
    }

    /// Inclusion proof of leaf `index` in the tree of `size` leaves, from the leaf's sibling up.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn prove(&self, index: LeafIndex, size: TreeSize) -> Result<Vec<Hash>, ReadError> {
        prove::inclusion(&self.inner.shared, &self.inner.grower, index, size)
    }

    /// Proof that the tree of `old` leaves is the beginning of the tree of `new`.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn consistency(&self, old: TreeSize, new: TreeSize) -> Result<Vec<Hash>, ReadError> {
        prove::consistency(&self.inner.shared, &self.inner.grower, old, new)
    }

    /// Root of the tree of the first `size` leaves.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn root(&self, size: TreeSize) -> Result<Hash, ReadError> {
        prove::root(&self.inner.shared, &self.inner.grower, size)
    }

    /// A proof file (c2sp.org/tlog-proof) for leaf `index` under the last checkpoint, with the leaf
    /// itself; a new checkpoint is signed when the last does not cover it.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn proof_file(&self, index: LeafIndex) -> Result<(ProofText, Vec<u8>), ReadError> {
        prove::file(&self.inner.shared, &self.inner.grower, index)
    }

    /// Leaves with their inclusion proofs, all under one checkpoint that covers them; a new one is
    /// signed when the last does not. Cost: a tile and a window of a segment for each leaf that has
    /// no neighbour among `leaves`; at most 65,536 leaves.
    ///
    /// # Errors
    /// [`ReadError`]; [`ReadError::OutOfRange`] also for an empty list.
    pub fn proven(&self, leaves: &[LeafIndex]) -> Result<Proven, ReadError> {
        prove::many(&self.inner.shared, &self.inner.grower, leaves)
    }

    /// Bytes of a hash tile (c2sp.org/tlog-tiles), full or partial, up to the acknowledged head.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn tile(&self, tile: Tile) -> Result<Vec<u8>, ReadError> {
        prove::tile(&self.inner.shared, &self.inner.grower, tile)
    }

    /// Bytes of an entry bundle (c2sp.org/tlog-tiles), full or partial. Holds record contents:
    /// only for the authorised.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn entries(&self, bundle: Tile) -> Result<Vec<u8>, ReadError> {
        export::bundle(&self.inner.shared, bundle)
    }

    /// Writes the log as C2SP files below `to`: `checkpoint`, `tile/..`, `tile/entries/..`, and the
    /// verifier key in `vkey`, for the last checkpoint (signed now).
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn export(&self, to: &dyn Disk) -> Result<ExportReport, ReadError> {
        export::export(&self.inner.shared, &self.inner.grower, to)
    }

    /// A picture of the journal.
    #[must_use]
    pub fn health(&self) -> Health {
        let checkpoint =
            lock(&self.inner.grower).latest.as_ref().map_or(0, |it| it.checkpoint.size);
        Health::of(&self.inner.shared, self.inner.queue.depth(), checkpoint)
    }

    /// Writes what waits, signs a last checkpoint, gives the lock back. Every handle is stopped.
    /// Must not be called from a view.
    pub fn stop(&self) {
        self.inner.stop();
    }
}

impl Inner {
    fn stop(&self) {
        self.queue.stop();
        let threads = core::mem::take(&mut *lock(&self.threads));
        // The writer stands first in the list: what it acknowledges is still to be signed.
        for (at, thread) in threads.into_iter().enumerate() {
            drop(thread.join());
            if at == 0 {
                self.shared.chores.ask(|todo| todo.stop = true);
            }
        }
        drop(lock(&self.lock).take());
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Encodes an entry and reads it back, so that what is written can always be replayed.
pub(crate) fn encode<T: Entry + ?Sized>(
    value: &T,
    now: UnixMillis,
    reply: Reply,
    segment_bytes: u64,
) -> Result<Pending, AppendError> {
    let mut rows = Rows::new();
    value.rows(&mut rows);
    let mut payloads = Vec::with_capacity(rows.byte_len() + 2 * rows.len());
    let mut records = Vec::with_capacity(rows.len());
    if rows.is_too_large() || rows.is_empty() {
        return Err(AppendError::TooLarge);
    }
    for payload in rows.iter() {
        // WHY: a row that cannot be read back would keep the journal from ever opening again.
        records.push(Record::decode(payload).map_err(|_| AppendError::TooLarge)?);
        if !put_payload(&mut payloads, payload) {
            return Err(AppendError::TooLarge);
        }
    }
    let count = u32::try_from(rows.len()).map_err(|_| AppendError::TooLarge)?;
    if frame_len(payloads.len()) as u64 > frame_bytes_max(segment_bytes) {
        return Err(AppendError::TooLarge);
    }
    Ok(Pending { lane: value.lane(), payloads, records, count, now, reply })
}

fn write(mut writer: Writer, queue: &Queue) {
    let mut expected = 0;
    loop {
        let seen = queue.changes();
        loop {
            gather(queue, expected);
            let taken = queue.length();
            let step = writer.step(queue);
            if step == Step::Idle {
                break;
            }
            expected = taken + queue.length();
        }
        if !queue.wait(seen) {
            return;
        }
    }
}

/// Lets those who were just answered come back, so that they share the next sync.
///
/// WHY: callers that wait for their answer before they append again would otherwise split into two
/// halves that take turns, each waiting for two syncs. Bounded, and nothing is waited for when
/// fewer were here before: a lone append is written at once.
fn gather(queue: &Queue, expected: usize) {
    let enough = expected - expected / 8;
    for _ in 0..GATHER_YIELDS_MAX {
        let waiting = queue.length();
        if waiting == 0 || waiting >= enough {
            return;
        }
        std::thread::yield_now();
    }
}

fn grow(shared: &Shared, grower: &Mutex<Grower>) {
    let chores = &shared.chores;
    loop {
        let todo = {
            let mut todo = lock(&chores.state);
            while !(todo.grow || todo.checkpoint || todo.stop) {
                todo = chores.grower.wait(todo).unwrap_or_else(std::sync::PoisonError::into_inner);
            }
            let taken = *todo;
            (todo.grow, todo.checkpoint) = (false, false);
            taken
        };
        let mut grower = lock(grower);
        if let Err(error) = grower.grow() {
            tracing::error!(error = %error, "journal cannot be read back");
        }
        let rolled = todo.grow && todo.checkpoint;
        if todo.checkpoint || todo.stop {
            // Failures are counted in `Health` and tried again a second later.
            let signed = grower.checkpoint();
            if signed.is_ok() && (rolled || todo.stop) {
                if let Err(error) = grower.settle() {
                    tracing::warn!(error = %error, "tiles cannot be made durable");
                }
                grower.notes.close();
            }
        }
        if todo.stop {
            return;
        }
    }
}

fn keep(shared: &Shared, queue: &Queue) {
    let chores = &shared.chores;
    loop {
        if !shared.is_dead() {
            spare::make(shared);
            queue.poke();
        }
        let mut todo = lock(&chores.state);
        loop {
            if todo.stop {
                return;
            }
            if core::mem::take(&mut todo.spare) {
                break;
            }
            let (back, waited) = chores
                .keeper
                .wait_timeout(todo, SECOND)
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            todo = back;
            if waited.timed_out() {
                todo.checkpoint = true;
                chores.grower.notify_one();
                break;
            }
        }
    }
}
