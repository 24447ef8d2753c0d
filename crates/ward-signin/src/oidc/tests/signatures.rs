//! Which signatures open a token.

use serde_json::{Value, json};

use super::forge::{OURS, THEIRS, base64, hmac_of};
use crate::oidc::error::TokenFault;
use crate::oidc::jws::{Algorithm, Kind, open};
use crate::oidc::keys::Keys;
use crate::oidc::limits::ID_TOKEN_BYTES_MAX;

const ALGS: [&str; 5] = ["ES256", "ES384", "EdDSA", "PS256", "RS256"];

fn opened(token: &str, keys: &Keys) -> Result<Algorithm, TokenFault> {
    open(token, keys, &Algorithm::ALL, Kind::IdToken, ID_TOKEN_BYTES_MAX).map(|it| it.algorithm)
}

#[test]
fn each_algorithm_opens_with_its_own_key_and_with_no_other() {
    let keys = OURS.keys(&ALGS);
    for alg in ALGS {
        let token = OURS.sign(&json!({"alg": alg, "kid": alg}), &json!({"a": 1}));
        assert_eq!(opened(&token, &keys).map(Algorithm::name), Ok(alg));
        let forged = THEIRS.sign(&json!({"alg": alg, "kid": alg}), &json!({"a": 1}));
        assert_eq!(opened(&forged, &keys), Err(TokenFault::Signature), "{alg}");
        for other in ALGS.into_iter().filter(|other| *other != alg) {
            let confused = OURS.sign(&json!({"alg": alg, "kid": other}), &json!({"a": 1}));
            let is_rsa = |name: &str| name.ends_with("S256") && name != "ES256";
            let want = if is_rsa(alg) && is_rsa(other) {
                // One RSA key is good for both, unless it says which.
                Ok(Algorithm::named(alg).unwrap())
            } else {
                Err(TokenFault::UnknownKey)
            };
            assert_eq!(opened(&confused, &keys), want, "{alg} with {other}");
        }
        let (rest, _) = token.rsplit_once('.').unwrap();
        assert_eq!(opened(&format!("{rest}."), &keys), Err(TokenFault::Signature), "{alg}");
        let (header, _) = rest.split_once('.').unwrap();
        let (_, signature) = token.rsplit_once('.').unwrap();
        let changed = format!("{header}.{}.{signature}", base64(b"{\"a\":2}"));
        assert_eq!(opened(&changed, &keys), Err(TokenFault::Signature), "{alg}");
    }
}

#[test]
fn nothing_and_what_everybody_knows_sign_nothing() {
    let keys = OURS.keys(&ALGS);
    for alg in ["none", "None", "NONE", "", "HS256", "HS384", "hs256", "es256", "ES512", "RS1"] {
        let token = OURS.sign(&json!({"alg": alg, "kid": "RS256"}), &json!({}));
        assert_eq!(opened(&token, &keys), Err(TokenFault::Algorithm), "{alg}");
    }
    // HS256 with the text of the published key as its secret.
    let jwk = OURS.jwk("RS256").to_string();
    let message = format!("{}.{}", base64(b"{\"alg\":\"HS256\",\"kid\":\"RS256\"}"), base64(b"{}"));
    let token = format!("{message}.{}", base64(&hmac_of(jwk.as_bytes(), message.as_bytes())));
    assert_eq!(opened(&token, &keys), Err(TokenFault::Algorithm));
    // The provider must announce an algorithm, too.
    let token = OURS.es256(&json!({}));
    let only = open(&token, &keys, &[Algorithm::Rs256], Kind::IdToken, ID_TOKEN_BYTES_MAX);
    assert_eq!(only.map(|_| ()), Err(TokenFault::Algorithm));
}

#[test]
fn the_header_is_believed_about_nothing_but_the_name_of_the_key() {
    let keys = OURS.keys(&["ES256"]);
    let with = |more: Value| {
        let mut header = json!({"alg": "ES256", "kid": "ES256"});
        header.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        header
    };
    let cases = [
        (with(json!({})), Ok(Algorithm::Es256)),
        (with(json!({"typ": "JWT"})), Ok(Algorithm::Es256)),
        (with(json!({"typ": "application/jwt"})), Ok(Algorithm::Es256)),
        (with(json!({"typ": "logout+jwt"})), Err(TokenFault::Type)),
        (with(json!({"typ": "at+jwt"})), Err(TokenFault::Type)),
        (with(json!({"crit": ["b64"], "b64": false})), Err(TokenFault::Type)),
        (with(json!({"kid": "other"})), Err(TokenFault::UnknownKey)),
        (with(json!({"kid": "k".repeat(257)})), Err(TokenFault::Malformed)),
        (with(json!({"kid": 7})), Err(TokenFault::Malformed)),
        (json!({"kid": "ES256"}), Err(TokenFault::Malformed)),
        (json!({"alg": "ES256"}), Ok(Algorithm::Es256)),
    ];
    for (header, want) in cases {
        assert_eq!(opened(&OURS.sign(&header, &json!({})), &keys), want, "{header}");
    }
    // A key brought along is not looked at.
    let own = with(json!({"jwk": THEIRS.jwk("ES256"), "jku": "https://evil.example/keys"}));
    assert_eq!(opened(&THEIRS.sign(&own, &json!({})), &keys), Err(TokenFault::Signature));
}

#[test]
fn a_token_that_names_no_key_opens_only_if_there_is_one() {
    let token = OURS.sign(&json!({"alg": "RS256"}), &json!({}));
    assert_eq!(opened(&token, &OURS.keys(&["RS256", "ES256"])), Ok(Algorithm::Rs256));
    assert_eq!(opened(&token, &OURS.keys(&["RS256", "PS256"])), Err(TokenFault::UnknownKey));
    assert_eq!(opened(&token, &OURS.keys(&["ES256"])), Err(TokenFault::UnknownKey));
}

#[test]
fn what_is_no_token_is_not_opened() {
    let (keys, token) = (OURS.keys(&["ES256"]), OURS.es256(&json!({})));
    let long = OURS.es256(&json!({"a": "a".repeat(ID_TOKEN_BYTES_MAX)}));
    let padded = format!("{token}=");
    let five = format!("{token}.a.b");
    for text in ["", ".", "..", "a.b", "a.b.c", &padded, &five, &long] {
        let short = text.get(..20.min(text.len())).unwrap();
        assert_eq!(opened(text, &keys), Err(TokenFault::Malformed), "{short}");
    }
}
