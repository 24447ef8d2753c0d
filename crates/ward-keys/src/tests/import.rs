//! Key files as openssl writes them (`import/`, made by openssl 3.0), and what is none.

use data_encoding::BASE64URL_NOPAD;

use super::*;
use crate::import::{ImportError, read};

const WORDS: &str = "passphrase";

macro_rules! file {
    ($name:literal) => {
        include_bytes!(concat!("import/", $name)).as_slice()
    };
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Want {
    /// It is read, and is the key in `p8.pem`.
    P8,
    /// It is read, and is the key in `ed.pem`.
    Ed,
    /// It is read.
    Some,
    /// It asks for a passphrase, and refuses a wrong one.
    Unsupported,
    Not,
}

struct Case {
    name: &'static str,
    given: &'static [u8],
    under: bool,
    want: Want,
}

const CASES: &[Case] = &[
    Case { name: "pkcs8 pem", given: file!("p8.pem"), under: false, want: Want::P8 },
    Case { name: "pkcs8 der", given: file!("p8.der"), under: false, want: Want::P8 },
    Case { name: "sec1 pem", given: file!("sec1.pem"), under: false, want: Want::P8 },
    Case { name: "parameters first", given: file!("params.pem"), under: false, want: Want::Some },
    Case { name: "encrypted pem", given: file!("enc.pem"), under: true, want: Want::P8 },
    Case { name: "encrypted der", given: file!("enc.der"), under: true, want: Want::P8 },
    Case { name: "aes-128, sha-512", given: file!("enc128.pem"), under: true, want: Want::P8 },
    Case { name: "aes-192, sha-1", given: file!("enc192.pem"), under: true, want: Want::P8 },
    Case { name: "triple des", given: file!("old.pem"), under: true, want: Want::Unsupported },
    Case { name: "scrypt", given: file!("scrypt.pem"), under: true, want: Want::Unsupported },
    Case { name: "ed25519", given: file!("ed.pem"), under: false, want: Want::Ed },
    Case { name: "ed25519 encrypted", given: file!("ed-enc.pem"), under: true, want: Want::Ed },
    Case { name: "pkcs12", given: file!("bag.p12"), under: true, want: Want::P8 },
    Case { name: "pkcs12 sha-512 ed25519", given: file!("ed.p12"), under: true, want: Want::Ed },
    Case { name: "pkcs12 plain bags", given: file!("plain.p12"), under: true, want: Want::P8 },
    Case { name: "pkcs12 old certificates", given: file!("mixed.p12"), under: true, want: Want::P8 },
    Case { name: "pkcs12 old", given: file!("legacy.p12"), under: true, want: Want::Unsupported },
    Case { name: "rsa", given: file!("rsa.pem"), under: false, want: Want::Unsupported },
    Case { name: "p-384", given: file!("p384.pem"), under: false, want: Want::Not },
    Case { name: "nothing", given: b"", under: false, want: Want::Not },
    Case {
        name: "a certificate",
        given: b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
        under: false,
        want: Want::Not,
    },
    Case {
        name: "cut off",
        given: b"-----BEGIN PRIVATE KEY-----\nAAAA",
        under: false,
        want: Want::Not,
    },
    Case {
        name: "old pem encryption",
        given: b"-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END EC PRIVATE KEY-----",
        under: false,
        want: Want::Unsupported,
    },
    Case { name: "too long", given: &[0x30; 30_000], under: false, want: Want::Not },
];

fn public(bytes: &[u8]) -> Vec<u8> {
    read(bytes, None).ok().unwrap().public_key().to_vec()
}

#[test]
fn every_form_is_read_and_what_is_none_is_told() {
    let (p8, ed) = (public(file!("p8.pem")), public(file!("ed.pem")));
    for case in CASES {
        let read = read(case.given, case.under.then_some(WORDS));
        match (case.want, &read) {
            (Want::P8, Ok(pair)) => assert_eq!(pair.public_key(), p8, "{}", case.name),
            (Want::Ed, Ok(pair)) => assert_eq!(pair.public_key(), ed, "{}", case.name),
            (Want::Some, Ok(pair)) => assert!(pair.sign(b"m").is_some(), "{}", case.name),
            (Want::Unsupported, Err(ImportError::Unsupported(_))) => {}
            (Want::Not, Err(ImportError::NotAKey)) => {}
            (_, read) => panic!("{}: {:?}", case.name, read.as_ref().err()),
        }
        if case.under && matches!(case.want, Want::P8 | Want::Ed) {
            let none = crate::import::read(case.given, None).err();
            assert_eq!(none, Some(ImportError::NeedsPassphrase), "{}", case.name);
            let wrong = crate::import::read(case.given, Some("passphrasf")).err();
            assert_eq!(wrong, Some(ImportError::WrongPassphrase), "{}", case.name);
        }
    }
}

#[test]
fn a_file_changed_anywhere_is_no_other_key() {
    let p8 = public(file!("p8.pem"));
    for (name, given) in [("encrypted", file!("enc.der")), ("pkcs12", file!("bag.p12"))] {
        for at in (0..given.len()).step_by(7) {
            let mut changed = given.to_vec();
            changed[at] ^= 0x11;
            if let Ok(pair) = read(&changed, Some(WORDS)) {
                // Names and certificates do not matter; the key does.
                assert_eq!(pair.public_key(), p8, "{name} {at}");
            }
        }
    }
}

#[test]
fn a_jwk_is_read_whole_and_believed_only_if_its_halves_fit() {
    // RFC 8037 appendix A.1, and the P-256 key of RFC 7515 appendix A.3.1.
    let ed = r#"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    let ec = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}"#;
    let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    let want = BASE64URL_NOPAD.decode(x.as_bytes()).unwrap();
    assert_eq!(public(ed.as_bytes()), want);
    assert_eq!(public(ec.as_bytes()).len(), 65);
    assert_eq!(public(format!(r#" {{"keys":[{ed}]}} "#).as_bytes()), want);
    let wrong = [
        ed.replace(r#""x":"11"#, r#""x":"12"#),
        ec.replace(r#""x":"f8"#, r#""x":"f9"#),
        ed.replace("nWGx", "nWGy"),
        ed.replace(r#""d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","#, ""),
        ec.replace("P-256", "P-384"),
        format!(r#"{{"keys":[{ed},{ec}]}}"#),
        r#"{"keys":[]}"#.to_owned(),
        "{}".to_owned(),
        "{".to_owned(),
    ];
    for text in wrong {
        assert!(read(text.as_bytes(), None).is_err(), "{text}");
    }
    let rsa = read(br#"{"kty":"RSA","n":"AQAB","e":"AQAB","d":"AQAB"}"#, None).err();
    assert!(matches!(rsa, Some(ImportError::Unsupported(_))));
}

#[test]
fn holders_nobody_can_name_stand_in_a_record_and_shut_grandfathering() {
    let world = World::new();
    let import = |holders: Vec<DeclaredHolder>, others_unknown, window: bool| Import {
        passphrase: Some(Secret::new(WORDS.into())),
        kid: None,
        issuer: ISSUER.into(),
        holders,
        others_unknown,
        grandfathering: window.then_some(Grandfathering {
            cut_over: NOW,
            life_ms_max: 1000,
            closes_at: NOW.plus_ms(1000),
        }),
    };
    let wanted = import(vec![holder(1)], true, true);
    let refused = world.store.import(file!("bag.p12"), &wanted, &world.ledger, NOW);
    assert!(matches!(refused, Err(KeyError::Input { .. })), "unknown holders let no old token in");
    let wanted = import(vec![holder(1)], true, false);
    let change = world.store.import(file!("bag.p12"), &wanted, &world.ledger, NOW).unwrap();
    let key = world.record(change).into_inner().key;
    let key = world.ledger.key(key).unwrap();
    assert_eq!(key.holders_unknown_since, Some(NOW));
    assert_eq!(key.holders.len(), 1);
    let wanted = import(vec![holder(1)], false, false);
    let change = world.store.import(file!("ed.p12"), &wanted, &world.ledger, NOW).unwrap();
    let key = world.record(change).into_inner().key;
    assert_eq!(world.ledger.key(key).unwrap().holders_unknown_since, None);
}

#[test]
fn the_corpus_of_the_fuzzer_is_replayed() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/custody");
    let mut read = 0;
    for entry in std::fs::read_dir(corpus).unwrap() {
        crate::fuzz(&std::fs::read(entry.unwrap().path()).unwrap());
        read += 1;
    }
    assert!(read >= 9);
}
