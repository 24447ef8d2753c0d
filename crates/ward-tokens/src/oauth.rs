//! OAuth 2.0 for machines: the token endpoint's driver, its errors, the key set.
//!
//! The order: read the form, authenticate the client, look at its proof of possession, decide
//! (`grant.rs`, `exchange.rs`: pure), issue. Everything is answered in the protocol's own shapes.
//! Source: RFC 6749 §§4.4, 5.1, 5.2; RFC 8693; RFC 8707; RFC 9449 §5; RFC 7517 §5.
//! Best test: `oauth/tests.rs` (every error of every RFC).

mod authenticate;
mod exchange;
mod grant;
mod holder;
mod metadata;

use axum::body::{Body, Bytes};
use axum::extract::rejection::BytesRejection;
use axum::extract::{ConnectInfo, Extension, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, PRAGMA, RETRY_AFTER,
    WWW_AUTHENTICATE,
};
use axum::http::{Response, StatusCode};
use serde_json::{Value, json};
use std::net::SocketAddr;
use ward_keys::Token;

pub(crate) use authenticate::authenticate;
pub(crate) use metadata::metadata;

use crate::desk::named_form;
use crate::issuance::{Issuance, IssueError};
use crate::wire::get;
use grant::Granted;

/// Where the next nonce stands (RFC 9449 §8).
const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// Error codes of RFC 6749 §5.2, and what stands beside them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OauthError {
    InvalidRequest,
    /// The body is over its bound.
    TooLarge,
    InvalidClient,
    UnauthorizedClient,
    UnsupportedGrantType,
    InvalidScope,
    /// RFC 8707 §2, RFC 8693 §2.2.2: the audience asked for is not this client's.
    InvalidTarget,
    /// RFC 9449 §5: the proof does not hold.
    InvalidDpopProof,
    /// RFC 9449 §8: the proof needs a nonce, which stands beside this answer.
    UseDpopNonce,
    TemporarilyUnavailable,
}

impl OauthError {
    const fn code(self) -> &'static str {
        match self {
            Self::InvalidRequest | Self::TooLarge => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidTarget => "invalid_target",
            Self::InvalidDpopProof => "invalid_dpop_proof",
            Self::UseDpopNonce => "use_dpop_nonce",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
        }
    }

    const fn status(self) -> StatusCode {
        match self {
            Self::InvalidClient => StatusCode::UNAUTHORIZED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TemporarilyUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    pub(crate) fn response(self) -> Response<Body> {
        let mut response = answer(self.status(), &json!({ "error": self.code() }));
        // WHY also for a secret in the body: a 401 names a scheme (RFC 9110 §15.5.2).
        if self == Self::InvalidClient {
            let challenge = HeaderValue::from_static("Basic realm=\"ward\"");
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        if self == Self::TemporarilyUnavailable {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// `POST /oauth/token`.
pub(crate) async fn token(
    State(issuance): State<Issuance>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response<Body> {
    let peer = peer.map(|Extension(ConnectInfo(peer))| peer);
    let granted = match body {
        Ok(body) => granted(&issuance, peer, &headers, &body).await,
        Err(_) => Err(OauthError::TooLarge),
    };
    let mut response = match granted {
        Ok(granted) => answer(StatusCode::OK, &granted),
        Err(error) => {
            tracing::info!(error = error.code(), "token request refused");
            error.response()
        }
    };
    if headers.contains_key(holder::DPOP)
        && let Ok(nonce) = HeaderValue::try_from(issuance.0.proofs.nonce(issuance.now()))
    {
        response.headers_mut().insert(DPOP_NONCE, nonce);
    }
    response
}

async fn granted(
    issuance: &Issuance,
    peer: Option<SocketAddr>,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Value, OauthError> {
    let parameters = named_form(headers, body)?;
    let client = authenticate(issuance, headers, &parameters).await?;
    let grant_type = get(&parameters, "grant_type").ok_or(OauthError::InvalidRequest)?;
    let terms = issuance.0.ledger.client_terms(client.client_key);
    // WHY before the proof: a grant that is refused uses nothing up.
    let party =
        grant::Party { client: &client, terms: &terms, life_ms_max: issuance.policy().life_ms_max };
    let (granted, subject) = match grant_type {
        grant::CLIENT_CREDENTIALS => (grant::client_credentials(&party, &parameters)?, None),
        exchange::TOKEN_EXCHANGE => {
            let (granted, subject) = exchange::exchange(issuance, &party, &parameters)?;
            (granted, Some(subject))
        }
        _ => return Err(OauthError::UnsupportedGrantType),
    };
    let is_bound = granted.bound;
    let held = holder::held(issuance, peer, headers, is_bound)?;
    let scope = granted.ask.scope.clone().unwrap_or_default();
    let Granted { ask, actors, .. } = granted;
    let token = issuance.issue_held(ask, held, actors).await.map_err(refused)?;
    if let Some(subject) = &subject {
        still_live(issuance, subject, &token).await?;
    }
    let expires_in = token.expires_at().seconds() - issuance.now().seconds();
    let mut answer = json!({
        "access_token": token.expose(),
        "token_type": holder::token_type(held),
        "expires_in": expires_in,
        "scope": scope,
    });
    if subject.is_some()
        && let Some(members) = answer.as_object_mut()
    {
        members.insert("issued_token_type".into(), exchange::ACCESS_TOKEN.into());
    }
    Ok(answer)
}

/// Looks at the subject token once more, now that what came out of it is recorded.
///
/// WHY: it may have been revoked after it was looked at and before the new token took its place in
/// the order of revocations. CRASH: the new token never left.
async fn still_live(
    issuance: &Issuance,
    subject: &exchange::Subject,
    token: &Token,
) -> Result<(), OauthError> {
    if subject.is_live(issuance) {
        return Ok(());
    }
    issuance.withdraw(token).await.map_err(refused)?;
    Err(OauthError::InvalidRequest)
}

fn refused(error: IssueError) -> OauthError {
    match error {
        IssueError::Input(_) | IssueError::Refused(_) => OauthError::UnauthorizedClient,
        IssueError::NotFound
        | IssueError::Conflict(_)
        | IssueError::Journal(_)
        | IssueError::Register
        | IssueError::NoKey(_)
        | IssueError::Failed => OauthError::TemporarilyUnavailable,
    }
}

/// `GET /oauth/jwks`.
pub(crate) async fn jwks(State(issuance): State<Issuance>) -> Response<Body> {
    public(&ward_keys::jwks(&issuance.0.ledger))
}

/// A document everyone may read. WHY a minute: a key that is published stands there that long
/// before a verifier must know it.
fn public(document: &Value) -> Response<Body> {
    let mut response = answer(StatusCode::OK, document);
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=60"));
    headers.remove(PRAGMA);
    response
}

/// A JSON answer that no cache may keep (RFC 6749 §5.1).
pub(crate) fn answer(status: StatusCode, json: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(json.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

#[cfg(test)]
mod tests;
