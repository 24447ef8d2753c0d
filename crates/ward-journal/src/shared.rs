//! What the writer, the grower, the keeper and the readers share.
//!
//! INVARIANT: `head` counts leaves that are durable and applied to the views, nothing else; every
//! reader, the tree and every signature stop there. Only the writer moves it.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};

use tokio::sync::watch;
use ward_model::{TreeSize, UnixMillis};

use crate::disk::{Disk, DiskFile};
use crate::limits::{CLOCK_JUMP_MS, MARK_EVERY_BYTES};
use crate::segment::{Header, Key};
use crate::spare::Spare;
use crate::tree::Tree;

/// Source of randomness for segment ids, keys and nonces: fills the slice or fails.
pub type Entropy = Box<dyn FnMut(&mut [u8]) -> io::Result<()> + Send>;

/// A segment in use.
pub(crate) struct Segment {
    pub header: Header,
    pub header_crc: u32,
    pub key: Key,
    pub file: Arc<dyn DiskFile>,
    /// First byte after the acknowledged frames.
    end: AtomicU64,
    /// (leaf, offset) of a frame every [`MARK_EVERY_BYTES`].
    marks: Mutex<Vec<(u64, u64)>>,
}

impl Segment {
    pub(crate) fn new(header: Header, crc: u32, key: Key, file: Arc<dyn DiskFile>) -> Self {
        let end = AtomicU64::new(crate::limits::HEADER_BYTES);
        Self { header, header_crc: crc, key, file, end, marks: Mutex::default() }
    }

    /// Takes note of a frame, so that it is found again. Frames come in order.
    pub(crate) fn mark(&self, first: u64, offset: u64) {
        let mut marks = lock(&self.marks);
        if marks.last().is_none_or(|(_, last)| offset >= last + MARK_EVERY_BYTES) {
            marks.push((first, offset));
        }
    }

    /// Offset of a frame at or before `leaf`.
    pub(crate) fn offset_before(&self, leaf: u64) -> u64 {
        let marks = lock(&self.marks);
        let at = marks.partition_point(|(first, _)| *first <= leaf);
        let mark = at.checked_sub(1).and_then(|at| marks.get(at));
        mark.map_or(crate::limits::HEADER_BYTES, |(_, offset)| *offset)
    }

    pub(crate) fn end(&self) -> u64 {
        self.end.load(Ordering::Acquire)
    }

    pub(crate) fn set_end(&self, end: u64) {
        self.end.store(end, Ordering::Release);
    }
}

/// Counters of [`crate::Health`].
#[derive(Default)]
pub(crate) struct Counters {
    pub bytes: AtomicU64,
    pub batches: AtomicU64,
    pub poisoned: AtomicU64,
    pub refused: AtomicU64,
    /// Bit n: lane with byte n+1 takes nothing.
    pub full: AtomicU64,
    pub jumps: AtomicU64,
    pub last_jump_ms: AtomicI64,
    pub tiles_failed: AtomicU64,
    pub notes_failed: AtomicU64,
}

pub(crate) struct Shared {
    pub disk: Arc<dyn Disk>,
    pub segment_bytes: u64,
    pub segments: RwLock<Vec<Arc<Segment>>>,
    head: watch::Sender<TreeSize>,
    size: AtomicU64,
    head_ms: AtomicI64,
    clock_ms: AtomicI64,
    ticked_ms: AtomicI64,
    pub spare: Mutex<Spare>,
    /// Held while a spare is made.
    pub making: Mutex<()>,
    pub tree: Mutex<Tree>,
    pub counters: Counters,
    /// Nothing is taken any more until a restart.
    pub dead: AtomicBool,
    /// Wakes the grower and the keeper.
    pub chores: Chores,
}

/// What the background threads should do.
#[derive(Default)]
pub(crate) struct Chores {
    pub state: Mutex<Todo>,
    pub grower: Condvar,
    pub keeper: Condvar,
}

#[derive(Clone, Copy, Default)]
pub(crate) struct Todo {
    pub grow: bool,
    pub checkpoint: bool,
    pub spare: bool,
    pub stop: bool,
}

impl Chores {
    pub(crate) fn ask(&self, what: impl FnOnce(&mut Todo)) {
        what(&mut lock(&self.state));
        self.grower.notify_one();
        self.keeper.notify_one();
    }
}

impl Shared {
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        segment_bytes: u64,
        now: UnixMillis,
        spare: Spare,
        tree: Tree,
    ) -> Self {
        Self {
            disk,
            segment_bytes,
            segments: RwLock::default(),
            head: watch::Sender::new(TreeSize(0)),
            size: AtomicU64::new(0),
            head_ms: AtomicI64::new(i64::MIN),
            clock_ms: AtomicI64::new(now.ms()),
            ticked_ms: AtomicI64::new(now.ms()),
            spare: Mutex::new(spare),
            making: Mutex::default(),
            tree: Mutex::new(tree),
            counters: Counters::default(),
            dead: AtomicBool::new(false),
            chores: Chores::default(),
        }
    }

    /// Acknowledged leaves.
    pub(crate) fn size(&self) -> u64 {
        self.size.load(Ordering::Acquire)
    }

    /// Journal time of the last leaf, ms.
    pub(crate) fn head_ms(&self) -> i64 {
        self.head_ms.load(Ordering::Acquire)
    }

    /// Moves the head: the leaves below `size` are durable and applied.
    pub(crate) fn publish(&self, size: u64, time_ms: i64) {
        self.head_ms.store(time_ms, Ordering::Release);
        self.size.store(size, Ordering::Release);
        self.head.send_replace(TreeSize(i64::try_from(size).unwrap_or(i64::MAX)));
    }

    pub(crate) fn watch(&self) -> watch::Receiver<TreeSize> {
        self.head.subscribe()
    }

    /// Takes note of the clock; counts a jump ahead of everything seen so far.
    pub(crate) fn saw(&self, now: UnixMillis) {
        let before = self.clock_ms.fetch_max(now.ms(), Ordering::AcqRel);
        let ahead = now.ms().saturating_sub(before.max(self.head_ms()));
        if ahead > CLOCK_JUMP_MS {
            self.counters.jumps.fetch_add(1, Ordering::Relaxed);
            self.counters.last_jump_ms.store(ahead, Ordering::Relaxed);
        }
    }

    /// Whether a second went by since this last said so.
    pub(crate) fn is_due(&self, now: UnixMillis) -> bool {
        let last = self.ticked_ms.load(Ordering::Acquire);
        let due = now.ms().saturating_sub(last) >= 1000;
        if due {
            self.ticked_ms.store(now.ms(), Ordering::Release);
        }
        due
    }

    pub(crate) fn clock_ms(&self) -> i64 {
        self.clock_ms.load(Ordering::Acquire)
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Acquire)
    }

    /// All segments, oldest first.
    pub(crate) fn segments(&self) -> Vec<Arc<Segment>> {
        self.segments.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Adds the newest segment. One that holds nothing acknowledged and begins at the same leaf
    /// was replaced on disk by the same name.
    pub(crate) fn add_segment(&self, segment: Arc<Segment>) {
        let mut segments = self.segments.write().unwrap_or_else(PoisonError::into_inner);
        segments.retain(|it| it.header.first != segment.header.first);
        segments.push(segment);
    }
}

/// Locks; a thread that panicked while it held the lock left nothing half done that matters:
/// INVARIANT: every critical section in this crate is a few moves of owned values.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
