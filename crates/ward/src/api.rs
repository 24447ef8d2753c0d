//! The control plane's own answers: accesses, scope, keys, existence, journal, store, metrics.
//!
//! Rooms export their own routers; here is what joins several of them. Errors are RFC 9457
//! problems. `openapi.rs` serves what describes all of it.

mod accesses;
mod backup;
mod credentials;
mod doctor;
mod existence;
mod gate;
mod issuers;
mod journal;
mod key;
pub mod keys;
mod leaks;
mod openapi;
mod query;
pub mod reload;
mod scope;
mod store;

use std::sync::Arc;

pub(crate) use query::text_of;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::routing::{any, delete, get, post};
use serde_json::Value;
use sha2::Digest as _;
use ward_model::record::OperatorDid;
use ward_model::{Caller, Problem, ProblemKind, Reason};

use crate::app::App;
use crate::clock;

/// Routes for operators (`/api/...`), without the credential check.
pub fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/api/accesses", get(accesses::list))
        .route("/api/accesses/{id}", get(accesses::one))
        .route("/api/backup", post(backup::copies))
        .route("/api/doctor", get(doctor::doctor))
        .route("/api/api-keys", get(credentials::api_keys))
        .route("/api/credentials", get(credentials::list))
        .route("/api/credentials/{id}", get(credentials::one))
        .route("/api/scope", get(scope::scope))
        .route("/api/who-read", get(scope::who_read))
        .route("/api/keys", get(keys::list))
        .route("/api/keys/import", post(keys::import))
        .route("/api/keys/{kid}", get(key::show))
        .route("/api/keys/{kid}/preview", get(key::previewed))
        .route("/api/keys/{kid}/rotate", post(key::rotate))
        .route("/api/keys/{kid}/promote", post(key::promote))
        .route("/api/keys/{kid}/retire", post(key::retire))
        .route("/api/keys/{kid}/compromised", post(key::compromised))
        .route("/api/issuers", get(issuers::list))
        .route("/api/issuers/mode", post(keys::issuer_mode))
        .route("/api/issuers/{issuer}/preview", get(issuers::preview))
        .route("/api/issuers/{issuer}/enforce", post(issuers::enforce))
        .route("/api/existence/{namespace}/import", post(existence::import))
        .route("/api/existence/{namespace}/events", post(existence::events))
        .route("/api/catalogue", get(reload::catalogue))
        .route("/api/reload", post(reload::reload))
        .route("/api/gate/bypass", post(gate::open))
        .route("/api/gate/bypasses", get(gate::list))
        .route("/api/gate/bypass/{id}", delete(gate::end))
        .route("/api/gate/bypass/{id}/review", post(gate::review))
        .route("/api/gate/break-glass/{session}/review", post(gate::review_session))
        .route("/api/store/verify", post(store::verify))
        .route("/api/journal/proof", get(journal::proof))
        .route("/api/journal/health", get(journal::health))
        // WHY routes and not a fallback: what is not there is behind the same door.
        .route("/api", any(nothing))
        .route("/api/", any(nothing))
        .route("/api/{*rest}", any(nothing))
        .with_state(app)
}

/// Routes anybody may ask: health, the journal's public side.
pub fn open_router(app: Arc<App>) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(journal::ready))
        .route("/metrics", get(metrics))
        .route("/api/leaks", post(leaks::report))
        .route("/openapi.json", get(openapi::openapi))
        .route("/journal/checkpoint", get(journal::checkpoint))
        .route("/journal/key", get(journal::key))
        .route("/journal/tile/{*path}", get(journal::tile))
        .with_state(app)
}

async fn nothing() -> Response<Body> {
    finish(Err(ProblemKind::NotFound.problem("the API has no such path", None)))
}

/// `GET /metrics`: Prometheus text.
async fn metrics(axum::extract::State(app): axum::extract::State<Arc<App>>) -> Response<Body> {
    let mut response = Response::new(Body::from(app.metrics.render()));
    let kind = HeaderValue::from_static("text/plain; version=0.0.4");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// What a handler answers.
pub(crate) type Answer = Result<Value, Problem>;

/// An answer as a response.
pub(crate) fn finish(answer: Answer) -> Response<Body> {
    let (status, kind, body) = match answer {
        Ok(value) => {
            // What waits for another operator was not done: 202.
            let held = value.get("held").and_then(Value::as_bool).unwrap_or(false);
            let status = if held { 202 } else { 200 };
            (status, "application/json", value.to_string().into_bytes())
        }
        Err(problem) => (problem.status, Problem::MEDIA_TYPE, problem.to_json()),
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A problem about what the caller sent.
pub(crate) fn input(detail: impl Into<String>) -> Problem {
    ProblemKind::Input.problem(detail, None)
}

/// A problem with what is behind Ward: try again.
pub(crate) fn unavailable(what: &str) -> Problem {
    ProblemKind::Unavailable(Reason::JournalUnavailable)
        .problem(format!("{what} does not answer"), None)
}

/// The record of an operator's act over its exact request.
pub(crate) fn act(caller: Caller, verb: &str, target: i64, body: &[u8]) -> OperatorDid {
    caller.did(verb, target, sha2::Sha256::digest(body).into())
}

/// Records an operator's act before it takes effect.
pub(crate) async fn record_act(app: &App, act: OperatorDid) -> Result<(), Problem> {
    match app.journal.append(act, clock::now()).await {
        Ok(_recorded) => Ok(()),
        Err(_) => Err(unavailable("the journal")),
    }
}

/// Runs blocking work off the async threads.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| ProblemKind::Corrupt.problem("the work ended badly", None))
}
