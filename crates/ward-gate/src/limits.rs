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

const _: () = assert!(CLASSIFY_MAX < CLASSIFY_QUEUE_MAX);
