//! *Operators*: who may do what, by which passkeys, in which sessions.

use axum::extract::{Form, Json, Path, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use serde::Deserialize;
use serde_json::json;
use ward_model::word::Role;
use ward_model::{PasskeyId, PersonId, Roles, SessionId};
use ward_operators::desk::Held;
use ward_operators::enrol::EnrolError;
use ward_operators::signin::{Refused, Visitor};

use super::sign_in::{Finish, begun};
use super::{App, answers, ask, nothing, say};
use crate::pages;

const PAGE: &str = "/console/operators";

/// Routes behind a session.
pub fn closed() -> Router<App> {
    Router::new()
        .route("/console/operators", get(list).post(enrol))
        .route("/console/operators/{person}/roles", post(set_roles))
        .route("/console/operators/passkeys/begin", post(more_begin))
        .route("/console/operators/passkeys/finish", post(more_finish).layer(answers()))
        .route("/console/operators/passkeys/{id}/revoke", post(revoke_passkey))
        .route("/console/sessions/{id}/end", post(end_session))
}

async fn list(State(app): State<App>, Extension(visitor): Extension<Visitor>) -> Response {
    let shown = app.deeds.operators(&visitor).await;
    match ask(&app, |facts| facts.now()).await {
        Ok(now) => pages::operators(&shown, &now.custody),
        Err(why) => pages::of_error(&why),
    }
}

/// The roles ticked in a form, and the person it names.
fn of_form(pairs: Vec<(String, String)>) -> Result<(String, Roles), Refused> {
    let (mut person, mut roles) = (String::new(), Vec::new());
    for (name, value) in pairs {
        match name.as_str() {
            "person" => person = value,
            "role" => roles.push(Role::from_name(&value).ok_or(EnrolError::Roles)?),
            _ => {}
        }
    }
    Ok((person, roles.into_iter().collect()))
}

async fn enrol(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Response {
    let work = async {
        let (person, roles) = of_form(pairs)?;
        app.deeds.enrol(&visitor, &person, roles).await
    };
    match work.await {
        Ok(Ok(link)) => {
            let path = format!("/console/enrol?key={}", link.secret.expose());
            pages::link(&format!("{}{path}", app.deeds.origin()), link.expires_at)
        }
        Ok(Err(Held { approval })) => to_proposal(approval),
        Err(refused) => say::page(&refused),
    }
}

async fn set_roles(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path(person): Path<String>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Response {
    let person = PersonId::parse(&person.replace('-', "")).ok().filter(|it| it.uuid() == person);
    let Some(person) = person else { return nothing().await };
    let work = async {
        let (_, roles) = of_form(pairs)?;
        app.deeds.set_roles(&visitor, person, roles).await
    };
    match work.await {
        Ok(Ok(())) => Redirect::to(PAGE).into_response(),
        Ok(Err(Held { approval })) => to_proposal(approval),
        Err(refused) => say::page(&refused),
    }
}

/// What waits is shown where it waits.
fn to_proposal(approval: ward_model::ApprovalId) -> Response {
    Redirect::to(&format!("/console/approvals/{approval}")).into_response()
}

#[derive(Deserialize)]
struct More {
    #[serde(default)]
    name: String,
}

async fn more_begin(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Json(More { name }): Json<More>,
) -> Response {
    begun(app.deeds.more_begin(&visitor, &name).await)
}

async fn more_finish(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Json(finish): Json<Finish>,
) -> Response {
    match app.deeds.more_finish(&visitor, &finish.into()).await {
        Ok(()) => say::value(&json!({ "next": PAGE })),
        Err(refused) => say::problem(&refused),
    }
}

async fn revoke_passkey(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Response {
    let Some(id) = positive(&id) else { return nothing().await };
    back(app.deeds.revoke_passkey(&visitor, PasskeyId(id)).await)
}

async fn end_session(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Response {
    let Some(id) = positive(&id) else { return nothing().await };
    back(app.deeds.end_session(&visitor, SessionId(id)).await)
}

fn positive(text: &str) -> Option<i64> {
    text.parse().ok().filter(|it: &i64| *it > 0)
}

fn back(done: Result<(), Refused>) -> Response {
    match done {
        Ok(()) => Redirect::to(PAGE).into_response(),
        Err(refused) => say::page(&refused),
    }
}
