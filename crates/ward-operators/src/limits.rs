//! Bounds.

/// How long a proposal waits for consent, and to be used, milliseconds: a day.
pub const LIFE_MS: i64 = 86_400_000;
/// Longest life a configuration may give a proposal, milliseconds: a week.
pub const LIFE_MS_MAX: i64 = 7 * LIFE_MS;
/// How long an operator who is the only one left waits before he may act alone, milliseconds:
/// three days, in which the alert is seen.
pub const ALONE_AFTER_MS: i64 = 3 * 86_400_000;
/// Consents a person's proposal needs, from other persons.
pub const CONSENTS: i32 = 1;
/// Most consents a rule may ask for.
pub const CONSENTS_MAX: i32 = 8;
/// Consents a proposal needs that no operator made: a machine's, or a change found at start.
pub const CONSENTS_OF_NOBODY: i32 = 2;
/// Most proposals waiting at once.
pub const OPEN_MAX: usize = 256;
/// Most of them by one person or machine, so that nobody keeps the others from proposing.
pub const OPEN_OF_ONE_MAX: usize = 32;
/// Ended proposals kept in memory; the journal has them all.
pub const ENDED_MAX: usize = 4096;
/// How long a one-time enrolment link works, milliseconds: a day.
pub const ENROLMENT_LIFE_MS: i64 = 86_400_000;
/// Passkeys a person may have.
pub const PASSKEYS_OF_ONE_MAX: usize = 16;
/// Longest body of a request, bytes.
pub const BODY_BYTES_MAX: usize = 4096;
/// Proposals a page holds.
pub const PAGE_DEFAULT: usize = 50;
/// Most proposals a page holds.
pub const PAGE_MAX: usize = 200;

/// A session ends this long after its last page, milliseconds: half an hour.
pub const SESSION_IDLE_MS: i64 = 1_800_000;
/// A session ends this long after it began, whatever happens, milliseconds: half a day.
pub const SESSION_LIFE_MS: i64 = 43_200_000;
/// How long a proof of who somebody is serves for dangerous acts, milliseconds.
pub const STEP_UP_MS: i64 = 300_000;
/// A clock that goes back further than this ends a session, milliseconds.
pub const CLOCK_BACK_MS: i64 = 60_000;
/// Sessions of one person; the one idle for longest gives way.
pub const SESSIONS_OF_ONE_MAX: usize = 16;
/// Sessions at once; the one idle for longest gives way.
pub const SESSIONS_MAX: usize = 1024;
/// A one-time link that opens a session works this long, milliseconds: a quarter of an hour.
pub const LINK_LIFE_MS: i64 = 900_000;
/// Such links waiting to be used; the oldest gives way.
pub const LINKS_MAX: usize = 4;
/// Ends of sessions that wait for the journal to come back; the oldest are dropped.
pub const OWED_MAX: usize = 1024;

/// Failures from one source, or about one person, before the next must wait.
pub const FAILURES_FREE: u32 = 5;
/// The first wait, milliseconds; each further failure doubles it.
pub const WAIT_FIRST_MS: i64 = 1000;
/// The longest wait, milliseconds.
pub const WAIT_MS_MAX: i64 = 60_000;
/// Failures are forgotten this long after the last, milliseconds.
pub const FAILURES_KEPT_MS: i64 = 900_000;
/// Sources and persons whose failures are remembered; the one quiet for longest gives way.
pub const SLOWED_MAX: usize = 4096;
/// Kinds of refused sign-ins counted in one minute; further ones are counted as nobody's.
pub const TALLIES_MAX: usize = 1024;

/// How long a ceremony waits for its answer, milliseconds.
pub const CEREMONY_LIFE_MS: i64 = 300_000;
/// How long a person may look at what he is about to consent to, milliseconds.
pub const CONFIRM_LIFE_MS: i64 = 120_000;
/// Ceremonies waiting at once; of the source that has most, the oldest gives way.
pub const CEREMONIES_MAX: usize = 1024;
/// Ceremonies of one source waiting at once; its oldest gives way.
pub const CEREMONIES_OF_ONE_MAX: usize = 32;
/// Longest name of a passkey, bytes.
pub const PASSKEY_NAME_BYTES_MAX: usize = 64;

const _: () = assert!(SESSION_IDLE_MS < SESSION_LIFE_MS && STEP_UP_MS < SESSION_IDLE_MS);
const _: () = assert!(CEREMONY_LIFE_MS <= ward_signin::passkey::CHALLENGE_AGE_MS_MAX);
const _: () = assert!(CEREMONIES_OF_ONE_MAX < CEREMONIES_MAX && WAIT_FIRST_MS < WAIT_MS_MAX);
const _: () = assert!(CONSENTS <= CONSENTS_OF_NOBODY && CONSENTS_OF_NOBODY <= CONSENTS_MAX);
const _: () = assert!(LIFE_MS <= LIFE_MS_MAX && OPEN_OF_ONE_MAX < OPEN_MAX);
/// Newest entries of the operators' record kept in memory; the journal has them all.
pub const HISTORY_ENTRIES_MAX: usize = 100_000;
/// Most bytes of their texts together.
pub const HISTORY_BYTES_MAX: usize = 32 << 20;
/// Leaves one search of the record reads past memory before it hands back what it has.
pub const SEARCH_LEAVES_MAX: i64 = 1 << 18;
/// Leaves one export of the record reads past memory.
pub const LISTED_LEAVES_MAX: i64 = 1 << 22;
/// Leaves read at once.
pub const READ_BLOCK_LEAVES: i64 = 1 << 13;
/// Most leaves of one exported file.
pub const FILE_LEAVES_MAX: usize = 10_000;
/// Longest line of an exported file, bytes: a leaf in base64 and 64 hashes, or the checkpoint.
pub const FILE_LINE_BYTES_MAX: usize = 256 << 10;
/// Data subjects an operator may be named by Ward itself in a day.
pub const READS_PER_DAY: u64 = 10_000;
/// Data subjects one answer of Ward itself may name to one operator alone.
pub const READS_AT_ONCE: u64 = 1_000;
/// Longest stated purpose, bytes.
pub const PURPOSE_BYTES_MAX: usize = 256;
