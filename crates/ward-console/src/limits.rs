//! Every bound of the console, in one place.

/// Candidates for the session cookie read from one request.
pub const COOKIES_MAX: usize = 4;
/// Longest body of a form, bytes.
pub const FORM_BYTES_MAX: usize = 4 * 1024;

/// Longest answer of a browser to a ceremony, or logout token in its form, bytes.
pub const ANSWER_BYTES_MAX: usize = 96 * 1024;
/// Ended proposals shown.
pub const ENDED_SHOWN_MAX: usize = 30;
/// How long the browser keeps the cookie of a journey to the identity provider, seconds.
pub const AWAY_SECONDS: u32 = 300;

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

const _: () = assert!(LIVE_TICK_MS < LIVE_BEAT_MS);
