//! What the journal says of itself.

use std::sync::atomic::Ordering;

use ward_model::{Lane, TreeSize, UnixMillis};

use crate::shared::{Shared, lock};
use crate::spare::SpareState;

/// A picture of the journal; counters since it was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Acknowledged records.
    pub records: TreeSize,
    /// Bytes written in frames.
    pub bytes: u64,
    /// Batches made durable: one fdatasync each.
    pub batches: u64,
    /// Entries waiting.
    pub queue_depth: usize,
    /// Bytes waiting.
    pub queue_bytes: usize,
    /// Appends refused for want of space.
    pub refused: u64,
    /// Lanes that take nothing at present.
    pub full: Vec<Lane>,
    /// Segments that could not be synced and were left.
    pub poisoned: u64,
    /// Nothing is taken until a restart.
    pub dead: bool,
    /// Whether the next segment stands ready.
    pub spare_ready: bool,
    /// Leaves in the tree.
    pub tree: TreeSize,
    /// Leaves under the last kept checkpoint.
    pub checkpoint: TreeSize,
    /// Times a tile could not be written.
    pub tiles_failed: u64,
    /// Times a checkpoint could not be kept.
    pub checkpoints_failed: u64,
    /// Times the clock jumped over a minute ahead.
    pub clock_jumps: u64,
    /// The last such jump, ms.
    pub clock_jump_ms: i64,
    /// Journal time of the last record, if there is one.
    pub head_time: Option<UnixMillis>,
    /// Acknowledged records that are not there. Zero, or the program would not run.
    pub lost: u64,
}

impl Health {
    pub(crate) fn of(shared: &Shared, depth: (usize, usize), checkpoint: u64) -> Self {
        let counters = &shared.counters;
        let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        let full = read(&counters.full);
        let size = |leaves: u64| TreeSize(i64::try_from(leaves).unwrap_or(i64::MAX));
        let head_ms = shared.head_ms();
        Self {
            records: size(shared.size()),
            bytes: read(&counters.bytes),
            batches: read(&counters.batches),
            queue_depth: depth.0,
            queue_bytes: depth.1,
            refused: read(&counters.refused),
            full: Lane::ALL
                .iter()
                .copied()
                .filter(|lane| full & (1 << (lane.byte() - 1)) != 0)
                .collect(),
            poisoned: read(&counters.poisoned),
            dead: shared.is_dead(),
            spare_ready: lock(&shared.spare).state() == SpareState::Ready,
            tree: size(lock(&shared.tree).edge.size()),
            checkpoint: size(checkpoint),
            tiles_failed: read(&counters.tiles_failed),
            checkpoints_failed: read(&counters.notes_failed),
            clock_jumps: read(&counters.jumps),
            clock_jump_ms: counters.last_jump_ms.load(Ordering::Relaxed),
            head_time: (head_ms != i64::MIN).then(|| UnixMillis::new(head_ms)),
            lost: 0,
        }
    }
}
