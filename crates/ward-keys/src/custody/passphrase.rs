//! A key-encryption key from a passphrase: Argon2id (RFC 9106).
//!
//! The cost is the second recommended option of RFC 9106 §4 (64 MiB, 3 passes), with one lane: a
//! start takes a fraction of a second, a guess as much.

use argon2::{Algorithm, Argon2, Params, Version};
use ward_model::Secret;
use zeroize::Zeroizing;

/// Memory, KiB.
pub(crate) const MEMORY_KIB: u32 = 64 << 10;
/// Passes.
pub(crate) const PASSES: u32 = 3;
/// Shortest passphrase, bytes. A start asks once a guess; a thief of the disk asks as fast as he
/// can buy memory.
pub const PASSPHRASE_BYTES_MIN: usize = 12;

/// The key of a passphrase; `None` if the parameters are out of the library's bounds.
pub(crate) fn derive(
    passphrase: &str,
    salt: &[u8],
    memory_kib: u32,
    passes: u32,
) -> Option<Secret<[u8; 32]>> {
    let params = Params::new(memory_kib, passes, 1, Some(32)).ok()?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut key = Zeroizing::new([0u8; 32]);
    argon2.hash_password_into(passphrase.as_bytes(), salt, &mut *key).ok()?;
    Some(Secret::new(*key))
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    #[test]
    fn it_is_argon2id() {
        // argon2 -id -t 2 -k 65536 -p 1 -l 32: the reference implementation's own test.
        let key = derive("password", b"somesalt", 65536, 2).unwrap();
        let want = "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7";
        assert_eq!(HEXLOWER.encode(key.expose()), want);
        assert!(derive("password", b"short", 65536, 2).is_none(), "a salt of 5 bytes");
    }
}
