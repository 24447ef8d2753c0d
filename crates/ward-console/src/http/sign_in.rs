//! Signing in by passkey, and the first passkey of a one-time link.

use axum::extract::{Json, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use ward_model::Secret;
use ward_operators::signin::{Begun, Opened, Refused, Visitor};

use super::{App, answers, say};
use crate::deeds::Answer;
use crate::{guard, pages};

/// Routes that anybody may try.
pub fn open() -> Router<App> {
    Router::new()
        .route("/console/sign-in", get(page))
        .route("/console/passkey/begin", post(begin))
        .route("/console/passkey/finish", post(finish).layer(answers()))
        .route("/console/enrol", get(enrol))
        .route("/console/enrol/begin", post(enrol_begin))
        .route("/console/enrol/finish", post(enrol_finish).layer(answers()))
}

/// A browser's answer to a ceremony, as `passkey.js` posts it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finish {
    ceremony: String,
    response: Box<RawValue>,
}

impl From<Finish> for Answer {
    fn from(finish: Finish) -> Self {
        Self { ceremony: finish.ceremony, response: finish.response.get().to_owned() }
    }
}

/// What `passkey.js` is told to begin with.
pub fn begun(begun: Result<Begun, Refused>) -> Response {
    let told = begun.and_then(|Begun { ceremony, options }| {
        let options: Value = serde_json::from_str(&options).map_err(|_| Refused::NotProven)?;
        Ok(json!({ "ceremony": ceremony, "options": options }))
    });
    match told {
        Ok(told) => say::value(&told),
        Err(refused) => say::problem(&refused),
    }
}

fn signed_in(app: &App, opened: Result<Opened, Refused>) -> Response {
    match opened {
        Ok(opened) => {
            let cookie = guard::cookie(app, &opened.secret);
            let mut response = say::value(&json!({ "next": "/" }));
            if let Some(cookie) = cookie {
                response.headers_mut().insert(header::SET_COOKIE, cookie);
            }
            response
        }
        Err(refused) => say::problem(&refused),
    }
}

#[derive(Deserialize)]
struct Next {
    next: Option<String>,
}

async fn page(
    State(app): State<App>,
    Query(Next { next }): Query<Next>,
    headers: HeaderMap,
) -> Response {
    let door = guard::door(&app, &headers, next.as_deref().unwrap_or("/"));
    pages::sign_in(StatusCode::OK, &door)
}

async fn begin(State(app): State<App>, Extension(visitor): Extension<Visitor>) -> Response {
    begun(Ok(app.deeds.passkey_begin(&visitor)))
}

async fn finish(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Json(finish): Json<Finish>,
) -> Response {
    let opened = app.deeds.passkey_finish(&visitor, &finish.into()).await;
    signed_in(&app, opened)
}

#[derive(Deserialize)]
struct Key {
    #[serde(default)]
    key: String,
}

async fn enrol(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Query(Key { key }): Query<Key>,
    headers: HeaderMap,
) -> Response {
    let door = guard::door(&app, &headers, "/");
    match app.deeds.enrol_look(&visitor, &key).await {
        Ok(invitation) => pages::enrol(&door, &key, &invitation),
        Err(refused) => {
            let complaint = Some(say::sentence(&refused));
            let door = pages::Door { complaint, ..door };
            pages::sign_in(say::status(&refused), &door).into_response()
        }
    }
}

#[derive(Deserialize)]
struct EnrolBegin {
    key: String,
    name: String,
    #[serde(default)]
    user_name: String,
    #[serde(default)]
    display_name: String,
}

async fn enrol_begin(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Json(it): Json<EnrolBegin>,
) -> Response {
    let key = Secret::new(it.key);
    let says = (it.user_name.as_str(), it.display_name.as_str());
    begun(app.deeds.enrol_begin(&visitor, key, &it.name, says).await)
}

async fn enrol_finish(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Json(finish): Json<Finish>,
) -> Response {
    let opened = app.deeds.enrol_finish(&visitor, &finish.into()).await;
    signed_in(&app, opened)
}
