//! The doors of issuance. Who may knock is decided before these; here is what they may ask for.
//!
//! `/api/...` answers RFC 9457 problems; unknown fields are refused. Best test: `tests.rs`.

mod api_keys;
mod clients;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Extension, State};
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::http::{Response, StatusCode};
use axum::routing::{delete, get, post};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use ward_model::time::DAY_MS;
use ward_model::word::{Cause, Side};
use ward_model::{
    ApiKeyId, Caller, KeyNumber, PrincipalKind, PrincipalName, Problem, ProblemKind, Reason,
    UnixMillis,
};

use crate::credential::check_end;
use crate::issuance::{Issuance, IssueError, operator_act};
use crate::limits::BODY_BYTES_MAX;
use crate::oauth::{self, answer};
use crate::revoke::Target;

/// Every route of issuance. The routes under `/api` need a [`Caller`] in the request's extensions;
/// without one they answer 401.
pub fn router(issuance: Issuance) -> Router {
    Router::new()
        .route("/oauth/token", post(oauth::token))
        .route("/oauth/jwks", get(oauth::jwks))
        .route("/.well-known/oauth-authorization-server", get(oauth::metadata))
        .route("/api/tokens/revoke", post(revoke))
        .route("/api/api-keys", post(api_keys::issue))
        .route("/api/api-keys/{id}", delete(api_keys::revoke))
        .route("/api/api-keys/{id}/rotate", post(api_keys::rotate))
        .merge(clients::routes())
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(issuance)
}

/// Whether the body of an act that may be held can be read at all: what cannot is refused before
/// anybody is asked to consent to it.
///
/// # Errors
/// The problem its door would answer.
pub fn readable(route: &str, body: &[u8], now: UnixMillis) -> Result<(), Problem> {
    match route {
        "/api/api-keys" => read::<api_keys::ApiKeyRequest>(body)?.ask(now).map(drop),
        "/api/api-keys/{id}/rotate" => read::<api_keys::RotateRequest>(body)?.ends(now).map(drop),
        "/api/clients" => read::<clients::ClientRequest>(body)?.ends(now).map(drop),
        "/api/clients/{id}/secret" => read::<clients::SecretRequest>(body).map(drop),
        _ => Ok(()),
    }
}

type Knock = Option<Extension<Caller>>;

/// A principal in a body.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NameBody {
    kind: String,
    id: String,
}

impl NameBody {
    fn name(self) -> Result<PrincipalName, Problem> {
        name(&self.kind, self.id)
    }
}

pub(crate) fn name(kind: &str, id: String) -> Result<PrincipalName, Problem> {
    let kind = PrincipalKind::from_name(kind).filter(|kind| *kind != PrincipalKind::Unknown);
    let kind = kind.ok_or_else(|| input("kind is customer, seller, rider, person or service"))?;
    PrincipalName::new(kind, id)
        .map_err(|_| input("an id is 1 to 256 bytes without control characters"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RevokeRequest {
    token: Option<String>,
    principal: Option<NameBody>,
    api_key: Option<ApiKeyId>,
    client: Option<String>,
    key: Option<KeyNumber>,
    /// With `key`: only what was issued before, or at and after, this Unix second.
    before: Option<i64>,
    after: Option<i64>,
}

impl RevokeRequest {
    fn target(self, now: UnixMillis) -> Result<Target, Problem> {
        let key = match (self.key, self.before, self.after) {
            (key, None, None) => key.map(Target::Key),
            (Some(key), Some(before), None) => Some(side(key, Side::Before, before, now)?),
            (Some(key), None, Some(after)) => Some(side(key, Side::After, after, now)?),
            (Some(_), Some(_), Some(_)) => return Err(input("say before or after, not both")),
            (None, ..) => return Err(input("before and after go with key")),
        };
        let mut targets = [
            self.token.map(Target::Token),
            self.principal.map(NameBody::name).transpose()?.map(Target::Principal),
            self.api_key.map(Target::ApiKey),
            self.client.map(Target::Client),
            key,
        ]
        .into_iter()
        .flatten();
        match (targets.next(), targets.next()) {
            (Some(target), None) => Ok(target),
            _ => Err(input("name exactly one of token, principal, api_key, client, key")),
        }
    }
}

/// What a key signed on one side of a moment that is past: later tokens it does not take.
fn side(key: KeyNumber, side: Side, seconds: i64, now: UnixMillis) -> Result<Target, Problem> {
    if !(0..=now.seconds()).contains(&seconds) {
        return Err(input("before and after are Unix seconds, and past: later tokens stay"));
    }
    Ok(Target::KeySide(key, side, UnixMillis::from_seconds(seconds)))
}

/// `POST /api/tokens/revoke`.
async fn revoke(State(issuance): State<Issuance>, caller: Knock, body: Bytes) -> Response<Body> {
    finish(revoked(&issuance, caller, &body).await)
}

async fn revoked(issuance: &Issuance, caller: Knock, body: &[u8]) -> Result<Value, Problem> {
    let caller = knocked(caller)?;
    let target = read::<RevokeRequest>(body)?.target(issuance.now())?;
    let act = operator_act(caller, "revoke", 0, body);
    issuance.revoke(target, Cause::Operator, act).await.map_err(problem)?;
    Ok(json!({ "revoked": true }))
}

fn end(days: Option<i64>, at: Option<i64>, now: UnixMillis) -> Result<UnixMillis, Problem> {
    let end = match (days, at) {
        (Some(days), None) => now.plus_ms(days.saturating_mul(DAY_MS)),
        (None, Some(at)) => UnixMillis::from_seconds(at),
        _ => return Err(input("say when it ends: days, or expires_at in Unix seconds")),
    };
    check_end(end, now).map_err(problem)?;
    Ok(end)
}

pub(crate) fn knocked(caller: Knock) -> Result<Caller, Problem> {
    let caller = caller.map(|Extension(caller)| caller);
    caller.ok_or_else(|| ProblemKind::Unauthenticated.problem("", None))
}

pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    // WHY no detail of the parser: it could quote a credential.
    serde_json::from_slice(body)
        .map_err(|_| input("the body is not the JSON object this route takes"))
}

pub(crate) fn input(detail: &str) -> Problem {
    ProblemKind::Input.problem(detail, None)
}

pub(crate) fn problem(error: IssueError) -> Problem {
    let kind = match error {
        IssueError::Input(_) => ProblemKind::Input,
        IssueError::Refused(_) => ProblemKind::Refused(Reason::Policy),
        IssueError::NotFound => ProblemKind::NotFound,
        IssueError::Conflict(_) => ProblemKind::Conflict,
        IssueError::Journal(_) | IssueError::Register => {
            ProblemKind::Unavailable(Reason::JournalUnavailable)
        }
        IssueError::NoKey(_) | IssueError::Failed => ProblemKind::Corrupt,
    };
    tracing::info!(%error, "issuance refused");
    kind.problem(error.to_string(), None)
}

pub(crate) fn finish(result: Result<Value, Problem>) -> Response<Body> {
    match result {
        Ok(json) => answer(StatusCode::OK, &json),
        Err(problem) => {
            let status = StatusCode::from_u16(problem.status);
            let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let mut response = Response::new(Body::from(problem.to_json()));
            *response.status_mut() = status;
            let media = HeaderValue::from_static(Problem::MEDIA_TYPE);
            response.headers_mut().insert(CONTENT_TYPE, media);
            response
        }
    }
}
