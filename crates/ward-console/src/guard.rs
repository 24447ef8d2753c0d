//! The door of the console: headers on every answer, same-origin acts, a session for every page.
//!
//! What it must never do: let a page out without the headers below, or say why a sign-in failed.
//! Specifications: CSP Level 3; Fetch Metadata Request Headers; RFC 6265bis §5.4.7 (SameSite).
//! Best test: `http/tests.rs`.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use ward_model::Secret;
use ward_operators::Browser;
use ward_operators::signin::{Visitor, safe_return_path};

use crate::http::App;
use crate::limits::{AWAY_SECONDS, COOKIES_MAX};
use crate::pages::{self, Door};

/// The cookie that carries a session's secret.
pub const COOKIE: &str = "ward_session";
/// The cookie that carries a journey to the identity provider.
pub const AWAY: &str = "ward_away";
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
        HeaderValue::from_static(
            "camera=(), geolocation=(), microphone=(), payment=(), \
             publickey-credentials-create=(self), publickey-credentials-get=(self)",
        ),
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

/// Where the identity provider posts logout tokens: from its own machines, without a browser.
pub const BACK_CHANNEL: &str = "/console/oidc/back-channel-logout";

/// Refuses an act that does not come from a page of ours.
pub async fn same_origin(request: Request, next: Next) -> Response {
    // WHY the exception: a logout token is signed by the provider and carries no cookie of ours.
    let is_back_channel = request.uri().path() == BACK_CHANNEL;
    if is_back_channel || request.method().is_safe() || is_ours(request.headers()) {
        return next.run(request).await;
    }
    pages::fault(StatusCode::FORBIDDEN, "This act did not come from the console.", None)
}

/// Says who knocks: from where, in which browser, in which session.
pub async fn visit(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let source = request.extensions().get::<ConnectInfo<SocketAddr>>().map_or([0; 16], |it| {
        let ip = match it.0.ip() {
            IpAddr::V4(four) => four.to_ipv6_mapped(),
            IpAddr::V6(six) => six,
        };
        ip.octets()
    });
    let agent = request.headers().get(header::USER_AGENT);
    let browser = Browser::of(agent.map(HeaderValue::as_bytes).unwrap_or_default());
    let mut session = None;
    for secret in cookies(request.headers(), COOKIE) {
        session = app.deeds.enter(&secret, browser).await;
        if session.is_some() {
            break;
        }
    }
    request.extensions_mut().insert(Visitor { source, browser, session });
    next.run(request).await
}

/// Lets a visitor with a session in, spends one-time links, shows the sign-in page to all others.
pub async fn session(State(app): State<App>, request: Request, next: Next) -> Response {
    let Some(visitor) = request.extensions().get::<Visitor>().cloned() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    if let Some(key) = one_time_key(request.method(), request.uri()) {
        return match app.deeds.redeem(&visitor, key).await {
            Ok(opened) => pages::welcome(cookie(&app, &opened.secret), "/"),
            Err(_) if visitor.session.is_some() => pages::welcome(None, "/"),
            Err(_) => {
                let door = Door {
                    complaint: Some(pages::SPENT_LINK.to_owned()),
                    ..door(&app, request.headers(), "/")
                };
                pages::sign_in(StatusCode::UNAUTHORIZED, &door)
            }
        };
    }
    if visitor.session.is_some() {
        return next.run(request).await;
    }
    let next = match *request.method() {
        Method::GET => request.uri().path_and_query().map_or("/", |it| it.as_str()),
        _ => "/",
    };
    let door = door(&app, request.headers(), next);
    let mut response = pages::sign_in(StatusCode::UNAUTHORIZED, &door);
    let scheme = HeaderValue::from_static("Ward-Session realm=\"console\"");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
    response
}

/// What the sign-in page says: `next` is where to go on, on this site and nowhere else.
pub fn door(app: &App, headers: &HeaderMap, next: &str) -> Door {
    let origin = app.deeds.origin();
    let host = headers.get(header::HOST).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let is_here = host.is_empty() || origin.split_once("://").is_some_and(|it| it.1 == host);
    Door {
        complaint: None,
        has_company: app.deeds.has_company(),
        next: safe_return_path(next).unwrap_or("/").to_owned(),
        elsewhere: (!is_here).then(|| origin.to_owned()),
    }
}

/// The cookie for a session's secret.
pub fn cookie(app: &App, secret: &Secret<String>) -> Option<HeaderValue> {
    let secure = secure(app);
    let secret = secret.expose();
    let text = format!("{COOKIE}={secret}; HttpOnly; SameSite=Strict; Path=/{secure}");
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The cookie that takes the session's away.
pub fn no_cookie() -> HeaderValue {
    HeaderValue::from_static("ward_session=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0")
}

/// The cookie of a journey to the identity provider. WHY lax: the browser comes back from another
/// site, and a strict cookie would stay at home; it opens nothing but the journey's end.
pub fn away_cookie(app: &App, ceremony: &str) -> Option<HeaderValue> {
    let (secure, age) = (secure(app), AWAY_SECONDS);
    let text = format!(
        "{AWAY}={ceremony}; HttpOnly; SameSite=Lax; Path=/console/oidc; Max-Age={age}{secure}"
    );
    HeaderValue::try_from(text).ok()
}

/// The cookie that takes it away.
pub fn no_away_cookie() -> HeaderValue {
    HeaderValue::from_static("ward_away=; HttpOnly; SameSite=Lax; Path=/console/oidc; Max-Age=0")
}

fn secure(app: &App) -> &'static str {
    if app.deeds.origin().starts_with("https://") { "; Secure" } else { "" }
}

/// Values of a cookie, few at most.
pub fn cookies(headers: &HeaderMap, name: &str) -> Vec<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
        .take(COOKIES_MAX)
        .map(str::to_owned)
        .collect()
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
