//! The bounds of the ledger. Every piece of work on untrusted bytes is bounded by one of these.

pub use ward_model::limits::{JSON_DEPTH_MAX, JSON_NAMES_MAX, JSON_VALUES_MAX};

/// Longest compact JWS, bytes.
pub const TOKEN_BYTES_MAX: usize = 4096;
/// A 64-byte signature in base64url without padding, characters.
pub const SIGNATURE_CHARS: usize = 86;
/// Raw bytes of an ES256 or Ed25519 signature.
pub const SIGNATURE_BYTES: usize = 64;
/// Longest decoded claims or header, bytes.
pub const PART_BYTES_MAX: usize = TOKEN_BYTES_MAX / 4 * 3;
/// Most audiences in one token.
pub const AUDIENCES_MAX: usize = 16;
/// Most actors in a chain of delegation (`act` within `act`).
pub const ACTORS_MAX: usize = 4;
/// Most keys one client has.
pub const CLIENT_KEYS_MAX: usize = 4;
/// Latest NumericDate, seconds: the end of the year 9999.
pub const NUMERIC_DATE_MAX: i64 = 253_402_300_799;
/// `jti`: characters and the bytes they stand for.
pub const JTI_CHARS: usize = 40;
/// Bytes of a `jti`: one sealed block, then random bytes.
pub const JTI_BYTES: usize = 30;
/// Random bytes of a `jti` (112 bits).
pub const JTI_RANDOM_BYTES: usize = 14;
/// Slots of a segment, as a power of two: one huge page of 2 MiB.
pub const SEGMENT_BITS: u32 = 18;
/// Furthest a recorded sequence may lie past the highest one known, in its origin.
pub const SEQUENCE_SKIP_MAX: u64 = 1 << 24;
/// A segment stays this long after its longest life has passed, milliseconds (clock skew).
pub const DROP_GRACE_MS: i64 = 60_000;
/// A step of journal time over this stops dropping until time is seen to go on, milliseconds.
pub const TIME_JUMP_MS: i64 = 60_000;
/// How far time must go on in small steps before dropping resumes, milliseconds.
pub const TIME_STEADY_MS: i64 = 60_000;
/// Dropping is looked at this often in journal time, milliseconds.
pub const SWEEP_EVERY_MS: i64 = 1_000;
/// After the tail of an origin was lost, a token of it may still be live for this long,
/// milliseconds: the longest life of a token (a year, `ward-keys`) and a day of clock error.
pub const LOST_TAIL_MS: i64 = 367 * 86_400_000;
/// How many lives a node may have had between a backup and its restore without one of their origins
/// being used again.
pub const ORIGINS_LOST_MAX: i32 = 1 << 16;
/// The moment from which the origins after a loss are counted, seconds: 2026-01-01.
pub const ORIGIN_EPOCH_SECONDS: i64 = 1_767_225_600;
/// Most signing keys one ledger holds.
pub const KEYS_MAX: usize = 1024;
/// Longest window of grandfathering, milliseconds: 30 days.
pub const GRANDFATHERING_MS_MAX: i64 = 30 * 86_400_000;
/// Tokens known by a digest are dropped together when all that end within this have, milliseconds.
pub const BUCKET_MS: i64 = 6 * 3_600_000;
/// Most clients that tokens known by a digest were issued to.
pub const CLIENTS_MAX: usize = 4096;
/// How far the clock of a node that issued and of the one that restored may differ, milliseconds.
pub const LOST_SKEW_MS: i64 = 120_000;

const _: () = assert!(SIGNATURE_CHARS * 6 / 8 == SIGNATURE_BYTES);
const _: () = assert!(JTI_CHARS * 6 / 8 == JTI_BYTES && JTI_BYTES == 16 + JTI_RANDOM_BYTES);
const _: () = assert!(ACTORS_MAX < JSON_DEPTH_MAX);
const _: () = assert!(SIGNATURE_CHARS + 4 < TOKEN_BYTES_MAX);
