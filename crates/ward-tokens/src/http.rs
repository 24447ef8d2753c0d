//! The doors of issuance. Who may knock is decided before these; here is what they may ask for.
//!
//! `/api/...` answers RFC 9457 problems; unknown fields are refused. Best test: `tests.rs`.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Extension, Path, State};
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::http::{Response, StatusCode};
use axum::routing::{delete, get, post};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use ward_model::time::DAY_MS;
use ward_model::word::{ApiKeyKind, Cause, Role};
use ward_model::{
    ApiKeyId, Caller, KeyNumber, PrincipalKind, PrincipalName, Problem, ProblemKind, Reason, Roles,
    UnixMillis,
};

use crate::credential::{ApiKeyAsk, ClientAsk};
use crate::issuance::{Issuance, IssueError, TokenAsk, operator_act, person_of};
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
        .route("/api/tokens", post(issue))
        .route("/api/tokens/revoke", post(revoke))
        .route("/api/api-keys", post(issue_api_key))
        .route("/api/api-keys/{id}", delete(revoke_api_key))
        .route("/api/clients", post(register_client))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(issuance)
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

fn name(kind: &str, id: String) -> Result<PrincipalName, Problem> {
    let kind = PrincipalKind::from_name(kind).filter(|kind| *kind != PrincipalKind::Unknown);
    let kind = kind.ok_or_else(|| input("kind is customer, seller, rider, person or service"))?;
    PrincipalName::new(kind, id)
        .map_err(|_| input("an id is 1 to 256 bytes without control characters"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenRequest {
    sub: String,
    kind: String,
    audience: String,
    life_seconds: i64,
    tenant: Option<String>,
    scope: Option<String>,
    login: Option<String>,
}

/// `POST /api/tokens`.
async fn issue(State(issuance): State<Issuance>, caller: Knock, body: Bytes) -> Response<Body> {
    finish(issued(&issuance, caller, &body).await)
}

async fn issued(issuance: &Issuance, caller: Knock, body: &[u8]) -> Result<Value, Problem> {
    let caller = knocked(caller)?;
    let wanted: TokenRequest = read(body)?;
    let ask = TokenAsk {
        principal: name(&wanted.kind, wanted.sub)?,
        // WHY: every token a login service had issued can be revoked by its credential.
        client_id: format!("api-key-{}", caller.api_key),
        audience: wanted.audience,
        life_ms: wanted.life_seconds.saturating_mul(1000),
        tenant: wanted.tenant,
        scope: wanted.scope,
        login: wanted.login,
    };
    if let Some(act) = operator_act(caller, "issue token", 0, body) {
        issuance.append(act).await.map_err(problem)?;
    }
    let token = issuance.issue(ask).await.map_err(problem)?;
    let expires_at = token.expires_at().seconds();
    Ok(json!({ "token": token.expose(), "expires_at": expires_at }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RevokeRequest {
    token: Option<String>,
    principal: Option<NameBody>,
    api_key: Option<ApiKeyId>,
    client: Option<String>,
    key: Option<KeyNumber>,
}

impl RevokeRequest {
    fn target(self) -> Result<Target, Problem> {
        let mut targets = [
            self.token.map(Target::Token),
            self.principal.map(NameBody::name).transpose()?.map(Target::Principal),
            self.api_key.map(Target::ApiKey),
            self.client.map(Target::Client),
            self.key.map(Target::Key),
        ]
        .into_iter()
        .flatten();
        match (targets.next(), targets.next()) {
            (Some(target), None) => Ok(target),
            _ => Err(input("name exactly one of token, principal, api_key, client, key")),
        }
    }
}

/// `POST /api/tokens/revoke`.
async fn revoke(State(issuance): State<Issuance>, caller: Knock, body: Bytes) -> Response<Body> {
    finish(revoked(&issuance, caller, &body).await)
}

async fn revoked(issuance: &Issuance, caller: Knock, body: &[u8]) -> Result<Value, Problem> {
    let caller = knocked(caller)?;
    let target = read::<RevokeRequest>(body)?.target()?;
    let act = operator_act(caller, "revoke", 0, body);
    issuance.revoke(target, Cause::Operator, act).await.map_err(problem)?;
    Ok(json!({ "revoked": true }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ApiKeyRequest {
    kind: String,
    owner: NameBody,
    /// For the kind `operator`: what it may do to Ward.
    #[serde(default)]
    roles: Vec<String>,
    days: Option<i64>,
    /// Unix seconds.
    expires_at: Option<i64>,
}

/// `POST /api/api-keys`.
async fn issue_api_key(
    State(issuance): State<Issuance>,
    caller: Knock,
    body: Bytes,
) -> Response<Body> {
    finish(api_key_issued(&issuance, caller, &body).await)
}

async fn api_key_issued(issuance: &Issuance, caller: Knock, body: &[u8]) -> Result<Value, Problem> {
    let caller = knocked(caller)?;
    let wanted: ApiKeyRequest = read(body)?;
    let kind = ApiKeyKind::from_name(&wanted.kind)
        .ok_or_else(|| input("kind is person, service, scim or operator"))?;
    let expires_at = end(wanted.days, wanted.expires_at, issuance.now())?;
    let roles = wanted.roles.iter().map(|name| {
        Role::from_name(name).ok_or_else(|| {
            input(
                "roles are keys, policy, journal, people, incident, audit, operators, login, feed",
            )
        })
    });
    let roles = roles.collect::<Result<Roles, Problem>>()?;
    let ask = ApiKeyAsk { kind, owner: wanted.owner.name()?, expires_at, roles };
    let act = operator_act(caller, "issue api key", 0, body);
    let made = issuance.issue_api_key(ask, act).await.map_err(problem)?;
    Ok(json!({
        "id": made.id,
        "api_key": made.text.expose(),
        "kind": kind,
        "roles": roles,
        "expires_at": made.expires_at.seconds(),
    }))
}

/// `DELETE /api/api-keys/{id}`.
async fn revoke_api_key(
    State(issuance): State<Issuance>,
    caller: Knock,
    Path(id): Path<String>,
) -> Response<Body> {
    let done = async {
        let caller = knocked(caller)?;
        let id: i64 = id.parse().map_err(|_| problem(IssueError::NotFound))?;
        let act = operator_act(caller, "revoke api key", id, &id.to_le_bytes());
        issuance.revoke_api_key(ApiKeyId(id), Cause::Operator, act).await.map_err(problem)?;
        Ok(json!({ "revoked": true }))
    };
    finish(done.await)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClientRequest {
    client_id: String,
    /// SCIM id of the person answerable.
    owner: String,
    audience: String,
    #[serde(default)]
    scope: String,
    life_seconds: i64,
    days: Option<i64>,
    /// Unix seconds.
    expires_at: Option<i64>,
}

/// `POST /api/clients`.
async fn register_client(
    State(issuance): State<Issuance>,
    caller: Knock,
    body: Bytes,
) -> Response<Body> {
    finish(client_registered(&issuance, caller, &body).await)
}

async fn client_registered(
    issuance: &Issuance,
    caller: Knock,
    body: &[u8],
) -> Result<Value, Problem> {
    let caller = knocked(caller)?;
    let wanted: ClientRequest = read(body)?;
    let owner = person_of(&wanted.owner);
    let owner = owner.ok_or_else(|| input("owner is the SCIM id of a person"))?;
    let ledger = &issuance.0.ledger;
    let ask = ClientAsk {
        client_id: wanted.client_id,
        owner,
        owner_key: ledger.principal_key(PrincipalKind::Person, &owner.uuid()),
        audience: wanted.audience,
        scope: wanted.scope,
        life_ms_max: wanted.life_seconds.saturating_mul(1000),
        expires_at: end(wanted.days, wanted.expires_at, issuance.now())?,
    };
    let act = operator_act(caller, "register client", 0, body);
    let made = issuance.register_client(ask, act).await.map_err(problem)?;
    Ok(json!({
        "client_id": made.client_id,
        "client_secret": made.secret.expose(),
        "expires_at": made.expires_at.seconds(),
    }))
}

fn end(days: Option<i64>, at: Option<i64>, now: UnixMillis) -> Result<UnixMillis, Problem> {
    match (days, at) {
        (Some(days), None) => Ok(now.plus_ms(days.saturating_mul(DAY_MS))),
        (None, Some(at)) => Ok(UnixMillis::from_seconds(at)),
        _ => Err(input("say when it ends: days, or expires_at in Unix seconds")),
    }
}

fn knocked(caller: Knock) -> Result<Caller, Problem> {
    let caller = caller.map(|Extension(caller)| caller);
    caller.ok_or_else(|| ProblemKind::Unauthenticated.problem("", None))
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    // WHY no detail of the parser: it could quote a credential.
    serde_json::from_slice(body)
        .map_err(|_| input("the body is not the JSON object this route takes"))
}

fn input(detail: &str) -> Problem {
    ProblemKind::Input.problem(detail, None)
}

fn problem(error: IssueError) -> Problem {
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

fn finish(result: Result<Value, Problem>) -> Response<Body> {
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
