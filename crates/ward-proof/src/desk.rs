//! DPoP proofs as a door takes them: decided, then used once.
//!
//! The memory of used proofs begins with the process. A proof from before it needs a nonce of this
//! process, so that none can be replayed across a restart. Source: RFC 9449 §§8, 11.1.
//! Best test: `tests` below.

use ward_model::{Thumbprint, UnixMillis};

use crate::dpop::{self, Expected, Proof, Refusal};
use crate::limits::{PROOF_MEMORY_MS, SHARD_PROOFS_MAX, SKEW_MS_MAX};
use crate::nonce::Nonces;
use crate::seen::{Seen, Taken};

/// Why a proof is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It does not hold.
    Proof(Refusal),
    /// It was used before.
    Replayed,
    /// Too many proofs at once to remember this one: refuse, and let the caller try again.
    Overloaded,
}

/// What one request's proof must be for.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The method.
    pub method: &'a str,
    /// The absolute URI.
    pub uri: &'a str,
    /// The access token beside it, at a resource.
    pub token: Option<&'a str>,
    /// The key that token is bound to.
    pub key: Option<Thumbprint>,
}

/// Takes proofs at one door.
pub struct Desk {
    nonces: Nonces,
    seen: Seen,
    nonce_before: UnixMillis,
}

impl Desk {
    /// A desk that opens at `now`. `secret` MUST be fresh random bytes; `nonce_always` demands a
    /// nonce in every proof.
    #[must_use]
    pub fn new(secret: &[u8; 32], now: UnixMillis, nonce_always: bool) -> Self {
        let nonce_before =
            if nonce_always { i64::MAX } else { now.plus_ms(SKEW_MS_MAX + 1000).ms() };
        let hashed = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, secret);
        let apart = hashed.as_ref().first_chunk().copied().unwrap_or([0; 32]);
        Self {
            nonces: Nonces::new(secret),
            seen: Seen::new(&apart, PROOF_MEMORY_MS, SHARD_PROOFS_MAX),
            nonce_before: UnixMillis::new(nonce_before),
        }
    }

    /// Takes the proof of one request, once.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn take(
        &self,
        raw: &str,
        request: &Request<'_>,
        now: UnixMillis,
    ) -> Result<Proof, Refused> {
        let expected = Expected {
            method: request.method,
            uri: request.uri,
            token: request.token,
            key: request.key,
            nonces: &self.nonces,
            nonce_before: self.nonce_before,
        };
        let proof = dpop::check(raw, &expected, now).map_err(Refused::Proof)?;
        match self.seen.take(&proof.key.0, proof.jti.as_bytes(), now) {
            Taken::Fresh => Ok(proof),
            Taken::Again => Err(Refused::Replayed),
            Taken::Full => Err(Refused::Overloaded),
        }
    }

    /// Whether a proof needs a nonce that it has not; says nothing of whether it holds.
    #[must_use]
    pub fn wants_nonce(&self, raw: &str, now: UnixMillis) -> bool {
        dpop::wants_nonce(raw, &self.nonces, self.nonce_before, now)
    }

    /// A nonce for the next proof (`DPoP-Nonce`).
    #[must_use]
    pub fn nonce(&self, now: UnixMillis) -> String {
        self.nonces.at(now)
    }
}
