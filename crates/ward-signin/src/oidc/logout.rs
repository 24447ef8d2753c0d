//! The logout token: the provider says that a session is over. Pure.
//!
//! Back-Channel Logout 1.0 §2.4 (the token) and §2.6 (its checks, in that order). Best test:
//! `tests/logout.rs`.

use std::collections::{HashSet, VecDeque};

use serde::Deserialize;
use serde_json::{Map, Number, Value};
use ward_model::UnixMillis;

use super::error::{LogoutError, LogoutFault, TokenFault};
use super::id_token::{Audience, moment};
use super::jws::{self, Algorithm, Kind};
use super::keys::Keys;
use super::limits::{
    CLOCK_SKEW_MAX_MS, LOGOUT_AGE_MAX_MS, LOGOUT_MEMORY_MS, LOGOUT_TOKEN_BYTES_MAX,
    LOGOUTS_REMEMBERED_MAX, NAME_BYTES_MAX,
};
use super::name::{Issuer, SessionId, Subject, is_name};

/// Whose sessions end: those of the subject, or, if a session is named, those of that session
/// (and, if both are named, those that fit both). At least one is named.
#[non_exhaustive]
pub struct LogoutOf {
    /// The provider that says so; both names below are its own.
    pub issuer: Issuer,
    /// The person.
    pub subject: Option<Subject>,
    /// The session at the provider.
    pub sid: Option<SessionId>,
}

/// What the token must say.
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a Issuer,
    pub(super) client_id: &'a str,
    pub(super) algorithms: &'a [Algorithm],
}

/// A logout token that holds, but may have been seen before.
pub(super) struct Read {
    pub(super) whose: LogoutOf,
    pub(super) jti: String,
}

/// The logout tokens of the last eight minutes: at most 4096.
#[derive(Default)]
pub(super) struct Seen {
    names: HashSet<String>,
    /// INVARIANT: the same names, oldest first, each with the moment it is forgotten.
    order: VecDeque<(UnixMillis, String)>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: Audience,
    iat: Number,
    exp: Number,
    jti: String,
    sub: Option<String>,
    sid: Option<String>,
    events: Map<String, Value>,
    nonce: Option<Value>,
}

/// The member of `events` that makes a token a logout token.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Reads a logout token and checks everything but whether it was seen before.
pub(super) fn read(
    token: &str,
    keys: &Keys,
    expected: &Expected<'_>,
    now: UnixMillis,
) -> Result<Read, LogoutFault> {
    let opened =
        jws::open(token, keys, expected.algorithms, Kind::LogoutToken, LOGOUT_TOKEN_BYTES_MAX)?;
    let claims: Claims =
        serde_json::from_slice(&opened.payload).map_err(|_| TokenFault::Malformed)?;
    if claims.iss != expected.issuer.as_str() {
        return Err(TokenFault::Issuer.into());
    }
    claims.aud.check(None, expected.client_id)?;
    if now.since(moment(&claims.exp)?) >= CLOCK_SKEW_MAX_MS {
        return Err(TokenFault::Expired.into());
    }
    let age = now.since(moment(&claims.iat)?);
    let ages_ms = -CLOCK_SKEW_MAX_MS..=LOGOUT_AGE_MAX_MS + CLOCK_SKEW_MAX_MS;
    if !ages_ms.contains(&age) {
        return Err(TokenFault::IssuedAt.into());
    }
    if claims.nonce.is_some() {
        return Err(LogoutFault::Nonce);
    }
    if !claims.events.get(EVENT).is_some_and(Value::is_object) {
        return Err(LogoutFault::Event);
    }
    let subject =
        claims.sub.map(|sub| Subject::new(sub).ok_or(TokenFault::Malformed)).transpose()?;
    let sid = claims.sid.map(|sid| SessionId::new(sid).ok_or(TokenFault::Malformed)).transpose()?;
    if subject.is_none() && sid.is_none() {
        return Err(LogoutFault::Nobody);
    }
    if !is_name(&claims.jti, NAME_BYTES_MAX) {
        return Err(TokenFault::Malformed.into());
    }
    let whose = LogoutOf { issuer: expected.issuer.clone(), subject, sid };
    Ok(Read { whose, jti: claims.jti })
}

impl Seen {
    /// Lets a token through once.
    ///
    /// A replay ends sessions again that began since, so it is refused; and so is a token that
    /// could not be remembered.
    pub(super) fn once(&mut self, read: Read, now: UnixMillis) -> Result<LogoutOf, LogoutError> {
        while self.order.front().is_some_and(|(until, _)| *until <= now) {
            if let Some((_, name)) = self.order.pop_front() {
                self.names.remove(&name);
            }
        }
        if self.names.contains(&read.jti) {
            return Err(LogoutError::Refused(LogoutFault::Replayed));
        }
        if self.order.len() >= LOGOUTS_REMEMBERED_MAX {
            return Err(LogoutError::Overloaded);
        }
        self.names.insert(read.jti.clone());
        self.order.push_back((now.plus_ms(LOGOUT_MEMORY_MS), read.jti));
        Ok(read.whose)
    }
}

impl From<TokenFault> for LogoutFault {
    fn from(fault: TokenFault) -> Self {
        Self::Token(fault)
    }
}
