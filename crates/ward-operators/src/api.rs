//! `/api/approvals` and `/api/operators`: proposals, refusal, withdrawal; who is an operator, links,
//! roles, passkeys. Errors are RFC 9457 problems.
//!
//! WHY no route that proposes: an act that weakens proposes itself. WHY none that consents: that
//! takes a person's passkey or a fresh sign-in, which only the console can ask for.
//! WHY no credential check here: the program checks every control-plane credential in one place
//! and puts a [`ward_model::Caller`] into the request's extensions.
//! Best test: `api/tests.rs`.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Extension, Path, Query, State};
use axum::routing::{delete, get, post};
use http::{HeaderValue, Response, StatusCode, Uri, header};
use serde_json::{Value, json};
use ward_model::word::Role;
use ward_model::{
    ApprovalId, Caller, PasskeyId, PersonId, Problem, ProblemKind, Reason, Roles, UnixMillis,
};

use crate::approval::decide::Rejected;
use crate::approval::{Approvals, Proposal, Standing};
use crate::desk::{Desk, DeskError, Held, Outside, Unavailable};
use crate::enrol::EnrolError;
use crate::limits::{BODY_BYTES_MAX, PAGE_DEFAULT, PAGE_MAX};

/// What a call comes to.
enum Outcome {
    Done(Value),
    /// It waits for another person: 202.
    Held(Value),
}

type Answer = Result<Outcome, Problem>;

/// 32 random bytes.
pub type Random = Arc<dyn Fn() -> [u8; 32] + Send + Sync>;

struct Room<E> {
    desk: Desk<E>,
    random: Random,
}

impl<E> Clone for Room<E> {
    fn clone(&self) -> Self {
        Self { desk: self.desk.clone(), random: Arc::clone(&self.random) }
    }
}

/// The routes of this room, paths from the root.
pub fn router<E: Outside>(desk: Desk<E>, random: Random) -> Router {
    Router::new()
        .route("/api/approvals", get(list::<E>))
        .route("/api/approvals/{id}", get(one::<E>))
        .route("/api/approvals/{id}/refuse", post(refuse::<E>))
        .route("/api/approvals/{id}/withdraw", post(withdraw::<E>))
        .route("/api/operators", get(operators::<E>).post(enrol::<E>))
        .route("/api/operators/{person}/roles", post(set_roles::<E>))
        .route("/api/operators/passkeys/{id}", delete(revoke_passkey::<E>))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(Room { desk, random })
}

async fn list<E: Outside>(State(room): State<Room<E>>, uri: Uri) -> Response<Body> {
    finish(listed(&room.desk, &uri))
}

async fn one<E: Outside>(State(room): State<Room<E>>, Path(id): Path<String>) -> Response<Body> {
    finish(number(&id).and_then(|id| shown(&room.desk, id)))
}

async fn refuse<E: Outside>(
    State(room): State<Room<E>>,
    Path(id): Path<String>,
    Extension(caller): Extension<Caller>,
) -> Response<Body> {
    let work = async {
        let id = number(&id)?;
        room.desk.refuse(id, &caller).await.map_err(problem)?;
        shown(&room.desk, id)
    };
    finish(work.await)
}

async fn withdraw<E: Outside>(
    State(room): State<Room<E>>,
    Path(id): Path<String>,
    Extension(caller): Extension<Caller>,
) -> Response<Body> {
    let work = async {
        let id = number(&id)?;
        room.desk.withdraw(id, &caller).await.map_err(problem)?;
        shown(&room.desk, id)
    };
    finish(work.await)
}

fn listed<E: Outside>(desk: &Desk<E>, uri: &Uri) -> Answer {
    let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
        .map_err(|_| wrong("the query string cannot be read"))?;
    let (mut limit, mut before, mut state) = (PAGE_DEFAULT, None, None);
    for (name, value) in pairs {
        match name.as_str() {
            "limit" => {
                let number = value.parse().ok().filter(|it| (1..=PAGE_MAX).contains(it));
                limit = number.ok_or_else(|| wrong("limit is a whole number from 1 to 200"))?;
            }
            "before" => {
                let number = value.parse().ok().filter(|it: &i64| *it >= 0).map(ApprovalId);
                let told = "before is the number an earlier answer gave as next";
                before = Some(number.ok_or_else(|| wrong(told))?);
            }
            "state" if STATES.contains(&value.as_str()) => state = Some(value),
            "state" => return Err(wrong(&format!("state is one of {}", STATES.join(", ")))),
            _ => return Err(wrong("known parameters: limit, before, state")),
        }
    }
    let now = desk.now();
    let (items, next) = desk.read(|it| {
        let wanted = |proposal: &Proposal| {
            state.as_deref().is_none_or(|state| it.standing(proposal, now).as_str() == state)
        };
        let mut found: Vec<(ApprovalId, &Proposal)> = it
            .newest(before)
            .filter(|(_, proposal)| wanted(proposal))
            .take(limit.saturating_add(1))
            .collect();
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| more).map(|(id, _)| *id);
        let items: Vec<Value> =
            found.iter().map(|(id, proposal)| written(it, *id, proposal, now)).collect();
        (items, next)
    });
    Ok(Outcome::Done(json!({ "items": items, "next": next })))
}

const STATES: &[&str] =
    &["waiting", "approved", "applied", "withdrawn", "refused", "expired", "lapsed"];

fn shown<E: Outside>(desk: &Desk<E>, id: ApprovalId) -> Answer {
    let now = desk.now();
    desk.read(|it| it.proposal(id).map(|proposal| written(it, id, proposal, now)))
        .map(Outcome::Done)
        .ok_or_else(|| problem(Rejected::NotFound.into()))
}

async fn operators<E: Outside>(State(room): State<Room<E>>) -> Response<Body> {
    let now = room.desk.now();
    let value = room.desk.read(|it| {
        let passkeys = |person: PersonId| -> Vec<Value> {
            let shown = it.operators().passkeys_of(person).map(|(id, passkey)| {
                json!({ "passkey": id, "name": passkey.name, "registered_at": moment(passkey.at) })
            });
            shown.collect()
        };
        let items: Vec<Value> = it
            .operators()
            .now()
            .map(|(person, office)| {
                json!({
                    "person": person.uuid(), "roles": office.roles, "passkeys": passkeys(person),
                })
            })
            .collect();
        let links: Vec<Value> = it
            .operators()
            .enrolments(now)
            .map(|(id, link)| {
                json!({
                    "enrolment": id, "person": link.person.map(PersonId::uuid),
                    "roles": link.roles, "expires_at": moment(link.expires_at),
                })
            })
            .collect();
        json!({ "operators": items, "links": links, "never_two": it.operators().never_two() })
    });
    finish(Ok(Outcome::Done(value)))
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct EnrolBody {
    person: String,
    roles: Vec<String>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RolesBody {
    roles: Vec<String>,
}

async fn enrol<E: Outside>(
    State(room): State<Room<E>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Response<Body> {
    let work = async {
        let wanted: EnrolBody = serde_json::from_slice(&body)
            .map_err(|_| wrong("send {\"person\": \"...\", \"roles\": [...]}"))?;
        let (person, roles) = (person_of(&wanted.person)?, roles_of(&wanted.roles)?);
        let random = (room.random)();
        let asked = room.desk.enrol(&caller, person, roles, random).await.map_err(enrol_problem)?;
        Ok(match asked {
            Ok(link) => Outcome::Done(json!({
                "enrolment": link.enrolment, "expires_at": moment(link.expires_at),
                "path": format!("/console/enrol?key={}", link.secret.expose()),
            })),
            Err(held) => Outcome::Held(self::held(&room.desk, held)),
        })
    };
    finish(work.await)
}

async fn set_roles<E: Outside>(
    State(room): State<Room<E>>,
    Path(person): Path<String>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Response<Body> {
    let work = async {
        let wanted: RolesBody =
            serde_json::from_slice(&body).map_err(|_| wrong("send {\"roles\": [...]}"))?;
        let (person, roles) = (person_of(&person)?, roles_of(&wanted.roles)?);
        let asked = room.desk.set_roles(&caller, person, roles).await.map_err(enrol_problem)?;
        Ok(match asked {
            Ok(()) => Outcome::Done(json!({ "person": person.uuid(), "roles": roles })),
            Err(held) => Outcome::Held(self::held(&room.desk, held)),
        })
    };
    finish(work.await)
}

async fn revoke_passkey<E: Outside>(
    State(room): State<Room<E>>,
    Path(id): Path<String>,
    Extension(caller): Extension<Caller>,
) -> Response<Body> {
    let work = async {
        let id = number(&id)?.0;
        room.desk.revoke_passkey(&caller, PasskeyId(id)).await.map_err(enrol_problem)?;
        Ok(Outcome::Done(json!({ "passkey": id, "revoked": true })))
    };
    finish(work.await)
}

fn person_of(text: &str) -> Result<PersonId, Problem> {
    let told = "a person's id is a hyphenated lower-case UUID";
    let person = PersonId::parse(&text.replace('-', "")).map_err(|_| wrong(told))?;
    if person.uuid() == text { Ok(person) } else { Err(wrong(told)) }
}

fn roles_of(names: &[String]) -> Result<Roles, Problem> {
    let known = || wrong(&format!("roles are {}", Roles::every_persons()));
    names.iter().map(|name| Role::from_name(name).ok_or_else(known)).collect()
}

/// A proposal as the API shows it.
#[must_use]
pub fn written(view: &Approvals, id: ApprovalId, proposal: &Proposal, now: UnixMillis) -> Value {
    let standing = view.standing(proposal, now);
    let missing = match standing {
        Standing::Waiting { missing } => missing,
        Standing::Approved | Standing::Ended(_) => 0,
    };
    let consents: Vec<Value> = proposal
        .consents
        .iter()
        .map(|it| json!({ "person": it.person.uuid(), "at": moment(it.at), "proof": it.proof }))
        .collect();
    let ended = proposal.ended.map(|(how, person, at)| {
        json!({ "how": how, "person": person.map(PersonId::uuid), "at": moment(at) })
    });
    json!({
        "approval": id, "state": standing.as_str(), "act": proposal.act, "target": proposal.target,
        "digest": data_encoding::HEXLOWER.encode(&proposal.digest), "effect": proposal.effect,
        "proposer": proposal.proposer.map(PersonId::uuid), "proposed_at": moment(proposal.at),
        "expires_at": moment(proposal.expires_at), "alone_from": proposal.alone_from.map(moment),
        "consents": consents, "needed": proposal.needed, "from_roles": proposal.from_roles,
        "missing": missing, "ended": ended,
    })
}

/// The answer to an act that waits: 202, with the proposal and what to do.
#[must_use]
pub fn held<E: Outside>(desk: &Desk<E>, held: Held) -> Value {
    let (id, now) = (held.approval, desk.now());
    let shown = desk.read(|it| it.proposal(id).map(|one| written(it, id, one, now)));
    let mut answer = shown.unwrap_or_else(|| json!({ "approval": id }));
    if let Some(answer) = answer.as_object_mut() {
        answer.insert("held".to_owned(), Value::Bool(true));
        let then = "nothing was changed; another operator consents in the console, then ask for \
                    exactly the same again";
        answer.insert("then".to_owned(), Value::from(then));
    }
    answer
}

fn moment(at: UnixMillis) -> String {
    jiff::Timestamp::from_millisecond(at.ms()).map(|it| it.to_string()).unwrap_or_default()
}

fn number(id: &str) -> Result<ApprovalId, Problem> {
    let number = id.parse().ok().filter(|it: &i64| *it > 0 && it.to_string() == id);
    number.map(ApprovalId).ok_or_else(|| wrong("a proposal's number is a positive whole number"))
}

fn wrong(detail: &str) -> Problem {
    ProblemKind::Input.problem(detail, None)
}

/// A desk's error as the API answers it.
#[must_use]
pub fn problem(error: DeskError) -> Problem {
    let kind = match error {
        DeskError::Rejected(Rejected::NotFound) => ProblemKind::NotFound,
        DeskError::Rejected(
            Rejected::NotAPerson | Rejected::OwnProposal | Rejected::NotYours | Rejected::OnlyLooks,
        ) => ProblemKind::SecondPerson,
        DeskError::Rejected(
            Rejected::Twice | Rejected::OtherDigest | Rejected::Over { .. } | Rejected::TooMany,
        ) => ProblemKind::Conflict,
        DeskError::Unavailable(Unavailable) => ProblemKind::Unavailable(Reason::JournalUnavailable),
    };
    kind.problem(error.to_string(), None)
}

fn enrol_problem(error: EnrolError) -> Problem {
    let kind = match error {
        EnrolError::Desk(error) => return problem(error),
        EnrolError::NoPerson | EnrolError::NoPasskey => ProblemKind::NotFound,
        EnrolError::Roles => ProblemKind::Input,
        EnrolError::Link | EnrolError::TooMany | EnrolError::Known => ProblemKind::Conflict,
    };
    kind.problem(error.to_string(), None)
}

fn finish(answer: Answer) -> Response<Body> {
    let json = "application/json";
    let (status, kind, bytes) = match answer {
        Ok(Outcome::Done(value)) => (StatusCode::OK, json, value.to_string().into_bytes()),
        Ok(Outcome::Held(value)) => (StatusCode::ACCEPTED, json, value.to_string().into_bytes()),
        Err(problem) => {
            let status = StatusCode::from_u16(problem.status);
            let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, Problem::MEDIA_TYPE, problem.to_json())
        }
    };
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests;
