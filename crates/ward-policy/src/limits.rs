//! The bounds of the policies.

/// Shards of the cache of decisions.
pub const SHARDS: usize = 16;
/// Decisions kept in a shard; a full shard is emptied.
pub const SHARD_DECISIONS_MAX: usize = 1024;
/// Longest policy file, bytes.
pub const SOURCE_BYTES_MAX: usize = 256 * 1024;
/// Most policy files.
pub const SOURCES_MAX: usize = 256;

const _: () = assert!(SHARDS.is_power_of_two());
