//! Every rule of RFC 7523 section 3 and what Ward asks beyond it, each broken once.

use serde_json::{Value, json};

use super::*;
use crate::testing::{Signer, with};

const NOW: UnixMillis = UnixMillis::new(1_800_000_000_000);
const OURS: [&str; 2] = ["https://ward.example", "https://ward.example/oauth/token"];

fn known(signer: &Signer, kid: &str, alg: &str) -> KnownKey {
    let jwk = with(&with(&signer.jwk(), "kid", json!(kid)), "alg", json!(alg));
    KnownKey::from_jwk(jwk.to_string().as_bytes()).unwrap()
}

fn claims() -> Value {
    json!({
        "iss": "batch", "sub": "batch", "aud": OURS[0], "jti": "a",
        "exp": NOW.seconds() + 60, "iat": NOW.seconds(),
    })
}

#[test]
fn each_rule_can_be_broken() {
    let signer = Signer::p256();
    let keys = [known(&signer, "k1", "ES256")];
    let body = claims();
    let exp = |seconds: i64| with(&body, "exp", json!(NOW.seconds() + seconds));
    for (name, body, want) in [
        ("holds", body.clone(), None),
        ("to the token endpoint", with(&body, "aud", json!(OURS[1])), None),
        ("to both of our names", with(&body, "aud", json!(OURS)), None),
        ("to somebody else", with(&body, "aud", json!("https://x")), Some(Refusal::Audience)),
        (
            "to somebody else too",
            with(&body, "aud", json!([OURS[0], "https://x"])),
            Some(Refusal::Audience),
        ),
        ("to nobody", with(&body, "aud", json!([])), Some(Refusal::Audience)),
        ("no aud", with(&body, "aud", Value::Null), Some(Refusal::Malformed)),
        ("another iss", with(&body, "iss", json!("x")), Some(Refusal::Client)),
        ("another sub", with(&body, "sub", json!("x")), Some(Refusal::Client)),
        ("no iss", with(&body, "iss", Value::Null), Some(Refusal::Client)),
        ("no jti", with(&body, "jti", Value::Null), Some(Refusal::Malformed)),
        ("no exp", with(&body, "exp", Value::Null), Some(Refusal::Malformed)),
        ("expired", exp(0), Some(Refusal::Time)),
        ("as long as may be", exp(310), None),
        ("too long", exp(311), Some(Refusal::Time)),
        ("not yet", with(&body, "nbf", json!(NOW.seconds() + 11)), Some(Refusal::Time)),
        ("made tomorrow", with(&body, "iat", json!(NOW.seconds() + 11)), Some(Refusal::Time)),
        ("no iat", with(&body, "iat", Value::Null), None),
        ("iat as text", with(&body, "iat", json!("x")), Some(Refusal::Malformed)),
    ] {
        let raw = signer.jws(&json!({"alg": "ES256", "kid": "k1"}), &body);
        let told = check(&raw, "batch", &keys, &OURS, NOW).err();
        assert_eq!(told, want, "{name}");
    }
    for (name, head, want) in [
        ("no kid, one key", json!({"alg": "ES256"}), None),
        ("another kid", json!({"alg": "ES256", "kid": "k2"}), Some(Refusal::Key)),
        ("none", json!({"alg": "none", "kid": "k1"}), Some(Refusal::Key)),
        ("HMAC", json!({"alg": "HS256", "kid": "k1"}), Some(Refusal::Key)),
        ("another algorithm", json!({"alg": "PS256", "kid": "k1"}), Some(Refusal::Key)),
        (
            "a key of its own",
            json!({"alg": "ES256", "jwk": signer.jwk()}),
            Some(Refusal::Malformed),
        ),
    ] {
        let raw = signer.jws(&head, &claims());
        assert_eq!(check(&raw, "batch", &keys, &OURS, NOW).err(), want, "{name}");
    }
    let stranger = Signer::p256().jws(&json!({"alg": "ES256", "kid": "k1"}), &claims());
    assert_eq!(check(&stranger, "batch", &keys, &OURS, NOW), Err(Refusal::Signature));
    assert_eq!(check(&stranger, "batch", &[], &OURS, NOW), Err(Refusal::Key));
}

#[test]
fn the_algorithm_is_the_registered_one() {
    let rsa = Signer::rsa();
    let keys = [known(&rsa, "k1", "RS256")];
    for (alg, want) in [("RS256", None), ("PS256", Some(Refusal::Key))] {
        let raw = rsa.jws(&json!({"alg": alg, "kid": "k1"}), &claims());
        assert_eq!(check(&raw, "batch", &keys, &OURS, NOW).err(), want, "{alg}");
        assert_eq!(client_id(&raw).as_deref(), Some("batch"));
    }
}

#[test]
fn with_two_keys_one_is_named() {
    let (first, second) = (Signer::p256(), Signer::ed25519());
    let keys = [known(&first, "k1", "ES256"), known(&second, "k2", "EdDSA")];
    for (head, want) in [
        (json!({"alg": "EdDSA", "kid": "k2"}), None),
        (json!({"alg": "Ed25519", "kid": "k2"}), None),
        (json!({"alg": "EdDSA"}), Some(Refusal::Key)),
        (json!({"alg": "EdDSA", "kid": "k1"}), Some(Refusal::Key)),
    ] {
        let raw = second.jws(&head, &claims());
        assert_eq!(check(&raw, "batch", &keys, &OURS, NOW).err(), want, "{head}");
    }
}
