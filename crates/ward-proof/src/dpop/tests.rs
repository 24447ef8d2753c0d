//! Every check of RFC 9449 section 4.3, each broken once.

use serde_json::{Value, json};

use super::*;
use crate::desk::{Desk, Refused, Request};
use crate::testing::{Signer, with};

const NOW: UnixMillis = UnixMillis::new(1_800_000_000_000);
const URI: &str = "http://gate.example/orders";

fn header(signer: &Signer, alg: &str) -> Value {
    json!({"typ": "dpop+jwt", "alg": alg, "jwk": signer.jwk()})
}

fn ath(token: &str) -> String {
    BASE64URL_NOPAD.encode(&Sha256::digest(token))
}

fn claims() -> Value {
    json!({"jti": "a", "htm": "GET", "htu": URI, "iat": NOW.seconds(), "ath": ath("token")})
}

fn expected(nonces: &Nonces) -> Expected<'_> {
    Expected {
        method: "GET",
        uri: "http://gate.example:80/orders?page=2",
        token: Some("token"),
        key: None,
        nonces,
        nonce_before: UnixMillis::new(0),
    }
}

#[test]
fn a_proof_holds_for_each_algorithm() {
    let nonces = Nonces::new(&[1; 32]);
    for (signer, alg) in [
        (Signer::p256(), "ES256"),
        (Signer::ed25519(), "EdDSA"),
        (Signer::ed25519(), "Ed25519"),
        (Signer::rsa(), "RS256"),
        (Signer::rsa(), "PS256"),
    ] {
        let raw = signer.jws(&header(&signer, alg), &claims());
        let proof = check(&raw, &expected(&nonces), NOW).unwrap();
        let bound = Expected { key: Some(proof.key), ..expected(&nonces) };
        assert_eq!(check(&raw, &bound, NOW).as_ref(), Ok(&proof), "{alg}");
        let other = Expected { key: Some(Thumbprint([0; 32])), ..expected(&nonces) };
        assert_eq!(check(&raw, &other, NOW), Err(Refusal::Key), "{alg}");
    }
}

#[test]
fn each_check_can_fail() {
    let (signer, nonces) = (Signer::p256(), Nonces::new(&[1; 32]));
    let (head, body) = (header(&signer, "ES256"), claims());
    let at = |seconds: i64| with(&body, "iat", json!(NOW.seconds() + seconds));
    let private = with(&signer.jwk(), "d", json!("AA"));
    let bodies = [
        ("holds", body.clone(), None),
        ("as old as may be", at(-60), None),
        ("as far ahead as may be", at(10), None),
        ("too old", at(-61), Some(Refusal::Time)),
        ("too far ahead", at(11), Some(Refusal::Time)),
        ("no iat", with(&body, "iat", Value::Null), Some(Refusal::Malformed)),
        ("iat as text", with(&body, "iat", json!("1")), Some(Refusal::Malformed)),
        ("another method", with(&body, "htm", json!("POST")), Some(Refusal::Method)),
        ("method in lower case", with(&body, "htm", json!("get")), Some(Refusal::Method)),
        ("no method", with(&body, "htm", Value::Null), Some(Refusal::Malformed)),
        ("another host", with(&body, "htu", json!("http://x.example/orders")), Some(Refusal::Uri)),
        ("https", with(&body, "htu", json!("https://gate.example/orders")), Some(Refusal::Uri)),
        ("another path", with(&body, "htu", json!("http://gate.example/")), Some(Refusal::Uri)),
        ("no URI", with(&body, "htu", json!("orders")), Some(Refusal::Uri)),
        ("with a query", with(&body, "htu", json!(format!("{URI}?a=b"))), None),
        ("no jti", with(&body, "jti", Value::Null), Some(Refusal::Malformed)),
        ("empty jti", with(&body, "jti", json!("")), Some(Refusal::Malformed)),
        ("long jti", with(&body, "jti", json!("x".repeat(257))), Some(Refusal::Malformed)),
        ("another token", with(&body, "ath", json!(ath("other"))), Some(Refusal::Token)),
        ("no ath", with(&body, "ath", Value::Null), Some(Refusal::Token)),
        ("a nonce of nobody", with(&body, "nonce", json!("x")), Some(Refusal::Nonce)),
        ("a nonce", with(&body, "nonce", json!(nonces.at(NOW))), None),
    ];
    for (name, body, want) in bodies {
        let told = check(&signer.jws(&head, &body), &expected(&nonces), NOW).err();
        assert_eq!(told, want, "{name}");
    }
    let heads = [
        ("another typ", with(&head, "typ", json!("JWT")), Refusal::Malformed),
        ("no typ", with(&head, "typ", Value::Null), Refusal::Malformed),
        ("no key", with(&head, "jwk", Value::Null), Refusal::Malformed),
        ("a private key", with(&head, "jwk", private), Refusal::Malformed),
        ("none", with(&head, "alg", json!("none")), Refusal::Algorithm),
        ("HMAC", with(&head, "alg", json!("HS256")), Refusal::Algorithm),
        ("another key's", with(&head, "alg", json!("EdDSA")), Refusal::Algorithm),
        ("crit", with(&head, "crit", json!(["x"])), Refusal::Malformed),
        ("jku", with(&head, "jku", json!("http://x")), Refusal::Malformed),
        ("a stranger's", with(&head, "jwk", Signer::p256().jwk()), Refusal::Signature),
    ];
    for (name, head, want) in heads {
        let told = check(&signer.jws(&head, &body), &expected(&nonces), NOW);
        assert_eq!(told, Err(want), "{name}");
    }
    let whole = signer.jws(&head, &body);
    for junk in ["", "a.b", "a.b.c", &format!("{whole}A"), &format!("{whole}."), &"x".repeat(5000)]
    {
        assert!(check(junk, &expected(&nonces), NOW).is_err(), "{junk}");
    }
}

#[test]
fn a_proof_is_used_once_also_across_a_restart() {
    let signer = Signer::p256();
    let head = header(&signer, "ES256");
    let request = Request { method: "GET", uri: URI, token: Some("token"), key: None };
    let started = NOW.plus_ms(-3_600_000);
    let desk = Desk::new(&[2; 32], started, false);
    let raw = signer.jws(&head, &claims());
    assert!(desk.take(&raw, &request, NOW).is_ok());
    assert_eq!(desk.take(&raw, &request, NOW), Err(Refused::Replayed));
    let other = signer.jws(&head, &with(&claims(), "jti", json!("b")));
    assert!(desk.take(&other, &request, NOW).is_ok());
    // A moment later the process starts again and remembers nothing: then a nonce is needed.
    let restarted = Desk::new(&[3; 32], NOW.plus_ms(1000), false);
    let nonce = Err(Refused::Proof(Refusal::Nonce));
    assert_eq!(restarted.take(&raw, &request, NOW.plus_ms(2000)), nonce);
    let fresh = with(&claims(), "nonce", json!(restarted.nonce(NOW.plus_ms(2000))));
    let fresh = signer.jws(&head, &fresh);
    assert!(restarted.take(&fresh, &request, NOW.plus_ms(2000)).is_ok());
    let later = NOW.plus_ms(60_000);
    let late = with(&with(&claims(), "iat", json!(later.seconds())), "jti", json!("c"));
    let late = signer.jws(&head, &late);
    assert!(restarted.take(&late, &request, later).is_ok(), "its memory reaches back far enough");
    let strict = Desk::new(&[4; 32], started, true);
    assert_eq!(strict.take(&raw, &request, NOW), nonce);
}

#[test]
fn the_corpus_is_harmless() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/proof");
    let mut files = 0;
    for entry in std::fs::read_dir(corpus).unwrap() {
        crate::fuzz::proof(&std::fs::read(entry.unwrap().path()).unwrap());
        files += 1;
    }
    assert!(files >= 4, "{files}");
}
