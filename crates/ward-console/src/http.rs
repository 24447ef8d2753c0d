//! The routes of the console and what each asks of [`Facts`].
//!
//! Open: assets, sign-in, enrolment by link, the journey to the identity provider. Everything else
//! needs a session. GET changes nothing, but for the one-time link, which is spent, and journeys.
//! Best tests: `http/tests.rs`, `http/tests/`.

mod approvals;
mod credentials;
mod operators;
mod provider;
mod say;
mod sign_in;

pub use say::sentence;

mod record;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Router, middleware};
use serde::Deserialize;
use ward_model::{AccessId, IncidentId};
use ward_operators::signin::Visitor;

use crate::calls::{Calls, NoCalls};
use crate::deeds::Deeds;
use crate::facts::{Facts, FactsError};
use crate::guard;
use crate::help;
use crate::limits::{ANSWER_BYTES_MAX, FORM_BYTES_MAX, PAGE_ROWS, SUBJECTS_SHOWN_MAX};
use crate::live::{self, Streams};
use crate::pages::{self, AccessQuery};

/// What every handler holds.
#[derive(Clone)]
pub struct App {
    facts: Arc<dyn Facts>,
    /// Who may look, and what is done.
    pub deeds: Arc<dyn Deeds>,
    /// The API, for who is signed in.
    pub calls: Arc<dyn Calls>,
    /// Live streams open now.
    pub streams: Streams,
}

/// The console: `/`, `/docs/problems` and everything under `/console/`.
///
/// Serve it with `ConnectInfo<SocketAddr>`, so that sources can be told apart. End all sessions when
/// the program stops: open streams end with them.
pub fn router(facts: Arc<dyn Facts>, deeds: Arc<dyn Deeds>) -> Router {
    router_with(facts, deeds, Arc::new(NoCalls))
}

/// As [`router`], with the API that pages act through.
pub fn router_with(facts: Arc<dyn Facts>, deeds: Arc<dyn Deeds>, calls: Arc<dyn Calls>) -> Router {
    let app = App { facts, deeds, calls, streams: Streams::new() };
    let closed = Router::new()
        .route("/", get(now))
        .route("/console/events", get(live::events))
        .route("/console/accesses", get(accesses))
        .route("/console/accesses/{id}", get(access))
        .route("/console/incidents", get(incidents))
        .route("/console/incidents/{id}", get(incident))
        .route("/console/people", get(people))
        .route("/console/operators/record", get(record::page))
        .route("/console/docs/{list}/{page}", get(operate))
        .route("/docs/problems", get(problems))
        .route("/console/sign-out", post(sign_out))
        .merge(approvals::closed())
        .merge(credentials::closed())
        .merge(operators::closed())
        .route("/console/{*rest}", get(nothing))
        .layer(middleware::from_fn_with_state(app.clone(), guard::session));
    let open = Router::new()
        .route("/console/assets/{*path}", get(crate::assets::serve))
        .merge(sign_in::open())
        .merge(provider::open());
    closed
        .merge(open)
        .layer(middleware::from_fn_with_state(app.clone(), guard::visit))
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .layer(middleware::from_fn(guard::same_origin))
        .layer(middleware::from_fn(guard::headers))
        .with_state(app)
}

/// For routes that take a browser's answer to a ceremony.
fn answers() -> DefaultBodyLimit {
    DefaultBodyLimit::max(ANSWER_BYTES_MAX)
}

/// Asks for facts off the serving threads.
pub async fn ask<T, F>(app: &App, question: F) -> Result<T, FactsError>
where
    T: Send + 'static,
    F: FnOnce(&dyn Facts) -> Result<T, FactsError> + Send + 'static,
{
    let facts = app.facts.clone();
    tokio::task::spawn_blocking(move || question(&*facts))
        .await
        .unwrap_or(Err(FactsError::Unavailable { what: "this page" }))
}

async fn now(State(app): State<App>) -> Response {
    match ask(&app, |facts| facts.now()).await {
        Ok(now) => pages::now(&now, app.deeds.waiting()),
        Err(why) => pages::of_error(&why),
    }
}

async fn accesses(State(app): State<App>, Query(query): Query<AccessQuery>) -> Response {
    let filter = query.parse();
    let asked = filter.ask.clone();
    let is_wrong = filter.wrong.is_some();
    let found = ask(&app, move |facts| {
        let routes = facts.routes()?;
        let page = if is_wrong { None } else { Some(facts.accesses(&asked)?) };
        Ok((routes, page))
    });
    match found.await {
        Ok((routes, page)) => pages::accesses(&filter, &routes, page),
        Err(why) => pages::of_error(&why),
    }
}

async fn access(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Response {
    let Ok(id) = AccessId::parse(&id) else { return pages::no_access(&id) };
    let found = ask(&app, move |facts| {
        let found = facts.access(id)?;
        let named = found.as_ref().map_or(0, |it| it.data_subjects.len().min(SUBJECTS_SHOWN_MAX));
        if named > 0 {
            facts.let_out(
                visitor.session.as_ref(),
                "access page",
                &format!("of access {id}"),
                named,
            )?;
        }
        Ok(found)
    });
    match found.await {
        Ok(Some(access)) => pages::access(&access),
        Ok(None) => pages::no_access(&id.to_string()),
        Err(why) => pages::of_error(&why),
    }
}

#[derive(Deserialize)]
struct Before {
    before: Option<i64>,
}

async fn incidents(State(app): State<App>, Query(Before { before }): Query<Before>) -> Response {
    let before = before.map(IncidentId);
    match ask(&app, move |facts| facts.incidents(before, PAGE_ROWS)).await {
        Ok(page) => pages::incidents(before.is_some(), &page),
        Err(why) => pages::of_error(&why),
    }
}

async fn incident(State(app): State<App>, Path(id): Path<String>) -> Response {
    let Ok(id) = id.parse::<i64>().map(IncidentId) else { return nothing().await };
    match ask(&app, move |facts| facts.incident(id)).await {
        Ok(Some(incident)) => pages::incident(&incident),
        Ok(None) => nothing().await,
        Err(why) => pages::of_error(&why),
    }
}

#[derive(Deserialize)]
struct After {
    after: Option<String>,
}

async fn people(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Query(After { after }): Query<After>,
) -> Response {
    let is_later = after.is_some();
    let found = ask(&app, move |facts| {
        let page = facts.people(after.as_deref(), PAGE_ROWS)?;
        facts.let_out(visitor.session.as_ref(), "people page", "", 0)?;
        Ok(page)
    });
    match found.await {
        Ok(page) => pages::people(is_later, &page),
        Err(why) => pages::of_error(&why),
    }
}

async fn operate(Path((list, page)): Path<(String, String)>) -> Response {
    match help::operate(&list, &page) {
        Some(text) => pages::operate(&list, &page, &text),
        None => nothing().await,
    }
}

async fn problems() -> Response {
    pages::help(&help::problems())
}

async fn nothing() -> Response {
    pages::fault(StatusCode::NOT_FOUND, "There is no such page.", None)
}

async fn sign_out(State(app): State<App>, Extension(visitor): Extension<Visitor>) -> Response {
    if let Some(session) = &visitor.session {
        app.deeds.sign_out(session).await;
    }
    let gone = [(header::SET_COOKIE, guard::no_cookie())];
    (gone, Redirect::to("/console/sign-in")).into_response()
}

#[cfg(test)]
mod tests;
