//! A passkey without a device: for the demo's operators, the tour and tests.
//!
//! It does what browser and authenticator do together: options and an origin in, the answer out.
//! Ward never trusts it more than any other passkey, and it protects less than any: its private
//! keys are bytes in a file, and whoever reads the file is the operator. It refuses what a browser
//! refuses, a relying party that is not the page's. It does draw randomness: it is no part of a
//! decision. Its kept form is read by `interop/lib/passkey.py` too. Source: WebAuthn Level 2
//! §6.3.2, §6.3.3, §5.8.1.1. Best tests: `soft/tests.rs`.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::{self, SystemRandom};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use ciborium::Value;
use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};
use serde_json::json;
use ward_model::Secret;
use zeroize::Zeroizing;

use crate::passkey::{Site, is_below};

/// What a counter does. A copy of an authenticator that counts is found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counter {
    /// Goes up by one at each use, as a security key's.
    Rising,
    /// Stays at zero and says that it is backed up, as a synced passkey: its file may be copied.
    Zero,
}

/// Credentials of one owner, who is always present and verified.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SoftAuthenticator {
    version: u32,
    counter: Counter,
    credentials: Vec<SoftCredential>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SoftCredential {
    /// base64url, as the id and the handle.
    id: String,
    rp_id: String,
    user_handle: String,
    user_name: String,
    /// PKCS#8 in base64url; erased when dropped.
    private_key: Zeroizing<String>,
    sign_count: u32,
}

/// Why the authenticator does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SoftError {
    /// The options are not those of the ceremony.
    #[error("the options cannot be read")]
    Options,
    /// The page may not ask for this relying party: a browser's SecurityError.
    #[error("the relying party is not the page's")]
    Origin,
    /// One of the excluded credentials is here: a browser's InvalidStateError.
    #[error("this authenticator is registered already")]
    AlreadyRegistered,
    /// ES256 is not offered: a browser's NotSupportedError.
    #[error("no key of an offered kind can be made")]
    KeyNotOffered,
    /// No credential here is asked for: a browser's NotAllowedError.
    #[error("no passkey here is asked for")]
    NoCredential,
    /// The kept form is not one, or newer than this program.
    #[error("the kept form cannot be read")]
    Kept,
    /// The key could not be made or used.
    #[error("the key cannot be used")]
    Crypto,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreationOptions {
    rp: Party,
    user: User,
    challenge: String,
    pub_key_cred_params: Vec<Offer>,
    #[serde(default)]
    exclude_credentials: Vec<Descriptor>,
}

#[derive(Deserialize)]
struct Party {
    id: String,
}

#[derive(Deserialize)]
struct User {
    id: String,
    name: String,
}

#[derive(Deserialize)]
struct Offer {
    alg: i64,
}

#[derive(Deserialize)]
struct Descriptor {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestOptions {
    challenge: String,
    rp_id: String,
    #[serde(default)]
    allow_credentials: Vec<Descriptor>,
}

/// Version of the kept form; a newer one is refused.
const VERSION: u32 = 1;
const ES256: i64 = -7;
const ID_BYTES: usize = 32;
/// Flags of authenticator data (WebAuthn Level 2 §6.1, Level 3 for the backup ones).
const PRESENT_AND_VERIFIED: u8 = 0x05;
const BACKED_UP: u8 = 0x18;
const ATTESTED: u8 = 0x40;

impl SoftAuthenticator {
    /// An authenticator without credentials.
    #[must_use]
    pub const fn new(counter: Counter) -> Self {
        Self { version: VERSION, counter, credentials: Vec::new() }
    }

    /// Reads the kept form.
    ///
    /// # Errors
    /// [`SoftError::Kept`].
    pub fn from_json(kept: &[u8]) -> Result<Self, SoftError> {
        let read: Self = serde_json::from_slice(kept).map_err(|_| SoftError::Kept)?;
        (read.version == VERSION).then_some(read).ok_or(SoftError::Kept)
    }

    /// The kept form, JSON with the private keys: for a file that its owner alone may read, written
    /// after each use when the counter rises.
    ///
    /// # Errors
    /// [`SoftError::Kept`], which does not happen.
    pub fn to_json(&self) -> Result<Secret<Vec<u8>>, SoftError> {
        serde_json::to_vec(self).map(Secret::new).map_err(|_| SoftError::Kept)
    }

    /// Answers `navigator.credentials.create` on a page of `origin`: the credential's `toJSON`.
    ///
    /// # Errors
    /// As [`SoftError`] says.
    pub fn create(&mut self, options: &str, origin: &str) -> Result<String, SoftError> {
        let asked: CreationOptions =
            serde_json::from_str(options).map_err(|_| SoftError::Options)?;
        allowed(&asked.rp.id, origin)?;
        if asked.exclude_credentials.iter().any(|it| self.holds(&it.id, &asked.rp.id)) {
            return Err(SoftError::AlreadyRegistered);
        }
        if !asked.pub_key_cred_params.iter().any(|it| it.alg == ES256) {
            return Err(SoftError::KeyNotOffered);
        }
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING)
            .map_err(|_| SoftError::Crypto)?;
        let pkcs8 = pair.to_pkcs8v1().map_err(|_| SoftError::Crypto)?;
        let mut id = [0; ID_BYTES];
        rand::fill(&mut id).map_err(|_| SoftError::Crypto)?;
        let count = self.next_count(0);
        let mut data = self.data(&asked.rp.id, ATTESTED, count);
        data.extend_from_slice(&[0; 16]);
        data.extend_from_slice(&[0, 32]);
        data.extend_from_slice(&id);
        data.extend_from_slice(&cose_key(pair.public_key().as_ref())?);
        let object = written(&Value::Map(vec![
            (Value::from("fmt"), Value::from("none")),
            (Value::from("attStmt"), Value::Map(Vec::new())),
            (Value::from("authData"), Value::from(data)),
        ]))?;
        let id = BASE64URL_NOPAD.encode(&id);
        let answer = credential(
            &id,
            &json!({
                "clientDataJSON": text(client_data("webauthn.create", &asked.challenge, origin)),
                "attestationObject": BASE64URL_NOPAD.encode(&object),
                "transports": ["internal"],
            }),
        );
        self.credentials.push(SoftCredential {
            id,
            rp_id: asked.rp.id,
            user_handle: asked.user.id,
            user_name: asked.user.name,
            private_key: Zeroizing::new(BASE64URL_NOPAD.encode(pkcs8.as_ref())),
            sign_count: count,
        });
        Ok(answer)
    }

    /// Answers `navigator.credentials.get` on a page of `origin` with the newest credential that is
    /// asked for: the credential's `toJSON`.
    ///
    /// # Errors
    /// As [`SoftError`] says.
    pub fn get(&mut self, options: &str, origin: &str) -> Result<String, SoftError> {
        let asked: RequestOptions =
            serde_json::from_str(options).map_err(|_| SoftError::Options)?;
        allowed(&asked.rp_id, origin)?;
        let any = asked.allow_credentials.is_empty();
        let named = |id: &str| asked.allow_credentials.iter().any(|it| it.id == id);
        let chosen = |it: &&SoftCredential| it.rp_id == asked.rp_id && (any || named(&it.id));
        let mine = self.credentials.iter().rfind(chosen).ok_or(SoftError::NoCredential)?;
        let count = self.next_count(mine.sign_count);
        let data = self.data(&asked.rp_id, 0, count);
        let client_data = client_data("webauthn.get", &asked.challenge, origin);
        let signed = [data.as_slice(), digest(&SHA256, client_data.as_bytes()).as_ref()].concat();
        let signature = mine.sign(&signed)?;
        let id = mine.id.clone();
        let answer = credential(
            &id,
            &json!({
                "clientDataJSON": text(client_data),
                "authenticatorData": BASE64URL_NOPAD.encode(&data),
                "signature": BASE64URL_NOPAD.encode(&signature),
                "userHandle": mine.user_handle,
            }),
        );
        if let Some(mine) = self.credentials.iter_mut().find(|it| it.id == id) {
            mine.sign_count = count;
        }
        Ok(answer)
    }

    fn holds(&self, id: &str, rp_id: &str) -> bool {
        self.credentials.iter().any(|it| it.id == id && it.rp_id == rp_id)
    }

    const fn next_count(&self, count: u32) -> u32 {
        match self.counter {
            Counter::Rising => count.saturating_add(1),
            Counter::Zero => 0,
        }
    }

    /// Authenticator data up to its counter.
    fn data(&self, rp_id: &str, flags: u8, count: u32) -> Vec<u8> {
        let backup = match self.counter {
            Counter::Rising => 0,
            Counter::Zero => BACKED_UP,
        };
        let hash = digest(&SHA256, rp_id.as_bytes());
        let flags = [PRESENT_AND_VERIFIED | backup | flags];
        [hash.as_ref(), &flags, &count.to_be_bytes()].concat()
    }
}

impl SoftCredential {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SoftError> {
        let pkcs8 = BASE64URL_NOPAD.decode(self.private_key.as_bytes());
        let pkcs8 = Zeroizing::new(pkcs8.map_err(|_| SoftError::Kept)?);
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &pkcs8)
            .map_err(|_| SoftError::Kept)?;
        let signature = pair.sign(&SystemRandom::new(), message).map_err(|_| SoftError::Crypto)?;
        Ok(signature.as_ref().to_vec())
    }
}

/// What a browser asks before the authenticator hears of it (Level 2 §5.1.3 step 8).
fn allowed(rp_id: &str, origin: &str) -> Result<(), SoftError> {
    let site = Site::read(origin).map_err(|_| SoftError::Origin)?;
    let within = site.host == rp_id || is_below(&site.host, rp_id);
    (within && site.origin() == origin).then_some(()).ok_or(SoftError::Origin)
}

/// Client data in the one spelling of Level 2 §5.8.1.1.
fn client_data(kind: &str, challenge: &str, origin: &str) -> String {
    let [kind, challenge, origin] = [kind, challenge, origin].map(|it| json!(it).to_string());
    format!(r#"{{"type":{kind},"challenge":{challenge},"origin":{origin},"crossOrigin":false}}"#)
}

fn text(bytes: String) -> String {
    BASE64URL_NOPAD.encode(bytes.as_bytes())
}

fn credential(id: &str, response: &serde_json::Value) -> String {
    json!({
        "id": id,
        "rawId": id,
        "type": "public-key",
        "authenticatorAttachment": "platform",
        "clientExtensionResults": {},
        "response": response,
    })
    .to_string()
}

/// An uncompressed point as COSE_Key (RFC 9053 §7.1.1), in CTAP2's order.
fn cose_key(point: &[u8]) -> Result<Vec<u8>, SoftError> {
    let (_, coordinates) = point.split_first().ok_or(SoftError::Crypto)?;
    let (x, y) = coordinates.split_at_checked(32).ok_or(SoftError::Crypto)?;
    let labels = [(1, 2), (3, ES256), (-1, 1)];
    let mut pairs: Vec<_> =
        labels.map(|(label, value)| (Value::from(label), Value::from(value))).into();
    pairs.push((Value::from(-2), Value::from(x.to_vec())));
    pairs.push((Value::from(-3), Value::from(y.to_vec())));
    written(&Value::Map(pairs))
}

fn written(value: &Value) -> Result<Vec<u8>, SoftError> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).map_err(|_| SoftError::Crypto)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
