//! OAuth 2.0: client credentials, metadata, key set; in the protocol's own shapes.
//!
//! Source: RFC 6749 §§2.3.1, 4.4, 5.1, 5.2; RFC 8414 §2; RFC 7517 §5. Best test: `tests.rs`.

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue, PRAGMA, WWW_AUTHENTICATE,
};
use axum::http::{Response, StatusCode};
use serde_json::{Value, json};
use ward_ledger::Client;
use ward_model::{PrincipalKind, PrincipalName, Secret};

use crate::credential::is_scope;
use crate::issuance::{Issuance, IssueError, TokenAsk};
use crate::wire::{basic, form, get};

/// Error codes of RFC 6749 §5.2, and what stands beside them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OauthError {
    InvalidRequest,
    InvalidClient,
    UnauthorizedClient,
    UnsupportedGrantType,
    InvalidScope,
    /// RFC 8707 §2: the audience asked for is not this client's.
    InvalidTarget,
    TemporarilyUnavailable,
}

impl OauthError {
    const fn code(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidTarget => "invalid_target",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
        }
    }

    const fn status(self) -> StatusCode {
        match self {
            Self::InvalidClient => StatusCode::UNAUTHORIZED,
            Self::TemporarilyUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    fn response(self) -> Response<Body> {
        let mut response = answer(self.status(), &json!({ "error": self.code() }));
        // WHY also for a secret in the body: a 401 names a scheme (RFC 9110 §15.5.2).
        if self == Self::InvalidClient {
            let challenge = HeaderValue::from_static("Basic realm=\"ward\"");
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// `POST /oauth/token`.
pub(crate) async fn token(
    State(issuance): State<Issuance>,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    match grant(&issuance, &headers, &body).await {
        Ok(granted) => answer(StatusCode::OK, &granted),
        Err(error) => {
            tracing::info!(error = error.code(), "token request refused");
            error.response()
        }
    }
}

async fn grant(issuance: &Issuance, headers: &HeaderMap, body: &[u8]) -> Result<Value, OauthError> {
    let is_form = headers.get(CONTENT_TYPE).is_some_and(|it| {
        it.as_bytes().to_ascii_lowercase().starts_with(b"application/x-www-form-urlencoded")
    });
    let parameters = form(body).filter(|_| is_form).ok_or(OauthError::InvalidRequest)?;
    let client = authenticate(issuance, headers, &parameters)?;
    match get(&parameters, "grant_type") {
        Some("client_credentials") => {}
        Some(_) => return Err(OauthError::UnsupportedGrantType),
        None => return Err(OauthError::InvalidRequest),
    }
    let asked = get(&parameters, "resource").or_else(|| get(&parameters, "audience"));
    if asked.is_some_and(|audience| audience != client.audience) {
        return Err(OauthError::InvalidTarget);
    }
    let scope = get(&parameters, "scope").unwrap_or(&client.scope).to_owned();
    let allowed: Vec<&str> = client.scope.split(' ').collect();
    if !is_scope(&scope) || (!scope.is_empty() && !scope.split(' ').all(|it| allowed.contains(&it)))
    {
        return Err(OauthError::InvalidScope);
    }
    let life_ms = client.life_ms_max.min(issuance.policy().life_ms_max);
    let ask = TokenAsk {
        principal: PrincipalName::new(PrincipalKind::Service, client.client_id.clone())
            .map_err(|_| OauthError::UnauthorizedClient)?,
        client_id: client.client_id.clone(),
        audience: client.audience.clone(),
        life_ms,
        tenant: None,
        scope: Some(scope.clone()).filter(|scope| !scope.is_empty()),
        login: None,
    };
    let token = issuance.issue(ask).await.map_err(refused)?;
    let expires_in = token.expires_at().seconds() - issuance.now().seconds();
    Ok(json!({
        "access_token": token.expose(),
        "token_type": "Bearer",
        "expires_in": expires_in,
        "scope": scope,
    }))
}

/// The client, by exactly one of the two methods (RFC 6749 §2.3).
fn authenticate(
    issuance: &Issuance,
    headers: &HeaderMap,
    parameters: &[(String, String)],
) -> Result<std::sync::Arc<Client>, OauthError> {
    let posted = get(parameters, "client_secret");
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let header = given.next();
    if given.next().is_some() {
        return Err(OauthError::InvalidClient);
    }
    let (id, secret) = match (header, posted) {
        (Some(_), Some(_)) => return Err(OauthError::InvalidRequest),
        (Some(header), None) => {
            let read = header.to_str().ok().and_then(basic);
            let (id, secret) = read.ok_or(OauthError::InvalidClient)?;
            if get(parameters, "client_id").is_some_and(|posted| posted != id) {
                return Err(OauthError::InvalidRequest);
            }
            (id, secret)
        }
        (None, Some(secret)) => {
            let id = get(parameters, "client_id").ok_or(OauthError::InvalidRequest)?;
            (id.to_owned(), Secret::new(secret.to_owned()))
        }
        (None, None) => return Err(OauthError::InvalidClient),
    };
    issuance.0.ledger.check_client(&id, secret.expose(), issuance.now()).map_err(|reason| {
        tracing::info!(reason = reason.as_str(), "client refused");
        OauthError::InvalidClient
    })
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

/// `GET /.well-known/oauth-authorization-server` (RFC 8414 §3).
pub(crate) async fn metadata(State(issuance): State<Issuance>) -> Response<Body> {
    let base = issuance.0.base_url.trim_end_matches('/');
    let metadata = json!({
        "issuer": issuance.policy().issuer,
        "token_endpoint": format!("{base}/oauth/token"),
        "jwks_uri": format!("{base}/oauth/jwks"),
        "response_types_supported": [],
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
    });
    public(&metadata)
}

/// `GET /oauth/jwks`.
pub(crate) async fn jwks(State(issuance): State<Issuance>) -> Response<Body> {
    public(&ward_keys::jwks(&issuance.0.ledger))
}

/// A document everyone may read.
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
