//! The `id_token`: what the provider signed about one sign-in. Pure; the one maker of [`Proven`].
//!
//! Each check stands in the order of Core §3.1.3.7 and has a case in `tests/claims.rs` that fails
//! without it. It must never read anything but the signed token.

use serde::Deserialize;
use serde_json::{Map, Number, Value};
use ward_model::{Secret, UnixMillis};

use super::error::TokenFault;
use super::jws::{self, Algorithm, Kind};
use super::keys::Keys;
use super::limits::{
    AUDIENCES_MAX, CLOCK_SKEW_MAX_MS, FRESH_SLACK_MS, GROUP_BYTES_MAX, GROUPS_MAX,
    ID_TOKEN_BYTES_MAX, METHODS_MAX, NAME_BYTES_MAX,
};
use super::name::{Issuer, SessionId, Subject, is_name};
use super::pending::Purpose;

/// Who signed in: proof that the provider said so, about this sign-in, just now. Made by
/// [`super::Provider::finish`] alone; it has no `Debug`, for it holds data of a person.
#[non_exhaustive]
pub struct Proven {
    /// The provider that vouches for him.
    pub issuer: Issuer,
    /// The person, as that provider names him.
    pub subject: Subject,
    /// His session there, which a logout token may end.
    pub sid: Option<SessionId>,
    /// His groups from the signed token, as sent: at most 500 of 1 to 256 bytes.
    pub groups: Vec<String>,
    /// His e-mail address, only if the provider says it verified it: 1 to 256 bytes.
    pub email: Option<String>,
    /// What he likes to be called, signed by the provider but not unique: for showing only, 1 to
    /// 256 bytes.
    pub preferred_username: Option<String>,
    /// When he last proved who he is.
    pub auth_time: Option<UnixMillis>,
    /// How surely, in the provider's words: 1 to 256 bytes.
    pub acr: Option<String>,
    /// By what methods (RFC 8176): at most 16 of 1 to 256 bytes.
    pub amr: Vec<String>,
    /// Whether he proved it for this very sign-in: a step-up was asked for and happened.
    pub is_fresh: bool,
}

/// What the token must say.
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a Issuer,
    pub(super) client_id: &'a str,
    pub(super) algorithms: &'a [Algorithm],
    pub(super) nonce: &'a Secret<String>,
    /// When the browser was sent away.
    pub(super) created_at: UnixMillis,
    pub(super) purpose: &'a Purpose,
    pub(super) groups_claim: &'a str,
    pub(super) access_token: &'a Secret<String>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    azp: Option<String>,
    exp: Number,
    iat: Number,
    nonce: Option<String>,
    at_hash: Option<String>,
    auth_time: Option<Number>,
    sid: Option<String>,
    acr: Option<String>,
    amr: Option<Vec<String>>,
    email: Option<String>,
    email_verified: Option<Value>,
    preferred_username: Option<String>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// `aud`: one audience or several.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Audience {
    One(String),
    Several(Vec<String>),
}

/// Claims that are read under their own names, and so hold no groups.
pub(super) const OWN_CLAIMS: [&str; 15] = [
    "iss",
    "sub",
    "aud",
    "azp",
    "exp",
    "iat",
    "nonce",
    "at_hash",
    "auth_time",
    "sid",
    "acr",
    "amr",
    "email",
    "email_verified",
    "preferred_username",
];

/// Reads an `id_token` and checks everything about it.
pub(super) fn prove(
    token: &str,
    keys: &Keys,
    expected: &Expected<'_>,
    now: UnixMillis,
) -> Result<Proven, TokenFault> {
    let opened = jws::open(token, keys, expected.algorithms, Kind::IdToken, ID_TOKEN_BYTES_MAX)?;
    let claims: Claims =
        serde_json::from_slice(&opened.payload).map_err(|_| TokenFault::Malformed)?;
    if claims.iss != expected.issuer.as_str() {
        return Err(TokenFault::Issuer);
    }
    claims.aud.check(claims.azp.as_deref(), expected.client_id)?;
    if now.since(moment(&claims.exp)?) >= CLOCK_SKEW_MAX_MS {
        return Err(TokenFault::Expired);
    }
    // WHY: in the code flow the token is made after the browser was sent away, so an older one was
    // made for another sign-in.
    let issued_at = moment(&claims.iat)?;
    if issued_at.since(now) > CLOCK_SKEW_MAX_MS
        || expected.created_at.since(issued_at) > CLOCK_SKEW_MAX_MS
    {
        return Err(TokenFault::IssuedAt);
    }
    let nonce = claims.nonce.as_ref().ok_or(TokenFault::Nonce)?;
    if !expected.nonce.matches(nonce.as_bytes()) {
        return Err(TokenFault::Nonce);
    }
    let access_token = expected.access_token.expose();
    if claims.at_hash.as_ref().is_some_and(|it| *it != opened.algorithm.half_hash(access_token)) {
        return Err(TokenFault::AccessTokenHash);
    }
    let subject = Subject::new(claims.sub).ok_or(TokenFault::Malformed)?;
    let auth_time = claims.auth_time.as_ref().map(moment).transpose()?;
    let is_fresh = freshness(expected, &subject, auth_time, issued_at, now)?;
    let groups = groups_of(claims.rest.get(expected.groups_claim))?;
    let is_verified = claims.email_verified == Some(Value::Bool(true));
    Ok(Proven {
        issuer: expected.issuer.clone(),
        subject,
        sid: claims.sid.map(|sid| SessionId::new(sid).ok_or(TokenFault::Malformed)).transpose()?,
        groups,
        email: claims.email.filter(|_| is_verified).and_then(shown),
        preferred_username: claims.preferred_username.and_then(shown),
        auth_time,
        acr: claims.acr.and_then(shown),
        amr: claims
            .amr
            .unwrap_or_default()
            .into_iter()
            .filter_map(shown)
            .take(METHODS_MAX)
            .collect(),
        is_fresh,
    })
}

/// Whether a step-up happened; an error if one was asked for and did not.
///
/// How long ago he proved himself is told by the provider's clock alone, from `auth_time` to `iat`,
/// so that a difference between clocks makes nothing fresh.
fn freshness(
    expected: &Expected<'_>,
    subject: &Subject,
    auth_time: Option<UnixMillis>,
    issued_at: UnixMillis,
    now: UnixMillis,
) -> Result<bool, TokenFault> {
    let Purpose::StepUp { max_age_seconds, subject: before } = expected.purpose else {
        return Ok(false);
    };
    if subject != before {
        return Err(TokenFault::AnotherPerson);
    }
    let age_ms = issued_at.since(auth_time.ok_or(TokenFault::AuthTime)?);
    let asked_ms = i64::from(*max_age_seconds).saturating_mul(1000);
    // WHY not `max_age` alone: the browser is not ours, and may have left it and `prompt=login`
    // out. He must have proved himself since he was sent away, not merely a while ago.
    let since_sent_ms = now.since(expected.created_at);
    let age_max_ms = asked_ms.min(since_sent_ms).saturating_add(FRESH_SLACK_MS);
    if (-FRESH_SLACK_MS..=age_max_ms).contains(&age_ms) {
        Ok(true)
    } else {
        Err(TokenFault::AuthTime)
    }
}

/// The groups of the claim: none, one or several.
fn groups_of(claim: Option<&Value>) -> Result<Vec<String>, TokenFault> {
    let text = |it: &Value| match it {
        Value::String(name) if is_name(name, GROUP_BYTES_MAX) => Ok(name.clone()),
        Value::String(_) => Err(TokenFault::Groups),
        _ => Err(TokenFault::Malformed),
    };
    match claim {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(all)) if all.len() > GROUPS_MAX => Err(TokenFault::Groups),
        Some(Value::Array(all)) => all.iter().map(text).collect(),
        Some(one) => text(one).map(|it| vec![it]),
    }
}

/// A text for showing, or nothing.
fn shown(text: String) -> Option<String> {
    is_name(&text, NAME_BYTES_MAX).then_some(text)
}

impl Audience {
    /// Whether the token is meant for us, and for us by name if it is for several: Core §3.1.3.7,
    /// 3 to 5.
    pub(super) fn check(&self, azp: Option<&str>, client_id: &str) -> Result<(), TokenFault> {
        let (is_ours, several) = match self {
            Self::One(one) => (one == client_id, false),
            Self::Several(all) if all.len() > AUDIENCES_MAX => (false, true),
            Self::Several(all) => (all.iter().any(|it| it == client_id), all.len() > 1),
        };
        let is_named = azp.map_or(!several, |it| it == client_id);
        if is_ours && is_named { Ok(()) } else { Err(TokenFault::Audience) }
    }
}

/// A NumericDate (RFC 7519 §2); fractions of a second are cut off, an exponent is not read.
pub(super) fn moment(number: &Number) -> Result<UnixMillis, TokenFault> {
    let text = number.to_string();
    let (whole, rest) = text.split_once('.').unwrap_or((&text, ""));
    let seconds = whole.parse().ok().filter(|_| rest.bytes().all(|byte| byte.is_ascii_digit()));
    seconds.map(UnixMillis::from_seconds).ok_or(TokenFault::Malformed)
}
