//! Keys are read strictly, named as RFC 7638 names them, and keep to their algorithm.

use serde_json::{Value, json};

use super::*;
use crate::testing::{Signer, with};

#[test]
fn the_thumbprint_of_rfc_7638() {
    let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tS\
             oc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65\
             YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyr\
             dkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzK\
             nqDKgw";
    let jwk = json!({"kty": "RSA", "n": n, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"});
    let members = object(jwk.to_string().as_bytes()).unwrap();
    let key = PublicKey::from_members(&members).unwrap();
    assert_eq!(key.thumbprint().to_string(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
}

#[test]
fn a_key_is_for_one_way_of_signing() {
    let header = |alg: &str| json!({"alg": alg});
    let claims = json!({"x": 1});
    for (signer, algorithms) in [
        (Signer::p256(), &["ES256"][..]),
        (Signer::ed25519(), &["EdDSA"]),
        (Signer::rsa(), &["RS256", "PS256"]),
    ] {
        for alg in ["ES256", "EdDSA", "RS256", "PS256"] {
            let jwk = with(&with(&signer.jwk(), "alg", json!(alg)), "kid", json!("k"));
            let read = KnownKey::from_jwk(jwk.to_string().as_bytes());
            assert_eq!(read.is_ok(), algorithms.contains(&alg), "{alg}");
            let Ok(key) = read else { continue };
            let jws = signer.jws(&header(alg), &claims);
            let (input, signature) = jws.rsplit_once('.').unwrap();
            let mut signature = BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap();
            assert!(key.verifies(input.as_bytes(), &signature), "{alg}");
            signature[9] ^= 1;
            assert!(!key.verifies(input.as_bytes(), &signature), "{alg}");
        }
    }
}

#[test]
fn what_is_no_public_key_of_ours_is_refused() {
    let good = with(&Signer::p256().jwk(), "kid", json!("k"));
    let rsa = with(&Signer::rsa().jwk(), "kid", json!("k"));
    let read = |jwk: &Value| KnownKey::from_jwk(jwk.to_string().as_bytes()).map(|_| ());
    assert_eq!(read(&good), Ok(()));
    for (jwk, want) in [
        (with(&good, "d", json!("AA")), JwkError::Private),
        (json!({"kty": "oct", "k": "AA", "kid": "k"}), JwkError::Private),
        (with(&good, "crv", json!("P-384")), JwkError::Unsupported),
        (with(&good, "x", json!("AA")), JwkError::Malformed),
        (with(&good, "x", json!("not base64")), JwkError::Malformed),
        (with(&good, "y", Value::Null), JwkError::Malformed),
        (with(&good, "kty", Value::Null), JwkError::Malformed),
        (with(&good, "kid", Value::Null), JwkError::Kid),
        (with(&good, "kid", json!("")), JwkError::Kid),
        (with(&good, "alg", json!("none")), JwkError::Unsupported),
        (with(&good, "alg", json!(1)), JwkError::Unsupported),
        (with(&good, "use", json!("enc")), JwkError::Unsupported),
        (rsa.clone(), JwkError::Unsupported),
        (with(&with(&rsa, "alg", json!("RS256")), "e", json!("Aw")), JwkError::Unsupported),
        (with(&with(&rsa, "alg", json!("RS256")), "n", json!("AQAB")), JwkError::Unsupported),
        (json!([]), JwkError::Malformed),
    ] {
        assert_eq!(read(&jwk), Err(want), "{jwk}");
    }
    let twice = br#"{"kty":"EC","kty":"EC"}"#;
    assert_eq!(KnownKey::from_jwk(twice), Err(JwkError::Malformed));
}
