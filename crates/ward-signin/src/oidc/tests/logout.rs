//! What a logout token must say, and that it counts once.

use serde_json::{Value, json};

use super::forge::{CLIENT, ISSUER, NOW, OURS, THEIRS};
use crate::oidc::error::{LogoutError, LogoutFault, TokenFault};
use crate::oidc::jws::Algorithm;
use crate::oidc::limits::{LOGOUT_MEMORY_MS, LOGOUTS_REMEMBERED_MAX};
use crate::oidc::logout::{Expected, Read, Seen, read};
use crate::oidc::{Issuer, LogoutOf};

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

fn good() -> Value {
    json!({
        "iss": ISSUER, "aud": CLIENT, "iat": NOW.seconds(), "exp": NOW.seconds() + 120,
        "jti": "bWJq", "sub": "24400320", "sid": "08a5019c", "events": { EVENT: {} },
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = good();
    match value {
        Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
        value => claims[name] = value,
    }
    claims
}

fn judge(token: &str) -> Result<Read, LogoutFault> {
    let expected = Expected {
        issuer: &Issuer::parse(ISSUER).unwrap(),
        client_id: CLIENT,
        algorithms: &Algorithm::ALL,
    };
    read(token, &OURS.keys(&["ES256", "RS256"]), &expected, NOW)
}

fn header(typ: &str) -> Value {
    json!({"alg": "ES256", "kid": "ES256", "typ": typ})
}

fn once(seen: &mut Seen, claims: &Value, after_ms: i64) -> Result<LogoutOf, LogoutError> {
    seen.once(judge(&OURS.es256(claims)).ok().unwrap(), NOW.plus_ms(after_ms))
}

#[test]
fn a_good_token_says_whose_sessions_end() {
    for typ in ["logout+jwt", "JWT", "application/logout+jwt"] {
        let read = judge(&OURS.sign(&header(typ), &good())).ok().unwrap();
        let it = Seen::default().once(read, NOW).ok().unwrap();
        assert_eq!(it.issuer.as_str(), ISSUER);
        assert_eq!(it.subject.unwrap().as_str(), "24400320");
        assert_eq!(it.sid.unwrap().as_str(), "08a5019c");
    }
    let person = judge(&OURS.es256(&with("sid", Value::Null))).ok().unwrap();
    assert!(Seen::default().once(person, NOW).is_ok_and(|it| it.sid.is_none()));
    let session = judge(&OURS.es256(&with("sub", Value::Null))).ok().unwrap();
    assert!(Seen::default().once(session, NOW).is_ok_and(|it| it.subject.is_none()));
}

#[test]
fn each_claim_is_checked() {
    use LogoutFault::{Event, Nonce, Token};
    use TokenFault::{Audience, Expired, IssuedAt, Issuer, Malformed};
    let seconds = |from_now: i64| json!(NOW.seconds() + from_now);
    let cases = [
        ("iss", json!("https://evil.example"), Some(Token(Issuer))),
        ("aud", json!("other"), Some(Token(Audience))),
        ("aud", json!([CLIENT]), None),
        ("exp", seconds(-59), None),
        ("exp", seconds(-60), Some(Token(Expired))),
        ("exp", Value::Null, Some(Token(Malformed))),
        ("iat", seconds(-360), None),
        ("iat", seconds(-361), Some(Token(IssuedAt))),
        ("iat", seconds(60), None),
        ("iat", seconds(61), Some(Token(IssuedAt))),
        ("iat", Value::Null, Some(Token(Malformed))),
        ("jti", Value::Null, Some(Token(Malformed))),
        ("jti", json!(""), Some(Token(Malformed))),
        ("jti", json!("a".repeat(257)), Some(Token(Malformed))),
        ("events", json!({}), Some(Event)),
        ("events", json!({ EVENT: null }), Some(Event)),
        ("events", json!({ EVENT: true }), Some(Event)),
        ("events", json!([EVENT]), Some(Token(Malformed))),
        ("events", Value::Null, Some(Token(Malformed))),
        ("nonce", json!("n"), Some(Nonce)),
        ("nonce", json!(""), Some(Nonce)),
        ("sub", json!(""), Some(Token(Malformed))),
        ("sid", json!(""), Some(Token(Malformed))),
    ];
    for (name, value, want) in cases {
        let got = judge(&OURS.es256(&with(name, value.clone()))).err();
        assert_eq!(got, want, "{name}: {value:.40}");
    }
    let mut nobody = with("sub", Value::Null);
    nobody.as_object_mut().unwrap().remove("sid");
    assert_eq!(judge(&OURS.es256(&nobody)).err(), Some(LogoutFault::Nobody));
}

#[test]
fn it_must_be_signed_by_the_provider() {
    let cases = [
        (THEIRS.es256(&good()), TokenFault::Signature),
        (OURS.sign(&json!({"alg": "none"}), &good()), TokenFault::Algorithm),
        (OURS.sign(&json!({"alg": "HS256", "kid": "RS256"}), &good()), TokenFault::Algorithm),
        (OURS.sign(&json!({"alg": "ES256", "kid": "gone"}), &good()), TokenFault::UnknownKey),
        (OURS.sign(&header("at+jwt"), &good()), TokenFault::Type),
        (OURS.es256(&with("pad", json!("a".repeat(16 * 1024)))), TokenFault::Malformed),
    ];
    for (token, want) in cases {
        assert_eq!(judge(&token).err(), Some(LogoutFault::Token(want)));
    }
}

#[test]
fn it_counts_once_for_as_long_as_it_is_good() {
    let mut seen = Seen::default();
    assert!(once(&mut seen, &good(), 0).is_ok());
    for after_ms in [0, 1, 420_000, LOGOUT_MEMORY_MS - 1] {
        let again = once(&mut seen, &good(), after_ms).err().unwrap();
        assert!(matches!(again, LogoutError::Refused(LogoutFault::Replayed)), "{after_ms}");
        assert_eq!((again.kind(), again.status()), ("replayed", 400));
    }
    assert!(once(&mut seen, &with("jti", json!("another")), 0).is_ok());
    assert!(once(&mut seen, &good(), LOGOUT_MEMORY_MS).is_ok(), "forgotten");
}

#[test]
fn memory_has_an_end_and_then_nothing_passes() {
    let mut seen = Seen::default();
    let read = |jti: usize| {
        let issuer = Issuer::parse(ISSUER).unwrap();
        Read { whose: LogoutOf { issuer, subject: None, sid: None }, jti: jti.to_string() }
    };
    for nth in 0..LOGOUTS_REMEMBERED_MAX {
        assert!(seen.once(read(nth), NOW).is_ok());
    }
    let more = seen.once(read(LOGOUTS_REMEMBERED_MAX), NOW).err().unwrap();
    assert!(matches!(more, LogoutError::Overloaded));
    assert_eq!(more.status(), 503);
    assert!(seen.once(read(LOGOUTS_REMEMBERED_MAX), NOW.plus_ms(LOGOUT_MEMORY_MS)).is_ok());
}
