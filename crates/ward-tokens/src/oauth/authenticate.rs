//! Which client asks: by its secret, or by an assertion under its registered key; by one of them.
//!
//! An assertion is used once: that it was used is recorded before the client is let in, so that it
//! is refused after a restart, too. Source: RFC 6749 §2.3, RFC 7521 §4.2, RFC 7523 §§2.2, 3.
//! Best test: `oauth/tests.rs`.

use std::sync::Arc;

use axum::http::header::{AUTHORIZATION, HeaderMap};
use ward_ledger::Client;
use ward_model::{Reason, Secret};
use ward_proof::{KnownKey, assertion};

use super::OauthError;
use crate::assertions::Use;
use crate::issuance::Issuance;
use crate::wire::{basic, get};

/// The client, by exactly one of its methods. Outside every reason is one `invalid_client`.
pub(crate) async fn authenticate(
    issuance: &Issuance,
    headers: &HeaderMap,
    parameters: &[(String, String)],
) -> Result<Arc<Client>, OauthError> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let header = given.next();
    if given.next().is_some() {
        return Err(OauthError::InvalidClient);
    }
    let posted = get(parameters, "client_secret");
    let asserted = get(parameters, "client_assertion");
    let (id, secret) = match (header, posted, asserted) {
        (None, None, Some(asserted)) => return by_assertion(issuance, asserted, parameters).await,
        (Some(header), None, None) => {
            let read = header.to_str().ok().and_then(basic);
            let (id, secret) = read.ok_or(OauthError::InvalidClient)?;
            if get(parameters, "client_id").is_some_and(|posted| posted != id) {
                return Err(OauthError::InvalidRequest);
            }
            (id, secret)
        }
        (None, Some(secret), None) => {
            let id = get(parameters, "client_id").ok_or(OauthError::InvalidRequest)?;
            (id.to_owned(), Secret::new(secret.to_owned()))
        }
        (None, None, None) => return Err(OauthError::InvalidClient),
        // Two methods at once.
        _ => return Err(OauthError::InvalidRequest),
    };
    let checked = issuance.0.ledger.check_client(&id, secret.expose(), issuance.now());
    checked.map_err(|reason| refuse(reason.as_str()))
}

async fn by_assertion(
    issuance: &Issuance,
    raw: &str,
    parameters: &[(String, String)],
) -> Result<Arc<Client>, OauthError> {
    match get(parameters, "client_assertion_type") {
        Some(assertion::TYPE) => {}
        Some(_) => return Err(OauthError::InvalidClient),
        None => return Err(OauthError::InvalidRequest),
    }
    let ledger = &issuance.0.ledger;
    let id = assertion::client_id(raw).ok_or_else(|| refuse("malformed"))?;
    if get(parameters, "client_id").is_some_and(|posted| posted != id) {
        return Err(OauthError::InvalidClient);
    }
    let client = ledger.client(&id).ok_or_else(|| refuse(Reason::UnknownKey.as_str()))?;
    let keys: Vec<KnownKey> = ledger
        .client_terms(client.client_key)
        .keys
        .iter()
        .map(|key| KnownKey {
            kid: key.kid.clone(),
            algorithm: key.algorithm,
            bytes: key.public_key.clone(),
        })
        .collect();
    let endpoint = issuance.token_endpoint();
    let ours = [issuance.policy().issuer.as_str(), endpoint.as_str()];
    let now = issuance.now();
    let held = assertion::check(raw, &id, &keys, &ours, now);
    let held = held.map_err(|refusal| refuse(refusal.as_str()))?;
    let client = ledger.client_may_act(client, now).map_err(|reason| refuse(reason.as_str()))?;
    match issuance.use_assertion(&client, &held).await {
        Ok(Use::First) => Ok(client),
        Ok(Use::Again) => Err(refuse("replayed")),
        Ok(Use::NoRoom) => Err(OauthError::TemporarilyUnavailable),
        Err(_) => Err(OauthError::TemporarilyUnavailable),
    }
}

fn refuse(reason: &str) -> OauthError {
    tracing::info!(reason, "client refused");
    OauthError::InvalidClient
}
