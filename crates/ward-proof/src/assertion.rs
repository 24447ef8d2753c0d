//! The decision about a client's assertion: is it by its registered key, for this server, now?
//!
//! Pure; whether it was used before is asked afterwards. Source: RFC 7523 §3, RFC 7521 §4.2,
//! OpenID Connect Core §9. Best test: `assertion/tests.rs`.

use ward_model::UnixMillis;
use ward_model::json::Json;

use crate::jwk::{KnownKey, algorithm};
use crate::jws::{Jws, date, get, text};
use crate::limits::{ASSERTION_BYTES_MAX, ASSERTION_LIFE_MS_MAX, JTI_BYTES_MAX, SKEW_MS_MAX};

/// `client_assertion_type` (RFC 7523 §2.2).
pub const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// An assertion that holds. It may be used once until it expires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assertion {
    /// `jti`.
    pub jti: String,
    /// `exp`.
    pub expires_at: UnixMillis,
}

/// Why an assertion does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is no JWS in canonical form with the claims it needs, or too long.
    Malformed,
    /// It is by no registered key, or names another algorithm than that key's.
    Key,
    /// Its signature is not by that key.
    Signature,
    /// `iss` or `sub` is not the client.
    Client,
    /// `aud` names somebody else, or somebody else too.
    Audience,
    /// It has expired, is not valid yet, or lives too long.
    Time,
}

impl Refusal {
    /// For the log's reader.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Key => "key",
            Self::Signature => "signature",
            Self::Client => "client",
            Self::Audience => "audience",
            Self::Time => "time",
        }
    }
}

/// The client an assertion says it is of. Believed by nobody: it picks the keys to check with.
#[must_use]
pub fn client_id(raw: &str) -> Option<String> {
    let jws = Jws::read(raw, ASSERTION_BYTES_MAX)?;
    text(&jws.claims, "sub").map(str::to_owned)
}

/// Decides about the assertion of `client_id`, who registered `keys`, to a server known by
/// `audiences`.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn check(
    raw: &str,
    client_id: &str,
    keys: &[KnownKey],
    audiences: &[&str],
    now: UnixMillis,
) -> Result<Assertion, Refusal> {
    let jws = Jws::read(raw, ASSERTION_BYTES_MAX).ok_or(Refusal::Malformed)?;
    if get(&jws.header, "jwk").is_some() {
        return Err(Refusal::Malformed);
    }
    let key = key(&jws, keys).ok_or(Refusal::Key)?;
    if !key.verifies(jws.signing_input, &jws.signature) {
        return Err(Refusal::Signature);
    }
    let claims = &jws.claims;
    if text(claims, "iss") != Some(client_id) || text(claims, "sub") != Some(client_id) {
        return Err(Refusal::Client);
    }
    let jti = text(claims, "jti").filter(|jti| (1..=JTI_BYTES_MAX).contains(&jti.len()));
    let jti = jti.ok_or(Refusal::Malformed)?;
    // WHY no audience beside ours: what is also for another server can be replayed there.
    let for_us = |it: &Json| matches!(it, Json::Text(it) if audiences.contains(&it.as_str()));
    let named = match get(claims, "aud") {
        Some(Json::List(list)) => !list.is_empty() && list.iter().all(for_us),
        Some(one) => for_us(one),
        None => return Err(Refusal::Malformed),
    };
    if !named {
        return Err(Refusal::Audience);
    }
    let expires_at = UnixMillis::from_seconds(date(claims, "exp").ok_or(Refusal::Malformed)?);
    let not_yet = |name: &str| match get(claims, name) {
        None => Ok(false),
        Some(_) => match date(claims, name) {
            Some(at) => Ok(UnixMillis::from_seconds(at) > now.plus_ms(SKEW_MS_MAX)),
            None => Err(Refusal::Malformed),
        },
    };
    let early = not_yet("nbf")? || not_yet("iat")?;
    let life = expires_at.since(now);
    if early || life <= 0 || life > ASSERTION_LIFE_MS_MAX + SKEW_MS_MAX {
        return Err(Refusal::Time);
    }
    Ok(Assertion { jti: jti.to_owned(), expires_at })
}

/// The registered key an assertion was made with: by `kid`, or the only one.
fn key<'k>(jws: &Jws<'_>, keys: &'k [KnownKey]) -> Option<&'k KnownKey> {
    let named = match get(&jws.header, "kid") {
        Some(Json::Text(kid)) => keys.iter().find(|key| key.kid == *kid)?,
        Some(_) => return None,
        None => match keys {
            [only] => only,
            _ => return None,
        },
    };
    let algorithm = text(&jws.header, "alg").and_then(algorithm)?;
    (algorithm == named.algorithm).then_some(named)
}

#[cfg(test)]
mod tests;
