//! The door of the console: headers on every answer, same-origin acts, a session for every page.
//!
//! What it must never do: let a page out without the headers below, or say why a sign-in failed.
//! Specifications: CSP Level 3; Fetch Metadata Request Headers; RFC 6265bis §5.4.7 (SameSite).
//! Best test: `http/tests.rs`.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::http::App;
use crate::limits::COOKIES_MAX;
use crate::pages;
use crate::sessions::{Session, Sessions};

/// The cookie that carries a session's secret.
pub const COOKIE: &str = "ward_session";
/// The header that scripts of ours set on acts; a foreign form cannot.
pub const OURS: HeaderName = HeaderName::from_static("ward-console");

const HEADERS: [(HeaderName, HeaderValue); 7] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
             object-src 'none'",
        ),
    ),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    // WHY not `no-referrer`: browsers would then send `Origin: null` with our own forms.
    (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("camera=(), geolocation=(), microphone=(), payment=()"),
    ),
];

/// Puts the headers on every answer; pages are never stored.
pub async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let to = response.headers_mut();
    for (name, value) in HEADERS {
        to.insert(name, value);
    }
    to.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Refuses an act that does not come from a page of ours.
pub async fn same_origin(request: Request, next: Next) -> Response {
    if request.method().is_safe() || is_ours(request.headers()) {
        return next.run(request).await;
    }
    pages::fault(StatusCode::FORBIDDEN, "This act did not come from the console.", None)
}

/// Lets a request with a session in, spends one-time links, shows the sign-in page to all others.
pub async fn session(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let session = session_of(&app.sessions, request.headers());
    if let Some(key) = one_time_key(request.method(), request.uri()) {
        return match app.sessions.redeem(key) {
            Some(secret) => pages::welcome(cookie(&secret)),
            None if session.is_some() => pages::welcome(None),
            None => pages::sign_in(StatusCode::UNAUTHORIZED, Some(pages::SPENT_LINK)),
        };
    }
    match session {
        Some(session) => {
            request.extensions_mut().insert(session);
            next.run(request).await
        }
        None => {
            let mut response = pages::sign_in(StatusCode::UNAUTHORIZED, None).into_response();
            let scheme = HeaderValue::from_static("Ward-Session realm=\"console\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
            response
        }
    }
}

/// The cookie for a session's secret.
pub fn cookie(secret: &str) -> Option<HeaderValue> {
    let text = format!("{COOKIE}={secret}; HttpOnly; SameSite=Strict; Path=/");
    HeaderValue::try_from(text).ok()
}

/// The cookie that takes the session's away.
pub fn no_cookie() -> HeaderValue {
    HeaderValue::from_static("ward_session=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0")
}

fn session_of(sessions: &Sessions, headers: &HeaderMap) -> Option<Session> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
        .take(COOKIES_MAX)
        .find_map(|secret| sessions.enter(secret))
}

/// The key of `GET /?key=`. WHY only GET: a HEAD, as link previews send it, must not spend it.
fn one_time_key<'a>(method: &Method, uri: &'a Uri) -> Option<&'a str> {
    if method != Method::GET || uri.path() != "/" {
        return None;
    }
    uri.query()?.split('&').find_map(|pair| pair.strip_prefix("key="))
}

/// Whether an act comes from our own page: what the browser says of itself, else the origin it
/// names, else a header only our script sets.
fn is_ours(headers: &HeaderMap) -> bool {
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = headers.get("sec-fetch-site") {
        return site.as_bytes() == b"same-origin";
    }
    if headers.contains_key(header::ORIGIN) {
        let origin = text(&header::ORIGIN).and_then(|it| it.split_once("://")).map(|it| it.1);
        return origin.is_some() && origin == text(&header::HOST);
    }
    headers.contains_key(OURS)
}
