//! The bounds of this room.

/// How long one matter raises no second alert, milliseconds of journal time.
pub const WINDOW_MS: i64 = 3_600_000;
/// Most matters remembered; past this the oldest is forgotten, which may alert again, never less.
pub const MATTERS_MAX: usize = 100_000;
/// Most data subjects counted one by one for a matter; past this the count stands still.
pub const LEAKED_MAX: usize = 65_536;
/// Most data subjects counted one by one for all matters together (8 bytes and a hash slot each).
pub const LEAKED_ALL_MAX: usize = 4 << 20;
/// Most API keys whose owner is remembered.
pub const API_KEYS_MAX: usize = 1_000_000;
/// Most alerts that wait for the journal.
pub const PENDING_MAX: usize = 100_000;
/// Most alerts appended as one group.
pub const BATCH_MAX: usize = 256;

const _: () = assert!(BATCH_MAX <= PENDING_MAX && LEAKED_MAX <= LEAKED_ALL_MAX);
