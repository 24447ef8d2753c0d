//! Whom a token is bound to: the key of a DPoP proof, or the certificate of the connection.
//!
//! A proof that comes is always taken at its word; a certificate only where the client's tokens are
//! bound, because a proxy may send one along with everything. Source: RFC 9449 §5, RFC 8705 §3.
//! Best test: `oauth/tests.rs`.

use std::net::SocketAddr;

use axum::http::HeaderMap;
use ward_model::Confirmation;
use ward_proof::dpop::Refusal;
use ward_proof::{Refused, Request, certificate};

use super::OauthError;
use crate::issuance::Issuance;

/// The header of a proof (RFC 9449 §4.1).
pub(super) const DPOP: &str = "dpop";

/// What the token is bound to; `None`: to nobody.
pub(super) fn held(
    issuance: &Issuance,
    peer: Option<SocketAddr>,
    headers: &HeaderMap,
    is_bound: bool,
) -> Result<Option<Confirmation>, OauthError> {
    let mut proofs = headers.get_all(DPOP).iter();
    match (proofs.next(), proofs.next()) {
        (Some(proof), None) => {
            let proof = proof.to_str().map_err(|_| OauthError::InvalidDpopProof)?;
            by_key(issuance, proof).map(Some)
        }
        (Some(_), Some(_)) => Err(OauthError::InvalidDpopProof),
        (None, _) if !is_bound => Ok(None),
        (None, _) => {
            let print = presented(issuance, peer, headers);
            print.map(Confirmation::Certificate).map(Some).ok_or(OauthError::InvalidRequest)
        }
    }
}

fn by_key(issuance: &Issuance, proof: &str) -> Result<Confirmation, OauthError> {
    let endpoint = issuance.token_endpoint();
    let request = Request { method: "POST", uri: &endpoint, token: None, key: None };
    match issuance.0.proofs.take(proof, &request, issuance.now()) {
        Ok(proof) => Ok(Confirmation::Key(proof.key)),
        Err(Refused::Proof(Refusal::Nonce)) => Err(OauthError::UseDpopNonce),
        Err(Refused::Proof(refusal)) => {
            tracing::info!(reason = refusal.as_str(), "proof refused");
            Err(OauthError::InvalidDpopProof)
        }
        Err(Refused::Replayed) => {
            tracing::info!(reason = "replayed", "proof refused");
            Err(OauthError::InvalidDpopProof)
        }
        Err(Refused::Overloaded) => Err(OauthError::TemporarilyUnavailable),
    }
}

/// The certificate a trusted proxy passed on.
fn presented(
    issuance: &Issuance,
    peer: Option<SocketAddr>,
    headers: &HeaderMap,
) -> Option<ward_model::Thumbprint> {
    if !issuance.0.doors.contain(peer?.ip()) {
        return None;
    }
    let mut values = headers.get_all(certificate::FORWARDED).iter();
    let value = values.next()?.to_str().ok()?;
    if values.next().is_some() {
        return None;
    }
    certificate::forwarded(value)
}

/// `token_type` (RFC 6750 §4, RFC 9449 §5; a certificate-bound token is a bearer's by its type).
pub(super) const fn token_type(held: Option<Confirmation>) -> &'static str {
    match held {
        Some(Confirmation::Key(_)) => "DPoP",
        Some(Confirmation::Certificate(_)) | None => "Bearer",
    }
}
