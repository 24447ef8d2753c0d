//! What a request presents: the one credential it carries, in canonical form or not at all.
//!
//! Pure. Nothing here is trusted yet. Two credentials in one request are refused: which of them
//! counts would be a matter of taste, and tastes differ between a gate and its upstream.

use http::HeaderMap;
use http::header::AUTHORIZATION;
use ward_model::Reason;

use crate::limits::{CREDENTIAL_BYTES_MAX, PURPOSE_BYTES_MAX};

/// A stated purpose of a read.
pub const PURPOSE: &str = "ward-purpose";
/// A proof of possession (RFC 9449 §4.1).
pub const DPOP: &str = "dpop";
/// An API key outside `Authorization`.
pub const API_KEY: &str = "x-api-key";

/// Where a door says a request comes from.
pub const FORWARDED_FOR: &str = "x-forwarded-for";

/// The credential of a request, as it came.
#[derive(Clone, PartialEq, Eq)]
pub enum Presented {
    /// A compact JWS (RFC 6750 §2.1).
    Token(String),
    /// A compact JWS beside a proof that it is the presenter's (RFC 9449 §7.1).
    Held {
        /// The token.
        token: String,
        /// The proof.
        proof: String,
    },
    /// An API key.
    ApiKey(String),
}

/// Reads the one credential of a request.
///
/// # Errors
/// [`Reason::Malformed`]: none, more than one, neither `Bearer` nor `DPoP`, too long, or not visible
/// ASCII.
pub fn present(headers: &HeaderMap) -> Result<Presented, Reason> {
    let bearer = one(headers, AUTHORIZATION.as_str())?;
    let api_key = one(headers, API_KEY)?;
    match (bearer, api_key) {
        (Some(value), None) => {
            let (scheme, credential) = value.split_once(' ').ok_or(Reason::Malformed)?;
            if credential.contains(' ') {
                return Err(Reason::Malformed);
            }
            match scheme.to_ascii_lowercase().as_str() {
                "bearer" => Ok(sort(credential)),
                "dpop" => {
                    let proof = one(headers, DPOP)?.ok_or(Reason::Malformed)?;
                    match sort(credential) {
                        Presented::Token(token) => {
                            Ok(Presented::Held { token, proof: proof.to_owned() })
                        }
                        _ => Err(Reason::Malformed),
                    }
                }
                _ => Err(Reason::Malformed),
            }
        }
        (None, Some(value)) => match sort(value) {
            it @ Presented::ApiKey(_) => Ok(it),
            Presented::Token(_) | Presented::Held { .. } => Err(Reason::Malformed),
        },
        _ => Err(Reason::Malformed),
    }
}

/// The stated purpose, if there is a plain one.
#[must_use]
pub fn purpose(headers: &HeaderMap) -> Option<String> {
    let value = one(headers, PURPOSE).ok()??.trim();
    (!value.is_empty() && value.len() <= PURPOSE_BYTES_MAX).then(|| value.to_owned())
}

/// Ward's API keys begin with `ward_`, which no base64url JSON object does.
fn sort(credential: &str) -> Presented {
    if credential.starts_with("ward_") {
        Presented::ApiKey(credential.to_owned())
    } else {
        Presented::Token(credential.to_owned())
    }
}

fn one<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h str>, Reason> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() || value.len() > CREDENTIAL_BYTES_MAX {
        return Err(Reason::Malformed);
    }
    value.to_str().map(Some).map_err(|_| Reason::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    #[test]
    fn one_credential_or_none() {
        struct Case {
            headers: &'static [(&'static str, &'static str)],
            want: Result<Presented, Reason>,
        }
        let token = |text: &str| Ok(Presented::Token(text.into()));
        let api_key = |text: &str| Ok(Presented::ApiKey(text.into()));
        let refused = || Err(Reason::Malformed);
        let cases = [
            Case { headers: &[], want: refused() },
            Case {
                headers: &[("authorization", "dpop a.b.c"), ("dpop", "d.e.f")],
                want: Ok(Presented::Held { token: "a.b.c".into(), proof: "d.e.f".into() }),
            },
            Case { headers: &[("authorization", "DPoP a.b.c")], want: refused() },
            Case {
                headers: &[("authorization", "DPoP a.b.c"), ("dpop", "d"), ("dpop", "d")],
                want: refused(),
            },
            Case {
                headers: &[("authorization", "DPoP ward_person_x"), ("dpop", "d")],
                want: refused(),
            },
            Case { headers: &[("dpop", "d.e.f")], want: refused() },
            Case { headers: &[("authorization", "Bearer a.b.c")], want: token("a.b.c") },
            Case { headers: &[("authorization", "bearer a.b.c")], want: token("a.b.c") },
            Case { headers: &[("authorization", "Basic YTpi")], want: refused() },
            Case { headers: &[("authorization", "Bearer  a.b.c")], want: refused() },
            Case { headers: &[("authorization", "Bearer")], want: refused() },
            Case {
                headers: &[("authorization", "Bearer ward_svc_x")],
                want: api_key("ward_svc_x"),
            },
            Case { headers: &[("x-api-key", "ward_svc_x")], want: api_key("ward_svc_x") },
            Case { headers: &[("x-api-key", "a.b.c")], want: refused() },
            Case {
                headers: &[("authorization", "Bearer a.b.c"), ("x-api-key", "ward_svc_x")],
                want: refused(),
            },
            Case {
                headers: &[("authorization", "Bearer a"), ("authorization", "Bearer b")],
                want: refused(),
            },
        ];
        for case in cases {
            let mut headers = HeaderMap::new();
            for (name, value) in case.headers {
                headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
            }
            assert!(present(&headers) == case.want, "{:?}", case.headers);
        }
    }
}
