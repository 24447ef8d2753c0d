//! What a provider publishes, and what is used of it.

use serde_json::{Value, json};

use super::forge::{ISSUER, OURS, metadata};
use crate::oidc::discovery::{Metadata, MetadataFault, place};
use crate::oidc::jws::Algorithm;
use crate::oidc::keys::Keys;
use crate::oidc::limits::{ANSWER_BYTES_MAX, KEYS_MAX};
use crate::oidc::{AddressFault, Issuer};

fn read(change: impl FnOnce(&mut Value), method: &str) -> Result<Metadata, MetadataFault> {
    let mut document = metadata();
    change(&mut document);
    let issuer = Issuer::parse(ISSUER).unwrap();
    Metadata::parse(document.to_string().as_bytes(), &issuer, method)
}

#[test]
fn metadata_is_of_this_issuer_and_good_enough() {
    let good = read(|_| {}, "client_secret_basic").ok().unwrap();
    assert_eq!(good.algorithms, [Algorithm::Es256, Algorithm::Rs256]);
    assert!(good.names_itself && good.takes_claims);
    assert_eq!(good.token.as_str(), "https://id.example/token");

    type Change = fn(&mut Value);
    let cases: [(Change, MetadataFault); 12] = [
        (|it| it["issuer"] = json!("https://evil.example"), MetadataFault::IssuerDiffers),
        (|it| it["issuer"] = json!("https://id.example/"), MetadataFault::IssuerDiffers),
        (|it| it["issuer"] = Value::Null, MetadataFault::Unreadable),
        (|it| it["token_endpoint"] = json!("http://id.example/t"), MetadataFault::Endpoint),
        (|it| it["jwks_uri"] = json!("http://id.example/k"), MetadataFault::Endpoint),
        (|it| it["authorization_endpoint"] = json!("javascript:alert(1)"), MetadataFault::Endpoint),
        (|it| it["jwks_uri"] = json!("file:///etc/passwd"), MetadataFault::Endpoint),
        (|it| it["response_types_supported"] = json!(["id_token"]), MetadataFault::NoCode),
        (|it| it["code_challenge_methods_supported"] = json!(["plain"]), MetadataFault::NoPkce),
        (
            |it| it["id_token_signing_alg_values_supported"] = json!(["none", "HS256"]),
            MetadataFault::NoAlgorithm,
        ),
        (
            |it| it["token_endpoint_auth_methods_supported"] = json!(["none"]),
            MetadataFault::NoAuthentication,
        ),
        (|it| it["pad"] = json!("a".repeat(ANSWER_BYTES_MAX)), MetadataFault::TooLong),
    ];
    for (nth, (change, want)) in cases.into_iter().enumerate() {
        assert_eq!(read(change, "client_secret_basic").err(), Some(want), "case {nth}");
    }
    // Left out, it is `client_secret_basic` (Discovery 1.0 §3).
    let without = |it: &mut Value| it["token_endpoint_auth_methods_supported"] = Value::Null;
    assert!(read(without, "client_secret_basic").is_ok());
    assert_eq!(read(without, "private_key_jwt").err(), Some(MetadataFault::NoAuthentication));
    let silent = |it: &mut Value| it["code_challenge_methods_supported"] = Value::Null;
    assert!(read(silent, "private_key_jwt").is_ok());
}

#[test]
fn an_issuer_is_an_address_without_a_query() {
    for (text, want) in [
        ("https://id.example/tenant/7", Ok(())),
        ("http://127.0.0.1:8080", Ok(())),
        ("https://id.example?a=b", Err(AddressFault::Query)),
        ("https://id.example#a", Err(AddressFault::Malformed)),
        ("http://id.example", Err(AddressFault::Open)),
    ] {
        assert_eq!(Issuer::parse(text).map(|_| ()), want, "{text}");
    }
    for text in ["https://id.example", "https://id.example/"] {
        let want = "https://id.example/.well-known/openid-configuration";
        assert_eq!(place(&Issuer::parse(text).unwrap()), want);
    }
}

fn keys(of: &[Value]) -> Result<Keys, MetadataFault> {
    Keys::parse(json!({ "keys": of }).to_string().as_bytes())
}

#[test]
fn a_thousand_keys_are_refused_and_64_are_not() {
    let many = |count: usize| vec![OURS.jwk("ES256"); count];
    assert!(keys(&many(KEYS_MAX)).is_ok());
    assert_eq!(keys(&many(KEYS_MAX + 1)).err(), Some(MetadataFault::TooManyKeys));
    assert_eq!(keys(&many(1000)).err(), Some(MetadataFault::TooManyKeys));
    // Those of unknown kinds count, too: somebody has to read them.
    let unknown = vec![json!({"kty": "new"}); 1000];
    assert_eq!(keys(&unknown).err(), Some(MetadataFault::TooManyKeys));
    let long = json!({"keys": [{"kty": "oct", "k": "a".repeat(ANSWER_BYTES_MAX)}]});
    let long = Keys::parse(long.to_string().as_bytes());
    assert_eq!(long.err(), Some(MetadataFault::TooLong));
}

#[test]
fn keys_that_are_not_for_signatures_are_passed_over() {
    type Change = fn(&mut Value);
    let bad: [(&str, Change); 14] = [
        ("ES256", |it| it["use"] = json!("enc")),
        ("ES256", |it| it["key_ops"] = json!(["sign"])),
        ("ES256", |it| it["alg"] = json!("ECDH-ES")),
        ("RS256", |it| it["alg"] = json!("RSA-OAEP")),
        ("RS256", |it| it["alg"] = json!("HS256")),
        ("RS256", |it| it["n"] = json!("AQAB")),
        ("RS256", |it| it["n"] = json!("A".repeat(256 * 4 / 3 + 1))),
        ("RS256", |it| it["e"] = Value::Null),
        ("ES256", |it| it["x"] = json!("AQAB")),
        ("ES256", |it| it["crv"] = json!("secp256k1")),
        ("ES256", |it| it["kty"] = json!("oct")),
        ("EdDSA", |it| it["x"] = json!("AQAB")),
        ("EdDSA", |it| it["crv"] = json!("X25519")),
        ("ES256", |it| it["kid"] = json!("k".repeat(257))),
    ];
    for (nth, (alg, change)) in bad.into_iter().enumerate() {
        let mut jwk = OURS.jwk(alg);
        change(&mut jwk);
        assert_eq!(keys(&[jwk.clone()]).err(), Some(MetadataFault::NoKeys), "case {nth}: {jwk}");
        // One bad key does not spoil the others.
        let both = keys(&[jwk, OURS.jwk("ES384")]).ok().unwrap();
        assert_eq!(both.fitting(Some("ES384"), Algorithm::Es384).len(), 1, "case {nth}");
    }
    for good in [json!({"use": "sig"}), json!({"key_ops": ["verify"]}), json!({"alg": "RS256"})] {
        let mut jwk = OURS.jwk("RS256");
        jwk.as_object_mut().unwrap().extend(good.as_object().unwrap().clone());
        let read = keys(&[jwk]).ok().unwrap();
        assert_eq!(read.fitting(None, Algorithm::Rs256).len(), 1, "{good}");
        let is_said = good.get("alg").is_some();
        assert_eq!(read.fitting(None, Algorithm::Ps256).len(), usize::from(!is_said), "{good}");
    }
    for body in ["", "{}", "[]", "{\"keys\":{}}", "<html>"] {
        let read = Keys::parse(body.as_bytes()).err();
        assert_eq!(read, Some(MetadataFault::KeysUnreadable), "{body}");
    }
}
