//! The bounds of this room.

/// Largest SCIM or API request body, bytes.
pub const BODY_BYTES_MAX: usize = 256 * 1024;
/// Longest `userName`, name or `externalId`, bytes of UTF-8.
pub const NAME_BYTES_MAX: usize = 256;
/// Longest e-mail address, bytes (RFC 5321 §4.5.3.1: 64 + 1 + 255).
pub const EMAIL_BYTES_MAX: usize = 320;
/// Most e-mail addresses of one person.
pub const EMAILS_MAX: usize = 16;
/// Most operations in one PATCH (RFC 7644 §3.5.2).
pub const PATCH_OPERATIONS_MAX: usize = 100;
/// Most resources in one answer (RFC 7644 §3.4.2.4).
pub const PAGE_MAX: usize = 200;
/// Resources in one answer when the caller does not say.
pub const PAGE_DEFAULT: usize = 100;
/// Longest filter expression, bytes.
pub const FILTER_BYTES_MAX: usize = 1024;
/// Most groups one cascade appends before it lets go of the caller: a bound against a view that
/// does not take in what was appended.
pub const CASCADE_GROUPS_MAX: usize = 200_000;

const _: () = assert!(PAGE_DEFAULT <= PAGE_MAX);
const _: () = assert!(NAME_BYTES_MAX * 8 + EMAILS_MAX * EMAIL_BYTES_MAX < BODY_BYTES_MAX);
