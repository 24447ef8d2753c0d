//! The bounds of the gate.

use core::time::Duration;

/// Longest `Authorization` or `X-Api-Key` value looked at, bytes.
pub const CREDENTIAL_BYTES_MAX: usize = 4200;
/// Longest stated purpose, bytes.
pub const PURPOSE_BYTES_MAX: usize = 200;
/// How long an upstream may take to send its head.
pub const UPSTREAM_HEAD_MAX: Duration = Duration::from_secs(30);
/// How long an upstream may take to send a held body.
pub const UPSTREAM_BODY_MAX: Duration = Duration::from_secs(60);
/// How long a connection to an upstream may take.
pub const UPSTREAM_CONNECT_MAX: Duration = Duration::from_secs(5);
/// Idle connections kept per upstream.
pub const UPSTREAM_IDLE_MAX: usize = 256;
/// How long a client may take to send a request's head.
pub const CLIENT_HEAD_MAX: Duration = Duration::from_secs(15);
/// Most connections served at once; more wait in the listen queue.
pub const CONNECTIONS_MAX: usize = 10_000;
/// Signature verifications that may run at once to classify refused tokens.
pub const CLASSIFY_MAX: usize = 2;
/// Classifications that may wait their turn; past these, refusals are counted, not classified.
pub const CLASSIFY_QUEUE_MAX: usize = 256;
/// Panes a budget's window is divided into: the window slides by one pane at a time.
pub const PANES: i64 = 24;
/// Bytes an observed answer may have before the scanner stops looking (it still passes).
pub const OBSERVE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Milliseconds of a minute.
pub const MINUTE_MS: i64 = 60_000;
/// How long one person may open a route in an emergency, minutes.
pub const BYPASS_MINUTES_MAX: i64 = 30;
/// How long a route may be open so in 24 hours, minutes. What no second person has looked at counts
/// until he does: alone, nobody opens a route for longer than this, ever.
pub const BYPASS_DAY_MINUTES_MAX: i64 = 60;
/// How many bypasses, over all routes, may wait for a second person; past these none is opened.
pub const BYPASS_UNREVIEWED_MAX: usize = 16;
/// Reads of one principal with a budget under way at once on bypassed routes.
pub const BYPASS_AT_ONCE_MAX: usize = 4;
/// Bypasses kept in memory: those of the last day and those nobody looked at.
pub const BYPASS_KEPT_MAX: usize = 1024;
/// Break-glass sessions kept in memory; what is more is counted as not looked at.
pub const SESSIONS_KEPT_MAX: usize = 1024;

const _: () = assert!(BYPASS_MINUTES_MAX <= BYPASS_DAY_MINUTES_MAX);
const _: () = assert!(BYPASS_UNREVIEWED_MAX < BYPASS_KEPT_MAX);
const _: () = assert!(CLASSIFY_MAX < CLASSIFY_QUEUE_MAX);
