//! Strict reading of compact JWS: what is not canonical is no token.
//!
//! Splits a token and, for headers and claims that are not Ward's own bytes, reads them without
//! trusting anything: no algorithm outside the list, no key, URL or certificate carried in a header,
//! no extension that changes what is signed. Never verifies; never panics; work is bounded by
//! `limits.rs`. Source: RFC 7515 §§2-5, RFC 7519 §4, RFC 8725 §3. Best test: `token/tests.rs`.

use ward_model::Confirmation;
use ward_model::word::Algorithm;

use crate::base64::Room;
use crate::json::{Json, object};
use crate::limits::{AUDIENCES_MAX, NUMERIC_DATE_MAX, SIGNATURE_CHARS, TOKEN_BYTES_MAX};

/// A compact JWS cut at its dots; nothing decoded yet.
#[derive(Clone, Copy)]
pub(crate) struct Parts<'a> {
    /// Header part with its dot.
    pub(crate) header: &'a [u8],
    pub(crate) claims: &'a [u8],
    pub(crate) signature: &'a [u8],
    /// Header part, dot, claims part.
    pub(crate) signing_input: &'a [u8],
}

/// Cuts a token. The signature has a fixed length, so the last dot is where it must be; dots inside
/// the claims part fail its decoding.
pub(crate) fn split(raw: &[u8]) -> Option<Parts<'_>> {
    split_at(raw, memchr::memchr(b'.', raw.get(..TOKEN_BYTES_MAX.min(raw.len()))?)? + 1)
}

/// Cuts a token whose header part with its dot is `header` bytes long.
pub(crate) fn split_at(raw: &[u8], header: usize) -> Option<Parts<'_>> {
    if raw.len() > TOKEN_BYTES_MAX {
        return None;
    }
    let (rest, signature) = raw.split_at_checked(raw.len().checked_sub(SIGNATURE_CHARS)?)?;
    let (dot, signing_input) = rest.split_last()?;
    let (header, claims) = signing_input.split_at_checked(header)?;
    let whole = *dot == b'.' && header.len() > 1 && !claims.is_empty();
    whole.then_some(Parts { header, claims, signature, signing_input })
}

/// What a header that is not Ward's own says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ForeignHeader {
    pub(crate) algorithm: Algorithm,
    pub(crate) kid: String,
}

/// Names a header must not carry: they choose keys, or change what is signed (RFC 8725 §3.10).
const FORBIDDEN: [&str; 7] = ["crit", "b64", "jku", "jwk", "x5u", "x5c", "zip"];
/// Types an access token may have (RFC 9068 §2.1, RFC 7519 §5.1).
const TYPES: [&str; 3] = ["at+jwt", "application/at+jwt", "JWT"];

/// Reads a header part (with its dot) strictly.
pub(crate) fn foreign_header(part: &[u8]) -> Option<ForeignHeader> {
    let (_, part) = part.split_last()?;
    let mut room = Room::new();
    let members = object(room.decode(part)?)?;
    if FORBIDDEN.iter().any(|&name| get(&members, name).is_some()) {
        return None;
    }
    if let Some(kind) = get(&members, "typ")
        && !matches!(kind, Json::Text(kind) if TYPES.contains(&kind.as_str()))
    {
        return None;
    }
    let algorithm = Algorithm::from_name(text(&members, "alg")??)?;
    let kid = text(&members, "kid")??.to_owned();
    Some(ForeignHeader { algorithm, kid })
}

/// Claims nobody vouches for. A claim that is there has its right type and range.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Claims {
    pub(crate) sub: Option<String>,
    pub(crate) aud: Vec<String>,
    pub(crate) exp: Option<i64>,
    pub(crate) nbf: Option<i64>,
    pub(crate) iat: Option<i64>,
    pub(crate) iss: Option<String>,
    pub(crate) kind: Option<String>,
    pub(crate) client_id: Option<String>,
    pub(crate) tenant: Option<String>,
    pub(crate) scope: Option<String>,
    pub(crate) confirmation: Option<Confirmation>,
}

/// Reads decoded claims strictly; `None` if one registered claim is malformed.
pub(crate) fn foreign_claims(bytes: &[u8]) -> Option<Claims> {
    let members = object(bytes)?;
    let owned = |name| text(&members, name).map(|it| it.map(str::to_owned));
    owned("jti")?;
    Some(Claims {
        sub: owned("sub")?,
        aud: audiences(&members)?,
        exp: numeric_date(&members, "exp")?,
        nbf: numeric_date(&members, "nbf")?,
        iat: numeric_date(&members, "iat")?,
        iss: owned("iss")?,
        kind: owned("kind")?,
        client_id: owned("client_id")?,
        tenant: owned("tenant")?,
        scope: owned("scope")?,
        confirmation: confirmation(&members)?,
    })
}

pub(crate) fn get<'a>(members: &'a [(String, Json)], name: &str) -> Option<&'a Json> {
    members.iter().find(|(known, _)| known == name).map(|(_, value)| value)
}

/// `None`: of another type. `Some(None)`: not there.
pub(crate) fn text<'a>(members: &'a [(String, Json)], name: &str) -> Option<Option<&'a str>> {
    match get(members, name) {
        None => Some(None),
        Some(Json::Text(text)) => Some(Some(text)),
        Some(_) => None,
    }
}

pub(crate) fn numeric_date(members: &[(String, Json)], name: &str) -> Option<Option<i64>> {
    match get(members, name) {
        None => Some(None),
        Some(Json::Integer(date)) if (0..=NUMERIC_DATE_MAX).contains(date) => Some(Some(*date)),
        Some(_) => None,
    }
}

/// WHY one member exactly: a method that is passed over is a holder nobody asks for.
pub(crate) fn confirmation(members: &[(String, Json)]) -> Option<Option<Confirmation>> {
    match get(members, "cnf") {
        None => Some(None),
        Some(Json::Object(methods)) => match methods.as_slice() {
            [(member, Json::Text(value))] => Confirmation::from_member(member, value).map(Some),
            _ => None,
        },
        Some(_) => None,
    }
}

pub(crate) fn audiences(members: &[(String, Json)]) -> Option<Vec<String>> {
    match get(members, "aud") {
        None => Some(Vec::new()),
        Some(Json::Text(text)) => Some(vec![text.clone()]),
        Some(Json::List(list)) if list.len() <= AUDIENCES_MAX => list
            .iter()
            .map(|item| match item {
                Json::Text(text) => Some(text.clone()),
                _ => None,
            })
            .collect(),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests;
