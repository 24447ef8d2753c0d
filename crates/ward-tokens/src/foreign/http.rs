//! `/api/issuances/{issuer}`: the door of reports. Who may knock is decided before it: an API key of
//! the kind `reporter`, which belongs to one issuer and opens nothing else.
//!
//! Anything but 200 to a synchronous reporter means: the token must not leave.
//! Best test: `interop/foreign.py`.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Extension, Path, State};
use axum::http::{Response, StatusCode};
use axum::routing::get;
use serde_json::{Value, json};
use ward_ledger::foreign::Issuer;
use ward_model::word::ReportMode;
use ward_model::{Caller, PrincipalKind, Problem, ProblemKind, Reason};

use super::desk::{Desk, ReportError};
use super::report::{REQUEST_BYTES_MAX, read};
use crate::http::finish;

/// The routes of reporters; each request needs a [`Caller`] in its extensions.
pub fn router(desk: Desk) -> Router {
    Router::new()
        .route("/api/issuances/{issuer}", get(state).post(report))
        .layer(DefaultBodyLimit::max(REQUEST_BYTES_MAX))
        .with_state(desk)
}

type Knock = Option<Extension<Caller>>;

/// `GET /api/issuances/{issuer}`: where the issuer's sequence stands.
async fn state(
    State(desk): State<Desk>,
    caller: Knock,
    Path(name): Path<String>,
) -> Response<Body> {
    finish(own(&desk, caller, &name).map(|issuer| standing(&desk, &issuer)))
}

fn standing(desk: &Desk, issuer: &Issuer) -> Value {
    issuer.with_book(|book| {
        json!({
            "issuer": issuer.url,
            "reports": issuer.reports,
            "mode": desk.ledger().foreign_mode(issuer),
            "next_sequence": book.order.last().saturating_add(1),
            "missing": book.order.missing(),
            "complete_before": book.order.complete_before(),
        })
    })
}

/// `POST /api/issuances/{issuer}`.
async fn report(
    State(desk): State<Desk>,
    caller: Knock,
    Path(name): Path<String>,
    body: Bytes,
) -> Response<Body> {
    let answer = reported(&desk, caller, &name, &body).await;
    let held = answer.is_err();
    let mut response = finish(answer);
    if held && response.status() == StatusCode::SERVICE_UNAVAILABLE {
        let again = axum::http::HeaderValue::from_static("1");
        response.headers_mut().insert(axum::http::header::RETRY_AFTER, again);
    }
    response
}

async fn reported(desk: &Desk, caller: Knock, name: &str, body: &[u8]) -> Result<Value, Problem> {
    let issuer = own(desk, caller, name)?;
    let batch =
        read(body, &issuer, desk.now()).map_err(|what| ProblemKind::Input.problem(what, None))?;
    let taken = desk.take(&issuer, batch).await.map_err(|error| problem(&error))?;
    if issuer.reports == ReportMode::Synchronous
        && let Some(place) = taken.late.first()
    {
        let told = format!("sequence {place}: the token was presented before it was reported");
        return Err(ProblemKind::Conflict.problem(told, None));
    }
    let mut answer = standing(desk, &issuer);
    if let Value::Object(answer) = &mut answer {
        answer.insert("accepted".into(), taken.accepted.into());
        answer.insert("repeated".into(), taken.repeated.into());
        answer.insert("late".into(), taken.late.into());
    }
    Ok(answer)
}

/// The issuer a reporter speaks for: its API key belongs to the service of the issuer's name.
fn own(desk: &Desk, caller: Knock, name: &str) -> Result<Arc<Issuer>, Problem> {
    let nobody = || ProblemKind::Unauthenticated.problem("", None);
    let caller = caller.map(|Extension(caller)| caller).ok_or_else(nobody)?;
    let key = desk.ledger().api_key(caller.api_key).ok_or_else(nobody)?;
    let owner = desk.ledger().principal_key(PrincipalKind::Service, name);
    let issuer = desk.ledger().issuer(name).filter(|_| key.owner_key == owner);
    // WHY alike: a reporter learns of no issuer but its own.
    issuer.ok_or_else(|| {
        ProblemKind::NotFound.problem("no issuer of this name reports with this API key", None)
    })
}

fn problem(error: &ReportError) -> Problem {
    let kind = match error {
        ReportError::Conflict(_)
        | ReportError::Forgotten(_)
        | ReportError::TooFar(..)
        | ReportError::Missing(_) => ProblemKind::Conflict,
        ReportError::Busy(_) | ReportError::Unavailable => {
            ProblemKind::Unavailable(Reason::JournalUnavailable)
        }
    };
    kind.problem(error.to_string(), None)
}
