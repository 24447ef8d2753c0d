//! What an `id_token` must say.

use serde_json::{Value, json};
use ward_model::Secret;

use super::forge::{CLIENT, ISSUER, NOW, OURS, base64};
use crate::oidc::error::TokenFault;
use crate::oidc::id_token::{Expected, Proven, prove};
use crate::oidc::jws::Algorithm;
use crate::oidc::limits::{GROUP_BYTES_MAX, GROUPS_MAX};
use crate::oidc::{Issuer, Purpose, Subject};

const NONCE: &str = "n-0S6_WzA2Mj";
const ACCESS_TOKEN: &str = "SlAV32hkKG";

fn good() -> Value {
    json!({
        "iss": ISSUER, "sub": "24400320", "aud": CLIENT, "nonce": NONCE,
        "iat": NOW.seconds() - 1, "exp": NOW.seconds() + 300, "auth_time": NOW.seconds() - 2,
        "sid": "s-1", "groups": ["ward-keys", "staff"], "acr": "urn:mace:silver",
        "amr": ["pwd", "otp"], "email": "amy@example.com", "email_verified": true,
        "preferred_username": "amy",
    })
}

fn step_up(max_age_seconds: u32) -> Purpose {
    Purpose::StepUp { max_age_seconds, subject: Subject::new("24400320".to_owned()).unwrap() }
}

fn read(claims: &Value, purpose: &Purpose) -> Result<Proven, TokenFault> {
    judge(&OURS.es256(claims), purpose)
}

fn judge(token: &str, purpose: &Purpose) -> Result<Proven, TokenFault> {
    let expected = Expected {
        issuer: &Issuer::parse(ISSUER).unwrap(),
        client_id: CLIENT,
        algorithms: &Algorithm::ALL,
        nonce: &Secret::new(NONCE.to_owned()),
        created_at: NOW.plus_ms(-20_000),
        purpose,
        groups_claim: "groups",
        access_token: &Secret::new(ACCESS_TOKEN.to_owned()),
    };
    prove(token, &OURS.keys(&["ES256"]), &expected, NOW)
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = good();
    match value {
        Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
        value => claims[name] = value,
    }
    claims
}

fn seconds(from_now: i64) -> Value {
    json!(NOW.seconds() + from_now)
}

#[test]
fn a_good_token_tells_who_it_is() {
    let proven = read(&good(), &Purpose::SignIn).ok().unwrap();
    assert_eq!(proven.issuer.as_str(), ISSUER);
    assert_eq!(proven.subject.as_str(), "24400320");
    assert_eq!(proven.sid.unwrap().as_str(), "s-1");
    assert_eq!(proven.groups, ["ward-keys", "staff"]);
    assert_eq!(proven.email.as_deref(), Some("amy@example.com"));
    assert_eq!(proven.preferred_username.as_deref(), Some("amy"));
    assert_eq!(proven.auth_time, Some(NOW.plus_ms(-2000)));
    assert_eq!(proven.acr.as_deref(), Some("urn:mace:silver"));
    assert_eq!(proven.amr, ["pwd", "otp"]);
    assert!(!proven.is_fresh);
}

#[test]
fn each_claim_is_checked() {
    use TokenFault::{
        AccessTokenHash, Audience, Expired, Groups, IssuedAt, Issuer, Malformed, Nonce,
    };
    let half_hash = Algorithm::Es256.half_hash(ACCESS_TOKEN);
    let cases = [
        ("iss", json!("https://evil.example"), Err(Issuer)),
        ("iss", json!("https://id.example/"), Err(Issuer)),
        ("iss", Value::Null, Err(Malformed)),
        ("aud", json!("other"), Err(Audience)),
        ("aud", json!("ward2"), Err(Audience)),
        ("aud", json!([]), Err(Audience)),
        ("aud", json!([CLIENT]), Ok(())),
        ("aud", json!([CLIENT, "other"]), Err(Audience)),
        ("aud", json!(vec![CLIENT; 17]), Err(Audience)),
        ("aud", json!(7), Err(Malformed)),
        ("azp", json!(CLIENT), Ok(())),
        ("azp", json!("other"), Err(Audience)),
        ("exp", seconds(-59), Ok(())),
        ("exp", seconds(-60), Err(Expired)),
        ("exp", Value::Null, Err(Malformed)),
        ("exp", json!("soon"), Err(Malformed)),
        ("exp", json!(1.9e300), Err(Malformed)),
        ("exp", json!(1_800_000_300.5), Ok(())),
        ("iat", seconds(60), Ok(())),
        ("iat", seconds(61), Err(IssuedAt)),
        ("iat", seconds(-80), Ok(())),
        ("iat", seconds(-81), Err(IssuedAt)),
        ("iat", Value::Null, Err(Malformed)),
        ("nonce", json!("another"), Err(Nonce)),
        ("nonce", json!(""), Err(Nonce)),
        ("nonce", Value::Null, Err(Nonce)),
        ("at_hash", json!(half_hash), Ok(())),
        ("at_hash", json!(base64(b"another token!!!")), Err(AccessTokenHash)),
        ("at_hash", json!(""), Err(AccessTokenHash)),
        ("sub", json!(""), Err(Malformed)),
        ("sub", json!("a".repeat(256)), Err(Malformed)),
        ("sub", json!("a\nb"), Err(Malformed)),
        ("sub", json!(7), Err(Malformed)),
        ("sid", json!(""), Err(Malformed)),
        ("groups", json!(vec!["g"; GROUPS_MAX]), Ok(())),
        ("groups", json!(vec!["g"; GROUPS_MAX + 1]), Err(Groups)),
        ("groups", json!(["g".repeat(GROUP_BYTES_MAX)]), Ok(())),
        ("groups", json!(["g".repeat(GROUP_BYTES_MAX + 1)]), Err(Groups)),
        ("groups", json!([""]), Err(Groups)),
        ("groups", json!([7]), Err(Malformed)),
        ("groups", json!({"admins": true}), Err(Malformed)),
    ];
    for (name, value, want) in cases {
        let claims = with(name, value.clone());
        assert_eq!(read(&claims, &Purpose::SignIn).map(|_| ()), want, "{name}: {value:.40}");
    }
    let mut several = with("aud", json!(["other", CLIENT]));
    several["azp"] = json!(CLIENT);
    assert!(read(&several, &Purpose::SignIn).is_ok());
    several["azp"] = json!("other");
    assert_eq!(read(&several, &Purpose::SignIn).err(), Some(Audience));
}

#[test]
fn an_access_token_belongs_to_its_algorithm_s_digest() {
    // Core, appendix A.3, gives this pair.
    let example = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
    assert_eq!(Algorithm::Rs256.half_hash(example), "77QmUPtjPfzWtF2AnpK9RQ");
    let lengths = Algorithm::ALL.map(|it| it.half_hash(example).len());
    assert_eq!(lengths, [22, 32, 43, 22, 22]);
}

#[test]
fn only_what_the_provider_verified_is_an_address() {
    for value in [Value::Null, json!(false), json!("true"), json!(1)] {
        let proven = read(&with("email_verified", value.clone()), &Purpose::SignIn);
        assert_eq!(proven.ok().unwrap().email, None, "{value}");
    }
    for name in ["email", "preferred_username", "acr"] {
        let claims = with(name, json!("a".repeat(257)));
        let it = read(&claims, &Purpose::SignIn).ok().unwrap();
        let left = [it.email, it.preferred_username, it.acr].into_iter().flatten().count();
        assert_eq!(left, 2, "{name}");
    }
}

#[test]
fn groups_come_from_the_configured_claim_alone() {
    let none: [&str; 0] = [];
    let cases = [
        (with("groups", Value::Null), &none[..]),
        (with("groups", json!("one")), &["one"]),
        (with("groups", json!([])), &none),
    ];
    for (claims, want) in cases {
        assert_eq!(read(&claims, &Purpose::SignIn).ok().unwrap().groups, want, "{claims}");
    }
    let mut elsewhere = with("groups", Value::Null);
    elsewhere["roles"] = json!(["ward-keys"]);
    elsewhere["userinfo"] = json!({"groups": ["ward-keys"]});
    assert!(read(&elsewhere, &Purpose::SignIn).ok().unwrap().groups.is_empty());
}

#[test]
fn a_step_up_is_a_new_authentication_of_the_same_person() {
    use TokenFault::{AnotherPerson, AuthTime, Malformed};
    // The browser was sent away 20 seconds ago, the token was issued a second ago; both moments
    // are rounded, so 3 seconds are forgiven.
    let cases = [
        (300, "auth_time", seconds(-2), Ok(true)),
        (300, "auth_time", seconds(-24), Ok(true)),
        (300, "auth_time", seconds(-25), Err(AuthTime)),
        (5, "auth_time", seconds(-9), Ok(true)),
        (5, "auth_time", seconds(-10), Err(AuthTime)),
        (0, "auth_time", seconds(-4), Ok(true)),
        (0, "auth_time", seconds(-5), Err(AuthTime)),
        (300, "auth_time", seconds(2), Ok(true)),
        (300, "auth_time", seconds(3), Err(AuthTime)),
        (300, "auth_time", Value::Null, Err(AuthTime)),
        (300, "auth_time", json!("now"), Err(Malformed)),
        (u32::MAX, "auth_time", seconds(-25), Err(AuthTime)),
        (300, "sub", json!("24400321"), Err(AnotherPerson)),
    ];
    for (max_age, name, value, want) in cases {
        let got = read(&with(name, value.clone()), &step_up(max_age)).map(|it| it.is_fresh);
        assert_eq!(got, want, "{max_age} {name}: {value}");
    }
    // The provider's clock may be another: what counts is its own time between the two.
    for (behind, want) in [(0, Ok(true)), (50, Ok(true)), (-50, Ok(true))] {
        let mut claims = with("auth_time", seconds(-10 - behind));
        claims["iat"] = seconds(-1 - behind);
        assert_eq!(read(&claims, &step_up(300)).map(|it| it.is_fresh), want, "{behind}");
    }
    // Without a step-up an old authentication is enough, but it is never called fresh.
    for value in [Value::Null, seconds(-86_400), seconds(-1)] {
        let proven = read(&with("auth_time", value), &Purpose::SignIn).ok().unwrap();
        assert!(!proven.is_fresh);
    }
}

#[test]
fn a_claim_given_twice_is_not_read() {
    let once = good().to_string();
    assert!(judge(&OURS.es256_of(&once), &Purpose::SignIn).is_ok());
    for name in ["sub", "iss", "nonce", "aud", "exp"] {
        let twice = once.replacen('{', &format!("{{\"{name}\":{},", good()[name]), 1);
        let got = judge(&OURS.es256_of(&twice), &Purpose::SignIn).err();
        assert_eq!(got, Some(TokenFault::Malformed), "{name}");
    }
}
