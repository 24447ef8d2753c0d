//! The bounds of custody.

/// Longest key given for import, bytes: a PKCS#12 file brings certificates along.
pub const IMPORT_BYTES_MAX: usize = 24 << 10;
/// Longest `kid`, bytes.
pub const KID_BYTES_MAX: usize = 128;
/// Longest issuer, bytes.
pub const ISSUER_BYTES_MAX: usize = 256;
/// Longest name of a secret, bytes.
pub const NAME_BYTES_MAX: usize = 40;
/// Longest sealed file, bytes.
pub const SEALED_BYTES_MAX: u64 = 4096;
/// Most holders declared at once.
pub const HOLDERS_MAX: usize = 1000;
/// Most keys and secrets in one directory.
pub const FILES_MAX: usize = 4096;
/// Longest life of a token, milliseconds: a year.
pub const LIFE_MS_MAX: i64 = 366 * 86_400_000;
/// Life of a transaction token, seconds.
pub const TRANSACTION_SECONDS: i64 = 30;
/// Longest window of grandfathering, milliseconds.
pub const GRANDFATHERING_MS_MAX: i64 = ward_ledger::limits::GRANDFATHERING_MS_MAX;
/// Longest claim text in a token, bytes: what the token format's total allows.
pub const CLAIM_BYTES_MAX: usize = 512;
/// Most sealed keys without a record that a start removes by itself.
pub const SWEEP_MAX: usize = 4;
