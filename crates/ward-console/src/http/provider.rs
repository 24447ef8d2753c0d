//! Through the company's identity provider (OpenID Connect): there, back, and signed out from there.

use axum::extract::{Form, Query, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use serde::Deserialize;
use serde_json::json;
use ward_operators::signin::{Journey, Refused, Returned, Visitor};

use super::approvals::{digest, number};
use super::{App, answers, nothing, say};
use crate::{guard, pages};

/// Routes that anybody may try.
pub fn open() -> Router<App> {
    Router::new()
        .route("/console/oidc/start", get(start))
        .route("/console/oidc/callback", get(callback))
        .route("/console/oidc/back-channel-logout", post(back_channel_logout).layer(answers()))
}

#[derive(Deserialize)]
struct Start {
    next: Option<String>,
    consent: Option<String>,
    digest: Option<String>,
    #[serde(default)]
    again: bool,
}

async fn start(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Query(asked): Query<Start>,
    headers: HeaderMap,
) -> Response {
    let journey = match (&asked.consent, asked.again) {
        (Some(id), _) => {
            let seen = asked.digest.as_deref().and_then(digest);
            let (Some(id), Some(seen)) = (number(id), seen) else { return nothing().await };
            Journey::Consent(id, seen)
        }
        (None, true) => Journey::ProveAgain,
        (None, false) => Journey::SignIn,
    };
    let next = asked.next.as_deref().unwrap_or("/");
    match app.deeds.company_begin(&visitor, journey, next).await {
        Ok((address, ceremony)) => {
            let mut response = Redirect::to(&address).into_response();
            if let Some(cookie) = guard::away_cookie(&app, &ceremony) {
                response.headers_mut().insert(header::SET_COOKIE, cookie);
            }
            response
        }
        Err(refused) => refusal(&app, &headers, &refused),
    }
}

async fn callback(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let ceremony = guard::cookies(&headers, guard::AWAY).into_iter().next().unwrap_or_default();
    let query = query.unwrap_or_default();
    let mut response = match app.deeds.company_finish(&visitor, &ceremony, &query).await {
        Ok(Returned::SignedIn(opened, next)) => {
            pages::welcome(guard::cookie(&app, &opened.secret), &next)
        }
        Ok(Returned::Proved(next)) => pages::welcome(None, &next),
        Ok(Returned::Confirm { ceremony, approval, session }) => {
            let visitor = Visitor { session: Some(session), ..visitor };
            match app.deeds.approval(&visitor, approval).await {
                Some(it) => pages::confirm(&it, &ceremony),
                None => nothing().await,
            }
        }
        Err(refused) => refusal(&app, &headers, &refused),
    };
    response.headers_mut().append(header::SET_COOKIE, guard::no_away_cookie());
    response
}

fn refusal(app: &App, headers: &HeaderMap, refused: &Refused) -> Response {
    let complaint = Some(say::sentence(refused));
    let door = pages::Door { complaint, ..guard::door(app, headers, "/") };
    pages::sign_in(say::status(refused), &door)
}

#[derive(Deserialize)]
struct Logout {
    logout_token: String,
}

/// Back-Channel Logout 1.0 §2.8: 200, or 400 with the reason in no words of ours.
async fn back_channel_logout(
    State(app): State<App>,
    Form(Logout { logout_token }): Form<Logout>,
) -> Response {
    match app.deeds.company_logout(&logout_token).await {
        Ok(_ended) => StatusCode::OK.into_response(),
        Err(status) => {
            let mut response = say::value(&json!({ "error": "invalid_request" }));
            *response.status_mut() =
                StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
            response
        }
    }
}
