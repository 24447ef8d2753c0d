//! A foreign issuer's public key: one way of signing, fixed when it was first seen.
//!
//! INVARIANT: the algorithm belongs to the key, never to the token. RFC 7518 §3.3 to §3.5,
//! RFC 8037 §3.1, RFC 8725 §3.1. RSA keys are 2048 to 4096 bits. Best test: `tests.rs` of `foreign`.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA256,
};
use ward_model::record::IssuerKeySeen;
use ward_model::word::{Algorithm, IssuerAlgorithm, KeyState};
use ward_model::{KeyNumber, UnixMillis};

use crate::canonical::{canonicalise, twin};
use crate::limits::SIGNATURE_BYTES;

/// Longest signature, bytes: RSA of 4096 bits.
pub const FOREIGN_SIGNATURE_BYTES_MAX: usize = 512;

/// A key as records tell of it.
#[derive(Clone)]
pub struct ForeignKey {
    /// Its number.
    pub number: KeyNumber,
    /// `kid`.
    pub kid: String,
    /// The one way it signs.
    pub algorithm: IssuerAlgorithm,
    /// Uncompressed P-256 point, Ed25519 key, or RSAPublicKey (RFC 8017 A.1.1).
    pub public_key: Vec<u8>,
    /// `active` while it is published, `retired` after, `compromised` for good.
    pub state: KeyState,
    /// When it was first seen.
    pub since: UnixMillis,
    verifier: Option<std::sync::Arc<ParsedPublicKey>>,
}

impl core::fmt::Debug for ForeignKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "foreign key {} {} {}", self.number, self.algorithm, self.state)
    }
}

impl ForeignKey {
    pub(crate) fn new(seen: &IssuerKeySeen, at: UnixMillis) -> Self {
        let public_key = seen.public_key.as_slice().to_vec();
        Self {
            number: seen.key,
            kid: seen.kid.as_str().to_owned(),
            algorithm: seen.algorithm,
            state: KeyState::Active,
            since: at,
            verifier: parse(seen.algorithm, &public_key).map(std::sync::Arc::new),
            public_key,
        }
    }

    /// Whether a signature holds. Costs 15 to 60 µs.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let verifier = self.verifier.as_ref();
        verifier.is_some_and(|key| key.verify_sig(message, signature).is_ok())
    }
}

/// Whether bytes are a public key of this kind: what a record may hold.
#[must_use]
pub fn is_public_key(algorithm: IssuerAlgorithm, public_key: &[u8]) -> bool {
    parse(algorithm, public_key).is_some()
}

fn parse(algorithm: IssuerAlgorithm, public_key: &[u8]) -> Option<ParsedPublicKey> {
    let parsed = match algorithm {
        IssuerAlgorithm::Es256 => ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, public_key),
        IssuerAlgorithm::EdDsa => ParsedPublicKey::new(&ED25519, public_key),
        IssuerAlgorithm::Rs256 => ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public_key),
        IssuerAlgorithm::Ps256 => ParsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, public_key),
    };
    parsed.ok()
}

/// A signature in its one form, and the other one that holds as well (ES256 alone has one).
pub(crate) struct Canonical {
    pub(crate) signature: Vec<u8>,
    pub(crate) twin: Option<[u8; SIGNATURE_BYTES]>,
}

/// Brings a signature into its one form; `None`: no key of this kind could have made it.
pub(crate) fn canonical(algorithm: IssuerAlgorithm, signature: Vec<u8>) -> Option<Canonical> {
    let curve = match algorithm {
        IssuerAlgorithm::Es256 => Algorithm::Es256,
        IssuerAlgorithm::EdDsa => Algorithm::EdDsa,
        // WHY nothing to do: an RSA signature is the one number below the modulus (RFC 8017 §5.2.2).
        IssuerAlgorithm::Rs256 | IssuerAlgorithm::Ps256 => {
            return Some(Canonical { signature, twin: None });
        }
    };
    let mut fixed: [u8; SIGNATURE_BYTES] = signature.try_into().ok()?;
    if !canonicalise(curve, &mut fixed) {
        return None;
    }
    let twin = (algorithm == IssuerAlgorithm::Es256).then(|| twin(&fixed));
    Some(Canonical { signature: fixed.to_vec(), twin })
}
