//! Strictness of the signing input, row by row.

#![expect(clippy::string_slice, reason = "the texts cut here are ASCII")]

use super::*;
use crate::base64::encode;

const HEADER: &str = r#"{"alg":"ES256","kid":"k","typ":"at+jwt"}"#;
const CLAIMS: &str =
    r#"{"iss":"ward","sub":"7","aud":"shop","iat":1800000000,"exp":1800000600,"jti":"own"}"#;

fn input(header: &str, claims: &str) -> String {
    format!("{}.{}", encode(header.as_bytes()), encode(claims.as_bytes()))
}

fn parse(text: &str) -> Option<InputError> {
    SigningInput::parse(text.as_bytes()).err()
}

#[test]
fn what_is_signed_is_understood() {
    let read = SigningInput::parse(input(HEADER, CLAIMS).as_bytes()).ok().unwrap();
    assert_eq!((read.kid(), read.issuer(), read.principal().id()), ("k", "ward", "7"));
    assert_eq!(read.principal().kind, ward_model::PrincipalKind::Customer);
    assert_eq!(read.audiences(), ["shop"]);
    assert_eq!(read.expires_at().since(read.issued_at()), 600_000);
    assert_eq!((read.jti(), read.others().len()), (Some("own"), 0));
    assert_eq!(read.text(), input(HEADER, CLAIMS));
}

#[test]
fn headers_choose_nothing() {
    use InputError as E;
    for (name, header, want) in [
        (
            "crit",
            r#"{"alg":"ES256","kid":"k","typ":"JWT","crit":["b64"]}"#,
            E::HeaderMember("crit"),
        ),
        ("b64", r#"{"alg":"ES256","kid":"k","typ":"JWT","b64":false}"#, E::HeaderMember("b64")),
        ("nested", r#"{"alg":"ES256","kid":"k","typ":"JWT","cty":"JWT"}"#, E::HeaderMember("cty")),
        ("JWE", r#"{"alg":"ES256","enc":"A256GCM","kid":"k","typ":"JWT"}"#, E::HeaderMember("enc")),
        ("jwk", r#"{"alg":"ES256","kid":"k","typ":"JWT","jwk":{}}"#, E::HeaderMember("jwk")),
        ("x", r#"{"alg":"ES256","kid":"k","typ":"JWT","x":1}"#, E::HeaderMember("another member")),
        (
            "escaped crit",
            r#"{"alg":"ES256","kid":"k","typ":"JWT","\u0063rit":[]}"#,
            E::HeaderMember("crit"),
        ),
        ("none", r#"{"alg":"none","kid":"k","typ":"JWT"}"#, E::Algorithm),
        ("HS256", r#"{"alg":"HS256","kid":"k","typ":"JWT"}"#, E::Algorithm),
        ("no alg", r#"{"kid":"k","typ":"JWT"}"#, E::Algorithm),
        ("no kid", r#"{"alg":"ES256","typ":"JWT"}"#, E::Kid),
        ("empty kid", r#"{"alg":"ES256","kid":"","typ":"JWT"}"#, E::Kid),
        ("kid no text", r#"{"alg":"ES256","kid":1,"typ":"JWT"}"#, E::Kid),
        ("no typ", r#"{"alg":"ES256","kid":"k"}"#, E::Type),
        ("logout", r#"{"alg":"ES256","kid":"k","typ":"logout+jwt"}"#, E::Type),
        ("transaction", r#"{"alg":"ES256","kid":"k","typ":"txntoken+jwt"}"#, E::Type),
        ("dpop", r#"{"alg":"ES256","kid":"k","typ":"dpop+jwt"}"#, E::Type),
        ("twice", r#"{"alg":"ES256","alg":"none","kid":"k","typ":"JWT"}"#, E::Header),
        ("list", "[]", E::Header),
    ] {
        assert_eq!(parse(&input(header, CLAIMS)), Some(want), "{name}");
    }
}

#[test]
fn claims_are_whole_and_nobody_elses() {
    use InputError as E;
    let without = |name: &str| {
        let kept: Vec<&str> = CLAIMS
            .trim_matches(['{', '}'])
            .split(',')
            .filter(|member| !member.starts_with(&format!("\"{name}\"")))
            .collect();
        format!("{{{}}}", kept.join(","))
    };
    let with = |member: &str| CLAIMS.replace("\"iss\"", &format!("{member},\"iss\""));
    for (name, claims, want) in [
        ("no iss", without("iss"), Some(E::Missing("iss"))),
        ("no sub", without("sub"), Some(E::Missing("sub or kind"))),
        ("no aud", without("aud"), Some(E::Missing("aud"))),
        ("no iat", without("iat"), Some(E::Missing("iat"))),
        ("no exp", without("exp"), Some(E::Missing("exp"))),
        ("no jti", without("jti"), None),
        (
            "empty aud",
            without("aud").replace("\"iss\"", "\"aud\":[],\"iss\""),
            Some(E::Missing("aud")),
        ),
        ("a kind there is none of", with(r#""kind":"root""#), Some(E::Missing("sub or kind"))),
        ("sub twice", with(r#""sub":"8""#), Some(E::Claims)),
        ("float", with(r#""nbf":1.5"#), Some(E::Claims)),
        ("no object", "7".to_owned(), Some(E::Claims)),
        ("something after", format!("{CLAIMS} x"), Some(E::Claims)),
    ] {
        assert_eq!(parse(&input(HEADER, &claims)), want, "{name}");
    }
    let ledger = crate::testing::with_keys();
    let place = crate::Locator { origin: ward_model::Origin(1), sequence: ward_model::Sequence(1) };
    let own = ledger.secret().seal_locator(place, [3; 14]);
    for (name, claims, want) in [
        ("plain", CLAIMS.to_owned(), None),
        ("login", with(r#""login":"L-1""#), Some(E::Login)),
        ("login, escaped", with(r#""\u006cogin":"L-1""#), Some(E::Login)),
        ("a jti of Ward's", CLAIMS.replace("own", &own), Some(E::Jti)),
        ("a jti like it", CLAIMS.replace("own", &own.replace(&own[..3], "AAA")), None),
    ] {
        let read = SigningInput::parse(input(HEADER, &claims).as_bytes()).ok().unwrap();
        assert_eq!(ledger.admit(read).err(), want, "{name}");
    }
    let other = SigningInput::parse(input(HEADER, &with(r#""roles":["a"]"#)).as_bytes());
    assert_eq!(other.ok().unwrap().others(), ["roles"]);
}

#[test]
fn other_bytes_are_no_signing_input() {
    use InputError as E;
    let good = input(HEADER, CLAIMS);
    for (name, text, want) in [
        ("nothing", String::new(), E::NotSigningInput),
        ("a word", "hello".to_owned(), E::NotSigningInput),
        ("a whole token", format!("{good}.c2ln"), E::Nested),
        ("a JWE", "a.b.c.d.e".to_owned(), E::Nested),
        ("no payload", format!("{}.", encode(HEADER.as_bytes())), E::Claims),
        ("no header", format!(".{}", encode(CLAIMS.as_bytes())), E::Header),
        ("padded", format!("{good}="), E::NotSigningInput),
        ("white space", format!("{good}\n"), E::NotSigningInput),
        ("standard base64", good.replacen('.', "+.", 1), E::NotSigningInput),
        ("too long", format!("{good}{}", "A".repeat(5000)), E::TooLong),
    ] {
        assert_eq!(parse(&text), Some(want), "{name}");
    }
    assert_eq!(SigningInput::parse(&[0xff; 9]).err(), Some(E::NotSigningInput));
}

#[test]
fn the_corpus_of_the_fuzzer_is_replayed() {
    let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/transit");
    let mut read = 0;
    for file in std::fs::read_dir(corpus).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        crate::testing::fuzz_input(&bytes);
        read += usize::from(SigningInput::parse(&bytes).is_ok());
    }
    assert!(read >= 8, "{read} of the corpus are inputs");
}
