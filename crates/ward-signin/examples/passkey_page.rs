//! A page to try passkeys on: registers, signs in, consents, and says what came of it.
//!
//!     cargo run -p ward-signin --example passkey_page
//!
//! It listens on loopback, prints its address, and ends when its input does. The relying party under
//! test is `ward_signin::passkey`, the script is the console's own. `e2e/passkey.mjs` drives it with
//! Chromium's virtual authenticator. One visitor: what is pending is kept without a session.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use ward_model::UnixMillis;
use ward_signin::passkey::{
    Asserted, CredentialId, Known, PasskeyError, PendingAssertion, PendingConsent,
    PendingRegistration, RelyingParty, UserHandle,
};

/// The console's policy: no inline script, no frame.
const POLICY: &str = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'";
const SCRIPT: &str = include_str!("../../ward-console/assets/passkey.js");
const PAGE: &str = r#"<!doctype html><html lang="en"><meta charset="utf-8"><title>Passkeys</title>
<form id="register" data-passkey="create" data-begin="/register/begin" data-finish="/register/finish"
 data-next="/?registered"><input name="name" value="One"><button>Register</button>
<p data-said role="alert" hidden></p></form>
<form id="sign-in" data-passkey="get" data-begin="/sign-in/begin" data-finish="/sign-in/finish"
 data-next="/?signed-in"><button>Sign in</button><p data-said role="alert" hidden></p></form>
<form id="consent" data-passkey="get" data-begin="/consent/begin" data-finish="/consent/finish"
 data-next="/?consented"><input name="act" value="1"><button>Consent</button>
<p data-said role="alert" hidden></p></form>
<script src="/passkey.js" type="module"></script></html>"#;

/// What is kept: credentials, and the one thing of each kind that is pending.
#[derive(Default)]
struct Kept {
    credentials: HashMap<CredentialId, Known>,
    registration: Option<(UserHandle, PendingRegistration)>,
    sign_in: Option<PendingAssertion>,
    consent: Option<PendingConsent>,
    /// The act in force; consents are to this one.
    act: [u8; 32],
}

struct Site {
    party: RelyingParty,
    kept: Mutex<Kept>,
}

impl Site {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Shared = State<Arc<Site>>;
type Answer = Result<Response, StatusCode>;

/// What begins a ceremony: the page's script sends JSON and gets a ceremony around its options;
/// whoever sends a form gets the options alone.
fn begun(headers: &HeaderMap, body: &Bytes) -> (HashMap<String, String>, fn(String) -> Response) {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if kind.is_some_and(|kind| kind.starts_with("application/json")) {
        let fields = serde_json::from_slice(body).unwrap_or_default();
        return (fields, |options| json(format!(r#"{{"ceremony":"1","options":{options}}}"#)));
    }
    let text = std::str::from_utf8(body).unwrap_or_default();
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    (pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(), json)
}

/// The credential's JSON, alone or with its ceremony around it.
fn credential(body: &Bytes) -> Vec<u8> {
    let told: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    match (told.get("ceremony"), told.get("response")) {
        (Some(_), Some(response)) => response.to_string().into_bytes(),
        _ => body.to_vec(),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let at = format!("http://{}", listener.local_addr()?);
    let party = RelyingParty::of_site(&at, "Ward's passkey page")?;
    let mut out = std::io::stdout();
    writeln!(out, "{} (listens at {at})", party.origin())?;
    out.flush()?;
    let site = Arc::new(Site { party, kept: Mutex::default() });
    let end = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    let served = axum::serve(listener, router(site));
    tokio::select! {
        done = served => done.context("serving"),
        read = end => read?.map(drop).context("reading the input"),
    }
}

fn router(site: Arc<Site>) -> Router {
    let page = || async { ([(header::CONTENT_SECURITY_POLICY, POLICY)], Html(PAGE)) };
    let script = || async { ([(header::CONTENT_TYPE, "text/javascript")], SCRIPT) };
    Router::new()
        .route("/", get(page))
        .route("/passkey.js", get(script))
        .route("/favicon.ico", get(|| async { StatusCode::NO_CONTENT }))
        .route("/register/begin", post(begin_registration))
        .route("/register/finish", post(finish_registration))
        .route("/sign-in/begin", post(begin_sign_in))
        .route("/sign-in/finish", post(finish_sign_in))
        .route("/consent/begin", post(begin_consent))
        .route("/consent/finish", post(finish_consent))
        .route("/act", post(change_act))
        .with_state(site)
}

async fn begin_registration(State(site): Shared, headers: HeaderMap, body: Bytes) -> Answer {
    let (fields, answer) = begun(&headers, &body);
    let random = random()?;
    let mut kept = site.kept();
    let name = fields.get("name").map_or("", String::as_str);
    let Some(user) = UserHandle::new(name.as_bytes()) else {
        return Ok(said(StatusCode::BAD_REQUEST, "Say a name of at most 64 letters."));
    };
    let mine: Vec<CredentialId> = kept
        .credentials
        .iter()
        .filter(|it| it.1.user_handle == user)
        .map(|it| it.0.clone())
        .collect();
    let (options, pending) = site.party.begin_registration(&user, name, &mine, random, now());
    kept.registration = Some((user, pending));
    Ok(answer(options))
}

async fn finish_registration(State(site): Shared, body: Bytes) -> Response {
    let mut kept = site.kept();
    let Some((user_handle, pending)) = kept.registration.take() else { return nothing_pending() };
    let is_taken = |id: &CredentialId| kept.credentials.contains_key(id);
    match site.party.finish_registration(pending, &credential(&body), is_taken, now()) {
        Ok(made) => {
            let (public_key, sign_count) = (made.public_key, made.sign_count);
            let known = Known { public_key, sign_count, user_handle };
            kept.credentials.insert(made.credential_id, known);
            json(format!(r#"{{"backed_up":{}}}"#, made.backed_up))
        }
        Err(why) => refused(why),
    }
}

async fn begin_sign_in(State(site): Shared, headers: HeaderMap, body: Bytes) -> Answer {
    let (_, answer) = begun(&headers, &body);
    let (options, pending) = site.party.begin_assertion(&[], random()?, now());
    site.kept().sign_in = Some(pending);
    Ok(answer(options))
}

async fn finish_sign_in(State(site): Shared, body: Bytes) -> Response {
    let mut kept = site.kept();
    let Some(pending) = kept.sign_in.take() else { return nothing_pending() };
    let lookup = |id: &CredentialId| kept.credentials.get(id).cloned();
    let done = site.party.finish_assertion(pending, &credential(&body), lookup, now());
    settle(&mut kept, done)
}

async fn begin_consent(State(site): Shared, headers: HeaderMap, body: Bytes) -> Answer {
    let (fields, answer) = begun(&headers, &body);
    let random = random()?;
    let mut kept = site.kept();
    kept.act = digest(fields.get("act").map_or("", String::as_str));
    let mine: Vec<CredentialId> = kept.credentials.keys().cloned().collect();
    let (options, pending) = site.party.begin_assertion_over(&kept.act, &mine, random, now());
    kept.consent = Some(pending);
    Ok(answer(options))
}

async fn finish_consent(State(site): Shared, body: Bytes) -> Response {
    let mut kept = site.kept();
    let Some(pending) = kept.consent.take() else { return nothing_pending() };
    let lookup = |id: &CredentialId| kept.credentials.get(id).cloned();
    let done =
        site.party.finish_assertion_over(pending, &kept.act, &credential(&body), lookup, now());
    settle(&mut kept, done)
}

/// Changes the act, as an insider would between what was shown and what takes effect.
async fn change_act(State(site): Shared, body: String) -> StatusCode {
    site.kept().act = digest(&body);
    StatusCode::NO_CONTENT
}

fn settle(kept: &mut Kept, done: Result<Asserted, PasskeyError>) -> Response {
    match done {
        Ok(done) => {
            if let Some(known) = kept.credentials.get_mut(&done.credential_id) {
                known.sign_count = done.sign_count;
            }
            json(format!(r#"{{"sign_count":{}}}"#, done.sign_count))
        }
        Err(why) => refused(why),
    }
}

fn json(body: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// A page to try things on says which check failed; Ward's own doors do not.
fn refused(why: PasskeyError) -> Response {
    said(StatusCode::UNAUTHORIZED, why.kind())
}

fn nothing_pending() -> Response {
    said(StatusCode::CONFLICT, "Nothing is pending.")
}

fn said(status: StatusCode, detail: &str) -> Response {
    (status, Json(serde_json::json!({ "detail": detail }))).into_response()
}

fn digest(text: &str) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(
        aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes()).as_ref(),
    );
    out
}

fn random() -> Result<[u8; 32], StatusCode> {
    let mut out = [0; 32];
    aws_lc_rs::rand::fill(&mut out).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok(out)
}

#[expect(clippy::disallowed_methods, reason = "a program of its own: this is its driver")]
fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis::new(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
