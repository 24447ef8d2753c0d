//! The bounds of the vocabulary.
//!
//! Every bound is a format fact: a longer value is refused when it is written, so that what was
//! written can always be read.

/// Longest text column, bytes of UTF-8.
pub const TEXT_BYTES_MAX: usize = 512;
/// Longest byte-string column (a public key), bytes.
pub const BYTES_MAX: usize = 1024;
/// Longest payload of one leaf, bytes. C2SP entry bundles carry a 16-bit length for the whole
/// leaf; its fixed part is 33 bytes.
pub const PAYLOAD_BYTES_MAX: usize = 60_000;
/// Most networks one credential can be confined to.
pub const NETWORKS_MAX: usize = 16;
/// Most rows one append may hold (data subjects in one answer).
pub const ROWS_MAX: usize = 100_000;
/// Longest outside id of a principal or data subject, bytes of UTF-8.
pub const OUTSIDE_ID_BYTES_MAX: usize = 256;
/// Deepest nesting of JSON nobody vouches for.
pub const JSON_DEPTH_MAX: usize = 6;
/// Most values in it, counted over all depths.
pub const JSON_VALUES_MAX: usize = 256;
/// Most names in one of its objects.
pub const JSON_NAMES_MAX: usize = 64;

const _: () = assert!(TEXT_BYTES_MAX < PAYLOAD_BYTES_MAX && BYTES_MAX < PAYLOAD_BYTES_MAX);
const _: () = assert!(PAYLOAD_BYTES_MAX + 33 <= u16::MAX as usize);
