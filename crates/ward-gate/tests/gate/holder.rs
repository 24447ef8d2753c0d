//! Bound tokens: only their holder is let in, and a 401 says nothing of the token.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use data_encoding::BASE64URL_NOPAD;
use ward_ledger::TokenBody;
use ward_model::{Confirmation, PrincipalKind, Reason, Thumbprint, Verdict};

use super::house::{House, NOW, body};
use super::wire::{Call, Reply};

const PAGE: &str = r#"{"id":"7","name":"Kim","phone":"01012345678"}"#;

struct Signer(EcdsaKeyPair);

impl Signer {
    fn new() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    fn jwk(&self) -> String {
        let (x, y) = self.0.public_key().as_ref()[1..].split_at(32);
        let text = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
        format!(r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#, text(x), text(y))
    }

    fn thumbprint(&self) -> Thumbprint {
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, self.jwk().as_bytes());
        Thumbprint(hash.as_ref().try_into().unwrap())
    }

    fn proof(&self, jti: &str, method: &str, uri: &str, token: &str, more: &str) -> String {
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, token.as_bytes());
        let ath = BASE64URL_NOPAD.encode(hash.as_ref());
        let head = format!(r#"{{"typ":"dpop+jwt","alg":"ES256","jwk":{}}}"#, self.jwk());
        let claims = format!(
            r#"{{"jti":"{jti}","htm":"{method}","htu":"{uri}","iat":{},"ath":"{ath}"{more}}}"#,
            NOW.seconds()
        );
        let part = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
        let input = format!("{}.{}", part(&head), part(&claims));
        let signature = self.0.sign(&SystemRandom::new(), input.as_bytes()).unwrap();
        format!("{input}.{}", BASE64URL_NOPAD.encode(signature.as_ref()))
    }
}

fn dpop(path: &str, token: &str, proof: &str) -> Call {
    Call::get(path).with("authorization", &format!("DPoP {token}")).with("dpop", proof)
}

async fn bound(house: &House, confirmation: Confirmation) -> String {
    let body = body(PrincipalKind::Customer, "7");
    house.issue(&TokenBody { confirmation: Some(confirmation), ..body }).await
}

fn reason(house: &House, reply: &Reply) -> Option<Reason> {
    match house.rows(reply).first().map(|row| row.verdict) {
        Some(Verdict::Refuse(reason)) => Some(reason),
        Some(Verdict::Permit) => None,
        None => house.counted(reply),
    }
}

fn challenges(reply: &Reply) -> Vec<String> {
    let headers = reply.end_to_end().into_iter();
    headers.filter(|(name, _)| name == "www-authenticate").map(|(_, value)| value).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_bound_to_a_key_opens_with_its_proof_alone() {
    let (house, signer) = (House::new().await, Signer::new());
    house.origin.json("/me", PAGE);
    let token = bound(&house, Confirmation::Key(signer.thumbprint())).await;
    let plain = house.token(PrincipalKind::Customer, "7").await;
    let uri = "http://shop.test/me";
    let good = signer.proof("a", "GET", uri, &token, "");
    assert_eq!(house.ask(&dpop("/me", &token, &good)).await.status, 200);
    let mismatch = Some(Reason::HolderMismatch);
    let stranger = Signer::new();
    let proof = |jti: &str, method: &str, uri: &str| signer.proof(jti, method, uri, &token, "");
    let cases = [
        ("used before", dpop("/me", &token, &good), mismatch),
        ("as a bearer's", Call::get("/me").token(&token), mismatch),
        ("another's", dpop("/me", &token, &stranger.proof("b", "GET", uri, &token, "")), mismatch),
        ("another method", dpop("/me", &token, &proof("c", "POST", uri)), mismatch),
        ("another page", dpop("/me", &token, &proof("d", "GET", "http://shop.test/you")), mismatch),
        ("another token", dpop("/me", &token, &signer.proof("e", "GET", uri, "x", "")), mismatch),
        ("no proof", dpop("/me", &token, "junk"), mismatch),
        (
            "bound to nobody",
            dpop("/me", &plain, &signer.proof("f", "GET", uri, &plain, "")),
            mismatch,
        ),
        (
            "junk",
            dpop("/me", "a.b.c", &signer.proof("g", "GET", uri, "a.b.c", "")),
            Some(Reason::Malformed),
        ),
    ];
    let algs = "algs=\"ES256 EdDSA Ed25519 RS256 PS256\"";
    for (what, call, want) in cases {
        let reply = house.ask(&call).await;
        assert_eq!(reply.status, 401, "{what}");
        assert_eq!(reason(&house, &reply), want, "{what}");
        let said = challenges(&reply);
        if what == "as a bearer's" {
            assert_eq!(said, ["Bearer".to_owned(), format!("DPoP {algs}")], "{what}");
        } else {
            assert_eq!(said, [format!("DPoP error=\"invalid_token\", {algs}")], "{what}");
            assert!(reply.header("dpop-nonce").is_some(), "{what}");
        }
    }
    let old = signer.proof("h", "GET", uri, &token, r#","nonce":"x""#);
    let reply = house.ask(&dpop("/me", &token, &old)).await;
    assert_eq!(challenges(&reply), [format!("DPoP error=\"use_dpop_nonce\", {algs}")]);
    let nonce = format!(r#","nonce":"{}""#, reply.header("dpop-nonce").unwrap());
    let fresh = signer.proof("h", "GET", uri, &token, &nonce);
    assert_eq!(house.ask(&dpop("/me", &token, &fresh)).await.status, 200);
    let asked = house.origin.seen();
    assert!(asked.iter().all(|it| it.all("dpop").is_empty()), "the proof goes no further");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_counts_from_a_trusted_door_alone() {
    let house = House::new().await;
    house.origin.json("/me", PAGE);
    let token = bound(&house, Confirmation::Certificate(Thumbprint([0xab; 32]))).await;
    let hash = format!("Hash={}", "ab".repeat(32));
    let call = Call::get("/me").token(&token).with("x-forwarded-client-cert", &hash);
    let reply = house.ask(&call).await;
    assert_eq!(reply.status, 401, "nobody is a door here");
    assert_eq!(reason(&house, &reply), Some(Reason::HolderMismatch));
}
