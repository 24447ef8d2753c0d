//! The driver: sends the browser to the provider, asks the provider, lets the pure parts judge.
//!
//! It keeps the provider's metadata and keys, and asks for them one at a time. It must never make a
//! [`Proven`] itself. OpenID Connect Core 1.0 §3.1; its test is `tests/provider.rs`.

use std::sync::{Arc, PoisonError};

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use ward_model::{Secret, UnixMillis};

use super::address::Address;
use super::cache::{Cached, Step};
use super::callback::{Answer, Callback};
use super::discovery::{self, Metadata, MetadataFault};
use super::error::{LogoutError, LogoutFault, SignInError, TokenFault, Unanswered};
use super::fetch::{Fetch, FetchError, FetchRequest};
use super::id_token::{self, Proven};
use super::keys::Keys;
use super::limits::{
    ACCESS_TOKEN_BYTES_MAX, ANSWER_BYTES_MAX, FETCH_MS_MAX, KEYS_AGE_MAX_MS, KEYS_PAUSE_MS,
    METADATA_AGE_MAX_MS, PENDING_AGE_MAX_MS, RANDOM_BYTES,
};
use super::logout::{self, LogoutOf, Seen};
use super::name::Issuer;
use super::pending::{Pending, Purpose};
use super::settings::{ClientAuthentication, Settings, SettingsError, basic};

/// One identity provider. Shared by all requests; each method may be dropped at any `await` and
/// leaves everything as it was.
pub struct Provider<F> {
    settings: Settings,
    fetch: F,
    /// INVARIANT: held while the provider is asked, so that it is asked once at a time.
    published: tokio::sync::Mutex<Published>,
    seen: std::sync::Mutex<Seen>,
}

struct Published {
    metadata: Cached<Metadata>,
    keys: Cached<Keys>,
}

/// What stopped us from reading what the provider publishes.
enum Stopped {
    Unanswered(Unanswered),
    Fault(MetadataFault),
}

/// The token endpoint's answer: Core §3.1.3.3.
#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    id_token: String,
    token_type: String,
}

/// Its errors: RFC 6749 §5.2.
#[derive(Deserialize)]
struct ErrorAnswer {
    error: String,
}

impl<F: Fetch> Provider<F> {
    /// Makes a relying party of one provider; asks it nothing yet.
    ///
    /// # Errors
    /// Settings that cannot work.
    pub fn new(settings: Settings, fetch: F) -> Result<Self, SettingsError> {
        settings.check()?;
        let published = Published { metadata: Cached::new(), keys: Cached::new() };
        Ok(Self {
            settings,
            fetch,
            published: tokio::sync::Mutex::new(published),
            seen: std::sync::Mutex::default(),
        })
    }

    /// The provider's name.
    pub const fn issuer(&self) -> &Issuer {
        &self.settings.issuer
    }

    /// Begins a sign-in: the address to send the browser to, and what to keep until it is back.
    ///
    /// `random` comes fresh from the system's generator each time.
    ///
    /// # Errors
    /// [`SignInError::Unavailable`] or [`SignInError::Misconfigured`]; nobody was sent away.
    pub async fn begin(
        &self,
        purpose: Purpose,
        random: &[u8; RANDOM_BYTES],
        now: UnixMillis,
    ) -> Result<(String, Pending), SignInError> {
        let metadata = self.metadata(now).await?;
        let issuer = self.settings.issuer.clone();
        let pending = Pending::new(issuer, purpose, metadata.names_itself, random, now);
        Ok((self.redirect(&metadata, &pending), pending))
    }

    /// Finishes a sign-in with what the browser brought back.
    ///
    /// The order matters: the answer is for this browser, and from this provider, before anything
    /// else in it is looked at or sent on.
    ///
    /// # Errors
    /// Nobody is signed in; [`SignInError::remedy`] says what to do, and the person sees
    /// [`SignInError::external`] whichever it is.
    pub async fn finish(
        &self,
        pending: Pending,
        callback: &Callback,
        now: UnixMillis,
    ) -> Result<Proven, SignInError> {
        let code = self.admit(&pending, callback, now)?;
        let metadata = self.metadata(now).await?;
        let answer = self.exchange(&metadata, &pending, code, now).await?;
        let (access_token, id_token) =
            (Secret::new(answer.access_token), Secret::new(answer.id_token));
        let is_bearer = answer.token_type.eq_ignore_ascii_case("Bearer");
        if !is_bearer || access_token.expose().len() > ACCESS_TOKEN_BYTES_MAX {
            return Err(SignInError::Misconfigured(MetadataFault::TokenUnreadable));
        }
        let expected = id_token::Expected {
            issuer: &self.settings.issuer,
            client_id: &self.settings.client_id,
            algorithms: &metadata.algorithms,
            nonce: &pending.nonce,
            created_at: pending.created_at,
            purpose: &pending.purpose,
            groups_claim: &self.settings.groups_claim,
            access_token: &access_token,
        };
        let keys = self.keys(&metadata, KEYS_AGE_MAX_MS, now).await?;
        let proven = match id_token::prove(id_token.expose(), &keys, &expected, now) {
            Err(TokenFault::UnknownKey) => {
                let newer = self.keys(&metadata, KEYS_PAUSE_MS, now).await?;
                id_token::prove(id_token.expose(), &newer, &expected, now)
            }
            other => other,
        }?;
        Ok(proven)
    }

    /// Takes a logout token (the parameter `logout_token` of a form the provider posted): whose
    /// sessions end. It holds for one use.
    ///
    /// # Errors
    /// Nobody is signed out; [`LogoutError::status`] is the answer.
    pub async fn logout(&self, token: &str, now: UnixMillis) -> Result<LogoutOf, LogoutError> {
        let metadata = self.metadata(now).await?;
        let expected = logout::Expected {
            issuer: &self.settings.issuer,
            client_id: &self.settings.client_id,
            algorithms: &metadata.algorithms,
        };
        let keys = self.keys(&metadata, KEYS_AGE_MAX_MS, now).await?;
        let read = match logout::read(token, &keys, &expected, now) {
            Err(LogoutFault::Token(TokenFault::UnknownKey)) => {
                let newer = self.keys(&metadata, KEYS_PAUSE_MS, now).await?;
                logout::read(token, &newer, &expected, now)
            }
            other => other,
        }
        .map_err(LogoutError::Refused)?;
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).once(read, now)
    }

    /// Whether the answer is for this sign-in, from this provider, in time: its code.
    fn admit<'a>(
        &self,
        pending: &Pending,
        callback: &'a Callback,
        now: UnixMillis,
    ) -> Result<&'a Secret<String>, SignInError> {
        if !pending.state.matches(callback.state.expose().as_bytes()) {
            return Err(SignInError::WrongState);
        }
        // WHY both: the caller may hold several providers and pick the wrong one, and the browser
        // may have been lured to another (RFC 9700 §4.4).
        let is_named = callback
            .issuer
            .as_ref()
            .map_or(!pending.names_itself, |it| it == pending.issuer.as_str());
        if pending.issuer != self.settings.issuer || !is_named {
            return Err(SignInError::WrongIssuer);
        }
        if !(0..=PENDING_AGE_MAX_MS).contains(&now.since(pending.created_at)) {
            return Err(SignInError::TooLate);
        }
        match &callback.answer {
            Answer::Code(code) => Ok(code),
            Answer::Error(said) => Err(SignInError::ProviderRefused { said }),
        }
    }

    /// The address the browser is sent to: Core §3.1.2.1, RFC 7636 §4.3.
    fn redirect(&self, metadata: &Metadata, pending: &Pending) -> String {
        let our = &self.settings;
        let scope = std::iter::once("openid").chain(our.scopes.iter().map(String::as_str));
        let scope: Vec<&str> = scope.collect();
        let mut query = Form::default();
        query
            .put("response_type", "code")
            .put("client_id", &our.client_id)
            .put("redirect_uri", &our.redirect_uri)
            .put("scope", &scope.join(" "))
            .put("state", pending.state.expose())
            .put("nonce", pending.nonce.expose())
            .put("code_challenge", &pending.challenge())
            .put("code_challenge_method", "S256");
        if let Purpose::StepUp { max_age_seconds, .. } = &pending.purpose {
            query.put("prompt", "login").put("max_age", &max_age_seconds.to_string());
        }
        if metadata.takes_claims {
            // WHY: by default a provider keeps these for its userinfo, which nobody signs.
            let wanted = serde_json::json!({ "id_token": {
                our.groups_claim.as_str(): null, "auth_time": { "essential": true },
                "email": null, "email_verified": null, "preferred_username": null,
            }});
            query.put("claims", &wanted.to_string());
        }
        let to = &metadata.authorization;
        let mark = if to.has_query() { '&' } else { '?' };
        format!("{}{mark}{}", to.as_str(), query.0.expose())
    }

    /// Exchanges the code: Core §3.1.3, RFC 7636 §4.5.
    async fn exchange(
        &self,
        metadata: &Metadata,
        pending: &Pending,
        code: &Secret<String>,
        now: UnixMillis,
    ) -> Result<TokenAnswer, SignInError> {
        let our = &self.settings;
        let mut form = Form::default();
        form.put("grant_type", "authorization_code")
            .put("code", code.expose())
            .put("redirect_uri", &our.redirect_uri)
            .put("code_verifier", pending.verifier.expose());
        let unsigned = SignInError::Misconfigured(MetadataFault::Assertion);
        let mut authorization = None;
        match &our.authentication {
            ClientAuthentication::SecretBasic(secret) => {
                authorization = Some(basic(&our.client_id, secret));
            }
            ClientAuthentication::PrivateKeyJwt(key) => {
                let name = &pending.assertion;
                let signed = key.sign(&our.client_id, &our.issuer, name, now).ok_or(unsigned)?;
                form.put("client_id", &our.client_id)
                    .put(
                        "client_assertion_type",
                        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                    )
                    .put("client_assertion", signed.expose());
            }
        }
        let mut request = ask(Method::POST, &metadata.token, form.0.expose().clone().into_bytes());
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        request.headers_mut().insert(CONTENT_TYPE, kind);
        if let Some(text) = authorization {
            let mut value = HeaderValue::from_str(text.expose())
                .map_err(|_| SignInError::Misconfigured(MetadataFault::ClientRefused))?;
            value.set_sensitive(true);
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        let answer = self.send(request).await.map_err(SignInError::Unavailable)?;
        read_token_answer(answer)
    }

    /// The provider's metadata, asked for if what is held is older than an hour.
    async fn metadata(&self, now: UnixMillis) -> Result<Arc<Metadata>, Stopped> {
        let mut published = self.published.lock().await;
        let held = &mut published.metadata;
        match held.step(METADATA_AGE_MAX_MS, now) {
            Step::Use(it) => return Ok(it),
            Step::Rest => return Err(Stopped::Unanswered(Unanswered::Resting)),
            Step::Fetch => {}
        }
        let issuer = &self.settings.issuer;
        let read = match Address::parse(&discovery::place(issuer)) {
            Err(_) => Err(Stopped::Fault(MetadataFault::Endpoint)),
            Ok(place) => self.get(&place).await.and_then(|body| {
                let method = self.settings.authentication.method();
                Metadata::parse(&body, issuer, method).map_err(Stopped::Fault)
            }),
        };
        read.map(|it| held.keep(it, now)).inspect_err(|_| held.fail(now))
    }

    /// The provider's keys, asked for if what is held is older than `age_max_ms`.
    async fn keys(
        &self,
        metadata: &Metadata,
        age_max_ms: i64,
        now: UnixMillis,
    ) -> Result<Arc<Keys>, Stopped> {
        let mut published = self.published.lock().await;
        let held = &mut published.keys;
        match held.step(age_max_ms, now) {
            Step::Use(it) => return Ok(it),
            Step::Rest => return Err(Stopped::Unanswered(Unanswered::Resting)),
            Step::Fetch => {}
        }
        let body = self.get(&metadata.keys).await;
        let read = body.and_then(|body| Keys::parse(&body).map_err(Stopped::Fault));
        read.map(|it| held.keep(it, now)).inspect_err(|_| held.fail(now))
    }

    /// Reads a document.
    async fn get(&self, from: &Address) -> Result<Vec<u8>, Stopped> {
        let request = ask(Method::GET, from, Vec::new());
        let answer = self.send(request).await.map_err(Stopped::Unanswered)?;
        match answer.status() {
            StatusCode::OK => Ok(answer.into_body()),
            other => Err(Stopped::Unanswered(Unanswered::Status(other.as_u16()))),
        }
    }

    /// Sends a request; the bound is checked again, for the transport is not ours.
    async fn send(
        &self,
        request: http::Request<Vec<u8>>,
    ) -> Result<http::Response<Vec<u8>>, Unanswered> {
        let request =
            FetchRequest { request, answer_bytes_max: ANSWER_BYTES_MAX, ms_max: FETCH_MS_MAX };
        let answer = self.fetch.fetch(request).await.map_err(Unanswered::Fetch)?;
        if answer.body().len() > ANSWER_BYTES_MAX {
            return Err(Unanswered::Fetch(FetchError::TooLong));
        }
        Ok(answer)
    }
}

/// A request without anything particular.
fn ask(method: Method, to: &Address, body: Vec<u8>) -> http::Request<Vec<u8>> {
    let mut request = http::Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = to.uri().clone();
    request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
    request
}

/// Reads what the token endpoint said.
fn read_token_answer(answer: http::Response<Vec<u8>>) -> Result<TokenAnswer, SignInError> {
    let status = answer.status();
    let body = Secret::new(answer.into_body());
    if status == StatusCode::OK {
        return serde_json::from_slice(body.expose())
            .map_err(|_| SignInError::Misconfigured(MetadataFault::TokenUnreadable));
    }
    let said = serde_json::from_slice::<ErrorAnswer>(body.expose());
    Err(match said.as_ref().map(|it| it.error.as_str()) {
        _ if status.is_server_error() => {
            SignInError::Unavailable(Unanswered::Status(status.as_u16()))
        }
        Ok("invalid_grant") => SignInError::CodeRefused,
        Ok("invalid_client") => SignInError::Misconfigured(MetadataFault::ClientRefused),
        Ok(_) => SignInError::Misconfigured(MetadataFault::RequestRefused),
        Err(_) => SignInError::Unavailable(Unanswered::Status(status.as_u16())),
    })
}

/// Letters that stand for themselves in a form and in a query: RFC 3986 §2.3.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A text as it stands in a form.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

/// A form, or a query.
struct Form(Secret<String>);

impl Default for Form {
    fn default() -> Self {
        Self(Secret::new(String::new()))
    }
}

impl Form {
    fn put(&mut self, name: &str, value: &str) -> &mut Self {
        let before = self.0.expose();
        let mark = if before.is_empty() { "" } else { "&" };
        self.0 = Secret::new(format!("{before}{mark}{name}={}", encoded(value)));
        self
    }
}

impl From<Stopped> for SignInError {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::Unanswered(why) => Self::Unavailable(why),
            Stopped::Fault(fault) => Self::Misconfigured(fault),
        }
    }
}

impl From<Stopped> for LogoutError {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::Unanswered(why) => Self::Unavailable(why),
            Stopped::Fault(fault) => Self::Misconfigured(fault),
        }
    }
}
