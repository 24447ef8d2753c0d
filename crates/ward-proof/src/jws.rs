//! Strict reading of a compact JWS by somebody else's key: cut, decoded, nothing believed.
//!
//! Source: RFC 7515 §§2-5, RFC 8725 §3. Work is bounded by the caller's byte limit and the bounds
//! of strict JSON. Best test: `dpop/tests.rs`.

use data_encoding::BASE64URL_NOPAD;
use ward_model::json::{Json, object};

/// Members of a JSON object.
pub(crate) type Members = Vec<(String, Json)>;

/// A compact JWS, decoded.
pub(crate) struct Jws<'a> {
    pub(crate) header: Members,
    pub(crate) claims: Members,
    pub(crate) signing_input: &'a [u8],
    pub(crate) signature: Vec<u8>,
}

/// Names a header must not carry: they choose keys elsewhere, or change what is signed.
const FORBIDDEN: [&str; 6] = ["crit", "b64", "jku", "x5u", "x5c", "zip"];

impl<'a> Jws<'a> {
    /// Reads one of at most `bytes_max` bytes; `None` for anything that is not canonical.
    pub(crate) fn read(raw: &'a str, bytes_max: usize) -> Option<Self> {
        if raw.len() > bytes_max {
            return None;
        }
        let (signing_input, signature) = raw.rsplit_once('.')?;
        let (header, claims) = signing_input.split_once('.')?;
        let decode = |part: &str| BASE64URL_NOPAD.decode(part.as_bytes()).ok();
        let header = object(&decode(header)?)?;
        if FORBIDDEN.iter().any(|&name| get(&header, name).is_some()) {
            return None;
        }
        Some(Self {
            header,
            claims: object(&decode(claims)?)?,
            signing_input: signing_input.as_bytes(),
            signature: decode(signature)?,
        })
    }
}

pub(crate) fn get<'a>(members: &'a [(String, Json)], name: &str) -> Option<&'a Json> {
    members.iter().find(|(known, _)| known == name).map(|(_, value)| value)
}

/// A text that is there.
pub(crate) fn text<'a>(members: &'a [(String, Json)], name: &str) -> Option<&'a str> {
    match get(members, name)? {
        Json::Text(text) => Some(text),
        _ => None,
    }
}

/// Seconds since 1970 that are there. WHY no fractions: RFC 7519 allows them, nobody who makes
/// proofs writes them, and two ways to say one moment are one too many.
pub(crate) fn date(members: &[(String, Json)], name: &str) -> Option<i64> {
    match get(members, name)? {
        Json::Integer(date) if (0..=DATE_MAX).contains(date) => Some(*date),
        _ => None,
    }
}

/// The end of the year 9999.
const DATE_MAX: i64 = 253_402_300_799;
