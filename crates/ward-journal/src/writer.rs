//! The writer: one write, one fdatasync, then the views, then the acknowledgements.
//!
//! The order of [`Writer::commit`] is the promise of the journal. One thread owns the writer; the
//! simulator calls the same [`Writer::step`] without threads. Best test: `sim/tests.rs`,
//! `acknowledged_means_fdatasync`.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use ward_model::{Lane, LeafIndex, Position, Secret, UnixMillis, View};

use crate::disk::write_all_at;
use crate::error::AppendError;
use crate::frame::{FrameHead, put_frame};
use crate::layout::{SEGMENTS, SPARE, segment_path};
use crate::limits::{GROW_EVERY_LEAVES, HEADER_BYTES, kept_free};
use crate::queue::{Ack, Pending, Queue, Room, Taken};
use crate::segment::{Header, Key, seal_key};
use crate::shared::{Entropy, Segment, Shared, lock};
use crate::spare::{self, SpareState};

/// Owns the end of the journal.
pub(crate) struct Writer {
    pub shared: Arc<Shared>,
    pub segment: Arc<Segment>,
    /// Where the next frame goes.
    pub offset: u64,
    /// Checksum it must name.
    pub chain: u32,
    /// Its first leaf: everything below is durable.
    pub next: u64,
    /// Journal time of the last leaf.
    pub time_ms: i64,
    /// Id of the segment before, and the chain's value at its end.
    pub previous: ([u8; 16], u32),
    pub root_key: Key,
    pub entropy: Entropy,
    pub views: Vec<Box<dyn View>>,
    pub grown_at: u64,
}

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing can be done before something changes.
    Idle,
    Worked,
}

/// Why a roll did not happen.
enum RollFailed {
    /// The spare is spoilt, the segment in use is not.
    Spare,
    /// The names on disk are unknown.
    Names,
}

impl Writer {
    /// Takes what fits and commits it.
    pub(crate) fn step(&mut self, queue: &Queue) -> Step {
        if self.shared.is_dead() {
            let taken = queue.take(|_, _, _| Room::Full);
            let worked = !taken.refused.is_empty();
            answer_all(taken.refused, |_| AppendError::Unavailable);
            return if worked { Step::Worked } else { Step::Idle };
        }
        let stopping = queue.is_stopped();
        let spare = lock(&self.shared.spare).state();
        let Taken { batch, refused, roll } =
            queue.take(|lane, length, batched| self.room(spare, stopping, lane, length, batched));
        self.note_full(spare);
        let worked = roll || !batch.is_empty() || !refused.is_empty();
        self.shared.counters.refused.fetch_add(refused.len() as u64, Ordering::Relaxed);
        answer_all(refused, |pending| AppendError::Full { lane: pending.lane });
        if roll {
            self.roll_or_die();
        } else if !batch.is_empty() {
            self.commit(batch);
        }
        if worked { Step::Worked } else { Step::Idle }
    }

    fn room(
        &self,
        spare: SpareState,
        stopping: bool,
        lane: Lane,
        length: usize,
        batched: usize,
    ) -> Room {
        let used = self.offset + batched as u64;
        let left = self.segment.header.segment_bytes.saturating_sub(used);
        let after = left.checked_sub(length as u64);
        let kept = kept_free(lane, self.segment.header.segment_bytes);
        match (spare, after) {
            (SpareState::Ready, Some(_)) => Room::Here,
            (SpareState::Ready, None) => Room::Roll,
            (_, Some(after)) if after >= kept => Room::Here,
            (SpareState::Coming, _) if !stopping => Room::Wait,
            _ => Room::Full,
        }
    }

    fn note_full(&self, spare: SpareState) {
        let full = |lane: &Lane| self.room(spare, true, *lane, 512, 0) == Room::Full;
        let known = spare == SpareState::Failed;
        let bits = Lane::ALL.iter().filter(|lane| known && full(lane));
        let bits = bits.fold(0_u64, |bits, lane| bits | 1 << (lane.byte() - 1));
        self.shared.counters.full.store(bits, Ordering::Relaxed);
    }

    /// Writes a batch, makes it durable, applies it, acknowledges it: in this order.
    fn commit(&mut self, batch: Vec<Pending>) {
        let mut bytes = Vec::with_capacity(batch.iter().map(Pending::frame_len).sum());
        let (mut next, mut chain, mut time_ms) = (self.next, self.chain, self.time_ms);
        let mut placed = Vec::with_capacity(batch.len());
        let seed = self.segment.header.seed();
        for pending in batch {
            // Journal time never runs back, whatever the clock does.
            time_ms = time_ms.max(pending.now.ms());
            let head = FrameHead {
                prev_crc: chain,
                lane: pending.lane,
                first: next,
                time_ms,
                synced_to: self.next,
                count: pending.count,
            };
            let offset = self.offset + bytes.len() as u64;
            chain = put_frame(&mut bytes, seed, &head, &pending.payloads);
            placed.push((pending, next, time_ms, offset));
            next += u64::from(head.count);
        }
        let file = &self.segment.file;
        // CRASH: if we stop here, nothing was promised; a part of the batch may be found.
        let written = write_all_at(file.as_ref(), &bytes, self.offset);
        // CRASH: if we stop here, the same: any sectors of it may be found, in any order.
        let durable = written.and_then(|()| file.sync_data());
        if let Err(error) = durable {
            tracing::error!(error = %error, leaf = self.next, "journal segment cannot be synced");
            let batch = placed.into_iter().map(|(pending, ..)| pending).collect();
            return self.poison(batch);
        }
        // CRASH: if we stop here, the batch is durable though nobody was told; it is found whole.
        for (_, first, _, offset) in &placed {
            self.segment.mark(*first, *offset);
        }
        self.offset += bytes.len() as u64;
        self.segment.set_end(self.offset);
        (self.next, self.chain, self.time_ms) = (next, chain, time_ms);
        for (pending, first, time_ms, _) in &placed {
            apply(&mut self.views, *first, *time_ms, &pending.records);
        }
        self.shared.publish(next, time_ms);
        self.shared.counters.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.shared.counters.batches.fetch_add(1, Ordering::Relaxed);
        for (pending, first, time_ms, _) in placed {
            let first = LeafIndex(i64::try_from(first).unwrap_or(i64::MAX));
            let time = UnixMillis::new(time_ms);
            pending.reply.send(Ok(Ack { first, count: pending.count, time }));
        }
        if next >= self.grown_at + GROW_EVERY_LEAVES {
            self.grown_at = next;
            self.shared.chores.ask(|todo| todo.grow = true);
        }
    }

    /// A write or a sync failed: this file is never written or synced again.
    ///
    /// The batch may be on the disk or not; the next segment begins at the first leaf that is not
    /// durable, and recovery ignores whatever an older segment holds from there on.
    fn poison(&mut self, batch: Vec<Pending>) {
        self.shared.counters.poisoned.fetch_add(1, Ordering::Relaxed);
        // CRASH: if we stop here, the failed batch may be found; it was never acknowledged.
        if !spare::make(&self.shared) || self.roll().is_err() {
            self.die();
        }
        answer_all(batch, |_| AppendError::Unavailable);
    }

    fn roll_or_die(&mut self) {
        match self.roll() {
            Ok(()) => (),
            Err(RollFailed::Spare) => {
                // The spare is gone; a new one is made from the beginning.
                self.shared.chores.ask(|todo| todo.spare = true);
            }
            Err(RollFailed::Names) => self.die(),
        }
    }

    fn die(&self) {
        tracing::error!("journal takes nothing more until it is restarted");
        self.shared.dead.store(true, Ordering::Release);
    }

    /// Goes on in the spare.
    fn roll(&mut self) -> Result<(), RollFailed> {
        let spare = lock(&self.shared.spare).take();
        let file = spare.ok_or(RollFailed::Spare)?;
        let (header, key) = self.next_header().ok_or(RollFailed::Spare)?;
        let (block, crc) = header.encode();
        let written = write_all_at(file.as_ref(), &block, 0).and_then(|()| file.sync_data());
        // CRASH: if we stop here, the spare has a header and no name; the next start zeroes it.
        written.map_err(|_| RollFailed::Spare)?;
        let path = segment_path(header.first);
        self.shared.disk.rename(SPARE, &path).map_err(|_| RollFailed::Names)?;
        // CRASH: if we stop here, either name may survive; no frame is in it, and the old segment
        // holds every acknowledged leaf.
        self.shared.disk.sync_dir(SEGMENTS).map_err(|_| RollFailed::Names)?;
        self.previous = (header.previous_id, header.previous_crc);
        let segment = Arc::new(Segment::new(header, crc, key, file));
        self.shared.add_segment(Arc::clone(&segment));
        (self.segment, self.offset, self.chain) = (segment, HEADER_BYTES, crc);
        self.shared.chores.ask(|todo| {
            todo.spare = true;
            todo.grow = true;
            todo.checkpoint = true;
        });
        Ok(())
    }

    fn next_header(&mut self) -> Option<(Header, Key)> {
        // A segment without an acknowledged frame is replaced, so the chain goes past it.
        let (previous_id, previous_crc) = if self.segment.header.first == self.next {
            self.previous
        } else {
            (self.segment.header.id, self.chain)
        };
        let (tree_size, tree_root) = lock(&self.shared.tree).known();
        let context = Context {
            segment_bytes: self.shared.segment_bytes,
            first: self.next,
            previous_id,
            previous_crc,
            tree_size,
            tree_root,
            created_ms: self.shared.clock_ms(),
        };
        context.header(&self.root_key, &mut self.entropy)
    }
}

/// What a new header says, but for what is random.
pub(crate) struct Context {
    pub segment_bytes: u64,
    pub first: u64,
    pub previous_id: [u8; 16],
    pub previous_crc: u32,
    pub tree_size: u64,
    pub tree_root: ward_tlog::Hash,
    pub created_ms: i64,
}

impl Context {
    /// A header with a fresh id and key; `None` when there is no randomness to be had.
    pub(crate) fn header(self, root: &Key, entropy: &mut Entropy) -> Option<(Header, Key)> {
        let (mut id, mut key, mut nonce) = ([0; 16], [0; 32], [0; 12]);
        for bytes in [&mut id[..], &mut key[..], &mut nonce[..]] {
            entropy(bytes).ok()?;
        }
        let key = Secret::new(key);
        let header = Header {
            segment_bytes: self.segment_bytes,
            id,
            first: self.first,
            previous_id: self.previous_id,
            previous_crc: self.previous_crc,
            tree_size: self.tree_size,
            tree_root: self.tree_root,
            nonce,
            sealed_key: seal_key(root, &key, nonce, &id, self.first)?,
            created_ms: self.created_ms,
        };
        Some((header, key))
    }
}

/// Hands records to the views: the one function that live appends and replay share.
pub(crate) fn apply(
    views: &mut [Box<dyn View>],
    first: u64,
    time_ms: i64,
    records: &[ward_model::Record],
) {
    for (index, record) in (first..).zip(records) {
        let index = LeafIndex(i64::try_from(index).unwrap_or(i64::MAX));
        let at = Position { index, time: UnixMillis::new(time_ms) };
        for view in views.iter_mut() {
            view.apply(at, record);
        }
    }
}

fn answer_all(pending: Vec<Pending>, error: impl Fn(&Pending) -> AppendError) {
    for pending in pending {
        let error = error(&pending);
        pending.reply.send(Err(error));
    }
}
