//! The bounds of calls out of Ward.

use core::time::Duration;

/// Largest head of an answer, bytes.
pub const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Largest answer to a webhook that is read, bytes; what it says is not used.
pub const WEBHOOK_ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Most bytes read from a mail server in one conversation, handshake not counted. Few: lettre reads
/// a reply of many lines anew with each line.
pub const MAIL_ANSWER_BYTES_MAX: usize = 16 * 1024;
/// Longest reply of a mail server before TLS begins, bytes.
pub const MAIL_REPLY_BYTES_MAX: usize = 8 * 1024;
/// Largest file of root certificates, bytes.
pub const ROOTS_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Longest mail address, bytes (RFC 5321 section 4.5.3.1.3, less its brackets).
pub const ADDRESS_BYTES_MAX: usize = 254;
/// Longest part before the `@`, bytes (RFC 5321 section 4.5.3.1.1).
pub const LOCAL_PART_BYTES_MAX: usize = 64;
/// Shortest signing secret of a webhook, bytes (Standard Webhooks, "Signature scheme").
pub const SIGNING_SECRET_BYTES_MIN: usize = 24;
/// Longest signing secret of a webhook, bytes (Standard Webhooks, "Signature scheme").
pub const SIGNING_SECRET_BYTES_MAX: usize = 64;

/// Longest id of a notice, bytes.
pub const NOTICE_ID_BYTES_MAX: usize = 64;
/// Longest title of a notice, bytes; more is cut.
pub const TITLE_BYTES_MAX: usize = 200;
/// Longest line of a notice, bytes; more is cut.
pub const LINE_BYTES_MAX: usize = 512;
/// Most lines of a notice; more are counted in a last one.
pub const LINES_MAX: usize = 32;
/// Longest link path of a notice, bytes.
pub const LINK_BYTES_MAX: usize = 512;
/// Longest explanation in words, bytes; more is cut.
pub const WORDS_BYTES_MAX: usize = 300;

/// Most deliveries that wait; the oldest gives way, and is reported.
pub const WAITING_MAX: usize = 4096;
/// How long attempts under way may go on when the notifier stops.
pub const STOP_MAX: Duration = Duration::from_secs(5);
/// How long a mail server may take over our goodbye, after it has taken the letter.
pub const GOODBYE_MAX: Duration = Duration::from_secs(1);

const _: () = assert!(MAIL_REPLY_BYTES_MAX < MAIL_ANSWER_BYTES_MAX);
const _: () = assert!(SIGNING_SECRET_BYTES_MIN < SIGNING_SECRET_BYTES_MAX);
// Everything that waits fits in some 70 MB, whatever the notices say.
const _: () = assert!(
    WAITING_MAX * (TITLE_BYTES_MAX + LINES_MAX * LINE_BYTES_MAX + LINK_BYTES_MAX) < 72 << 20
);
