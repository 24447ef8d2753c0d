//! `application/x-www-form-urlencoded` and `Basic`, read strictly.
//!
//! Source: RFC 6749 §3.2 (a parameter at most once), §2.3.1 and appendix B, RFC 7617 §2.

use data_encoding::BASE64;
use ward_model::Secret;

use crate::limits::PARAMETERS_MAX;

/// Parameters that may be there more than once: RFC 8707 §2, RFC 8693 §2.1.
const REPEATED: [&str; 2] = ["resource", "audience"];

/// Parameters of a form; `None` if one is there twice that must not, or it is no form.
pub(crate) fn form(body: &[u8]) -> Option<Vec<(String, String)>> {
    let body = core::str::from_utf8(body).ok()?;
    let mut parameters: Vec<(String, String)> = Vec::new();
    for pair in body.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decode(name)?, decode(value)?);
        let twice = parameters.iter().any(|(known, _)| *known == name)
            && !REPEATED.contains(&name.as_str());
        if twice || parameters.len() >= PARAMETERS_MAX {
            return None;
        }
        parameters.push((name, value));
    }
    Some(parameters)
}

/// The value of a parameter; RFC 6749 §3.2: without a value it is as if it were not there.
pub(crate) fn get<'a>(parameters: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let found = parameters.iter().find(|(known, _)| known == name)?;
    Some(found.1.as_str()).filter(|value| !value.is_empty())
}

/// Client id and secret of an `Authorization` header; `None` if it is not `Basic`, or malformed.
pub(crate) fn basic(header: &str) -> Option<(String, Secret<String>)> {
    let (scheme, rest) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let bytes = BASE64.decode(rest.trim().as_bytes()).ok()?;
    let text = Secret::new(String::from_utf8(bytes).ok()?);
    let (id, secret) = text.expose().split_once(':')?;
    Some((decode(id)?, Secret::new(decode(secret)?)))
}

fn decode(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    let decoded = percent_encoding::percent_decode_str(&spaced).decode_utf8().ok()?;
    Some(decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_read_strictly() {
        let read = form(b"grant_type=client_credentials&scope=a+b%20c&x=").unwrap();
        assert_eq!(get(&read, "scope"), Some("a b c"));
        assert_eq!(get(&read, "x"), None);
        assert_eq!(get(&read, "y"), None);
        assert!(form(b"a=1&a=2").is_none());
        assert!(form(b"a=1&%61=2").is_none(), "twice, once with an escape");
        assert!(form(b"a=%ff").is_none());
        let many: Vec<String> = (0..40).map(|at| format!("p{at}=1")).collect();
        assert!(form(many.join("&").as_bytes()).is_none());
    }

    #[test]
    fn basic_is_read_strictly() {
        let encoded = BASE64.encode(b"a%3Ab:s+%2B");
        let (id, secret) = basic(&format!("basic {encoded}")).unwrap();
        assert_eq!((id.as_str(), secret.expose().as_str()), ("a:b", "s +"));
        for junk in ["", "Basic", "Bearer x", "Basic !", "Basic YWJj"] {
            assert!(basic(junk).is_none(), "{junk}");
        }
    }
}
