//! Private keys in memory, or a handle to one inside a token: made, sealed, used; never shown.
//!
//! The only ways out are signatures and, inside this crate, the bytes that are sealed at once.
//! Source: RFC 7638 (thumbprint), RFC 8037 (Ed25519).

use std::sync::Arc;

use aws_lc_rs::encoding::AsBigEndian as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use ward_ledger::canonicalise;
use ward_model::word::Algorithm;
use zeroize::Zeroizing;

use crate::custody::Hsm;

/// A private key that can sign. No `Debug`, no `Clone`.
pub(crate) enum Pair {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    /// Inside a PKCS#11 token: a handle is all there is.
    Inside(Inside),
}

/// A key inside a token.
pub(crate) struct Inside {
    /// `None` where no token was given: such a custody signs nothing.
    pub(crate) hsm: Option<Arc<Hsm>>,
    pub(crate) id: [u8; ID_BYTES],
    pub(crate) algorithm: Algorithm,
    pub(crate) public: Vec<u8>,
}

/// Bytes of `CKA_ID`.
pub(crate) const ID_BYTES: usize = 16;

const PRIVATE_BYTES: usize = 32;

impl Pair {
    pub(crate) fn generate(algorithm: Algorithm) -> Option<Self> {
        match algorithm {
            Algorithm::Es256 => {
                EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).ok().map(Self::Es256)
            }
            Algorithm::EdDsa => Ed25519KeyPair::generate().ok().map(Self::EdDsa),
        }
    }

    pub(crate) fn algorithm(&self) -> Algorithm {
        match self {
            Self::Es256(_) => Algorithm::Es256,
            Self::EdDsa(_) => Algorithm::EdDsa,
            Self::Inside(it) => it.algorithm,
        }
    }

    /// Uncompressed P-256 point (65 bytes) or Ed25519 key (32 bytes).
    pub(crate) fn public_key(&self) -> &[u8] {
        match self {
            Self::Es256(pair) => pair.public_key().as_ref(),
            Self::EdDsa(pair) => pair.public_key().as_ref(),
            Self::Inside(it) => &it.public,
        }
    }

    /// Signs; the signature is in its canonical form.
    pub(crate) fn sign(&self, message: &[u8]) -> Option<[u8; 64]> {
        let mut signature = match self {
            Self::Es256(pair) => {
                let made = pair.sign(&SystemRandom::new(), message).ok()?;
                <[u8; 64]>::try_from(made.as_ref()).ok()?
            }
            Self::EdDsa(pair) => {
                <[u8; 64]>::try_from(pair.try_sign(message).ok()?.as_ref()).ok()?
            }
            Self::Inside(it) => {
                let made = it.hsm.as_ref()?.sign(it.algorithm, &it.id, message);
                let made =
                    made.inspect_err(|error| tracing::error!(%error, "no signature")).ok()?;
                <[u8; 64]>::try_from(made.as_slice()).ok()?
            }
        };
        canonicalise(self.algorithm(), &mut signature).then_some(signature)
    }

    /// Whether it is in a token, and in nobody's hands.
    pub(crate) const fn is_inside(&self) -> bool {
        matches!(self, Self::Inside(_))
    }

    /// Whether it can sign now: of a key in a token, whether the token is here and has it.
    pub(crate) fn can_sign(&self) -> bool {
        match self {
            Self::Es256(_) | Self::EdDsa(_) => true,
            Self::Inside(it) => it.hsm.as_ref().is_some_and(|hsm| hsm.has(&it.id)),
        }
    }

    /// Takes a key of no record out of its token; what lies on disk goes with its file.
    pub(crate) fn destroy(&self) {
        if let Self::Inside(Inside { hsm: Some(hsm), id, .. }) = self
            && let Err(error) = hsm.destroy(id)
        {
            tracing::warn!(%error, "a key of no record is still in the token");
        }
    }

    /// Makes a key inside a token.
    pub(crate) fn generate_inside(hsm: &Arc<Hsm>, algorithm: Algorithm) -> Option<Self> {
        let mut id = [0u8; ID_BYTES];
        aws_lc_rs::rand::fill(&mut id).ok()?;
        let label = format!("ward {}", HEXLOWER.encode(&id));
        let public = hsm.generate(algorithm, &id, &label);
        let public = public.inspect_err(|error| tracing::error!(%error, "no key was made")).ok()?;
        Some(Self::Inside(Inside { hsm: Some(Arc::clone(hsm)), id, algorithm, public }))
    }

    /// Scalar or seed (of a key in a token, its id), then the public key: only to be sealed.
    pub(crate) fn to_sealed_bytes(&self) -> Option<Zeroizing<Vec<u8>>> {
        let mut out = Zeroizing::new(Vec::with_capacity(PRIVATE_BYTES + 65));
        match self {
            Self::Es256(pair) => {
                let scalar = pair.private_key().as_be_bytes().ok()?;
                out.extend_from_slice(scalar.as_ref());
            }
            Self::EdDsa(pair) => {
                let seed = pair.seed().ok()?.as_be_bytes().ok()?;
                out.extend_from_slice(seed.as_ref());
            }
            Self::Inside(it) => out.extend_from_slice(&it.id),
        }
        out.extend_from_slice(self.public_key());
        Some(out)
    }

    pub(crate) fn from_handle(
        algorithm: Algorithm,
        bytes: &[u8],
        hsm: Option<&Arc<Hsm>>,
    ) -> Option<Self> {
        let (id, public) = bytes.split_first_chunk::<ID_BYTES>()?;
        let (hsm, public) = (hsm.cloned(), public.to_vec());
        Some(Self::Inside(Inside { hsm, id: *id, algorithm, public }))
    }

    pub(crate) fn from_sealed_bytes(algorithm: Algorithm, bytes: &[u8]) -> Option<Self> {
        let (private, public) = bytes.split_at_checked(PRIVATE_BYTES)?;
        match algorithm {
            Algorithm::Es256 => {
                let signing = &ECDSA_P256_SHA256_FIXED_SIGNING;
                let pair = EcdsaKeyPair::from_private_key_and_public_key(signing, private, public);
                pair.ok().map(Self::Es256)
            }
            Algorithm::EdDsa => {
                Ed25519KeyPair::from_seed_and_public_key(private, public).ok().map(Self::EdDsa)
            }
        }
    }
}

/// The public key as a JWK (RFC 7517 §4, RFC 7518 §6.2, RFC 8037 §2), required members only and in
/// the order RFC 7638 §3.2 hashes them.
pub(crate) fn jwk(algorithm: Algorithm, public_key: &[u8]) -> String {
    match algorithm {
        Algorithm::Es256 => {
            let point = public_key.get(1..).unwrap_or_default();
            let (x, y) = point.split_at_checked(32).unwrap_or_default();
            let (x, y) = (BASE64URL_NOPAD.encode(x), BASE64URL_NOPAD.encode(y));
            format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#)
        }
        Algorithm::EdDsa => {
            let x = BASE64URL_NOPAD.encode(public_key);
            format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#)
        }
    }
}

/// `kid`: the JWK thumbprint (RFC 7638).
pub(crate) fn thumbprint(algorithm: Algorithm, public_key: &[u8]) -> String {
    let jwk = jwk(algorithm, public_key);
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, jwk.as_bytes());
    BASE64URL_NOPAD.encode(digest.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thumbprint_is_the_one_of_rfc_8037() {
        // RFC 8037 appendix A.2 and A.3.
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        let key = BASE64URL_NOPAD.decode(x.as_bytes()).unwrap();
        let want = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";
        assert_eq!(thumbprint(Algorithm::EdDsa, &key), want);
    }

    #[test]
    fn a_pair_survives_sealing_and_signs_canonically() {
        for &algorithm in Algorithm::ALL {
            let pair = Pair::generate(algorithm).unwrap();
            let bytes = pair.to_sealed_bytes().unwrap();
            let again = Pair::from_sealed_bytes(algorithm, &bytes).unwrap();
            assert_eq!(again.public_key(), pair.public_key());
            for _ in 0..20 {
                let signature = again.sign(b"message").unwrap();
                let mut same = signature;
                assert!(canonicalise(algorithm, &mut same));
                assert_eq!(same, signature);
            }
        }
    }
}
