//! A signed token in compact form: which algorithm, which key, does the signature hold. Pure.
//!
//! INVARIANT: the algorithm is one of [`Algorithm`], which has neither `none` nor a shared secret,
//! and a key verifies with its own kind of algorithm only: a public key is never an HMAC secret.
//! RFC 7515 §5.2, RFC 8725 §3.1 to §3.11. Best test: `tests/signatures.rs`.

use aws_lc_rs::digest;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use data_encoding::BASE64URL_NOPAD;
use serde::Deserialize;
use serde_json::Value;

use super::error::TokenFault;
use super::keys::{Keys, Public};
use super::limits::KEY_ID_BYTES_MAX;

/// A signature algorithm that is accepted (RFC 7518 §3.1, RFC 8037 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA with P-256 and SHA-256.
    Es256,
    /// ECDSA with P-384 and SHA-384.
    Es384,
    /// Ed25519.
    EdDsa,
    /// RSASSA-PSS with SHA-256; 2048 to 8192 bits.
    Ps256,
    /// RSASSA-PKCS1-v1_5 with SHA-256; 2048 to 8192 bits.
    Rs256,
}

/// Which type of token is expected (`typ`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An `id_token`: no type, or `JWT`.
    IdToken,
    /// A logout token: as above, or `logout+jwt` (Back-Channel Logout 1.0 §2.4).
    LogoutToken,
}

/// A token whose signature holds.
pub(super) struct Opened {
    /// The algorithm that was used.
    pub(super) algorithm: Algorithm,
    /// The bytes that were signed.
    pub(super) payload: Vec<u8>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<Value>,
}

impl Algorithm {
    /// All that are accepted.
    pub const ALL: [Self; 5] = [Self::Es256, Self::Es384, Self::EdDsa, Self::Ps256, Self::Rs256];

    /// The name in a token's header.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
            Self::Ps256 => "PS256",
            Self::Rs256 => "RS256",
        }
    }

    /// The algorithm of that name, if it is accepted.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// The left half of the digest that belongs to the algorithm (Core §3.1.3.6, `at_hash`), in
    /// base64url.
    pub(super) fn half_hash(self, text: &str) -> String {
        let by = match self {
            Self::Es256 | Self::Ps256 | Self::Rs256 => &digest::SHA256,
            Self::Es384 => &digest::SHA384,
            Self::EdDsa => &digest::SHA512,
        };
        let whole = digest::digest(by, text.as_bytes());
        let half = whole.as_ref().split_at(by.output_len() / 2).0;
        BASE64URL_NOPAD.encode(half)
    }

    /// Whether `signature` over `message` holds under a key of this algorithm.
    fn holds(self, public: &Public, message: &[u8], signature: &[u8]) -> bool {
        match (self, public) {
            (Self::Es256, Public::P256(point)) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
            }
            (Self::Es384, Public::P384(point)) => {
                UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point).verify(message, signature)
            }
            (Self::EdDsa, Public::Ed25519(point)) => {
                UnparsedPublicKey::new(&ED25519, point).verify(message, signature)
            }
            (Self::Ps256 | Self::Rs256, Public::Rsa { modulus, exponent }) => {
                let by = if self == Self::Ps256 {
                    &RSA_PSS_2048_8192_SHA256
                } else {
                    &RSA_PKCS1_2048_8192_SHA256
                };
                RsaPublicKeyComponents { n: modulus, e: exponent }.verify(by, message, signature)
            }
            _ => return false,
        }
        .is_ok()
    }
}

/// Opens a token: its bytes only leave if the signature holds.
pub(super) fn open(
    token: &str,
    keys: &Keys,
    allowed: &[Algorithm],
    kind: Kind,
    bytes_max: usize,
) -> Result<Opened, TokenFault> {
    if token.len() > bytes_max {
        return Err(TokenFault::Malformed);
    }
    let (message, signature) = token.rsplit_once('.').ok_or(TokenFault::Malformed)?;
    let (header, payload) = message.split_once('.').ok_or(TokenFault::Malformed)?;
    let header: Header =
        serde_json::from_slice(&decode(header)?).map_err(|_| TokenFault::Malformed)?;
    let algorithm = Algorithm::named(&header.alg)
        .filter(|algorithm| allowed.contains(algorithm))
        .ok_or(TokenFault::Algorithm)?;
    if header.crit.is_some() || !kind.may_be(header.typ.as_deref()) {
        return Err(TokenFault::Type);
    }
    if header.kid.as_ref().is_some_and(|kid| kid.len() > KEY_ID_BYTES_MAX) {
        return Err(TokenFault::Malformed);
    }
    let signature = decode(signature)?;
    let fitting = keys.fitting(header.kid.as_deref(), algorithm);
    // WHY: without a name there is nothing to choose by (Core §10.1).
    if fitting.is_empty() || (header.kid.is_none() && fitting.len() > 1) {
        return Err(TokenFault::UnknownKey);
    }
    if !fitting.iter().any(|key| algorithm.holds(key, message.as_bytes(), &signature)) {
        return Err(TokenFault::Signature);
    }
    Ok(Opened { algorithm, payload: decode(payload)? })
}

impl Kind {
    fn may_be(self, typ: Option<&str>) -> bool {
        // WHY: `application/` may be left out or not (RFC 7515 §4.1.9).
        let is = |name: &str, typ: &str| {
            typ.eq_ignore_ascii_case(name)
                || typ.split_once('/').is_some_and(|(tree, rest)| {
                    tree.eq_ignore_ascii_case("application") && rest.eq_ignore_ascii_case(name)
                })
        };
        match typ {
            None => true,
            Some(typ) if is("JWT", typ) => true,
            Some(typ) => self == Self::LogoutToken && is("logout+jwt", typ),
        }
    }
}

fn decode(part: &str) -> Result<Vec<u8>, TokenFault> {
    BASE64URL_NOPAD.decode(part.as_bytes()).map_err(|_| TokenFault::Malformed)
}
