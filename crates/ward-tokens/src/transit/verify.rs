//! `verify`: whether exactly this token was issued and is live; the ledger says so, not the signature.
//!
//! A signature that verifies over a token nobody issued is a forgery: `valid` is false, and the
//! forgery is recorded before the answer, which alerts. Best test: `transit/tests.rs`.

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Map, Value, json};
use ward_ledger::{Checked, Key, SigningInput};
use ward_model::word::AskedAt;
use ward_model::{PrincipalKey, Reason};

use super::Call;
use super::keys::versions;
use super::sign::{Terms, input, items, terms, words};
use super::signature::{read, split};
use super::wire::{Answer, Refusal, text};
use crate::notice::Presenter;

/// `POST /v1/transit/verify/{name}`.
pub(super) async fn verify(
    call: &Call<'_>,
    members: Map<String, Value>,
    hash: Option<String>,
) -> Answer {
    let (issuer, _) = call.opened()?;
    let versions = versions(&call.signing.0.issuance, &issuer);
    let newest =
        versions.last().ok_or_else(|| Refusal::input("signature verification key not found"))?;
    let terms = terms(&members, hash.as_deref(), newest.algorithm)?;
    let (items, is_batch) = items(&members)?;
    if !is_batch {
        let item = items.first().ok_or(Refusal::Failed("no item"))?;
        return Ok(json!({ "valid": one(call, &versions, item, terms).await? }));
    }
    let mut results = Vec::with_capacity(items.len());
    for item in items {
        let reference = text(item, "reference")?;
        results.push(match one(call, &versions, item, terms).await {
            Ok(valid) => json!({ "valid": valid, "reference": reference }),
            Err(refusal @ (Refusal::Input(_) | Refusal::Forbidden(_))) => {
                json!({ "valid": false, "error": words(&refusal), "reference": reference })
            }
            Err(refusal) => return Err(refusal),
        });
    }
    Ok(json!({ "batch_results": results }))
}

async fn one(
    call: &Call<'_>,
    versions: &[std::sync::Arc<Key>],
    item: &Map<String, Value>,
    terms: Terms,
) -> Result<bool, Refusal> {
    for other in ["hmac", "cmac"] {
        if !text(item, other)?.is_empty() {
            return Err(Refusal::input(format!("{other} is not verified here: no such keys")));
        }
    }
    let written = text(item, "signature")?;
    if written.is_empty() {
        let told = "neither a 'signature' nor an 'hmac' were given to verify";
        return Err(Refusal::input(told));
    }
    let input = input(item)?;
    let told = |error: super::signature::SignatureError| Refusal::input(error.to_string());
    let (version, encoded) = split(written).map_err(told)?;
    let at = version.checked_sub(1).ok_or_else(|| {
        Refusal::input("ciphertext or signature version is disallowed by policy (too old)")
    })?;
    let key =
        versions.get(at).ok_or_else(|| Refusal::input("invalid signature: version is too new"))?;
    let signature = read(encoded, key.algorithm, terms.marshaling).map_err(told)?;
    if input.kid() != key.kid {
        return Ok(false);
    }
    is_live(call, &input, &signature).await
}

/// Asks the ledger about the token that the client means.
async fn is_live(
    call: &Call<'_>,
    input: &SigningInput,
    signature: &[u8; 64],
) -> Result<bool, Refusal> {
    let issuance = &call.signing.0.issuance;
    let token = format!("{}.{}", input.text(), BASE64URL_NOPAD.encode(signature));
    // The door serves no audience of its own: the token's first is as good as another.
    let audience = input.audiences().first().map_or("", String::as_str);
    let now = issuance.now();
    let refused = match issuance.0.ledger.check(&token, audience, now) {
        Checked::Pass(_) => return Ok(true),
        Checked::Refuse(refused) => refused,
    };
    let Some(miss) = refused.miss else {
        return match refused.reason {
            Reason::LedgerBehind | Reason::ViewStale => Err(Refusal::Unavailable),
            _ => Ok(false),
        };
    };
    let notices = &call.signing.0.notices;
    let mut classified = notices.classify(issuance, miss, now).await.ok_or(Refusal::Unavailable)?;
    if classified.known_now {
        return Err(Refusal::Unavailable);
    }
    // An old token that grandfathering lets in: known from its record on, as at the gate.
    if let (Some(pin), Some(claims)) = (classified.pin.take(), &classified.claims) {
        let number = issuance.number(claims.name.clone()).await?;
        issuance.append(pin.record(number)).await?;
        return Ok(true);
    }
    let by = Presenter {
        client_key: PrincipalKey::default(),
        api_key: call.caller.api_key,
        asked_at: AskedAt::Transit,
    };
    notices.keep(issuance, &classified, by, false).await;
    Ok(false)
}
