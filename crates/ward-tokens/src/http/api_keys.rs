//! The doors of API keys: issue, rotate, revoke. Listing them is the inventory's.

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use ward_model::word::{ApiKeyKind, Cause, Role};
use ward_model::{ApiKeyId, Networks, Problem, Roles, UnixMillis};

use super::{Knock, NameBody, end, finish, input, knocked, problem, read};
use crate::api_key::{KeyTerms, Rotation};
use crate::credential::ApiKeyAsk;
use crate::issuance::{Issuance, IssueError, operator_act, person_of};
use crate::limits::{OVERLAP_HOURS, SCOPES_MAX};

const HOUR_MS: i64 = 3_600_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ApiKeyRequest {
    kind: String,
    owner: NameBody,
    /// For the kind `operator`: what it may do to Ward.
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    name: String,
    #[serde(default)]
    description: String,
    /// Names of the routes it may read; none: what its owner may.
    #[serde(default)]
    scopes: Vec<String>,
    /// Where it may be used from, CIDR; none: everywhere.
    #[serde(default)]
    networks: Vec<String>,
    /// SCIM id of the person answerable for it.
    answerable: Option<String>,
    days: Option<i64>,
    /// Unix seconds.
    expires_at: Option<i64>,
}

impl ApiKeyRequest {
    /// What is asked for.
    ///
    /// # Errors
    /// The problem its door answers.
    pub(super) fn ask(self, now: UnixMillis) -> Result<(ApiKeyAsk, KeyTerms), Problem> {
        let kind = ApiKeyKind::from_name(&self.kind)
            .ok_or_else(|| input("kind is person, service, scim, operator or reporter"))?;
        let expires_at = end(self.days, self.expires_at, now)?;
        let roles = self.roles.iter().map(|name| {
            Role::from_name(name).ok_or_else(|| {
                input(
                    "roles are keys, policy, journal, people, incident, audit, operators, login, \
                     feed",
                )
            })
        });
        let roles = roles.collect::<Result<Roles, Problem>>()?;
        let word = |scope: &String| !scope.is_empty() && !scope.contains(' ');
        if self.scopes.len() > SCOPES_MAX || !self.scopes.iter().all(word) {
            return Err(input("scopes are at most 64 names of routes, each without spaces"));
        }
        let networks = Networks::parse(self.networks.iter().map(String::as_str))
            .map_err(|error| input(&error.to_string()))?;
        let scope = self.scopes.join(" ");
        let person = |id: String| {
            person_of(&id).ok_or_else(|| input("answerable is the SCIM id of a person"))
        };
        let answerable = self.answerable.map(person).transpose()?;
        let (name, description) = (self.name, self.description);
        let terms = KeyTerms { name, description, scope, networks, answerable };
        let ask = ApiKeyAsk { kind, owner: self.owner.name()?, expires_at, roles };
        Ok((ask, terms))
    }
}

/// `POST /api/api-keys`.
pub(super) async fn issue(
    State(issuance): State<Issuance>,
    caller: Knock,
    body: Bytes,
) -> Response<Body> {
    finish(issued(&issuance, caller, &body).await)
}

async fn issued(issuance: &Issuance, caller: Knock, body: &[u8]) -> Result<Value, Problem> {
    let caller = knocked(caller)?;
    let wanted: ApiKeyRequest = read(body)?;
    let (ask, terms) = wanted.ask(issuance.now())?;
    let (kind, roles) = (ask.kind, ask.roles);
    let act = operator_act(caller, "issue api key", 0, body);
    let made = issuance.issue_api_key_under(ask, terms, act).await.map_err(problem)?;
    Ok(json!({
        "id": made.id,
        "api_key": made.text.expose(),
        "kind": kind,
        "roles": roles,
        "expires_at": made.expires_at.seconds(),
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RotateRequest {
    /// How long the old one goes on, hours, at most 720; 24 when it is not said.
    overlap_hours: Option<i64>,
    days: Option<i64>,
    /// Unix seconds.
    expires_at: Option<i64>,
}

impl RotateRequest {
    /// When the successor shall end, if that is said.
    pub(super) fn ends(&self, now: UnixMillis) -> Result<Option<UnixMillis>, Problem> {
        match (self.days, self.expires_at) {
            (None, None) => Ok(None),
            (days, at) => end(days, at, now).map(Some),
        }
    }
}

/// `POST /api/api-keys/{id}/rotate`.
pub(super) async fn rotate(
    State(issuance): State<Issuance>,
    caller: Knock,
    Path(id): Path<String>,
    body: Bytes,
) -> Response<Body> {
    let done = async {
        let caller = knocked(caller)?;
        let id: i64 = id.parse().map_err(|_| problem(IssueError::NotFound))?;
        let wanted: RotateRequest = read(&body)?;
        let expires_at = wanted.ends(issuance.now())?;
        let rotation = Rotation {
            api_key: ApiKeyId(id),
            overlap_ms: wanted.overlap_hours.unwrap_or(OVERLAP_HOURS).saturating_mul(HOUR_MS),
            expires_at,
        };
        let act = operator_act(caller, "rotate api key", id, &body);
        let rotated = issuance.rotate_api_key(rotation, act).await.map_err(problem)?;
        Ok(json!({
            "id": rotated.made.id,
            "api_key": rotated.made.text.expose(),
            "kind": rotated.kind,
            "expires_at": rotated.made.expires_at.seconds(),
            "replaces": id,
            "predecessor_ends_at": rotated.ends_at.seconds(),
        }))
    };
    finish(done.await)
}

/// `DELETE /api/api-keys/{id}`.
pub(super) async fn revoke(
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
