//! Every bound of the console, in one place.

use ward_model::time::DAY_MS;

const MINUTE_MS: i64 = 60_000;

/// A one-time link opens a session this long after it was made, milliseconds.
pub const LINK_LIFE_MS: i64 = 15 * MINUTE_MS;
/// One-time links waiting to be used; the oldest gives way.
pub const LINKS_MAX: usize = 4;
/// A session ends this long after its last page, milliseconds.
pub const SESSION_IDLE_MS: i64 = 30 * MINUTE_MS;
/// A session ends this long after it began, whatever happens, milliseconds.
pub const SESSION_LIFE_MS: i64 = DAY_MS / 2;
/// A clock that goes back further than this ends the session, milliseconds.
pub const CLOCK_BACK_MS: i64 = MINUTE_MS;
/// Sessions at once; the one idle for longest gives way.
pub const SESSIONS_MAX: usize = 64;
/// Candidates for the session cookie read from one request.
pub const COOKIES_MAX: usize = 4;
/// Longest operator token looked at, bytes.
pub const TOKEN_BYTES_MAX: usize = 512;
/// Longest body of a form, bytes.
pub const FORM_BYTES_MAX: usize = 4 * 1024;

/// Live streams open at once.
pub const STREAMS_MAX: usize = 32;
/// A live stream looks for something new this often, milliseconds.
pub const LIVE_TICK_MS: u64 = 500;
/// A live stream says that it is alive this often, milliseconds.
pub const LIVE_BEAT_MS: u64 = 10_000;

/// Rows of a page of a list.
pub const PAGE_ROWS: usize = 50;
/// Seconds drawn in the strip of *Now*.
pub const STRIP_SECONDS: usize = 60;
/// Refusals shown on *Now*.
pub const RECENT_REFUSALS_MAX: usize = 8;
/// Alerts shown on *Now*.
pub const RECENT_ALERTS_MAX: usize = 6;
/// Routes named on *Now*; the rest are counted.
pub const ROUTES_SHOWN_MAX: usize = 12;
/// Data subjects listed on the page of one access; the rest are counted.
pub const SUBJECTS_SHOWN_MAX: usize = 50;

const _: () = assert!(SESSION_IDLE_MS < SESSION_LIFE_MS);
const _: () = assert!(LIVE_TICK_MS < LIVE_BEAT_MS);
