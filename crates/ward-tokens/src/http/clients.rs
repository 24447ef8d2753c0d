//! The doors of OAuth clients: register, list, rotate the secret, revoke.
//!
//! Best test: `oauth/tests.rs`.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::Response;
use axum::routing::{delete, get, post};
use serde::Deserialize;
use serde_json::{Value, json};
use ward_ledger::Client;
use ward_model::word::Cause;
use ward_model::{PrincipalKind, Problem, UnixMillis};
use ward_proof::KnownKey;

use super::{Knock, end, finish, input, knocked, problem, read};
use crate::clients::ClientMore;
use crate::credential::ClientAsk;
use crate::issuance::{Issuance, operator_act, person_of};
use crate::revoke::Target;

pub(super) fn routes() -> Router<Issuance> {
    Router::new()
        .route("/api/clients", post(register))
        .route("/api/clients", get(list))
        .route("/api/clients/{id}", delete(revoke))
        .route("/api/clients/{id}/secret", post(rotate))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClientRequest {
    client_id: String,
    /// SCIM id of the person answerable.
    owner: String,
    /// What its tokens are for when it does not say.
    audience: String,
    /// More it may ask for.
    #[serde(default)]
    audiences: Vec<String>,
    /// What it may exchange others' tokens for.
    #[serde(default)]
    exchanges: Vec<String>,
    #[serde(default)]
    scope: String,
    life_seconds: i64,
    /// Whether its tokens are always bound to a key or certificate.
    #[serde(default)]
    bound: bool,
    /// RFC 7517 §5; then it has no secret.
    jwks: Option<KeySet>,
    days: Option<i64>,
    /// Unix seconds.
    expires_at: Option<i64>,
}

/// WHY no unknown fields refused: a key set is another's document (RFC 7517 §5).
#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Value>,
}

impl ClientRequest {
    /// When its registration shall end.
    pub(super) fn ends(&self, now: UnixMillis) -> Result<UnixMillis, Problem> {
        end(self.days, self.expires_at, now)
    }
}

/// `POST /api/clients`.
async fn register(State(issuance): State<Issuance>, caller: Knock, body: Bytes) -> Response<Body> {
    finish(registered(&issuance, caller, &body).await)
}

async fn registered(issuance: &Issuance, caller: Knock, body: &[u8]) -> Result<Value, Problem> {
    let caller = knocked(caller)?;
    let wanted: ClientRequest = read(body)?;
    let owner = person_of(&wanted.owner);
    let owner = owner.ok_or_else(|| input("owner is the SCIM id of a person"))?;
    let expires_at = wanted.ends(issuance.now())?;
    let keys = wanted.jwks.map(keys).transpose()?.unwrap_or_default();
    let ask = ClientAsk {
        client_id: wanted.client_id,
        owner,
        owner_key: issuance.0.ledger.principal_key(PrincipalKind::Person, &owner.uuid()),
        audience: wanted.audience,
        scope: wanted.scope,
        life_ms_max: wanted.life_seconds.saturating_mul(1000),
        expires_at,
    };
    let more = ClientMore {
        audiences: wanted.audiences,
        exchanges: wanted.exchanges,
        bound: wanted.bound,
        keys,
    };
    let act = operator_act(caller, "register client", 0, body);
    let made = issuance.register_client_under(ask, more, act).await.map_err(problem)?;
    let mut answer = json!({
        "client_id": made.client_id,
        "expires_at": made.expires_at.seconds(),
    });
    if let (Some(secret), Some(members)) = (&made.secret, answer.as_object_mut()) {
        members.insert("client_secret".into(), secret.expose().as_str().into());
    }
    Ok(answer)
}

fn keys(set: KeySet) -> Result<Vec<KnownKey>, Problem> {
    if set.keys.is_empty() {
        return Err(input("jwks holds at least one key"));
    }
    let read = |jwk: &Value| {
        KnownKey::from_jwk(jwk.to_string().as_bytes())
            .map_err(|error| input(&format!("a key of jwks {error}")))
    };
    set.keys.iter().map(read).collect()
}

/// `GET /api/clients`.
async fn list(State(issuance): State<Issuance>, caller: Knock) -> Response<Body> {
    let listed = knocked(caller).map(|_| {
        let clients = issuance.0.ledger.clients();
        let clients: Vec<Value> = clients.iter().map(|it| told(&issuance, it)).collect();
        json!({ "clients": clients })
    });
    finish(listed)
}

fn told(issuance: &Issuance, client: &Client) -> Value {
    let terms = issuance.0.ledger.client_terms(client.client_key);
    let keys: Vec<Value> =
        terms.keys.iter().map(|key| json!({"kid": key.kid, "alg": key.algorithm})).collect();
    let by_keys = !keys.is_empty();
    json!({
        "client_id": client.client_id,
        "owner": client.owner.uuid(),
        "audience": client.audience,
        "audiences": terms.audiences,
        "exchanges": terms.exchanges,
        "scope": client.scope,
        "life_seconds": client.life_ms_max / 1000,
        "bound": terms.bound,
        "proves_itself_by": if by_keys { "private_key_jwt" } else { "client_secret" },
        "keys": keys,
        "secret_before_until": terms.before_until().map(|until| until.seconds()),
        "expires_at": client.expires_at.seconds(),
        "revoked": client.revoked,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SecretRequest {
    /// How long the secret before is taken, too; 0: it ends now.
    overlap_seconds: i64,
}

/// `POST /api/clients/{id}/secret`.
async fn rotate(
    State(issuance): State<Issuance>,
    caller: Knock,
    Path(id): Path<String>,
    body: Bytes,
) -> Response<Body> {
    let done = async {
        let caller = knocked(caller)?;
        let wanted: SecretRequest = read(&body)?;
        let overlap_ms = wanted.overlap_seconds.saturating_mul(1000);
        let act = operator_act(caller, "rotate client secret", 0, &named(&id, &body));
        let rotated = issuance.rotate_client_secret(&id, overlap_ms, act).await;
        let (secret, before_until) = rotated.map_err(problem)?;
        Ok(json!({
            "client_id": id,
            "client_secret": secret.expose(),
            "secret_before_until": before_until.seconds(),
        }))
    };
    finish(done.await)
}

/// `DELETE /api/clients/{id}`: it and every token issued to it so far.
async fn revoke(
    State(issuance): State<Issuance>,
    caller: Knock,
    Path(id): Path<String>,
) -> Response<Body> {
    let done = async {
        let caller = knocked(caller)?;
        let act = operator_act(caller, "revoke client", 0, id.as_bytes());
        let target = Target::Client(id);
        issuance.revoke(target, Cause::Operator, act).await.map_err(problem)?;
        Ok(json!({ "revoked": true }))
    };
    finish(done.await)
}

/// The exact request, for the record: path and body.
fn named(id: &str, body: &[u8]) -> Vec<u8> {
    [id.as_bytes(), &[0], body].concat()
}
