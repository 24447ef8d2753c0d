//! Public keys of others: read from a JWK, named by thumbprint, used to verify.
//!
//! The algorithm is always the reader's choice, never the message's. Source: RFC 7517 §4, RFC 7518
//! §§3, 6, RFC 7638 §3, RFC 8037. Best test: `tests` below.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    UnparsedPublicKey, VerificationAlgorithm,
};
use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest as _, Sha256};
use ward_model::Thumbprint;
use ward_model::json::{Json, object};
use ward_model::word::IssuerAlgorithm as Algorithm;

use crate::jws::{Members, get, text};
use crate::limits::{KID_BYTES_MAX, RSA_BYTES};

/// Why a JWK is not taken. What the caller can do: send another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwkError {
    /// It is no JSON object within bounds, or a member has the wrong shape.
    #[error("is no JWK")]
    Malformed,
    /// It holds a private or symmetric key: whoever sent it must make another.
    #[error("holds a private key, which is in other hands now: make another")]
    Private,
    /// Its type, curve, size or algorithm is not supported.
    #[error("is no P-256, Ed25519 or RSA key of 2048 to 4096 bits, or its alg is not its own")]
    Unsupported,
    /// It has no `kid`, or one that is too long.
    #[error("has no kid of 1 to 128 bytes")]
    Kid,
}

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    kind: Kind,
    bytes: Vec<u8>,
    thumbprint: Thumbprint,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    P256,
    Ed25519,
    Rsa,
}

/// A key registered for somebody, with the one algorithm it is used with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownKey {
    /// `kid`.
    pub kid: String,
    /// `alg`.
    pub algorithm: Algorithm,
    /// Uncompressed P-256 point, Ed25519 key, or RSAPublicKey (RFC 8017 A.1.1).
    pub bytes: Vec<u8>,
}

impl KnownKey {
    /// Reads a public JWK with `kid` and, for RSA, `alg`.
    ///
    /// # Errors
    /// [`JwkError`].
    pub fn from_jwk(json: &[u8]) -> Result<Self, JwkError> {
        let members = object(json).ok_or(JwkError::Malformed)?;
        let key = PublicKey::from_members(&members)?;
        let algorithm = match (get(&members, "alg"), key.kind) {
            (Some(Json::Text(name)), _) => algorithm(name).filter(|it| key.fits(*it)),
            (Some(_), _) => None,
            (None, Kind::P256) => Some(Algorithm::Es256),
            (None, Kind::Ed25519) => Some(Algorithm::EdDsa),
            // WHY: RS256 and PS256 share keys, and a key is for one way of signing.
            (None, Kind::Rsa) => None,
        };
        if get(&members, "use").is_some() && text(&members, "use") != Some("sig") {
            return Err(JwkError::Unsupported);
        }
        let algorithm = algorithm.ok_or(JwkError::Unsupported)?;
        let kid = text(&members, "kid").filter(|kid| (1..=KID_BYTES_MAX).contains(&kid.len()));
        let kid = kid.ok_or(JwkError::Kid)?.to_owned();
        Ok(Self { kid, algorithm, bytes: key.bytes })
    }

    /// Whether `signature` over `input` is by this key and its algorithm.
    #[must_use]
    pub fn verifies(&self, input: &[u8], signature: &[u8]) -> bool {
        verifies(self.algorithm, &self.bytes, input, signature)
    }
}

/// An algorithm by its JOSE name; `Ed25519` is the fully specified name of `EdDSA` (RFC 9864 §2.2).
pub(crate) fn algorithm(name: &str) -> Option<Algorithm> {
    if name == "Ed25519" { Some(Algorithm::EdDsa) } else { Algorithm::from_name(name) }
}

impl PublicKey {
    /// Reads the public members of a JWK.
    ///
    /// # Errors
    /// [`JwkError`]: malformed, private or unsupported.
    pub(crate) fn from_members(members: &Members) -> Result<Self, JwkError> {
        const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
        if PRIVATE.iter().any(|&name| get(members, name).is_some()) {
            return Err(JwkError::Private);
        }
        let kty = text(members, "kty").ok_or(JwkError::Malformed)?;
        match (kty, text(members, "crv")) {
            ("EC", Some("P-256")) => {
                let (x, y) = (part(members, "x")?, part(members, "y")?);
                if x.1.len() != 32 || y.1.len() != 32 {
                    return Err(JwkError::Malformed);
                }
                let named = format!(r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#, x.0, y.0);
                Ok(Self::of(Kind::P256, [&[4], x.1.as_slice(), &y.1].concat(), &named))
            }
            ("OKP", Some("Ed25519")) => {
                let x = part(members, "x")?;
                if x.1.len() != 32 {
                    return Err(JwkError::Malformed);
                }
                let named = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, x.0);
                Ok(Self::of(Kind::Ed25519, x.1, &named))
            }
            ("RSA", None) => {
                let (n, e) = (part(members, "n")?, part(members, "e")?);
                // WHY 65537 alone: a small exponent is weak, a large one is work for us.
                if !RSA_BYTES.contains(&n.1.len()) || n.1.first() == Some(&0) || e.1 != [1, 0, 1] {
                    return Err(JwkError::Unsupported);
                }
                let named = format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, e.0, n.0);
                Ok(Self::of(Kind::Rsa, rsa_public_key(&n.1, &e.1), &named))
            }
            _ => Err(JwkError::Unsupported),
        }
    }

    fn of(kind: Kind, bytes: Vec<u8>, canonical: &str) -> Self {
        Self { kind, bytes, thumbprint: Thumbprint(Sha256::digest(canonical).into()) }
    }

    /// SHA-256 of its canonical JWK (RFC 7638 §3).
    #[must_use]
    pub const fn thumbprint(&self) -> Thumbprint {
        self.thumbprint
    }

    pub(crate) const fn fits(&self, algorithm: Algorithm) -> bool {
        matches!(
            (self.kind, algorithm),
            (Kind::P256, Algorithm::Es256)
                | (Kind::Ed25519, Algorithm::EdDsa)
                | (Kind::Rsa, Algorithm::Rs256 | Algorithm::Ps256)
        )
    }

    pub(crate) fn verifies(&self, algorithm: Algorithm, input: &[u8], signature: &[u8]) -> bool {
        self.fits(algorithm) && verifies(algorithm, &self.bytes, input, signature)
    }
}

fn verifies(algorithm: Algorithm, key: &[u8], input: &[u8], signature: &[u8]) -> bool {
    let verification: &'static dyn VerificationAlgorithm = match algorithm {
        Algorithm::Es256 => &ECDSA_P256_SHA256_FIXED,
        Algorithm::EdDsa => &ED25519,
        Algorithm::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
        Algorithm::Ps256 => &RSA_PSS_2048_8192_SHA256,
    };
    UnparsedPublicKey::new(verification, key).verify(input, signature).is_ok()
}

/// A member in base64url: as written, and what it stands for.
fn part<'a>(members: &'a Members, name: &str) -> Result<(&'a str, Vec<u8>), JwkError> {
    let written = text(members, name).ok_or(JwkError::Malformed)?;
    let bytes = BASE64URL_NOPAD.decode(written.as_bytes()).map_err(|_| JwkError::Malformed)?;
    Ok((written, bytes))
}

/// RSAPublicKey in DER (RFC 8017 A.1.1).
fn rsa_public_key(n: &[u8], e: &[u8]) -> Vec<u8> {
    tagged(0x30, &[unsigned(n), unsigned(e)].concat())
}

fn unsigned(bytes: &[u8]) -> Vec<u8> {
    let sign: &[u8] = if bytes.first().is_some_and(|byte| *byte >= 0x80) { &[0] } else { &[] };
    tagged(0x02, &[sign, bytes].concat())
}

/// INVARIANT: contents are below 64 KiB, so two bytes hold their length.
fn tagged(tag: u8, contents: &[u8]) -> Vec<u8> {
    let [.., high, low] = contents.len().to_be_bytes();
    let mut out = match contents.len() {
        0..=0x7f => vec![tag, low],
        0x80..=0xff => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    out.extend_from_slice(contents);
    out
}

#[cfg(test)]
mod tests;
