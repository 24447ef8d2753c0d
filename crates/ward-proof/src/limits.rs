//! The bounds of proofs. Every piece of work on untrusted bytes is bounded by one of these.

/// Longest DPoP proof, bytes: an RSA key of 4096 bits and its signature with room to spare.
pub const PROOF_BYTES_MAX: usize = 4096;
/// Longest client assertion, bytes.
pub const ASSERTION_BYTES_MAX: usize = 4096;
/// Longest `jti` of a proof, bytes.
pub const JTI_BYTES_MAX: usize = 256;
/// Longest `kid`, bytes.
pub const KID_BYTES_MAX: usize = 128;
/// A proof made longer ago than this is refused, milliseconds.
pub const PROOF_AGE_MS_MAX: i64 = 60_000;
/// How far another clock may run ahead of this one, milliseconds.
pub const SKEW_MS_MAX: i64 = 10_000;
/// Longest life of a client assertion, milliseconds.
pub const ASSERTION_LIFE_MS_MAX: i64 = 300_000;
/// A server nonce is taken for one to two of these, milliseconds.
pub const NONCE_EPOCH_MS: i64 = 150_000;
/// How long a used proof is remembered at least, milliseconds.
pub const PROOF_MEMORY_MS: i64 = PROOF_AGE_MS_MAX + SKEW_MS_MAX;
/// How long a used assertion is remembered at least, milliseconds.
pub const ASSERTION_MEMORY_MS: i64 = ASSERTION_LIFE_MS_MAX + SKEW_MS_MAX;
/// Parts of a memory: a holder who floods fills his own alone.
pub const SHARDS: usize = 64;
/// Most proofs one part remembers in one period.
pub const SHARD_PROOFS_MAX: usize = 1 << 14;
/// Smallest and largest RSA modulus, bytes.
pub const RSA_BYTES: core::ops::RangeInclusive<usize> = 256..=512;
/// Longest value of `x-forwarded-client-cert`, bytes.
pub const FORWARDED_BYTES_MAX: usize = 8192;

const _: () = assert!(SHARDS.is_power_of_two());
