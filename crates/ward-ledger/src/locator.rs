//! Where a token stands: (origin, sequence), sealed into its `jti`.
//!
//! One AES-128 block, so that a holder learns neither count nor order, and nobody without the key
//! can name a slot: a random block opens with chance 2^-32.
//! FORMAT: block = version 1 | 0 0 0 | origin u32 LE | sequence u64 LE; `jti` = 40 characters
//! base64url of block and 14 random bytes. Best test: `tests` below.

use aes::Block;
use aes::cipher::{BlockDecrypt as _, BlockEncrypt as _};
use ward_model::{Origin, Sequence};

use crate::base64;
use crate::limits::{JTI_BYTES, JTI_CHARS, JTI_RANDOM_BYTES};
use crate::secret::LedgerSecret;

const VERSION: [u8; 4] = [1, 0, 0, 0];

/// The place of a token in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Locator {
    /// Who handed out the sequence.
    pub origin: Origin,
    /// Its place there.
    pub sequence: Sequence,
}

impl LedgerSecret {
    /// A `jti` for a place: 40 characters. The random bytes MUST be fresh for each.
    #[must_use]
    pub fn seal_locator(&self, place: Locator, random: [u8; JTI_RANDOM_BYTES]) -> String {
        let mut block = [0; 16];
        block[..4].copy_from_slice(&VERSION);
        block[4..8].copy_from_slice(&place.origin.0.to_le_bytes());
        block[8..].copy_from_slice(&place.sequence.0.to_le_bytes());
        let mut block = Block::from(block);
        self.locator.encrypt_block(&mut block);
        let mut bytes = [0; JTI_BYTES];
        bytes[..16].copy_from_slice(&block);
        bytes[16..].copy_from_slice(&random);
        base64::encode(&bytes)
    }

    /// The place a `jti` names; `None` if this secret did not seal it.
    #[must_use]
    pub fn open_locator(&self, jti: &[u8; JTI_CHARS]) -> Option<Locator> {
        let mut bytes = [0; JTI_BYTES];
        if !base64::decode_into(jti, &mut bytes) {
            return None;
        }
        let block = Block::from_mut_slice(bytes.get_mut(..16)?);
        self.locator.decrypt_block(block);
        let (head, sequence) = block.split_first_chunk::<8>()?;
        let (version, origin) = head.split_first_chunk::<4>()?;
        let origin = i32::from_le_bytes(*origin.first_chunk()?);
        let sequence = i64::from_le_bytes(*sequence.first_chunk()?);
        let known = *version == VERSION && origin >= 0 && sequence >= 0;
        known.then_some(Locator { origin: Origin(origin), sequence: Sequence(sequence) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ward_model::Secret;

    #[test]
    fn a_place_survives_and_is_hidden() {
        let secret = LedgerSecret::new(Secret::new([7; 32]));
        let other = LedgerSecret::new(Secret::new([8; 32]));
        let mut seen = std::collections::BTreeSet::new();
        for sequence in [0, 1, 2, i64::MAX] {
            let place = Locator { origin: Origin(3), sequence: Sequence(sequence) };
            let jti = secret.seal_locator(place, [9; 14]);
            let jti: [u8; 40] = jti.as_bytes().try_into().unwrap();
            assert_eq!(secret.open_locator(&jti), Some(place));
            assert_eq!(other.open_locator(&jti), None);
            assert!(seen.insert(jti[..12].to_vec()), "order shows");
        }
    }

    #[test]
    fn the_bytes_of_a_jti_never_change() {
        let secret = LedgerSecret::new(Secret::new([7; 32]));
        let place = Locator { origin: Origin(1), sequence: Sequence(2) };
        let jti = secret.seal_locator(place, *b"fourteen bytes");
        assert_eq!(jti, "9I1gLyd57BRevIyOKb9ew2ZvdXJ0ZWVuIGJ5dGVz");
    }

    #[test]
    fn a_place_is_found_in_claims_of_any_length() {
        let secret = LedgerSecret::new(Secret::new([7; 32]));
        let place = Locator { origin: Origin(1), sequence: Sequence(2) };
        let jti = secret.seal_locator(place, [9; 14]);
        let claims = base64::encode(format!("{{\"jti\":\"{jti}\",\"iss\":\"i\"}}").as_bytes());
        for end in 0..=claims.len() {
            let found = crate::layout::place(&claims.as_bytes()[..end], &secret);
            assert_eq!(found, (end >= 64).then_some(place), "{end}");
        }
    }

    #[test]
    fn other_versions_are_no_places() {
        let secret = LedgerSecret::new(Secret::new([7; 32]));
        for version in [[0, 0, 0, 0], [2, 0, 0, 0], [1, 0, 0, 1]] {
            let mut block = [0; 16];
            block[..4].copy_from_slice(&version);
            let mut block = Block::from(block);
            secret.locator.encrypt_block(&mut block);
            let mut bytes = [0; JTI_BYTES];
            bytes[..16].copy_from_slice(&block);
            let jti = base64::encode(&bytes);
            assert_eq!(secret.open_locator(jti.as_bytes().try_into().unwrap()), None);
        }
    }
}
