//! The transit door: `sign`, `verify` and `keys` as HashiCorp Vault and OpenBao have them.
//!
//! What it is: the paths, bodies, answers and status codes that unmodified clients of Vault's
//! transit engine know, over Ward's own keys, rules and ledger. What differs stands in
//! `docs/transit.md`, each with its reason.
//! What it must never do: sign bytes that are not an access token's `header.payload`, let a signature
//! leave that is not entered, call a signature valid because it verifies, or show a private key.
//! Where it sits: over [`Signing`]; who calls is proved before it. Source: OpenBao 2.7,
//! `builtin/logical/transit`. Best tests: `transit/tests.rs`, `interop/transit.py`.

mod keys;
mod sign;
pub mod signature;
mod verify;
mod wire;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Extension, Path, State};
use axum::http::{Method, Response, Uri};
use axum::routing::any;
use ward_model::Caller;

use crate::limits::BATCH_BYTES_MAX;
use crate::policy::TransitRule;
use crate::signing::Signing;
use crate::transit::wire::{Answer, Refusal, answered, body};

/// The routes of the transit door. They need a [`Caller`] in the request's extensions; without one
/// they answer 403, as Vault does.
pub fn transit_router(signing: Signing) -> Router {
    Router::new()
        .route("/v1/transit/sign/{name}", any(sign_one))
        .route("/v1/transit/sign/{name}/{hash}", any(sign_named))
        .route("/v1/transit/verify/{name}", any(verify_one))
        .route("/v1/transit/verify/{name}/{hash}", any(verify_named))
        .route("/v1/transit/keys", any(list))
        .route("/v1/transit/keys/{name}", any(key))
        .route("/v1/transit/keys/{name}/rotate", any(rotate))
        .route("/v1/transit/keys/{name}/config", any(config))
        .route("/v1/transit", any(nothing))
        .route("/v1/transit/{*rest}", any(nothing))
        .layer(DefaultBodyLimit::max(BATCH_BYTES_MAX))
        .with_state(signing)
}

type Knock = Option<Extension<Caller>>;

/// One call at the door: who, on which key.
pub(crate) struct Call<'a> {
    pub(crate) signing: &'a Signing,
    pub(crate) caller: Caller,
    pub(crate) name: &'a str,
}

impl Call<'_> {
    /// The issuer whose token key has this name for this caller, and what he may do with it.
    pub(crate) fn opened(&self) -> Result<(String, TransitRule), Refusal> {
        let rules = self.signing.rules();
        let found = rules.transit(self.name, self.signing.is_callers(&self.caller));
        let rule = found.ok_or(Refusal::Denied)?;
        let transit = rule.transit.clone().ok_or(Refusal::Denied)?;
        Ok((rule.issuer.clone(), transit))
    }
}

fn call<'a>(signing: &'a Signing, caller: Knock, name: &'a str) -> Result<Call<'a>, Refusal> {
    let Extension(caller) = caller.ok_or(Refusal::Denied)?;
    Ok(Call { signing, caller, name })
}

fn writes(method: &Method) -> Result<(), Refusal> {
    match *method {
        Method::POST | Method::PUT => Ok(()),
        _ => Err(Refusal::Unsupported),
    }
}

async fn sign_one(
    state: State<Signing>,
    method: Method,
    caller: Knock,
    Path(name): Path<String>,
    bytes: Bytes,
) -> Response<Body> {
    signed(&state.0, &method, caller, &name, None, &bytes).await
}

async fn sign_named(
    state: State<Signing>,
    method: Method,
    caller: Knock,
    Path((name, hash)): Path<(String, String)>,
    bytes: Bytes,
) -> Response<Body> {
    signed(&state.0, &method, caller, &name, Some(hash), &bytes).await
}

async fn signed(
    signing: &Signing,
    method: &Method,
    caller: Knock,
    name: &str,
    hash: Option<String>,
    bytes: &[u8],
) -> Response<Body> {
    let done: Answer = async {
        let call = call(signing, caller, name)?;
        call.opened()?;
        writes(method)?;
        sign::sign(&call, body(bytes)?, hash).await
    }
    .await;
    answered(signing, done)
}

async fn verify_one(
    state: State<Signing>,
    method: Method,
    caller: Knock,
    Path(name): Path<String>,
    bytes: Bytes,
) -> Response<Body> {
    verified(&state.0, &method, caller, &name, None, &bytes).await
}

async fn verify_named(
    state: State<Signing>,
    method: Method,
    caller: Knock,
    Path((name, hash)): Path<(String, String)>,
    bytes: Bytes,
) -> Response<Body> {
    verified(&state.0, &method, caller, &name, Some(hash), &bytes).await
}

async fn verified(
    signing: &Signing,
    method: &Method,
    caller: Knock,
    name: &str,
    hash: Option<String>,
    bytes: &[u8],
) -> Response<Body> {
    let done: Answer = async {
        let call = call(signing, caller, name)?;
        call.opened()?;
        writes(method)?;
        verify::verify(&call, body(bytes)?, hash).await
    }
    .await;
    answered(signing, done)
}

/// `LIST`, or `GET` with `list=true`.
async fn list(
    State(signing): State<Signing>,
    method: Method,
    uri: Uri,
    caller: Knock,
) -> Response<Body> {
    let listing = method.as_str() == "LIST"
        || (method == Method::GET && uri.query().is_some_and(|query| query == "list=true"));
    let done = call(&signing, caller, "").and_then(|call| match listing {
        true => keys::list(&call),
        false => Err(Refusal::Unsupported),
    });
    answered(&signing, done)
}

async fn key(
    State(signing): State<Signing>,
    method: Method,
    caller: Knock,
    Path(name): Path<String>,
    bytes: Bytes,
) -> Response<Body> {
    let done: Answer = async {
        let call = call(&signing, caller, &name)?;
        call.opened()?;
        match method {
            Method::GET => keys::read(&call),
            Method::POST | Method::PUT => keys::create(&call, body(&bytes)?).await,
            Method::DELETE => keys::delete(&call),
            _ => Err(Refusal::Unsupported),
        }
    }
    .await;
    answered(&signing, done)
}

async fn rotate(
    State(signing): State<Signing>,
    method: Method,
    caller: Knock,
    Path(name): Path<String>,
    bytes: Bytes,
) -> Response<Body> {
    let done: Answer = async {
        let call = call(&signing, caller, &name)?;
        call.opened()?;
        writes(&method)?;
        keys::rotate(&call, body(&bytes)?).await
    }
    .await;
    answered(&signing, done)
}

async fn config(
    State(signing): State<Signing>,
    method: Method,
    caller: Knock,
    Path(name): Path<String>,
    bytes: Bytes,
) -> Response<Body> {
    let done: Answer = async {
        let call = call(&signing, caller, &name)?;
        call.opened()?;
        writes(&method)?;
        keys::configure(&call, body(&bytes)?)
    }
    .await;
    answered(&signing, done)
}

/// Paths of Vault's engine that Ward does not have, and paths nobody has.
async fn nothing(State(signing): State<Signing>, caller: Knock) -> Response<Body> {
    let done = call(&signing, caller, "").and_then(|_| Err(Refusal::NoPath));
    answered(&signing, done)
}

#[cfg(test)]
mod tests;
