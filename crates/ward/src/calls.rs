//! What the console has done at the API, in the session of who presses.
//!
//! The routes are the API's own, with the same list of what is held and the same policies over
//! roles; only the credential is another. What it must never do: let a session that can only look
//! act, or hand out a credential to somebody who has not just proven who he is.
//! Best tests: `e2e/credentials.mjs`, `interop/apikeys.py`.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request, header};
use serde_json::{Value, json};
use tower::ServiceExt as _;
use ward_console::calls::{Call, Called, Calls};
use ward_console::deeds::Later;
use ward_operators::Session;

use crate::app::App;

/// Longest answer read, bytes.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// The API in sessions.
pub struct InSession {
    app: Arc<App>,
    routes: Router,
}

impl InSession {
    /// Over `routes`, which ask for a [`ward_model::Caller`] and judge his roles.
    #[must_use]
    pub const fn new(app: Arc<App>, routes: Router) -> Self {
        Self { app, routes }
    }

    async fn answer(&self, session: &Session, call: Call) -> Called {
        let refuse =
            |status: u16, detail: &str| Called { status, body: json!({ "detail": detail }) };
        let Some(sessions) = self.app.sessions.get().filter(|_| session.may_act()) else {
            return refuse(403, "this session can only look");
        };
        // WHY not for what takes away: whoever sees a thief at work must not be held up.
        if call.method != "DELETE" && !sessions.is_fresh(session) {
            return refuse(403, "prove again who you are: the last proof is too old");
        }
        let request = Request::builder()
            .method(call.method)
            .uri(call.path)
            .header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .extension(sessions.caller(session))
            .body(Body::from(call.body));
        let Ok(request) = request else { return refuse(400, "this is no request") };
        let Ok(response) = self.routes.clone().oneshot(request).await;
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), ANSWER_BYTES_MAX).await;
        let body = body.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Called { status, body: body.unwrap_or(Value::Null) }
    }
}

impl Calls for InSession {
    fn call<'a>(&'a self, session: &'a Session, call: Call) -> Later<'a, Called> {
        Box::pin(self.answer(session, call))
    }
}
