//! The bounds of the store.

/// Most rows one listing gives.
pub const PAGE_ROWS_MAX: u32 = 1000;
/// Longest text of a person's row, bytes.
pub const TEXT_BYTES_MAX: usize = 512;
/// Most e-mail addresses of a person.
pub const EMAILS_MAX: usize = 20;
/// How long a call waits for another process that reads the file, milliseconds.
pub const BUSY_MS: u64 = 5000;
/// Records that change no row may pass before the head is written down all the same.
pub const HEAD_LAG_MAX: i64 = 65_536;
