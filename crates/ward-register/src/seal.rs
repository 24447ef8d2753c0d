//! The register's two keys: one hashes ids into lookup keys, one seals the ids themselves.
//!
//! What it must never do: show an id or a key. The sealed id is AES-256-GCM with the number as
//! additional data, so that sealed ids cannot be moved from one number to another.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hmac;
use highway::{HighwayHash as _, HighwayHasher, Key};
use ward_model::{NamespaceNumber, Secret};

/// A 128-bit keyed hash of `namespace i32 LE | 0 | normalised id`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct LookupKey(pub [u8; 16]);

/// What the register does with its secret.
pub(crate) struct Seals {
    hash_key: [u64; 4],
    sealing: RandomizedNonceKey,
    check: [u8; 32],
    /// Bits of the hash in use: all but in the test of collisions.
    hash_mask: u8,
}

impl Seals {
    /// Derives the keys: HMAC-SHA-256 of a label under the secret.
    pub(crate) fn new(secret: &Secret<[u8; 32]>) -> Result<Self, Unspecified> {
        let root = hmac::Key::new(hmac::HMAC_SHA256, secret.expose());
        let derived = |label: &[u8]| -> Result<[u8; 32], Unspecified> {
            hmac::sign(&root, label).as_ref().try_into().map_err(|_| Unspecified)
        };
        let mut hash_key = [0u64; 4];
        let hashing = Secret::new(derived(b"ward-register-hash1")?);
        let (words, _) = hashing.expose().as_chunks::<8>();
        for (slot, word) in hash_key.iter_mut().zip(words) {
            *slot = u64::from_le_bytes(*word);
        }
        let sealing = Secret::new(derived(b"ward-register-seal1")?);
        Ok(Self {
            hash_key,
            sealing: RandomizedNonceKey::new(&AES_256_GCM, sealing.expose())?,
            check: derived(b"ward-register-check1")?,
            hash_mask: 0xff,
        })
    }

    /// Only the first bits of each hash count: to see collisions.
    #[cfg(test)]
    pub(crate) fn weaken(&mut self) {
        self.hash_mask = 0;
    }

    /// A value that is the same only under the same secret.
    pub(crate) const fn check(&self) -> &[u8; 32] {
        &self.check
    }

    /// The lookup key of a normalised id.
    pub(crate) fn key(&self, namespace: NamespaceNumber, id: &str) -> LookupKey {
        let mut hasher = HighwayHasher::new(Key(self.hash_key));
        hasher.append(&namespace.0.to_le_bytes());
        hasher.append(&[0]);
        hasher.append(id.as_bytes());
        let [low, high] = hasher.finalize128();
        let mut bytes = (u128::from(low) | (u128::from(high) << 64)).to_le_bytes();
        for byte in bytes.iter_mut().skip(1) {
            *byte &= self.hash_mask;
        }
        LookupKey(bytes)
    }

    /// Seals a normalised id for `number`: nonce, ciphertext, tag.
    pub(crate) fn seal(&self, number: i64, id: &str) -> Result<Vec<u8>, Unspecified> {
        let mut text = id.as_bytes().to_vec();
        let aad = Aad::from(number.to_le_bytes());
        let nonce = self.sealing.seal_in_place_append_tag(aad, &mut text)?;
        let mut sealed = Vec::with_capacity(NONCE_LEN + text.len());
        sealed.extend_from_slice(nonce.as_ref());
        sealed.extend_from_slice(&text);
        Ok(sealed)
    }

    /// Opens what [`Self::seal`] made for the same number.
    pub(crate) fn open(&self, number: i64, sealed: &[u8]) -> Result<String, Unspecified> {
        let (nonce, text) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(Unspecified)?;
        let mut text = text.to_vec();
        let aad = Aad::from(number.to_le_bytes());
        let opened = self.sealing.open_in_place(Nonce::from(nonce), aad, &mut text)?;
        String::from_utf8(opened.to_vec()).map_err(|_| Unspecified)
    }
}
