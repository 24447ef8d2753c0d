//! The one place where a call to the control plane proves who makes it.
//!
//! Each prefix names the kinds of API keys that open it; everything under none of them is closed.
//! A refused credential gets one uniform answer in the shape of its protocol. Who comes in under
//! `/api` is then asked what his roles permit (`acts.rs`, the operators' policies).
//! Best test: `interop/endpoints.py`, every endpoint of `endpoints.txt` against every credential.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::middleware::Next;
use ward_ledger::{Checked, Ledger};
use ward_model::word::ApiKeyKind;
use ward_model::{Caller, Problem, ProblemKind, Reason};
use ward_operators::SharedApprovals;
use ward_policy::OperatorPolicies;

use crate::acts::{self, Does};
use crate::clock;

/// What the control plane asks about credentials.
#[derive(Clone)]
pub struct Desk {
    /// Whether an API key is good.
    pub ledger: Ledger,
    /// Whose it is, and what he may do.
    pub approvals: SharedApprovals,
    /// Which acts roles permit.
    pub policies: Arc<OperatorPolicies>,
}

impl Desk {
    /// The caller behind an API key that is live now.
    pub fn caller(&self, credential: &str) -> Option<Caller> {
        let now = clock::now();
        let Checked::Pass(issued) = self.ledger.check_api_key(credential, now) else { return None };
        let api_key = issued.api_key();
        let kind = self.ledger.api_key(api_key)?.kind;
        Some(self.approvals.read(|it| it.operators().caller(api_key, kind, now)))
    }
}

/// Who may come in where.
#[derive(Clone)]
pub struct Door {
    desk: Desk,
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
    pub const fn new(desk: Desk, kinds: &'static [ApiKeyKind], shape: Shape) -> Self {
        Self { desk, kinds, shape }
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
        self.desk.caller(credential).filter(|caller| self.kinds.contains(&caller.kind))
    }

    /// Why a caller may not do what the route does; `None` when he may.
    fn forbids(&self, caller: &Caller, request: &Request) -> Option<Problem> {
        if caller.kind != ApiKeyKind::Operator {
            return None;
        }
        let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
        let told = match acts::of(request.method(), route) {
            Does::Nothing => return None,
            Does::Act(act) if self.desk.policies.permits(caller.roles, act) => return None,
            Does::Act(act) => format!("your roles ({}) do not permit {act}", caller.roles),
            Does::Unknown => "nobody has said who may do this".to_owned(),
        };
        Some(ProblemKind::Refused(Reason::Policy).problem(told, None))
    }
}

/// Lets a request in with its [`Caller`], or answers it.
pub async fn admit(
    State(door): State<Arc<Door>>,
    mut request: Request,
    next: Next,
) -> Response<Body> {
    match door.caller(&request) {
        Some(caller) => {
            if let Some(problem) = door.forbids(&caller, &request) {
                return crate::api::finish(Err(problem));
            }
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
