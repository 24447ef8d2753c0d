//! Which headers cross the gate, in each direction and mode.
//!
//! Pure. Observed routes pass everything but the hop-by-hop fields (RFC 9110 §7.6.1). Enforced
//! routes ask the upstream for one plain, whole, unconditional answer, so that what is measured is
//! what leaves, and let only known answer headers out: a header can carry a phone number too.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// Fields that belong to one connection (RFC 9110 §7.6.1).
const HOP_BY_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
];

/// Fields that would make the upstream answer with a part, an encoding or a mere "unchanged", or
/// that would let the caller speak with the gate's voice.
const NOT_ASKED: [&str; 24] = [
    "accept-encoding",
    "range",
    "if-range",
    "if-none-match",
    "if-modified-since",
    "if-match",
    "if-unmodified-since",
    "want-content-digest",
    "want-repr-digest",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-url",
    "x-rewrite-url",
    "x-original-uri",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "forwarded",
    "x-api-key",
    "dpop",
    "x-forwarded-client-cert",
    "txn-token",
    "authorization",
];

/// The console's session, which a browser sends to every port of a host: it opens Ward, not the
/// upstream.
const SESSION_COOKIE: &[u8] = b"ward_session";

/// Answer headers an enforced route lets out.
const LET_OUT: [HeaderName; 11] = [
    header::CONTENT_TYPE,
    header::CONTENT_LANGUAGE,
    header::CACHE_CONTROL,
    header::EXPIRES,
    header::DATE,
    header::VARY,
    header::RETRY_AFTER,
    header::ALLOW,
    header::PRAGMA,
    header::WWW_AUTHENTICATE,
    HeaderName::from_static("x-content-type-options"),
];

/// Removes the fields of one connection, also those `Connection` names.
pub fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in HOP_BY_HOP.iter().chain(&named) {
        headers.remove(name);
    }
}

/// Makes a request fit for an enforced route: plain, whole, unconditional, without credentials.
pub fn ask_plainly(headers: &mut HeaderMap) {
    strip_hop_by_hop(headers);
    for name in NOT_ASKED {
        headers.remove(name);
    }
    strip_session(headers);
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
}

/// Takes the console's session out of `Cookie` (RFC 6265 §4.2.1); other cookies stay as they are.
fn strip_session(headers: &mut HeaderMap) {
    let is_session = |pair: &&[u8]| {
        let name = pair.split(|&byte| byte == b'=').next().unwrap_or_default();
        name.trim_ascii() == SESSION_COOKIE
    };
    let pairs = |value: &HeaderValue| {
        value.as_bytes().split(|&byte| byte == b';').any(|it| is_session(&it))
    };
    if !headers.get_all(header::COOKIE).iter().any(pairs) {
        return;
    }
    let values: Vec<HeaderValue> = headers.get_all(header::COOKIE).iter().cloned().collect();
    headers.remove(header::COOKIE);
    for value in values {
        let kept = value.as_bytes().split(|&byte| byte == b';').filter(|it| !is_session(it));
        let kept: Vec<&[u8]> = kept.map(<[u8]>::trim_ascii).collect();
        if let Ok(mut left) = HeaderValue::from_bytes(&kept.join(b"; ".as_slice()))
            && !left.is_empty()
        {
            left.set_sensitive(true);
            headers.append(header::COOKIE, left);
        }
    }
}

/// The answer headers an enforced route lets out.
#[must_use]
pub fn let_out(headers: &HeaderMap) -> HeaderMap {
    let mut out = HeaderMap::with_capacity(LET_OUT.len() + 2);
    for name in &LET_OUT {
        for value in headers.get_all(name) {
            out.append(name, value.clone());
        }
    }
    out
}

/// The answer headers a bypassed route lets out: the same, and how the body is coded, for it passes
/// as it came.
#[must_use]
pub fn let_pass(headers: &HeaderMap) -> HeaderMap {
    let mut out = let_out(headers);
    for value in headers.get_all(header::CONTENT_ENCODING) {
        out.append(header::CONTENT_ENCODING, value.clone());
    }
    out
}

/// Whether the body is sent as it is: no coding but `identity`.
#[must_use]
pub fn is_plain(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::CONTENT_ENCODING)
        .iter()
        .all(|value| value.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// Whether the body says it is JSON (RFC 8259, RFC 6839 §3.1) in UTF-8.
#[must_use]
pub fn is_json(headers: &HeaderMap) -> bool {
    media_type(headers).is_some_and(|kind| {
        kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
    })
}

/// Whether the body says it is a sequence of JSON lines.
#[must_use]
pub fn is_json_lines(headers: &HeaderMap) -> bool {
    media_type(headers).is_some_and(|kind| {
        matches!(kind.as_str(), "application/x-ndjson" | "application/jsonl" | "application/ndjson")
    })
}

/// The media type in lower case; `None` when missing, repeated, or in another charset than UTF-8.
fn media_type(headers: &HeaderMap) -> Option<String> {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let value = values.next()?.to_str().ok()?.to_ascii_lowercase();
    if values.next().is_some() {
        return None;
    }
    let mut parts = value.split(';').map(str::trim);
    let kind = parts.next()?.to_owned();
    let charset = parts.find_map(|part| part.strip_prefix("charset="));
    let utf8 = charset.is_none_or(|name| matches!(name.trim_matches('"'), "utf-8" | "utf8"));
    utf8.then_some(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(list: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in list {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        map
    }

    #[test]
    fn a_plain_question_carries_nothing_that_bends_the_answer() {
        let mut map = headers(&[
            ("range", "bytes=0-1"),
            ("if-none-match", "\"x\""),
            ("accept-encoding", "gzip"),
            ("x-http-method-override", "DELETE"),
            ("authorization", "Bearer x"),
            ("connection", "close, x-secret"),
            ("x-secret", "1"),
            ("accept", "application/json"),
        ]);
        ask_plainly(&mut map);
        assert_eq!(
            map,
            headers(&[("accept", "application/json"), ("accept-encoding", "identity")])
        );
    }

    #[test]
    fn only_known_answer_headers_leave() {
        let map = headers(&[
            ("content-type", "application/json"),
            ("etag", "\"x\""),
            ("x-customer-phone", "010"),
            ("set-cookie", "a=b"),
        ]);
        assert_eq!(let_out(&map), headers(&[("content-type", "application/json")]));
    }

    #[test]
    fn json_says_so_in_utf_8_and_once() {
        for (value, want) in [
            ("application/json", true),
            ("Application/JSON; charset=UTF-8", true),
            ("application/problem+json", true),
            ("application/json; charset=utf-16", false),
            ("text/html", false),
            ("text/json", false),
        ] {
            assert_eq!(is_json(&headers(&[("content-type", value)])), want, "{value}");
        }
        assert!(!is_json(&HeaderMap::new()));
        let twice = headers(&[("content-type", "application/json"), ("content-type", "text/csv")]);
        assert!(!is_json(&twice));
        assert!(!is_plain(&headers(&[("content-encoding", "gzip")])));
        assert!(!is_plain(&headers(&[("content-encoding", "identity, gzip")])));
    }
}
