//! The smallest relying party there can be, for judging `ward_signin::oidc` from outside with real
//! identity providers: `interop/oidc.py` drives it.
//!
//! `rp '{"listen": "127.0.0.1:9", "issuer": ..., "client_id": ..., "client_secret": ...}'`
//!
//! - `GET /in?return=/PATH` sends the browser away; `GET /in?step_up=SECONDS` does so again.
//! - `GET /back` is where it comes back: who it is, as JSON, or `{"error": KIND}` with status 403.
//! - `GET /me` is who is signed in, or 401; `POST /backchannel` takes logout tokens.

#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a program, not the library")]

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use axum::extract::{Form, Query, RawQuery, State};
use axum::http::header::{CACHE_CONTROL, COOKIE, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use serde_json::{Value, json};
use ward_model::{Secret, UnixMillis};
use ward_signin::oidc::{
    AssertionKey, Callback, ClientAuthentication, Fetch, FetchError, FetchRequest, Issuer, Pending,
    Proven, Provider, Purpose, SessionId, Settings, SignInError, Subject, limits, safe_return_path,
};

type Failure = Box<dyn Error + Send + Sync>;

/// What the program is told.
#[derive(Deserialize)]
struct Told {
    listen: String,
    issuer: String,
    client_id: String,
    client_secret: Option<String>,
    /// PKCS#8 in base64url, instead of a secret; its name is `rp`.
    client_key: Option<String>,
}

/// Plain HTTP, as only providers on this very machine are asked.
#[derive(Clone)]
struct Plain(Client<HttpConnector, Full<Bytes>>);

impl Fetch for Plain {
    async fn fetch(&self, it: FetchRequest) -> Result<http::Response<Vec<u8>>, FetchError> {
        let request = it.request.map(|body| Full::new(Bytes::from(body)));
        let whole = async {
            let broken = |it: hyper_util::client::legacy::Error| FetchError::Unreachable(it.into());
            let (head, body) = self.0.request(request).await.map_err(broken)?.into_parts();
            let limited = Limited::new(body, it.answer_bytes_max).collect().await;
            let body = limited.map_err(|error| match error.downcast::<LengthLimitError>() {
                Ok(_) => FetchError::TooLong,
                Err(other) => FetchError::Unreachable(other),
            })?;
            Ok(http::Response::from_parts(head, body.to_bytes().to_vec()))
        };
        let limit = Duration::from_millis(it.ms_max);
        tokio::time::timeout(limit, whole).await.unwrap_or(Err(FetchError::TooLate))
    }
}

/// Somebody who is signed in.
struct Session {
    subject: Subject,
    sid: Option<SessionId>,
    shown: Value,
}

struct Rp {
    provider: Provider<Plain>,
    /// By the value of the cookie `rp_pending`, with the path to go back to.
    pending: Mutex<HashMap<String, (Pending, String)>>,
    /// By the value of the cookie `rp_session`.
    sessions: Mutex<HashMap<String, Session>>,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let told = std::env::args().nth(1).ok_or("rp SETTINGS")?;
    let told: Told = serde_json::from_str(&told)?;
    let authentication = match (told.client_secret, told.client_key) {
        (Some(secret), None) => ClientAuthentication::SecretBasic(Secret::new(secret)),
        (None, Some(key)) => {
            let der = Secret::new(BASE64URL_NOPAD.decode(key.as_bytes())?);
            ClientAuthentication::PrivateKeyJwt(AssertionKey::from_pkcs8("rp", &der)?)
        }
        _ => return Err("either client_secret or client_key".into()),
    };
    let settings = Settings {
        issuer: Issuer::parse(&told.issuer)?,
        client_id: told.client_id,
        authentication,
        redirect_uri: format!("http://{}/back", told.listen),
        scopes: ["email", "profile", "groups"].map(str::to_owned).to_vec(),
        groups_claim: "groups".to_owned(),
    };
    let client = Client::builder(TokioExecutor::new()).build_http();
    let rp = Rp {
        provider: Provider::new(settings, Plain(client))?,
        pending: Mutex::default(),
        sessions: Mutex::default(),
    };
    let doors = axum::Router::new()
        .route("/in", get(away))
        .route("/back", get(back))
        .route("/me", get(me))
        .route("/backchannel", post(backchannel))
        .with_state(Arc::new(rp));
    let listener = tokio::net::TcpListener::bind(&told.listen).await?;
    println!("{}", json!({ "url": format!("http://{}", told.listen) }));
    Ok(axum::serve(listener, doors).await?)
}

/// Sends the browser away.
async fn away(
    State(rp): State<Arc<Rp>>,
    Query(asked): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let purpose = match asked.get("step_up").and_then(|seconds| seconds.parse().ok()) {
        None => Purpose::SignIn,
        Some(max_age_seconds) => {
            let sessions = rp.sessions.lock().unwrap_or_else(PoisonError::into_inner);
            let session = cookie(&headers, "rp_session").and_then(|it| sessions.get(&it));
            let Some(session) = session else { return StatusCode::UNAUTHORIZED.into_response() };
            Purpose::StepUp { max_age_seconds, subject: session.subject.clone() }
        }
    };
    let path = asked.get("return").and_then(|path| safe_return_path(path)).unwrap_or("/");
    let (Ok(random), Ok(handle)) = (random::<{ limits::RANDOM_BYTES }>(), random::<32>()) else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    match rp.provider.begin(purpose, &random, now()).await {
        Err(error) => refused(&error),
        Ok((to, pending)) => {
            let handle = HEXLOWER.encode(&handle);
            let mut all = rp.pending.lock().unwrap_or_else(PoisonError::into_inner);
            all.insert(handle.clone(), (pending, path.to_owned()));
            let kept = format!("rp_pending={handle}; Path=/; HttpOnly; SameSite=Lax");
            (StatusCode::FOUND, [(LOCATION, to), (SET_COOKIE, kept)]).into_response()
        }
    }
}

/// Where the browser comes back.
async fn back(
    State(rp): State<Arc<Rp>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let taken = cookie(&headers, "rp_pending").and_then(|handle| {
        rp.pending.lock().unwrap_or_else(PoisonError::into_inner).remove(&handle)
    });
    let Some((pending, path)) = taken else { return refused(&SignInError::WrongState) };
    let callback = match Callback::parse(&query.unwrap_or_default()) {
        Ok(callback) => callback,
        Err(error) => return refused(&error),
    };
    let proven = match rp.provider.finish(pending, &callback, now()).await {
        Ok(proven) => proven,
        Err(error) => return refused(&error),
    };
    let Ok(handle) = random::<32>().map(|it| HEXLOWER.encode(&it)) else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let shown = show(&proven, &path);
    let session = Session { subject: proven.subject, sid: proven.sid, shown: shown.clone() };
    let mut all = rp.sessions.lock().unwrap_or_else(PoisonError::into_inner);
    all.insert(handle.clone(), session);
    let kept = format!("rp_session={handle}; Path=/; HttpOnly; SameSite=Lax");
    ([(SET_COOKIE, kept)], axum::Json(shown)).into_response()
}

async fn me(State(rp): State<Arc<Rp>>, headers: HeaderMap) -> Response {
    let sessions = rp.sessions.lock().unwrap_or_else(PoisonError::into_inner);
    match cookie(&headers, "rp_session").and_then(|it| sessions.get(&it)) {
        Some(session) => axum::Json(session.shown.clone()).into_response(),
        None => StatusCode::UNAUTHORIZED.into_response(),
    }
}

/// Ends the sessions a logout token names.
async fn backchannel(
    State(rp): State<Arc<Rp>>,
    Form(form): Form<HashMap<String, String>>,
) -> Response {
    let token = form.get("logout_token").map(String::as_str).unwrap_or_default();
    let uncached = [(CACHE_CONTROL, "no-store")];
    match rp.provider.logout(token, now()).await {
        Err(error) => {
            let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
            (status, uncached, axum::Json(json!({ "error": error.kind() }))).into_response()
        }
        Ok(ended) => {
            let is_ended = |it: &Session| {
                ended.subject.as_ref().is_none_or(|subject| it.subject == *subject)
                    && ended.sid.as_ref().is_none_or(|sid| it.sid.as_ref() == Some(sid))
            };
            let mut sessions = rp.sessions.lock().unwrap_or_else(PoisonError::into_inner);
            sessions.retain(|_, it| !is_ended(it));
            uncached.into_response()
        }
    }
}

fn show(it: &Proven, path: &str) -> Value {
    json!({
        "issuer": it.issuer.as_str(), "subject": it.subject.as_str(), "groups": it.groups,
        "sid": it.sid.as_ref().map(SessionId::as_str), "email": it.email,
        "preferred_username": it.preferred_username, "acr": it.acr, "amr": it.amr,
        "auth_time": it.auth_time.map(UnixMillis::seconds), "is_fresh": it.is_fresh,
        "return": path,
    })
}

fn refused(error: &SignInError) -> Response {
    let mut why = String::new();
    let mut next: Option<&dyn Error> = Some(error);
    while let Some(it) = next {
        why = format!("{why}{}{it}", if why.is_empty() { "" } else { ": " });
        next = it.source();
    }
    let body = json!({ "error": error.kind(), "why": why, "shown": error.external() });
    (StatusCode::FORBIDDEN, axum::Json(body)).into_response()
}

fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = headers.get_all(COOKIE).iter().filter_map(|it| it.to_str().ok());
    let mut pairs = all.flat_map(|it| it.split(';')).filter_map(|it| it.trim().split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
}

fn random<const BYTES: usize>() -> Result<[u8; BYTES], aws_lc_rs::error::Unspecified> {
    let mut bytes = [0; BYTES];
    SystemRandom::new().fill(&mut bytes)?;
    Ok(bytes)
}

fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis::new(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
