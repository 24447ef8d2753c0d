//! `/api/people`: who works here, what they hold, and the button that makes someone leave.
//!
//! Errors are RFC 9457 problems. Names come from the store and may be missing; everything that
//! decides comes from records.
//! Best test: `scim/http/tests.rs` (`/api` beside SCIM, over one world).

use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, Path, Query, Request, State};
use axum::routing::{get, post};
use http::{HeaderValue, Response, StatusCode, Uri, header};
use serde_json::{Value, json};
use sha2::Digest as _;
use ward_model::{Caller, KeyNumber, PersonId, Problem, ProblemKind, Reason};

use crate::cascade::{self, Step};
use crate::holdings::{Custody, Holdings, KeyHeld, Run};
use crate::life::{LifeError, People};
use crate::limits::{BODY_BYTES_MAX, PAGE_DEFAULT, PAGE_MAX};
use crate::outside::{Find, Outside, Unavailable};
use crate::person::{PersonRow, id_text, moment_text, parse_id};

type Answer = Result<Value, Problem>;

/// The routes of `/api/people`.
pub fn router<E: Outside>(people: People<E>) -> Router {
    Router::new()
        .route("/api/people", get(list::<E>))
        .route("/api/people/{id}", get(one::<E>))
        .route("/api/people/{id}/leave-preview", get(preview::<E>))
        .route("/api/people/{id}/leave", post(leave::<E>))
        .with_state(people)
}

async fn list<E: Outside>(State(people): State<People<E>>, uri: Uri) -> Response<Body> {
    finish(list_people(&people, &uri).await)
}

async fn one<E: Outside>(
    State(people): State<People<E>>,
    Path(id): Path<String>,
) -> Response<Body> {
    finish(one_person(&people, &id).await)
}

async fn preview<E: Outside>(
    State(people): State<People<E>>,
    Path(id): Path<String>,
) -> Response<Body> {
    finish(preview_leave(&people, &id))
}

async fn leave<E: Outside>(
    State(people): State<People<E>>,
    Path(id): Path<String>,
    caller: Option<Extension<Caller>>,
    request: Request,
) -> Response<Body> {
    let caller = caller.map_or(Caller::WARD, |Extension(caller)| caller);
    finish(leave_now(&people, &id, caller, request).await)
}

async fn list_people<E: Outside>(people: &People<E>, uri: &Uri) -> Answer {
    let (limit, after) = paging(uri)?;
    let mut page: Vec<PersonId> = people.read(|it| {
        it.people_after(after).map(|(person, _)| person).take(limit.saturating_add(1)).collect()
    });
    let more = page.len() > limit;
    page.truncate(limit);
    let mut items = Vec::with_capacity(page.len());
    for person in &page {
        let row = people.outside().find(Find::Id(*person)).await.ok().flatten();
        items.push(people.read(|it| summary(it, *person, row.as_ref())));
    }
    let next = page.last().filter(|_| more).map(|person| id_text(*person));
    Ok(json!({ "items": items, "next": next }))
}

async fn one_person<E: Outside>(people: &People<E>, id: &str) -> Answer {
    let person = person_of(people, id)?;
    let row = people.outside().find(Find::Id(person)).await.ok().flatten();
    Ok(people.read(|it| full(people, it, person, row.as_ref())))
}

fn preview_leave<E: Outside>(people: &People<E>, id: &str) -> Answer {
    let person = person_of(people, id)?;
    Ok(people.read(|it| {
        let plan = cascade::plan(it, person, true);
        let steps: Vec<Value> = plan.iter().map(|step| step_shown(people, it, *step)).collect();
        json!({ "person": id_text(person), "steps": steps })
    }))
}

async fn leave_now<E: Outside>(
    people: &People<E>,
    id: &str,
    caller: Caller,
    request: Request,
) -> Answer {
    let signalled_at = people.outside().now();
    let person = person_of(people, id)?;
    let line = format!("{} {}\n", request.method(), request.uri().path());
    let body = axum::body::to_bytes(request.into_body(), BODY_BYTES_MAX)
        .await
        .map_err(|_| ProblemKind::TooLarge.problem("the body is too large", None))?;
    let digest = sha2::Sha256::new().chain_update(line.as_bytes()).chain_update(&body).finalize();
    let principal = people.read(|it| it.person(person).map_or(0, |held| held.principal.0));
    let act = caller.did("leave person", principal, digest.into());
    people.leave(person, signalled_at, vec![act.into()]).await.map_err(life_problem)?;
    one_person(people, id).await
}

fn person_of<E: Outside>(people: &People<E>, id: &str) -> Result<PersonId, Problem> {
    let person = parse_id(id).ok_or_else(|| {
        ProblemKind::Input.problem("a person's id is a hyphenated lower-case UUID", None)
    })?;
    let known = people.read(|it| it.person(person).is_some());
    known.then_some(person).ok_or_else(|| ProblemKind::NotFound.problem("no such person", None))
}

fn summary(view: &Holdings, person: PersonId, row: Option<&PersonRow>) -> Value {
    let held = view.person(person);
    json!({
        "id": id_text(person),
        "user_name": row.map(|row| &row.user_name),
        "display_name": row.and_then(|row| row.display_name.as_ref().or(row.formatted.as_ref())),
        "state": held.map(|held| held.state),
        "since": held.map(|held| moment_text(held.since)),
        "deleted": row.is_some_and(|row| row.deleted),
        "suspended_otherwise":
            held.is_some_and(|held| view.is_suspended_otherwise(held.principal_key)),
        "could_read_keys": view.keys_of(person).count(),
    })
}

fn full<E: Outside>(
    people: &People<E>,
    view: &Holdings,
    person: PersonId,
    row: Option<&PersonRow>,
) -> Value {
    let mut out = summary(view, person, row);
    let Some(object) = out.as_object_mut() else { return out };
    let held = view.person(person);
    let api_keys: Vec<Value> = held
        .into_iter()
        .flat_map(|held| view.api_keys_of(held.principal_key))
        .map(|(id, it)| {
            json!({
                "id": id, "kind": it.kind, "expires_at": moment_text(it.expires_at),
                "revoked": it.revoked,
            })
        })
        .collect();
    let clients: Vec<Value> = view
        .clients_of(person)
        .map(|(_, it)| json!({ "client_id": it.client_id, "revoked": it.revoked }))
        .collect();
    let keys: Vec<Value> = view
        .keys_of(person)
        .map(|(key, it, custody)| key_shown(people, view, key, it, Some(custody)))
        .collect();
    let cascades: Vec<Value> =
        view.runs_of(person).map(|(id, run)| run_shown(view, id.0, run)).collect();
    object.insert("holds".into(), json!({ "api_keys": api_keys, "clients": clients }));
    object.insert("could_read".into(), keys.into());
    object.insert("cascades".into(), cascades.into());
    out
}

fn key_shown<E: Outside>(
    people: &People<E>,
    view: &Holdings,
    key: KeyNumber,
    it: &KeyHeld,
    custody: Option<Custody>,
) -> Value {
    let holders: Vec<String> = view.holders_of(key).map(|(person, _)| id_text(person)).collect();
    json!({
        "key": key,
        "kid": it.kid,
        "issuer": it.issuer,
        "purpose": it.purpose,
        "source": it.source,
        "state": it.state,
        "since": custody.map(|custody| moment_text(custody.since)),
        "evidence": custody.map(|custody| custody.evidence),
        "holders": holders,
        "grandfathering": view.grandfathers(key),
        "replaced": view.is_replaced(key),
        "live_tokens": people.outside().live_tokens(key),
    })
}

fn run_shown(view: &Holdings, id: i64, run: &Run) -> Value {
    let steps: Vec<Value> = run
        .steps
        .iter()
        .map(|step| {
            let kid = i32::try_from(step.target)
                .ok()
                .filter(|_| names_key(step.step))
                .and_then(|number| view.key(KeyNumber(number)))
                .map(|key| key.kid.clone());
            json!({
                "step": step.step, "target": step.target, "kid": kid,
                "outcome": step.outcome, "at": moment_text(step.at),
                "after_ms": step.at.since(run.signalled_at).max(0),
            })
        })
        .collect();
    json!({
        "id": id,
        "signalled_at": moment_text(run.signalled_at),
        "started_at": moment_text(run.started_at),
        "finished_at": run.finished_at.map(moment_text),
        "open": run.open().count(),
        "steps": steps,
    })
}

fn names_key(step: ward_model::word::CascadeStepKind) -> bool {
    use ward_model::word::CascadeStepKind::{Grandfathering, SigningKey};
    matches!(step, Grandfathering | SigningKey)
}

fn step_shown<E: Outside>(people: &People<E>, view: &Holdings, step: Step) -> Value {
    let key = |name: &str, key: KeyNumber| {
        let shown = view.key(key).map(|it| key_shown(people, view, key, it, None));
        json!({ "step": name, "key": shown })
    };
    match step {
        Step::Suspend => json!({ "step": "suspend" }),
        Step::Grandfathering(number) => key("grandfathering", number),
        Step::SigningKey { key: number, .. } => key("signing_key", number),
        Step::Client(client) => {
            json!({ "step": "client", "target": cascade::client_target(client) })
        }
        Step::ApiKey(id) => json!({ "step": "api_key", "target": id }),
    }
}

fn paging(uri: &Uri) -> Result<(usize, Option<PersonId>), Problem> {
    let wrong = |detail: &str| ProblemKind::Input.problem(detail, None);
    let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
        .map_err(|_| wrong("the query string cannot be read"))?;
    let (mut limit, mut after) = (PAGE_DEFAULT, None);
    for (name, value) in pairs {
        match name.as_str() {
            "limit" => {
                let number = value.parse().ok().filter(|it| (1..=PAGE_MAX).contains(it));
                limit = number.ok_or_else(|| wrong("limit is a whole number from 1 to 200"))?;
            }
            "after" => {
                let person = parse_id(&value);
                after = Some(person.ok_or_else(|| wrong("after is a person's id"))?);
            }
            _ => return Err(wrong("known parameters: limit, after")),
        }
    }
    Ok((limit, after))
}

fn life_problem(error: LifeError) -> Problem {
    let detail = error.to_string();
    match error {
        LifeError::NotFound => ProblemKind::NotFound.problem(detail, None),
        LifeError::Held(_) => ProblemKind::SecondPerson.problem(detail, None),
        LifeError::SuspendedOtherwise => ProblemKind::Conflict.problem(detail, None),
        LifeError::Unavailable(Unavailable { .. }) => {
            ProblemKind::Unavailable(Reason::JournalUnavailable).problem(detail, None)
        }
    }
}

fn finish(answer: Answer) -> Response<Body> {
    let (status, kind, bytes) = match answer {
        Ok(value) => (200, "application/json", value.to_string().into_bytes()),
        Err(problem) => (problem.status, Problem::MEDIA_TYPE, problem.to_json()),
    };
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
