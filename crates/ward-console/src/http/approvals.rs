//! *Approvals*: what waits for a second person, and his word for it.

use axum::extract::{Form, Json, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use serde::Deserialize;
use serde_json::json;
use ward_model::ApprovalId;
use ward_operators::approval::Standing;
use ward_operators::signin::{Refused, Visitor};

use super::sign_in::{Finish, begun};
use super::{App, answers, nothing, say};
use crate::pages;

/// Routes behind a session.
pub fn closed() -> Router<App> {
    Router::new()
        .route("/console/approvals", get(list))
        .route("/console/approvals/{id}", get(one))
        .route("/console/approvals/{id}/consent/begin", post(consent_begin))
        .route("/console/approvals/{id}/consent/finish", post(consent_finish).layer(answers()))
        .route("/console/approvals/{id}/consent/confirm", post(consent_confirm))
        .route("/console/approvals/{id}/refuse", post(refuse))
        .route("/console/approvals/{id}/withdraw", post(withdraw))
}

/// A proposal's number as a path names it.
pub fn number(text: &str) -> Option<ApprovalId> {
    text.parse().ok().filter(|it: &i64| *it > 0 && it.to_string() == text).map(ApprovalId)
}

/// A digest as pages spell it: 64 lower-case hex digits.
pub fn digest(text: &str) -> Option<[u8; 32]> {
    data_encoding::HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()
}

async fn list(State(app): State<App>, Extension(visitor): Extension<Visitor>) -> Response {
    pages::approvals(&app.deeds.approvals(&visitor).await)
}

async fn one(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Response {
    let Some(id) = number(&id) else { return nothing().await };
    match app.deeds.approval(&visitor, id).await {
        Some(it) => pages::approval(&it),
        None => nothing().await,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConsentBegin {
    /// Of the act that the person looked at; without one, what is proposed now.
    digest: Option<String>,
}

async fn consent_begin(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    Json(it): Json<ConsentBegin>,
) -> Response {
    let seen = it.digest.as_deref().map(digest);
    let (Some(id), None | Some(Some(_))) = (number(&id), seen) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let digest = seen.flatten();
    begun(app.deeds.consent_begin(&visitor, id, digest))
}

async fn consent_finish(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    Json(finish): Json<Finish>,
) -> Response {
    let Some(id) = number(&id) else { return StatusCode::BAD_REQUEST.into_response() };
    match app.deeds.consent_finish(&visitor, id, &finish.into()).await {
        Ok(standing) => say::value(&told(standing)),
        Err(refused) => say::problem(&refused),
    }
}

fn told(standing: Standing) -> serde_json::Value {
    let missing = match standing {
        Standing::Waiting { missing } => missing,
        Standing::Approved | Standing::Ended(_) => 0,
    };
    json!({ "state": standing.as_str(), "missing": missing })
}

#[derive(Deserialize)]
struct Confirm {
    ceremony: String,
}

async fn consent_confirm(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    Form(Confirm { ceremony }): Form<Confirm>,
) -> Response {
    let Some(id) = number(&id) else { return nothing().await };
    let consented = app.deeds.consent_confirm(&visitor, id, &ceremony).await;
    back(id, consented.map(|_| ()))
}

async fn refuse(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Response {
    let Some(id) = number(&id) else { return nothing().await };
    back(id, app.deeds.refuse(&visitor, id).await)
}

async fn withdraw(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Response {
    let Some(id) = number(&id) else { return nothing().await };
    back(id, app.deeds.withdraw(&visitor, id).await)
}

fn back(id: ApprovalId, done: Result<(), Refused>) -> Response {
    match done {
        Ok(()) => Redirect::to(&format!("/console/approvals/{id}")).into_response(),
        Err(refused) => say::page(&refused),
    }
}
