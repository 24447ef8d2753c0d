//! The keys a foreign issuer publishes: read whole or refused whole, compared with those known. Pure.
//!
//! Keys that sign in a way Ward does not take, and keys that are not for signing, are passed over. A
//! set that shows a private key, names one `kid` twice or changes a key under its `kid` is refused:
//! who can do that to a set can add keys to it. RFC 7517 §4 and §5, RFC 7518 §6, RFC 8037 §2,
//! OpenID Connect Discovery 1.0 §4.3. Best test: `jwks/tests.rs`; fuzzed as `jwks`.

use data_encoding::BASE64URL_NOPAD;
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use ward_ledger::foreign::{Issuer, is_public_key};
use ward_model::column::Octets;
use ward_model::record::{IssuerKeyGone, IssuerKeySeen};
use ward_model::word::{IssuerAlgorithm, KeyState};
use ward_model::{KeyNumber, Record, Text};

/// Longest key set or metadata document, bytes.
pub const DOCUMENT_BYTES_MAX: usize = 256 * 1024;
/// Most keys in a set, of any kind.
pub const KEYS_MAX: usize = 64;
/// Longest `kid`, bytes.
pub const KID_BYTES_MAX: usize = 256;
/// RSA moduli that are taken, bytes: 2048 to 4096 bits.
const RSA_BYTES: core::ops::RangeInclusive<usize> = 256..=512;

/// A published key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// `kid`.
    pub kid: String,
    /// The one way it signs.
    pub algorithm: IssuerAlgorithm,
    /// Uncompressed P-256 point, Ed25519 key, or RSAPublicKey (RFC 8017 A.1.1).
    pub public_key: Vec<u8>,
}

/// Why a document is refused whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentFault {
    /// Longer than [`DOCUMENT_BYTES_MAX`].
    #[error("it is longer than {DOCUMENT_BYTES_MAX} bytes")]
    TooLong,
    /// No JSON of the right form.
    #[error("it is no such document")]
    Unreadable,
    /// More than [`KEYS_MAX`] keys.
    #[error("it holds more than {KEYS_MAX} keys")]
    TooManyKeys,
    /// Not one key to verify with.
    #[error("it holds no key to verify with")]
    NoKeys,
    /// The issuer shows a private key: everybody has it.
    #[error("it shows a private key")]
    Private,
    /// One `kid` names two keys.
    #[error("one kid names two keys")]
    Ambiguous,
    /// The metadata are another issuer's.
    #[error("it is another issuer's")]
    OtherIssuer,
    /// The keys are said to lie on another host.
    #[error("its keys are said to lie on another host: pin them by jwks_url")]
    OtherHost,
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<Map<String, Value>>,
}

/// Reads a key set (RFC 7517 §5).
///
/// # Errors
/// [`DocumentFault`].
pub fn read(body: &[u8]) -> Result<Vec<PublicKey>, DocumentFault> {
    if body.len() > DOCUMENT_BYTES_MAX {
        return Err(DocumentFault::TooLong);
    }
    let set: Set = serde_json::from_slice(body).map_err(|_| DocumentFault::Unreadable)?;
    if set.keys.len() > KEYS_MAX {
        return Err(DocumentFault::TooManyKeys);
    }
    // `k` is a shared secret, `d` the private part of every other kind.
    if set.keys.iter().any(|key| ["d", "k"].iter().any(|name| key.contains_key(*name))) {
        return Err(DocumentFault::Private);
    }
    let keys: Vec<PublicKey> = set.keys.iter().filter_map(PublicKey::read).collect();
    let twice = |key: &PublicKey| keys.iter().filter(|one| one.kid == key.kid).count() > 1;
    if keys.iter().any(twice) {
        return Err(DocumentFault::Ambiguous);
    }
    if keys.is_empty() { Err(DocumentFault::NoKeys) } else { Ok(keys) }
}

/// Reads the metadata of `issuer` and says where its keys lie: on its own host.
///
/// # Errors
/// [`DocumentFault`].
pub fn keys_of(issuer: &str, body: &[u8]) -> Result<String, DocumentFault> {
    #[derive(Deserialize)]
    struct Metadata {
        issuer: String,
        jwks_uri: String,
    }
    if body.len() > DOCUMENT_BYTES_MAX {
        return Err(DocumentFault::TooLong);
    }
    let told: Metadata = serde_json::from_slice(body).map_err(|_| DocumentFault::Unreadable)?;
    if told.issuer != issuer {
        return Err(DocumentFault::OtherIssuer);
    }
    // WHY the same origin: else the document sends Ward wherever it likes, inside too.
    match (origin(issuer), origin(&told.jwks_uri)) {
        (Some(own), Some(other)) if own == other => Ok(told.jwks_uri),
        _ => Err(DocumentFault::OtherHost),
    }
}

/// Scheme, host and port of an address, as written and in lower case.
fn origin(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next().filter(|it| !it.is_empty())?;
    let plain = !authority.contains(['@', '\\']) && authority.is_ascii();
    plain.then(|| format!("{scheme}://{authority}").to_ascii_lowercase())
}

/// What a published set means to what is known.
#[derive(Debug, PartialEq, Eq)]
pub enum Compared {
    /// Records to append; none: nothing is new.
    Taken(Vec<Record>),
    /// Another key stands under a known `kid`: nothing is taken.
    Swapped {
        /// The key that is known.
        key: KeyNumber,
        /// SHA-256 of what was offered, cut.
        offered: [u8; 16],
    },
}

/// Compares a set with the keys of `issuer`; `next` is the first number that is free.
#[must_use]
pub fn compare(issuer: &Issuer, published: &[PublicKey], next: KeyNumber) -> Compared {
    let mut records = Vec::new();
    let mut next = next.0;
    for offered in published {
        let (kid, public_key) =
            (Text::cut(&offered.kid), Octets::new(offered.public_key.clone()).unwrap_or_default());
        let seen = |key| {
            IssuerKeySeen {
                issuer: issuer.number,
                key,
                kid: kid.clone(),
                algorithm: offered.algorithm,
                public_key: public_key.clone(),
            }
            .into()
        };
        match issuer.key(&offered.kid) {
            None => {
                records.push(seen(KeyNumber(next)));
                next = next.saturating_add(1);
            }
            Some(known)
                if known.public_key != offered.public_key
                    || known.algorithm != offered.algorithm =>
            {
                let offered = Sha256::digest(&offered.public_key);
                let offered = offered.first_chunk().copied().unwrap_or_default();
                return Compared::Swapped { key: known.number, offered };
            }
            Some(known) if known.state == KeyState::Retired => records.push(seen(known.number)),
            Some(_) => {}
        }
    }
    for key in issuer.keys.iter().filter(|key| key.state == KeyState::Active) {
        if !published.iter().any(|one| one.kid == key.kid) {
            records.push(IssuerKeyGone { issuer: issuer.number, key: key.number }.into());
        }
    }
    Compared::Taken(records)
}

impl PublicKey {
    /// Reads a key; nothing if it is not one we verify signatures with.
    fn read(jwk: &Map<String, Value>) -> Option<Self> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let verifies = match jwk.get("key_ops") {
            None => true,
            Some(ops) => ops.as_array()?.iter().any(|op| op == "verify"),
        };
        if !verifies || jwk.contains_key("use") && text("use") != Some("sig") {
            return None;
        }
        let kid = text("kid").filter(|kid| !kid.is_empty() && kid.len() <= KID_BYTES_MAX)?;
        let bytes = |name: &str| BASE64URL_NOPAD.decode(text(name)?.as_bytes()).ok();
        let (algorithm, public_key) = match (text("kty")?, text("crv")) {
            ("EC", Some("P-256")) => {
                let (x, y) = (bytes("x")?, bytes("y")?);
                let point = [&[4], x.as_slice(), y.as_slice()].concat();
                (IssuerAlgorithm::Es256, (x.len() == 32 && y.len() == 32).then_some(point)?)
            }
            ("OKP", Some("Ed25519")) => (IssuerAlgorithm::EdDsa, bytes("x")?),
            ("RSA", _) => {
                let (modulus, exponent) = (number(bytes("n")?), number(bytes("e")?));
                let der = rsa_public_key(&modulus, &exponent)?;
                let pss = text("alg") == Some(IssuerAlgorithm::Ps256.as_str());
                (if pss { IssuerAlgorithm::Ps256 } else { IssuerAlgorithm::Rs256 }, der)
            }
            _ => return None,
        };
        // A key that says how it signs is for that alone (RFC 7517 §4.4).
        if jwk.contains_key("alg") && text("alg") != Some(algorithm.as_str()) {
            return None;
        }
        let good = is_public_key(algorithm, &public_key);
        good.then(|| Self { kid: kid.to_owned(), algorithm, public_key })
    }
}

/// The body of the fuzz target `jwks`: no bytes may panic, and what is read can be recorded.
///
/// # Panics
/// If a bound is not kept.
pub fn fuzz(body: &[u8]) {
    let _elsewhere = keys_of("https://login.example", body);
    for key in read(body).unwrap_or_default() {
        assert!(key.kid.len() <= KID_BYTES_MAX, "a longer name than the bound");
        assert!(Octets::new(key.public_key).is_ok(), "a key that no record holds");
    }
}

/// A number without leading zeros.
fn number(bytes: Vec<u8>) -> Vec<u8> {
    bytes.into_iter().skip_while(|byte| *byte == 0).collect()
}

/// RSAPublicKey in DER (RFC 8017 A.1.1): a sequence of two integers.
fn rsa_public_key(modulus: &[u8], exponent: &[u8]) -> Option<Vec<u8>> {
    if !RSA_BYTES.contains(&modulus.len()) || exponent.is_empty() || exponent.len() > 8 {
        return None;
    }
    let integer = |number: &[u8]| {
        // A first bit that is set would make it negative.
        let sign: &[u8] = if number.first().is_some_and(|byte| *byte >= 0x80) { &[0] } else { &[] };
        element(2, &[sign, number].concat())
    };
    Some(element(0x30, &[integer(modulus), integer(exponent)].concat()))
}

/// Tag, length, contents (X.690 §8.1.3), for less than 64 KiB.
fn element(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = u16::try_from(contents.len()).unwrap_or(u16::MAX).to_be_bytes();
    let head: &[u8] = match length {
        [0, short @ 0..=0x7f] => &[tag, short],
        [0, byte] => &[tag, 0x81, byte],
        [high, low] => &[tag, 0x82, high, low],
    };
    [head, contents].concat()
}

#[cfg(test)]
mod tests;
