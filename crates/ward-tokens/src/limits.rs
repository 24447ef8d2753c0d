//! The bounds of issuance.

use ward_model::time::DAY_MS;

/// Longest request body, bytes.
pub const BODY_BYTES_MAX: usize = 16 * 1024;
/// Longest life of an API key or a client's registration, days. Every credential ends.
pub const CREDENTIAL_DAYS_MAX: i64 = 366;
/// Longest name of an API key, bytes.
pub const API_KEY_NAME_BYTES_MAX: usize = 64;
/// Longest description of an API key, bytes.
pub const API_KEY_DESCRIPTION_BYTES_MAX: usize = 256;
/// Most scopes of an API key.
pub const SCOPES_MAX: usize = 64;
/// How long a replaced API key goes on when nobody says, hours.
pub const OVERLAP_HOURS: i64 = 24;
/// How long it goes on at most, milliseconds: 30 days.
pub const OVERLAP_MS_MAX: i64 = 30 * ward_model::time::DAY_MS;
/// Most texts of one report of leaks that are looked at.
pub const LEAK_TEXTS_MAX: usize = 100;
/// Reports of leaks taken from one source (/24, /48) in a minute.
pub const LEAK_REPORTS_A_MINUTE_EACH: u32 = 20;
/// Reports of leaks taken in a minute.
pub const LEAK_REPORTS_A_MINUTE_ALL: u32 = 200;
/// Sources told apart in a minute.
pub const LEAK_SOURCES_MAX: usize = 1024;
/// Longest client id, bytes.
pub const CLIENT_ID_BYTES_MAX: usize = 64;
/// Most client assertions that are remembered in one of 64 parts and one period of five minutes.
pub const ASSERTIONS_MAX: usize = 1 << 16;
/// Longest overlap of a rotated client secret with the one before it, milliseconds.
pub const SECRET_OVERLAP_MS_MAX: i64 = 30 * DAY_MS;
/// Most audiences of one client, of either sort.
pub const CLIENT_AUDIENCES_MAX: usize = 16;
/// Most parameters of a token request.
pub const PARAMETERS_MAX: usize = 32;
/// Random bytes of a client's secret (256 bits).
pub const CLIENT_SECRET_BYTES: usize = 32;
/// How often an API key is composed anew when its random bytes did not suffice.
pub const COMPOSE_TRIES_MAX: usize = 4;
/// Tokens without an entry that are classified at once; each costs a signature's verification.
pub const CLASSIFY_MAX: usize = 2;
/// Tokens without an entry that wait for it. Past it only the first per key and asker is taken.
pub const CLASSIFY_QUEUE_MAX: usize = 1024;
/// Most (key, asker) pairs whose first forgery is remembered.
pub const FIRSTS_MAX: usize = 4096;
/// Most revocations remembered for followers.
pub const FEED_MAX: usize = 262_144;
/// A revocation that was let go of matters so long: the longest life of a token, milliseconds.
pub const LIVE_MS_MAX: i64 = 366 * DAY_MS;
/// Most streams of revocations at once.
pub const FOLLOWERS_MAX: usize = 64;
/// Most revocations of one chunk.
pub const PUSH_BATCH: usize = 256;
/// After so much silence a stream says that it is there, seconds.
pub const BEAT_SECONDS: u64 = 5;
/// Characters of a `jti` that hold its sealed place (16 bytes).
pub const JTI_PREFIX_CHARS: usize = 21;
/// Between two tries to record a forgery, milliseconds.
pub const RETRY_MS: u64 = 1000;
/// Longest pattern for `sub`, bytes.
pub const PATTERN_BYTES_MAX: usize = 256;
/// Largest compiled pattern, bytes.
pub const PATTERN_SIZE_MAX: usize = 256 * 1024;
/// Most tokens in one batch, typed or at the transit door.
pub const BATCH_MAX: usize = 256;
/// Longest body of a batch, bytes.
pub const BATCH_BYTES_MAX: usize = BATCH_MAX * 4096;
/// Furthest `iat` of an input that a client laid out may lie from now, milliseconds.
pub const IAT_SKEW_MS: i64 = 60_000;
/// `ttl` of a status list: what is taken back shows within it, seconds.
pub const STATUS_TTL_SECONDS: i64 = 60;
/// A status list is made anew at most so often, milliseconds.
pub const STATUS_MADE_MS: i64 = 2_000;
/// `exp` of a status list, seconds after it is made: a verifier that cannot reach Ward for so long
/// knows nothing any more.
pub const STATUS_EXP_SECONDS: i64 = 600;
/// Tokens looked at while the journal's writer waits.
pub const STATUS_PART: usize = 8192;
/// Most status lists kept ready.
pub const STATUS_KEPT_MAX: usize = 64;
/// A status list stays so long after the last token in it ended, milliseconds.
pub const DROP_GRACE_MS: i64 = 60_000;

const _: () = assert!(STATUS_MADE_MS * 2 < STATUS_TTL_SECONDS * 1000);
const _: () = assert!(STATUS_TTL_SECONDS < STATUS_EXP_SECONDS);
