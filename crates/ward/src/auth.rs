//! The one place where a call to the control plane proves who makes it.
//!
//! Each prefix names the kinds of API keys that open it; everything under none of them is closed.
//! A refused credential gets one uniform answer in the shape of its protocol.
//! Best test: `interop/endpoints.py`, every endpoint of `endpoints.txt` against every credential.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::middleware::Next;
use ward_ledger::{Checked, Ledger};
use ward_model::word::ApiKeyKind;
use ward_model::{Caller, Problem, ProblemKind};

use crate::clock;

/// Who may come in where.
#[derive(Clone)]
pub struct Door {
    ledger: Ledger,
    kinds: &'static [ApiKeyKind],
    shape: Shape,
}

/// The shape of a refusal.
#[derive(Clone, Copy)]
pub enum Shape {
    /// RFC 9457.
    Problem,
    /// RFC 7644 §3.12.
    Scim,
}

impl Door {
    /// A door for these kinds of API keys.
    #[must_use]
    pub const fn new(ledger: Ledger, kinds: &'static [ApiKeyKind], shape: Shape) -> Self {
        Self { ledger, kinds, shape }
    }

    fn caller(&self, request: &Request) -> Option<Caller> {
        let mut values = request.headers().get_all(header::AUTHORIZATION).iter();
        let value = values.next()?.to_str().ok()?;
        if values.next().is_some() {
            return None;
        }
        let (scheme, credential) = value.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        caller(&self.ledger, credential).filter(|caller| self.kinds.contains(&caller.kind))
    }
}

/// The caller behind an API key that is live now.
pub fn caller(ledger: &Ledger, credential: &str) -> Option<Caller> {
    let Checked::Pass(issued) = ledger.check_api_key(credential, clock::now()) else { return None };
    let api_key = issued.api_key();
    let kind = ledger.api_key(api_key)?.kind;
    Some(Caller { api_key, kind })
}

/// Lets a request in with its [`Caller`], or answers it.
pub async fn admit(
    State(door): State<Arc<Door>>,
    mut request: Request,
    next: Next,
) -> Response<Body> {
    match door.caller(&request) {
        Some(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        None => refused(door.shape),
    }
}

/// As [`admit`] for everything under `/api/`; other paths pass to a room with its own check.
pub async fn admit_to_api(state: State<Arc<Door>>, request: Request, next: Next) -> Response<Body> {
    if request.uri().path().starts_with("/api/") {
        return admit(state, request, next).await;
    }
    next.run(request).await
}

fn refused(shape: Shape) -> Response<Body> {
    let (kind, body) = match shape {
        Shape::Problem => {
            let problem = ProblemKind::Unauthenticated.problem("", None);
            (Problem::MEDIA_TYPE, problem.to_json())
        }
        Shape::Scim => (
            "application/scim+json",
            br#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"401"}"#
                .to_vec(),
        ),
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::UNAUTHORIZED;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}
