//! What the browser says: the client data it made, which the authenticator signed.
//!
//! Source: WebAuthn Level 2 §5.8.1, §7.1 steps 5 to 9, §7.2 steps 9 to 13; Level 3 §5.8.1
//! (`topOrigin`). Level 2's token binding (steps 10, 14) no browser does; Level 3 took it out.

use serde::Deserialize;
use subtle::ConstantTimeEq as _;

use super::PasskeyError;
use super::limits::CLIENT_DATA_BYTES_MAX;
use super::wire::base64url;

/// What is asked: the `type` of the client data.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ceremony {
    Create,
    Get,
}

impl Ceremony {
    const fn word(self) -> &'static str {
        match self {
            Self::Create => "webauthn.create",
            Self::Get => "webauthn.get",
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClientData {
    r#type: String,
    challenge: String,
    origin: String,
    #[serde(default)]
    cross_origin: Option<bool>,
    #[serde(default)]
    top_origin: Option<serde_json::Value>,
}

/// Checks the client data against what was asked.
pub(super) fn check(
    json: &[u8],
    ceremony: Ceremony,
    challenge: &[u8; 32],
    origins: &[String],
) -> Result<(), PasskeyError> {
    const MALFORMED: PasskeyError = PasskeyError::Malformed("client data");
    if json.len() > CLIENT_DATA_BYTES_MAX {
        return Err(MALFORMED);
    }
    // §7.1 steps 5 and 6, §7.2 steps 9 and 10.
    let data: ClientData = serde_json::from_slice(json).map_err(|_| MALFORMED)?;
    // §7.1 step 7, §7.2 step 11.
    if data.r#type != ceremony.word() {
        return Err(PasskeyError::WrongCeremony);
    }
    // §7.1 step 8, §7.2 step 12.
    let answered = base64url(&data.challenge).ok_or(MALFORMED)?;
    if !bool::from(answered.ct_eq(challenge)) {
        return Err(PasskeyError::WrongChallenge);
    }
    // §7.1 step 9, §7.2 step 13: the whole origin, no part of it.
    if !origins.contains(&data.origin) {
        return Err(PasskeyError::WrongOrigin);
    }
    // §5.8.1: not same-origin with all its ancestors.
    if data.cross_origin == Some(true) || data.top_origin.is_some() {
        return Err(PasskeyError::CrossOrigin);
    }
    Ok(())
}
