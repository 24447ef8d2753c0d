//! The bounds of the archive.

/// Leaves in a block: what is read at least when one data subject's readers or a bound inside a
/// day are asked for. 4 bytes are kept per row of a block.
pub const BLOCK_LEAVES: i64 = 4096;
/// Most numbers shown of a disagreement.
pub const SHOWN_MAX: usize = 16;
