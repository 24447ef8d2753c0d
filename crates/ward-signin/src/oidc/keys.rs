//! The keys a provider publishes. Pure.
//!
//! Keys of kinds we do not verify with are passed over; more than 64 of any kind are refused
//! before the first is read. RFC 7517 §4 and §5, RFC 7518 §6, RFC 8037 §2.

use data_encoding::BASE64URL_NOPAD;
use serde::Deserialize;
use serde_json::Value;

use super::discovery::MetadataFault;
use super::jws::Algorithm;
use super::limits::{ANSWER_BYTES_MAX, KEY_ID_BYTES_MAX, KEYS_MAX, RSA_MODULUS_BYTES};

/// A provider's keys: at most 64.
pub(super) struct Keys(Vec<Key>);

struct Key {
    id: Option<String>,
    /// The one algorithm the key is for, if it says so.
    algorithm: Option<Algorithm>,
    public: Public,
}

/// A public key, by kind.
pub(super) enum Public {
    /// An uncompressed point, 65 bytes.
    P256(Vec<u8>),
    /// An uncompressed point, 97 bytes.
    P384(Vec<u8>),
    /// 32 bytes.
    Ed25519(Vec<u8>),
    /// Big-endian, without leading zeros.
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

impl Keys {
    /// Reads a key set.
    pub(super) fn parse(body: &[u8]) -> Result<Self, MetadataFault> {
        if body.len() > ANSWER_BYTES_MAX {
            return Err(MetadataFault::TooLong);
        }
        let set: Set = serde_json::from_slice(body).map_err(|_| MetadataFault::KeysUnreadable)?;
        if set.keys.len() > KEYS_MAX {
            return Err(MetadataFault::TooManyKeys);
        }
        let keys: Vec<Key> = set.keys.into_iter().filter_map(Key::read).collect();
        if keys.is_empty() { Err(MetadataFault::NoKeys) } else { Ok(Self(keys)) }
    }

    /// The keys a token may have been signed with: those of this name (any, if it names none)
    /// which are for this algorithm.
    pub(super) fn fitting(&self, id: Option<&str>, algorithm: Algorithm) -> Vec<&Public> {
        self.0
            .iter()
            .filter(|key| id.is_none() || key.id.as_deref() == id)
            .filter(|key| key.is_for(algorithm))
            .map(|key| &key.public)
            .collect()
    }
}

impl Key {
    /// Reads a key; nothing if it is not one we verify signatures with.
    fn read(value: Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(value).ok()?;
        let signs = jwk.purpose.as_deref().is_none_or(|it| it == "sig")
            && jwk.key_ops.as_ref().is_none_or(|it| it.iter().any(|op| op == "verify"));
        if !signs || jwk.kid.as_ref().is_some_and(|it| it.len() > KEY_ID_BYTES_MAX) {
            return None;
        }
        let algorithm = match jwk.alg.as_deref() {
            None => None,
            Some(name) => Some(Algorithm::named(name)?),
        };
        let public = Public::read(&jwk)?;
        Some(Self { id: jwk.kid, algorithm, public })
    }

    fn is_for(&self, algorithm: Algorithm) -> bool {
        let kind = match self.public {
            Public::P256(_) => algorithm == Algorithm::Es256,
            Public::P384(_) => algorithm == Algorithm::Es384,
            Public::Ed25519(_) => algorithm == Algorithm::EdDsa,
            Public::Rsa { .. } => matches!(algorithm, Algorithm::Ps256 | Algorithm::Rs256),
        };
        kind && self.algorithm.is_none_or(|own| own == algorithm)
    }
}

impl Public {
    fn read(jwk: &Jwk) -> Option<Self> {
        match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("EC", Some("P-256")) => Some(Self::P256(point(jwk, 32)?)),
            ("EC", Some("P-384")) => Some(Self::P384(point(jwk, 48)?)),
            ("OKP", Some("Ed25519")) => {
                Some(Self::Ed25519(bytes(jwk.x.as_ref())?)).filter(|key| match key {
                    Self::Ed25519(point) => point.len() == 32,
                    _ => false,
                })
            }
            ("RSA", _) => {
                let modulus = number(jwk.n.as_ref())?;
                let exponent = number(jwk.e.as_ref())?;
                RSA_MODULUS_BYTES
                    .contains(&modulus.len())
                    .then_some(Self::Rsa { modulus, exponent })
            }
            _ => None,
        }
    }
}

/// An uncompressed point: SEC 1 §2.3.3.
fn point(jwk: &Jwk, width: usize) -> Option<Vec<u8>> {
    let (x, y) = (bytes(jwk.x.as_ref())?, bytes(jwk.y.as_ref())?);
    (x.len() == width && y.len() == width).then(|| [&[4], x.as_slice(), y.as_slice()].concat())
}

fn number(text: Option<&String>) -> Option<Vec<u8>> {
    let bytes = bytes(text)?;
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    Some(bytes.get(zeros..)?.to_vec())
}

fn bytes(text: Option<&String>) -> Option<Vec<u8>> {
    BASE64URL_NOPAD.decode(text?.as_bytes()).ok()
}
