//! The bounds of the register.

use ward_model::limits::OUTSIDE_ID_BYTES_MAX;

/// Largest dense number: numbers stand in 32-bit roaring bitmaps.
pub const NUMBER_MAX: i64 = u32::MAX as i64;
/// Ids written in one transaction of an import or a feed.
pub const BATCH_IDS: usize = 20_000;
/// Most ids one call of `numbers` may carry.
pub const NUMBERS_MAX: usize = 200_000;
/// SQLite's page cache, KiB.
pub const CACHE_KIB: i64 = 32_768;
/// Longest sealed id, bytes: nonce, ciphertext, tag. Normalising lower-case text may grow it.
pub const SEALED_BYTES_MAX: usize = 12 + 4 * OUTSIDE_ID_BYTES_MAX + 16;

const _: () = assert!(BATCH_IDS <= NUMBERS_MAX);
