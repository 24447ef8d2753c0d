//! Bounds of the diff and of a snapshot.

use ward_catalogue::limits::CATALOGUE_BYTES_MAX;
use ward_policy::limits::{SOURCE_BYTES_MAX, SOURCES_MAX};

/// Reasons kept of each direction; the rest are counted in one more.
pub const REASONS_MAX: usize = 1_000;
/// Bytes of a name or a value that a reason repeats.
pub const WORD_BYTES_MAX: usize = 200;
/// Bytes of a snapshot's form on disk.
pub const SNAPSHOT_BYTES_MAX: usize = 96 << 20;

const _: () = assert!(SNAPSHOT_BYTES_MAX > CATALOGUE_BYTES_MAX + SOURCES_MAX * SOURCE_BYTES_MAX);
