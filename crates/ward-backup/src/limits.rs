//! The bounds of a backup. Every piece of work on untrusted bytes is bounded by one of these.

/// Longest manifest, bytes.
pub const MANIFEST_BYTES_MAX: u64 = 64 << 20;
/// Most files in one backup: a journal of some six terabytes.
pub const FILES_MAX: usize = 200_000;
/// Longest segment of a journal, bytes (`ward-journal`).
pub const SEGMENT_BYTES_MAX: u64 = 256 << 20;
/// Longest database, bytes: one tebibyte.
pub const DATABASE_BYTES_MAX: u64 = 1 << 40;
/// Longest file of any other kind, bytes.
pub const SMALL_BYTES_MAX: u64 = 16 << 20;
/// Longest name in a backup, bytes: the field of ustar.
pub const NAME_BYTES_MAX: usize = 100;
/// Longest age header, bytes.
pub const HEADER_BYTES_MAX: usize = 64 << 10;
/// Most recipients of one backup.
pub const RECIPIENTS_MAX: usize = 64;
/// Plaintext of one chunk of an age payload, bytes (c2sp.org/age).
pub const CHUNK_BYTES: usize = 64 << 10;
/// Bytes moved at a time.
pub const WINDOW_BYTES: usize = 256 << 10;

// A header line per recipient is far below 300 bytes.
const _: () = assert!(RECIPIENTS_MAX * 300 < HEADER_BYTES_MAX);
