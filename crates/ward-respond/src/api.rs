//! `/api/incidents` and `/api/alerts`. Errors are RFC 9457 problems.
//!
//! WHY no credential check here: the program checks every control-plane credential in one place
//! and puts a [`ward_model::Caller`] into the request's extensions.
//! Best test: `desk/tests.rs`.

use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, Path, Query, Request, State};
use axum::routing::{get, post};
use http::{HeaderValue, Response, StatusCode, Uri, header};
use serde_json::{Value, json};
use sha2::Digest as _;
use ward_model::word::AlertKind;
use ward_model::{Caller, IncidentId, LeafIndex, Problem, ProblemKind, Reason, Text};

use crate::desk::{Desk, DeskError, Outside, Unavailable};
use crate::limits::{BODY_BYTES_MAX, PAGE_DEFAULT, PAGE_MAX};
use crate::report::{moment_text, report, summary};

type Answer = Result<(StatusCode, Value), Problem>;

/// The routes of this room, paths from the root.
pub fn router<E: Outside>(desk: Desk<E>) -> Router {
    Router::new()
        .route("/api/incidents", get(list::<E>))
        .route("/api/incidents/{id}", get(one::<E>))
        .route("/api/incidents/{id}/notes", post(note::<E>))
        .route("/api/incidents/{id}/close", post(close::<E>))
        .route("/api/alerts", get(alerts::<E>))
        .with_state(desk)
}

async fn list<E: Outside>(State(desk): State<Desk<E>>, uri: Uri) -> Response<Body> {
    finish(list_incidents(&desk, &uri))
}

async fn alerts<E: Outside>(State(desk): State<Desk<E>>, uri: Uri) -> Response<Body> {
    finish(list_alerts(&desk, &uri))
}

async fn one<E: Outside>(State(desk): State<Desk<E>>, Path(id): Path<String>) -> Response<Body> {
    finish(incident_of(&id).and_then(|id| shown(&desk, id, StatusCode::OK)))
}

async fn note<E: Outside>(
    State(desk): State<Desk<E>>,
    Path(id): Path<String>,
    caller: Option<Extension<Caller>>,
    request: Request,
) -> Response<Body> {
    finish(write(&desk, &id, caller, request, Write::Note).await)
}

async fn close<E: Outside>(
    State(desk): State<Desk<E>>,
    Path(id): Path<String>,
    caller: Option<Extension<Caller>>,
    request: Request,
) -> Response<Body> {
    finish(write(&desk, &id, caller, request, Write::Close).await)
}

#[derive(Clone, Copy)]
enum Write {
    Note,
    Close,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct NoteBody {
    note: String,
}

async fn write<E: Outside>(
    desk: &Desk<E>,
    id: &str,
    caller: Option<Extension<Caller>>,
    request: Request,
    what: Write,
) -> Answer {
    let incident = incident_of(id)?;
    let line = format!("{} {}\n", request.method(), request.uri().path());
    let body = axum::body::to_bytes(request.into_body(), BODY_BYTES_MAX)
        .await
        .map_err(|_| ProblemKind::TooLarge.problem("the body is at most 16 KiB", None))?;
    let text: NoteBody =
        serde_json::from_slice(&body).map_err(|_| wrong("send {\"note\": \"...\"}"))?;
    let note = Text::new(text.note)
        .ok()
        .filter(|it| !it.as_str().trim().is_empty())
        .ok_or_else(|| wrong("note is 1 to 512 bytes of text without personal data"))?;
    let digest = sha2::Sha256::new().chain_update(line.as_bytes()).chain_update(&body).finalize();
    let caller = caller.map_or(Caller::WARD, |Extension(caller)| caller);
    let act = |verb: &str| caller.did(verb, incident.0, digest.into());
    let status = match what {
        Write::Note => {
            desk.note(incident, note, act("note incident")).await.map_err(problem)?;
            StatusCode::CREATED
        }
        Write::Close => {
            desk.close(incident, note, act("close incident")).await.map_err(problem)?;
            StatusCode::OK
        }
    };
    shown(desk, incident, status)
}

fn list_incidents<E: Outside>(desk: &Desk<E>, uri: &Uri) -> Answer {
    let asked = Asked::of(uri, "state")?;
    let open = match asked.select.as_deref() {
        None => None,
        Some("open") => Some(true),
        Some("closed") => Some(false),
        Some(_) => return Err(wrong("state is open or closed")),
    };
    let wanted = |closed: bool| open.is_none_or(|open| open != closed);
    let (items, next) = desk.read(|it| {
        let mut found: Vec<_> = it
            .newest(asked.before.map(IncidentId))
            .filter(|(_, incident)| wanted(incident.closed.is_some()))
            .take(asked.limit.saturating_add(1))
            .map(|(id, incident)| summary(it, id, incident))
            .collect();
        let more = found.len() > asked.limit;
        found.truncate(asked.limit);
        let next = found.last().filter(|_| more).map(|last| last.id);
        (found, next)
    });
    Ok((StatusCode::OK, json!({ "items": items, "next": next })))
}

fn list_alerts<E: Outside>(desk: &Desk<E>, uri: &Uri) -> Answer {
    let asked = Asked::of(uri, "kind")?;
    let kind = asked.select.as_deref().map(|name| {
        AlertKind::from_name(name).ok_or_else(|| wrong("kind is a kind of alert: never_issued, .."))
    });
    let kind = kind.transpose()?;
    let answer = desk.read(|it| {
        let mut found: Vec<_> = it
            .alerts(asked.before.map(LeafIndex))
            .filter(|(_, _, alert)| kind.is_none_or(|kind| kind == alert.kind))
            .take(asked.limit.saturating_add(1))
            .collect();
        let more = found.len() > asked.limit;
        found.truncate(asked.limit);
        let next = found.last().filter(|_| more).map(|(leaf, ..)| *leaf);
        let items: Vec<Value> = found
            .iter()
            .map(|(leaf, time, alert)| {
                json!({
                    "id": alert.alert, "leaf": leaf, "at": moment_text(*time),
                    "kind": alert.kind, "principal": alert.principal,
                    "data_subject": alert.data_subject, "key": alert.key,
                    "kid": it.key(alert.key).map(|key| &key.kid),
                    "api_key": alert.api_key, "access": alert.access, "route": alert.route,
                    "leaked": alert.leaked,
                })
            })
            .collect();
        json!({ "items": items, "next": next, "dropped": it.dropped().0 })
    });
    Ok((StatusCode::OK, answer))
}

fn shown<E: Outside>(desk: &Desk<E>, id: IncidentId, status: StatusCode) -> Answer {
    let report = desk.read(|it| report(it, id)).ok_or_else(|| problem(DeskError::NotFound))?;
    let value = serde_json::to_value(report)
        .map_err(|_| ProblemKind::Corrupt.problem("the report cannot be written", None))?;
    Ok((status, value))
}

fn incident_of(id: &str) -> Result<IncidentId, Problem> {
    let number = id.parse().ok().filter(|it: &i64| *it > 0 && it.to_string() == id);
    number.map(IncidentId).ok_or_else(|| wrong("an incident's id is a positive whole number"))
}

/// What a query string asks for.
struct Asked {
    limit: usize,
    before: Option<i64>,
    select: Option<String>,
}

impl Asked {
    fn of(uri: &Uri, selector: &str) -> Result<Self, Problem> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|_| wrong("the query string cannot be read"))?;
        let mut asked = Self { limit: PAGE_DEFAULT, before: None, select: None };
        for (name, value) in pairs {
            match name.as_str() {
                "limit" => {
                    let number = value.parse().ok().filter(|it| (1..=PAGE_MAX).contains(it));
                    let detail = "limit is a whole number from 1 to 200";
                    asked.limit = number.ok_or_else(|| wrong(detail))?;
                }
                "before" => {
                    let number = value.parse().ok().filter(|it: &i64| *it >= 0);
                    let detail = "before is the number an earlier answer gave as next";
                    asked.before = Some(number.ok_or_else(|| wrong(detail))?);
                }
                name if name == selector => asked.select = Some(value),
                _ => return Err(wrong(&format!("known parameters: limit, before, {selector}"))),
            }
        }
        Ok(asked)
    }
}

fn wrong(detail: &str) -> Problem {
    ProblemKind::Input.problem(detail, None)
}

fn problem(error: DeskError) -> Problem {
    let kind = match error {
        DeskError::NotFound => ProblemKind::NotFound,
        DeskError::Closed | DeskError::Unreviewed => ProblemKind::Conflict,
        DeskError::Unavailable(Unavailable) => ProblemKind::Unavailable(Reason::JournalUnavailable),
    };
    kind.problem(error.to_string(), None)
}

fn finish(answer: Answer) -> Response<Body> {
    let (status, kind, bytes) = match answer {
        Ok((status, value)) => (status, "application/json", value.to_string().into_bytes()),
        Err(problem) => {
            let status = StatusCode::from_u16(problem.status);
            let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, Problem::MEDIA_TYPE, problem.to_json())
        }
    };
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
