//! What a set may look like and what it may not, and that it is taken whole or not at all.

use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaKeyPair,
};
use serde_json::json;
use ward_ledger::{Ledger, LedgerSecret};
use ward_model::record::IssuerDeclared;
use ward_model::word::ReportMode;
use ward_model::{IssuerNumber, LeafIndex, Position, Secret, UnixMillis, View as _};

use super::*;

fn ec(kid: &str) -> Value {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let point = pair.public_key().as_ref();
    json!({"kty": "EC", "crv": "P-256", "kid": kid, "x": BASE64URL_NOPAD.encode(&point[1..33]),
           "y": BASE64URL_NOPAD.encode(&point[33..])})
}

fn ed(kid: &str) -> Value {
    let pair = Ed25519KeyPair::generate().unwrap();
    let x = BASE64URL_NOPAD.encode(pair.public_key().as_ref());
    json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "alg": "EdDSA", "use": "sig", "x": x})
}

fn rsa(kid: &str, alg: &str) -> (Value, Vec<u8>) {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let der = pair.public_key().as_ref().to_vec();
    // A sequence of two integers: for 2048 bits the modulus stands at 9, the exponent at 267.
    let (n, e) = (BASE64URL_NOPAD.encode(&der[9..265]), BASE64URL_NOPAD.encode(&der[267..]));
    (json!({"kty": "RSA", "kid": kid, "alg": alg, "n": n, "e": e}), der)
}

fn set(keys: &[Value]) -> Vec<u8> {
    json!({"keys": keys, "more": 1}).to_string().into_bytes()
}

#[test]
fn every_kind_is_read_and_fixed_to_one_algorithm() {
    let (rs, rs_der) = rsa("r", "RS256");
    let (ps, ps_der) = rsa("p", "PS256");
    let keys = read(&set(&[ec("e"), ed("d"), rs, ps])).unwrap();
    let told: Vec<_> = keys.iter().map(|key| (key.kid.as_str(), key.algorithm)).collect();
    let want = [
        ("e", IssuerAlgorithm::Es256),
        ("d", IssuerAlgorithm::EdDsa),
        ("r", IssuerAlgorithm::Rs256),
        ("p", IssuerAlgorithm::Ps256),
    ];
    assert_eq!(told, want);
    // The bytes are those of a library that writes the structure itself.
    assert_eq!((keys[2].public_key.clone(), keys[3].public_key.clone()), (rs_der, ps_der));
}

#[test]
fn what_is_no_set_is_refused_whole() {
    let with = |mut key: Value, name: &str, value: Value| {
        key[name] = value;
        key
    };
    let many: Vec<Value> = (0..=KEYS_MAX).map(|at| json!({"kty": "oct", "kid": at})).collect();
    let cases: [(&str, Vec<u8>, DocumentFault); 11] = [
        ("empty", Vec::new(), DocumentFault::Unreadable),
        ("a page", b"<html>".to_vec(), DocumentFault::Unreadable),
        ("a list", b"[]".to_vec(), DocumentFault::Unreadable),
        ("keys that are none", br#"{"keys":[1]}"#.to_vec(), DocumentFault::Unreadable),
        ("nested without end", vec![b'['; 100_000], DocumentFault::Unreadable),
        ("huge", vec![b' '; DOCUMENT_BYTES_MAX + 1], DocumentFault::TooLong),
        ("many", set(&many), DocumentFault::TooManyKeys),
        ("none", set(&[]), DocumentFault::NoKeys),
        ("a private key", set(&[ec("a"), with(ed("b"), "d", json!("x"))]), DocumentFault::Private),
        (
            "a shared secret",
            set(&[ec("a"), json!({"kty": "oct", "k": "x"})]),
            DocumentFault::Private,
        ),
        ("one name twice", set(&[ec("a"), ed("a")]), DocumentFault::Ambiguous),
    ];
    for (name, body, want) in cases {
        assert_eq!(read(&body), Err(want), "{name}");
    }
}

#[test]
fn keys_that_do_not_verify_are_passed_over() {
    let with = |mut key: Value, name: &str, value: Value| {
        key[name] = value;
        key
    };
    let short = with(rsa("s", "RS256").0, "n", json!(BASE64URL_NOPAD.encode(&[0x81; 128])));
    let cases: [(&str, Value); 11] = [
        ("no name", with(ec("k"), "kid", json!(""))),
        ("for encryption", with(ec("k"), "use", json!("enc"))),
        ("use that is no text", with(ec("k"), "use", json!(1))),
        ("for signing alone", with(ec("k"), "key_ops", json!(["sign"]))),
        ("another algorithm", with(ec("k"), "alg", json!("ES384"))),
        ("an algorithm of another kind", with(ec("k"), "alg", json!("RS256"))),
        ("no point", with(ec("k"), "x", json!(BASE64URL_NOPAD.encode(&[1; 32])))),
        ("another curve", with(ec("k"), "crv", json!("P-384"))),
        ("too short", short),
        ("a number that is none", with(rsa("k", "RS256").0, "n", json!("=="))),
        ("a long name", with(ec("k"), "kid", json!("k".repeat(KID_BYTES_MAX + 1)))),
    ];
    for (name, key) in cases {
        let keys = read(&set(&[ed("good"), key])).unwrap();
        assert_eq!(keys.len(), 1, "{name}");
    }
}

#[test]
fn metadata_name_their_own_issuer_and_host() {
    let url = "https://login.example/realms/shop";
    let told = |issuer: &str, jwks: &str| {
        keys_of(url, json!({"issuer": issuer, "jwks_uri": jwks}).to_string().as_bytes())
    };
    let good = "https://login.example/realms/shop/certs";
    assert_eq!(told(url, good), Ok(good.to_owned()));
    assert_eq!(told("https://login.example", good), Err(DocumentFault::OtherIssuer));
    for other in [
        "https://evil.example/certs",
        "http://login.example/certs",
        "https://login.example:444/certs",
        "https://login.example@evil.example/certs",
        "https://169.254.169.254/certs",
        "//login.example/certs",
        "file:///etc/passwd",
        "https://",
    ] {
        assert_eq!(told(url, other), Err(DocumentFault::OtherHost), "{other}");
    }
    assert_eq!(keys_of(url, b"{}"), Err(DocumentFault::Unreadable));
}

fn issuer(ledger: &Ledger, records: &[Record]) -> std::sync::Arc<Issuer> {
    let declared = IssuerDeclared {
        issuer: IssuerNumber(1),
        name: Text::cut("login"),
        url: Text::cut("https://login.example"),
        audiences: Text::cut("shop"),
        life_ms_max: 1000,
        reports: ReportMode::Synchronous,
        claims: Text::cut("sub"),
        kinds: Text::cut("customer"),
    };
    let at = Position { index: LeafIndex(0), time: UnixMillis::new(0) };
    for record in core::iter::once(&declared.into()).chain(records) {
        ledger.view().apply(at, record);
    }
    ledger.issuer("login").unwrap()
}

#[test]
fn a_set_is_compared_with_what_is_known() {
    let ledger = Ledger::new(LedgerSecret::new(Secret::new([7; 32])));
    let first = read(&set(&[ec("a"), ed("b")])).unwrap();
    let Compared::Taken(new) = compare(&issuer(&ledger, &[]), &first, KeyNumber(1_000_001)) else {
        panic!("refused")
    };
    assert_eq!(new.len(), 2);
    let known = issuer(&ledger, &new);
    assert_eq!(
        known.keys.iter().map(|key| key.number.0).collect::<Vec<_>>(),
        [1_000_001, 1_000_002]
    );
    assert_eq!(compare(&known, &first, ledger.next_foreign_key()), Compared::Taken(Vec::new()));
    // One goes, one comes.
    let mut second = vec![first[0].clone()];
    second.extend(read(&set(&[ed("c")])).unwrap());
    let Compared::Taken(more) = compare(&known, &second, ledger.next_foreign_key()) else {
        panic!("refused")
    };
    assert!(matches!(&more[..], [Record::IssuerKeySeen(seen), Record::IssuerKeyGone(gone)]
        if seen.key.0 == 1_000_003 && gone.key.0 == 1_000_002));
    // One that went comes back under its own number.
    let known = issuer(&ledger, &more);
    let Compared::Taken(back) = compare(&known, &first, ledger.next_foreign_key()) else {
        panic!("refused")
    };
    assert!(matches!(&back[..], [Record::IssuerKeySeen(seen), Record::IssuerKeyGone(_)]
        if seen.key.0 == 1_000_002));
    // Another key under a known name: nothing of the set is taken.
    let swapped = read(&set(&[ed("new"), ec("a")])).unwrap();
    let told = compare(&known, &swapped, ledger.next_foreign_key());
    assert!(matches!(told, Compared::Swapped { key: KeyNumber(1_000_001), .. }));
    assert_eq!(ledger.faults(), 0);
}

#[test]
fn the_corpus_is_replayed() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/jwks");
    let mut replayed = 0;
    for entry in std::fs::read_dir(corpus).unwrap() {
        fuzz(&std::fs::read(entry.unwrap().path()).unwrap());
        replayed += 1;
    }
    assert!(replayed > 0);
}
