//! The bounds of trees, notes and proofs.

/// Height of a tile, in tree levels (c2sp.org/tlog-tiles fixes it).
pub const TILE_HEIGHT: u32 = 8;
/// Hashes in a full tile, entries in a full bundle.
pub const TILE_WIDTH: usize = 1 << TILE_HEIGHT;
/// Highest tile level that a tree of 2^63 leaves can have.
pub const TILE_LEVEL_MAX: u8 = 7;
/// Largest tree, in leaves: sizes stay within a signed 64-bit integer.
pub const TREE_SIZE_MAX: u64 = i64::MAX as u64;
/// Most hashes in any proof over such a tree.
pub const PROOF_HASHES_MAX: usize = 64;
/// Longest signed note, bytes: 16 post-quantum signatures of 5 kB in base64 fit.
pub const NOTE_BYTES_MAX: usize = 128 * 1024;
/// Most signatures on a note; the specification demands at least 16.
pub const NOTE_SIGNATURES_MAX: usize = 32;
/// Longest key name or origin, bytes of UTF-8.
pub const KEY_NAME_BYTES_MAX: usize = 255;
/// Longest proof text, bytes: the note, 64 hashes and the extra data.
pub const PROOF_TEXT_BYTES_MAX: usize = NOTE_BYTES_MAX + 64 * 1024;
/// Longest entry of a bundle, bytes: its length is a 16-bit number.
pub const ENTRY_BYTES_MAX: usize = u16::MAX as usize;

const _: () = assert!(TILE_WIDTH == 256);
const _: () = assert!((TILE_LEVEL_MAX as u32 + 1) * TILE_HEIGHT >= 63);
const _: () = assert!(NOTE_SIGNATURES_MAX >= 16);
