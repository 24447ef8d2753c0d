//! The routes of the console and what each asks of [`Facts`].
//!
//! Open: assets, the sign-in form. Everything else needs a session. GET changes nothing, but for
//! the one-time link, which is spent. Best test: `http/tests.rs`.

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Form, Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Router, middleware};
use serde::Deserialize;
use ward_model::{AccessId, IncidentId};

use crate::facts::{Facts, FactsError};
use crate::guard;
use crate::help;
use crate::limits::{FORM_BYTES_MAX, PAGE_ROWS};
use crate::live::{self, Streams};
use crate::pages::{self, AccessQuery};
use crate::sessions::{Session, Sessions};

/// What every handler holds.
#[derive(Clone)]
pub struct App {
    facts: Arc<dyn Facts>,
    /// Who may look.
    pub sessions: Sessions,
    /// Live streams open now.
    pub streams: Streams,
}

/// The console: `/`, `/docs/problems` and everything under `/console/`.
///
/// Call [`Sessions::close`] when the program stops: open streams end with their sessions.
pub fn router(facts: Arc<dyn Facts>, sessions: Sessions) -> Router {
    let app = App { facts, sessions, streams: Streams::new() };
    let closed = Router::new()
        .route("/", get(now))
        .route("/console/events", get(live::events))
        .route("/console/accesses", get(accesses))
        .route("/console/accesses/{id}", get(access))
        .route("/console/incidents", get(incidents))
        .route("/console/incidents/{id}", get(incident))
        .route("/console/people", get(people))
        .route("/console/docs/{list}/{page}", get(operate))
        .route("/docs/problems", get(problems))
        .route("/console/sign-out", post(sign_out))
        .route("/console/{*rest}", get(nothing))
        .layer(middleware::from_fn_with_state(app.clone(), guard::session));
    let open = Router::new()
        .route("/console/assets/{*path}", get(crate::assets::serve))
        .route("/console/sign-in", get(sign_in_page).post(sign_in));
    closed
        .merge(open)
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .layer(middleware::from_fn(guard::same_origin))
        .layer(middleware::from_fn(guard::headers))
        .with_state(app)
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
        Ok(now) => pages::now(&now),
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

async fn access(State(app): State<App>, Path(id): Path<String>) -> Response {
    let Ok(id) = AccessId::parse(&id) else { return pages::no_access(&id) };
    match ask(&app, move |facts| facts.access(id)).await {
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

async fn people(State(app): State<App>, Query(After { after }): Query<After>) -> Response {
    let is_later = after.is_some();
    match ask(&app, move |facts| facts.people(after.as_deref(), PAGE_ROWS)).await {
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

async fn sign_in_page() -> Response {
    pages::sign_in(StatusCode::OK, None)
}

#[derive(Deserialize)]
struct SignIn {
    token: String,
}

async fn sign_in(State(app): State<App>, Form(form): Form<SignIn>) -> Response {
    let secret = app.sessions.sign_in(form.token.trim());
    match secret.as_deref().and_then(guard::cookie) {
        Some(cookie) => ([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response(),
        None => pages::sign_in(StatusCode::FORBIDDEN, Some(pages::WRONG_TOKEN)),
    }
}

async fn sign_out(State(app): State<App>, Extension(session): Extension<Session>) -> Response {
    app.sessions.sign_out(&session);
    let gone = [(header::SET_COOKIE, guard::no_cookie())];
    (gone, Redirect::to("/console/sign-in")).into_response()
}

#[cfg(test)]
mod tests;
