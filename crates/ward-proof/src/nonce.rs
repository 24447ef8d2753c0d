//! Server nonces without memory: a MAC over the epoch they were given out in.
//!
//! A proof with one of them was made after this process gave it out, whatever the client's clock
//! says. Source: RFC 9449 §8. Best test: `tests` below.

use aws_lc_rs::hmac;
use data_encoding::BASE64URL_NOPAD;
use ward_model::UnixMillis;

use crate::limits::NONCE_EPOCH_MS;

const MAC_BYTES: usize = 16;

/// Makes and knows nonces. Its secret lives as long as the process: a restart ends every nonce.
#[derive(Clone)]
pub struct Nonces(hmac::Key);

impl Nonces {
    /// Nonces under a secret, which MUST be fresh random bytes.
    #[must_use]
    pub fn new(secret: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// The nonce given out at `now`.
    #[must_use]
    pub fn at(&self, now: UnixMillis) -> String {
        let epoch = now.ms().div_euclid(NONCE_EPOCH_MS).to_be_bytes();
        let tag = hmac::sign(&self.0, &epoch);
        let tag = tag.as_ref().get(..MAC_BYTES).unwrap_or_default();
        BASE64URL_NOPAD.encode(&[&epoch, tag].concat())
    }

    /// Whether `nonce` was given out in this epoch or the one before.
    #[must_use]
    pub fn knows(&self, nonce: &str, now: UnixMillis) -> bool {
        let before = now.plus_ms(-NONCE_EPOCH_MS);
        [now, before].into_iter().any(|at| {
            let known = ward_model::Secret::new(self.at(at));
            known.matches(nonce.as_bytes())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_lives_one_to_two_epochs_of_one_process() {
        let nonces = Nonces::new(&[7; 32]);
        let start = UnixMillis::new(1_800_000_000_000);
        let nonce = nonces.at(start);
        assert!(nonces.knows(&nonce, start));
        assert!(nonces.knows(&nonce, start.plus_ms(NONCE_EPOCH_MS)));
        assert!(!nonces.knows(&nonce, start.plus_ms(2 * NONCE_EPOCH_MS)));
        assert!(!nonces.knows(&nonce, start.plus_ms(-NONCE_EPOCH_MS)), "not yet given out");
        assert!(!Nonces::new(&[8; 32]).knows(&nonce, start), "of another life");
        for junk in ["", "AAAA", &format!("{nonce}A")] {
            assert!(!nonces.knows(junk, start), "{junk}");
        }
    }
}
