//! What goes to the browser and comes back: the JSON forms of WebAuthn Level 3 §5.1.
//!
//! `PublicKeyCredential.parseCreationOptionsFromJSON` and `parseRequestOptionsFromJSON` read what
//! is written here; `toJSON` of a credential is read. Bytes are base64url without padding. Members
//! that are not named here are not looked at; one that is named may be there once.

use data_encoding::BASE64URL_NOPAD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::cose::OFFERED;
use super::limits::{CHALLENGE_AGE_MS_MAX, RESPONSE_BYTES_MAX};
use super::{CredentialId, PasskeyError, RelyingParty, UserHandle};

/// `PublicKeyCredentialCreationOptionsJSON`.
pub(super) fn creation(
    party: &RelyingParty,
    user: &UserHandle,
    user_name: &str,
    exclude: &[CredentialId],
    challenge: &[u8; 32],
) -> String {
    let kinds: Vec<Value> =
        OFFERED.iter().map(|alg| json!({ "type": "public-key", "alg": alg })).collect();
    let handle = BASE64URL_NOPAD.encode(user.as_bytes());
    json!({
        "rp": { "id": party.id(), "name": party.name() },
        "user": { "id": handle, "name": user_name, "displayName": user_name },
        "challenge": BASE64URL_NOPAD.encode(challenge),
        "pubKeyCredParams": kinds,
        "timeout": CHALLENGE_AGE_MS_MAX,
        "excludeCredentials": descriptors(exclude),
        "authenticatorSelection": {
            "residentKey": "required",
            "requireResidentKey": true,
            "userVerification": "required",
        },
        "attestation": "none",
    })
    .to_string()
}

/// `PublicKeyCredentialRequestOptionsJSON`.
pub(super) fn request(
    party: &RelyingParty,
    allow: &[CredentialId],
    challenge: &[u8; 32],
) -> String {
    json!({
        "challenge": BASE64URL_NOPAD.encode(challenge),
        "timeout": CHALLENGE_AGE_MS_MAX,
        "rpId": party.id(),
        "allowCredentials": descriptors(allow),
        "userVerification": "required",
    })
    .to_string()
}

fn descriptors(ids: &[CredentialId]) -> Vec<Value> {
    ids.iter().map(|id| json!({ "type": "public-key", "id": id.to_string() })).collect()
}

/// A public key credential with its response, as `toJSON` gives it.
#[derive(Deserialize)]
struct Credential<R> {
    id: String,
    #[serde(rename = "rawId")]
    raw_id: String,
    r#type: String,
    response: R,
}

/// The response to `navigator.credentials.create`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AttestationResponse {
    #[serde(rename = "clientDataJSON")]
    pub client_data: String,
    pub attestation_object: String,
}

/// The response to `navigator.credentials.get`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AssertionResponse {
    #[serde(rename = "clientDataJSON")]
    pub client_data: String,
    pub authenticator_data: String,
    pub signature: String,
    #[serde(default)]
    pub user_handle: Option<String>,
}

/// Reads an answer: the credential's id, and its response.
pub(super) fn read<R: DeserializeOwned>(json: &[u8]) -> Result<(CredentialId, R), PasskeyError> {
    const MALFORMED: PasskeyError = PasskeyError::Malformed("answer");
    if json.len() > RESPONSE_BYTES_MAX {
        return Err(MALFORMED);
    }
    let answer: Credential<R> = serde_json::from_slice(json).map_err(|_| MALFORMED)?;
    if answer.r#type != "public-key" || answer.id != answer.raw_id {
        return Err(MALFORMED);
    }
    let id = base64url(&answer.raw_id).and_then(|bytes| CredentialId::new(&bytes));
    Ok((id.ok_or(MALFORMED)?, answer.response))
}

/// Decodes base64url without padding; one spelling (RFC 4648 §3.5).
pub(super) fn base64url(text: &str) -> Option<Vec<u8>> {
    BASE64URL_NOPAD.decode(text.as_bytes()).ok()
}

/// Decodes a named part of an answer.
pub(super) fn part(text: &str, name: &'static str) -> Result<Vec<u8>, PasskeyError> {
    base64url(text).ok_or(PasskeyError::Malformed(name))
}
