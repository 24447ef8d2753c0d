//! A credential's public key: ES256, EdDSA or RS256, as COSE writes it.
//!
//! Exactly the labels of its kind, nothing optional: WebAuthn Level 2 §5.8.5. The algorithm is the
//! key's own, never the answer's. `aws-lc-rs` checks that a point is on its curve. Pure.
//! Source: RFC 9052 §7, RFC 9053 §7, RFC 8812 §2, RFC 8230 §4. Best tests: `tests/kinds.rs`.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RsaPublicKeyComponents,
};

use super::cbor::Map;
use super::limits::{PUBLIC_KEY_BYTES_MAX, RSA_BITS};

/// The algorithms offered, the most wanted first (IANA COSE Algorithms).
pub(super) const OFFERED: [i64; 3] = [ES256, EDDSA, RS256];

const ES256: i64 = -7;
const EDDSA: i64 = -8;
const RS256: i64 = -257;

/// Labels common to all keys, and the values that say which kind it is.
const LABEL_KIND: i64 = 1;
const LABEL_ALGORITHM: i64 = 3;
const KIND_OKP: i64 = 1;
const KIND_EC2: i64 = 2;
const KIND_RSA: i64 = 3;
/// Labels of a point: its curve and coordinates.
const LABEL_CURVE: i64 = -1;
const LABEL_X: i64 = -2;
const LABEL_Y: i64 = -3;
const CURVE_P256: i64 = 1;
const CURVE_ED25519: i64 = 6;
const COORDINATE_BYTES: usize = 32;
/// Labels of an RSA key.
const LABEL_N: i64 = -1;
const LABEL_E: i64 = -2;
/// The one public exponent that authenticators use: 65,537.
const EXPONENT: &[u8] = &[1, 0, 1];

/// Why a key cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum KeyFault {
    /// Not a COSE key as WebAuthn has them.
    Malformed,
    /// A kind that was not offered, or a weak one.
    NotOffered,
}

/// A public key that can verify.
pub(super) struct PublicKey(ParsedPublicKey);

impl PublicKey {
    /// Reads a COSE key; nothing may follow it.
    pub fn read(cose: &[u8]) -> Result<Self, KeyFault> {
        if cose.len() > PUBLIC_KEY_BYTES_MAX {
            return Err(KeyFault::Malformed);
        }
        let map = Map::whole(cose).ok_or(KeyFault::Malformed)?;
        let algorithm = map.number_at(LABEL_ALGORITHM).ok_or(KeyFault::Malformed)?;
        let parsed = match algorithm {
            ES256 => es256(&map),
            EDDSA => eddsa(&map),
            RS256 => return rs256(&map).map(Self),
            _ => return Err(KeyFault::NotOffered),
        };
        parsed.map(Self).ok_or(KeyFault::Malformed)
    }

    /// Whether `signature` is this key's over `message`.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.verify_sig(message, signature).is_ok()
    }
}

fn es256(map: &Map) -> Option<ParsedPublicKey> {
    if !is(map, KIND_EC2, CURVE_P256, 5) {
        return None;
    }
    let x: &[u8; COORDINATE_BYTES] = map.bytes_at(LABEL_X)?.try_into().ok()?;
    let y: &[u8; COORDINATE_BYTES] = map.bytes_at(LABEL_Y)?.try_into().ok()?;
    // SEC 1 §2.3.3: an uncompressed point starts with 4.
    let point = [&[4], x.as_slice(), y.as_slice()].concat();
    ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).ok()
}

fn eddsa(map: &Map) -> Option<ParsedPublicKey> {
    if !is(map, KIND_OKP, CURVE_ED25519, 4) {
        return None;
    }
    let x: &[u8; COORDINATE_BYTES] = map.bytes_at(LABEL_X)?.try_into().ok()?;
    ParsedPublicKey::new(&ED25519, x).ok()
}

fn rs256(map: &Map) -> Result<ParsedPublicKey, KeyFault> {
    let n = map.bytes_at(LABEL_N).ok_or(KeyFault::Malformed)?;
    let e = map.bytes_at(LABEL_E).ok_or(KeyFault::Malformed)?;
    let top = n.first().map_or(u8::BITS, |it| it.leading_zeros()) as usize;
    let is_rsa = map.number_at(LABEL_KIND) == Some(KIND_RSA) && map.len() == 4;
    if !is_rsa || top == 8 || e != EXPONENT {
        return Err(KeyFault::Malformed);
    }
    let (bits, [least, most]) = (n.len() * 8 - top, RSA_BITS);
    if bits < least || bits > most {
        return Err(KeyFault::NotOffered);
    }
    let key = RsaPublicKeyComponents { n, e };
    key.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).map_err(|_| KeyFault::Malformed)
}

/// Whether a key is of this kind and curve, with so many labels.
fn is(map: &Map, kind: i64, curve: i64, labels: usize) -> bool {
    map.number_at(LABEL_KIND) == Some(kind)
        && map.number_at(LABEL_CURVE) == Some(curve)
        && map.len() == labels
}
