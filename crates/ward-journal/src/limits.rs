//! The bounds of the journal, and what must hold between them.

use ward_model::Lane;

/// Bytes that a disk writes whole or not at all; torn writes are told apart by it.
pub const SECTOR_BYTES: usize = 512;
/// Header of a segment, bytes.
pub const HEADER_BYTES: u64 = 4096;
/// Segment size unless told otherwise, bytes.
pub const SEGMENT_BYTES_DEFAULT: u64 = 32 * MIB;
/// Smallest segment, bytes (tests).
pub const SEGMENT_BYTES_MIN: u64 = 16 * 1024;
/// Largest segment, bytes: recovery holds one in memory.
pub const SEGMENT_BYTES_MAX: u64 = 256 * MIB;
/// A batch is closed once it holds this much, bytes.
pub const BATCH_BYTES_MAX: usize = 1 << 20;
/// Waiting appends a lane may hold.
pub const QUEUE_COUNT_MAX: usize = 65_536;
/// Waiting bytes a lane may hold: one largest group always fits.
pub const QUEUE_BYTES_MAX: usize = 128 << 20;
/// Distance of entries in the index of a segment, bytes.
pub const MARK_EVERY_BYTES: u64 = 64 * 1024;
/// A jump of the clock past the head by more than this is reported, ms.
pub const CLOCK_JUMP_MS: i64 = 60_000;
/// A file of checkpoints is closed once it holds this much, bytes.
pub const NOTES_FILE_BYTES_MAX: u64 = MIB;
/// Full tiles held in memory while the disk takes none (32 MiB); past it the tree waits.
pub const PENDING_TILES_MAX: usize = 4096;
/// Bytes read at a time by followers.
pub const READ_WINDOW_BYTES: usize = 1 << 20;
/// Most records one `read` returns.
pub const READ_RECORDS_MAX: usize = 65_536;
/// Leaves the tree may lag before the grower is woken early.
pub const GROW_EVERY_LEAVES: u64 = 4096;
/// Times the writer steps aside for appends that are about to come, some 50 µs in all.
pub const GATHER_YIELDS_MAX: usize = 100;
/// Leaves after which the grower steps aside.
pub const YIELD_EVERY_LEAVES: usize = 256;
/// Least space kept for [`Lane::Priority`] in a default segment, bytes.
pub const PRIORITY_RESERVE_BYTES_MIN: u64 = MIB;

const MIB: u64 = 1 << 20;

/// Space that `lane` must leave in the last segment that can be had, bytes.
#[must_use]
pub const fn kept_free(lane: Lane, segment_bytes: u64) -> u64 {
    let body = segment_bytes.saturating_sub(HEADER_BYTES);
    match lane {
        Lane::Refusal => body / 2,
        Lane::Access => body / 4,
        Lane::Issuance => body / 8,
        Lane::Priority => 0,
    }
}

/// Longest frame a segment of this size takes, bytes.
#[must_use]
pub const fn frame_bytes_max(segment_bytes: u64) -> u64 {
    segment_bytes.saturating_sub(HEADER_BYTES) / 2
}

const _: () = assert!(
    kept_free(Lane::Refusal, SEGMENT_BYTES_DEFAULT)
        > kept_free(Lane::Access, SEGMENT_BYTES_DEFAULT)
        && kept_free(Lane::Access, SEGMENT_BYTES_DEFAULT)
            > kept_free(Lane::Issuance, SEGMENT_BYTES_DEFAULT)
        && kept_free(Lane::Issuance, SEGMENT_BYTES_DEFAULT) >= PRIORITY_RESERVE_BYTES_MIN
);
const _: () = assert!(SEGMENT_BYTES_MIN >= 2 * HEADER_BYTES && HEADER_BYTES.is_multiple_of(512));
const _: () = assert!(SEGMENT_BYTES_MAX <= u32::MAX as u64);
const _: () = assert!(QUEUE_BYTES_MAX as u64 >= frame_bytes_max(SEGMENT_BYTES_MAX));
