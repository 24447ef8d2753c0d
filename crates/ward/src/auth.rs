//! The one place where a call to the control plane proves who makes it.
//!
//! Each prefix names the kinds of API keys that open it; everything under none of them is closed.
//! A refused credential gets one uniform answer in the shape of its protocol. Who comes in under
//! `/api` is then asked what his roles permit (`acts.rs`, the operators' policies).
//! Best test: `interop/endpoints.py`, every endpoint of `endpoints.txt` against every credential.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use axum::middleware::Next;
use ward_ledger::{Checked, Ledger};
use ward_model::word::ApiKeyKind;
use ward_model::{ApiKeyId, Caller, Networks, Problem, ProblemKind, Reason};
use ward_operators::SharedApprovals;
use ward_policy::OperatorPolicies;

use crate::acts::{self, Does};
use crate::app::App;
use crate::clock;
use crate::view::uses::Uses;

/// What the control plane asks about credentials.
#[derive(Clone)]
pub struct Desk {
    /// Whether an API key is good.
    pub ledger: Ledger,
    /// Whose it is, and what he may do.
    pub approvals: SharedApprovals,
    /// Which acts roles permit.
    pub policies: Arc<OperatorPolicies>,
    /// Where use is counted.
    pub uses: Uses,
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

/// Where a request to the control plane comes from: the peer, or what a door says.
pub fn source(doors: &Networks, peer: SocketAddr, headers: &HeaderMap) -> IpAddr {
    let said: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .map(|value| value.to_str().unwrap_or_default())
        .collect();
    ward_model::network::source(peer.ip(), doors, said.into_iter())
}

/// Before every door: an API key that is presented from outside its networks is taken off the
/// request, so that each door refuses in its own shape.
///
/// WHY here and not at the doors: nobody can forget it at a new one.
pub async fn confine(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Response<Body> {
    let presented = presented(&app.ledger, request.headers());
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|it| it.0);
    for (header, api_key) in &presented {
        let from = peer.map(|peer| source(&app.config.forwarded_from, peer, request.headers()));
        let admitted = from.map_or_else(
            || app.ledger.terms(*api_key).is_none_or(|terms| terms.networks.is_empty()),
            |from| app.ledger.admits(*api_key, from),
        );
        if !admitted {
            tracing::info!(api_key = api_key.0, "an API key came from outside its networks");
            let nothing = match *header == AUTHORIZATION {
                true => HeaderValue::from_static("Bearer ward_outside_its_networks"),
                false => HeaderValue::from_static("ward_outside_its_networks"),
            };
            request.headers_mut().insert(header.clone(), nothing);
        }
    }
    let asks = request.uri().path().starts_with("/oauth/");
    let response = next.run(request).await;
    // Doors count for themselves; those of OAuth know API keys among other credentials.
    if asks && response.status() == StatusCode::OK {
        presented.iter().for_each(|(_, api_key)| app.uses.let_in(*api_key, clock::now()));
    }
    response
}

/// API keys a request carries, and where.
fn presented(ledger: &Ledger, headers: &HeaderMap) -> Vec<(HeaderName, ApiKeyId)> {
    let places = [AUTHORIZATION, HeaderName::from_static("x-vault-token")];
    let all = places.into_iter().filter_map(|place| {
        let text = headers.get(&place)?.to_str().ok()?;
        let text = text.rsplit(' ').next().unwrap_or(text);
        Some((place, ledger.api_key_of(text)?.id))
    });
    all.collect()
}

/// The shape of a refusal.
#[derive(Clone, Copy)]
pub enum Shape {
    /// RFC 9457.
    Problem,
    /// RFC 7644 §3.12.
    Scim,
    /// Vault's, at the transit door: `X-Vault-Token`, or a bearer.
    Vault,
}

impl Door {
    /// A door for these kinds of API keys.
    #[must_use]
    pub const fn new(desk: Desk, kinds: &'static [ApiKeyKind], shape: Shape) -> Self {
        Self { desk, kinds, shape }
    }

    fn caller(&self, request: &Request) -> Option<Caller> {
        if let Shape::Vault = self.shape {
            let mut tokens = request.headers().get_all("x-vault-token").iter();
            if let Some(token) = tokens.next() {
                // WHY no second credential: which of two counts would be anybody's guess.
                let alone = tokens.next().is_none()
                    && !request.headers().contains_key(header::AUTHORIZATION);
                let token = token.to_str().ok().filter(|_| alone)?;
                return self.desk.caller(token).filter(|it| self.kinds.contains(&it.kind));
            }
        }
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
                if let Shape::Vault = door.shape {
                    return refused(door.shape);
                }
                return crate::api::finish(Err(problem));
            }
            door.desk.uses.let_in(caller.api_key, clock::now());
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        None => refused(door.shape),
    }
}

/// Lets a [`Caller`] through whom a session stands for, if his roles permit what the route does.
pub async fn permitted(State(desk): State<Desk>, request: Request, next: Next) -> Response<Body> {
    let door = Door::new(desk, &[], Shape::Problem);
    match request.extensions().get::<Caller>().copied() {
        None => refused(Shape::Problem),
        Some(caller) => match door.forbids(&caller, &request) {
            Some(problem) => crate::api::finish(Err(problem)),
            None => next.run(request).await,
        },
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
        Shape::Vault => ("application/json", br#"{"errors":["permission denied"]}"#.to_vec()),
    };
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Shape::Vault = shape {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        *response.status_mut() = StatusCode::FORBIDDEN;
        return response;
    }
    *response.status_mut() = StatusCode::UNAUTHORIZED;
    let headers = response.headers_mut();
    headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}
