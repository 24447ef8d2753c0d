//! Strictness of the parser, row by row.

#![expect(clippy::string_slice, reason = "the texts cut here are ASCII")]

use super::*;
use crate::base64::encode;

fn header(json: &str) -> String {
    format!("{}.", encode(json.as_bytes()))
}

#[test]
fn headers_are_read_strictly() {
    struct Case(&'static str, &'static str, bool);
    for Case(name, json, want) in [
        Case("plain", r#"{"alg":"ES256","kid":"k"}"#, true),
        Case("other order and typ", r#"{"typ":"JWT","kid":"k","alg":"EdDSA"}"#, true),
        Case("access token type", r#"{"alg":"ES256","kid":"k","typ":"at+jwt"}"#, true),
        Case("unknown harmless name", r#"{"alg":"ES256","kid":"k","x":1}"#, true),
        Case("no kid", r#"{"alg":"ES256"}"#, false),
        Case("kid no text", r#"{"alg":"ES256","kid":7}"#, false),
        Case("no alg", r#"{"kid":"k"}"#, false),
        Case("none", r#"{"alg":"none","kid":"k"}"#, false),
        Case("None", r#"{"alg":"None","kid":"k"}"#, false),
        Case("HS256", r#"{"alg":"HS256","kid":"k"}"#, false),
        Case("es256", r#"{"alg":"es256","kid":"k"}"#, false),
        Case("crit", r#"{"alg":"ES256","kid":"k","crit":["exp"]}"#, false),
        Case("b64", r#"{"alg":"ES256","kid":"k","b64":false}"#, false),
        Case("jku", r#"{"alg":"ES256","kid":"k","jku":"https://x"}"#, false),
        Case("jwk", r#"{"alg":"ES256","kid":"k","jwk":{}}"#, false),
        Case("x5u", r#"{"alg":"ES256","kid":"k","x5u":"https://x"}"#, false),
        Case("x5c", r#"{"alg":"ES256","kid":"k","x5c":[]}"#, false),
        Case("zip", r#"{"alg":"ES256","kid":"k","zip":"DEF"}"#, false),
        Case("escaped jku", r#"{"alg":"ES256","kid":"k","\u006aku":"x"}"#, false),
        Case("duplicate", r#"{"alg":"none","alg":"ES256","kid":"k"}"#, false),
        Case("escaped duplicate", r#"{"alg":"ES256","\u0061lg":"none","kid":"k"}"#, false),
        Case("nested duplicate", r#"{"alg":"ES256","kid":"k","x":{"a":1,"a":2}}"#, false),
        Case("transaction token", r#"{"alg":"EdDSA","kid":"k","typ":"txntoken+jwt"}"#, false),
        Case("something after", r#"{"alg":"ES256","kid":"k"} x"#, false),
        Case("array", r#"["ES256"]"#, false),
        Case("not JSON", "alg=ES256", false),
    ] {
        assert_eq!(foreign_header(header(json).as_bytes()).is_some(), want, "{name}");
    }
}

#[test]
fn claims_are_read_strictly() {
    struct Case(&'static str, String, bool);
    let many = |count: usize| {
        let names: Vec<String> = (0..count).map(|at| format!("\"n{at}\":0")).collect();
        format!("{{{}}}", names.join(","))
    };
    let deep = |depth: usize| format!("{{\"x\":{}1{}}}", "[".repeat(depth), "]".repeat(depth));
    let case = |name, json: &str, want| Case(name, json.to_owned(), want);
    for Case(name, json, want) in [
        case("empty", "{}", true),
        case("dates", r#"{"exp":1,"iat":0,"nbf":253402300799}"#, true),
        case("audience list", r#"{"aud":["a","b"]}"#, true),
        case("float date", r#"{"exp":1.5}"#, false),
        case("exponent date", r#"{"exp":1e9}"#, false),
        case("text date", r#"{"exp":"1"}"#, false),
        case("null date", r#"{"exp":null}"#, false),
        case("negative date", r#"{"exp":-1}"#, false),
        case("date past the year 9999", r#"{"exp":253402300800}"#, false),
        case("huge date", r#"{"exp":99999999999999999999}"#, false),
        case("number in audience", r#"{"aud":["a",1]}"#, false),
        case("audience object", r#"{"aud":{}}"#, false),
        case("sub number", r#"{"sub":1}"#, false),
        case("jti list", r#"{"jti":[]}"#, false),
        case("duplicate", r#"{"sub":"a","sub":"b"}"#, false),
        case("escaped duplicate", r#"{"sub":"a","s\u0075b":"b"}"#, false),
        case("not UTF-8 escape", r#"{"sub":"\ud800"}"#, false),
        case("control character", "{\"sub\":\"a\nb\"}", false),
        case("trailing comma", r#"{"sub":"a",}"#, false),
        Case("names at the bound", many(64), true),
        Case("names past it", many(65), false),
        Case("depth at the bound", deep(5), true),
        Case("depth past it", deep(6), false),
        Case("very deep", deep(1000), false),
        Case("values past the bound", format!("{{\"x\":[{}1]}}", "1,".repeat(300)), false),
        Case(
            "audiences past the bound",
            format!("{{\"aud\":[{}\"\"]}}", "\"\",".repeat(16)),
            false,
        ),
    ] {
        assert_eq!(foreign_claims(json.as_bytes()).is_some(), want, "{name}");
    }
}

#[test]
fn only_three_canonical_parts_are_a_token() {
    let signature = encode(&[1; 64]);
    let whole = format!("aGk.aGk.{signature}");
    assert!(split(whole.as_bytes()).is_some());
    let long = format!("aGk.{}.{signature}", "a".repeat(TOKEN_BYTES_MAX));
    for raw in [
        "",
        ".",
        "..",
        &signature,
        &format!("aGk.{signature}"),
        &format!(".aGk.{signature}"),
        &format!("aGk..{signature}"),
        &format!("..{signature}"),
        &whole[1..40],
        &long,
    ] {
        assert!(split(raw.as_bytes()).is_none(), "{}", &raw[..raw.len().min(40)]);
    }
}

#[test]
fn base64_has_one_text_for_one_byte_string() {
    let good = encode(&[0xff; 64]);
    assert!(crate::base64::decode_array::<64>(good.as_bytes()).is_some());
    let last = |with: char| format!("{}{with}", &good[..85]);
    for bad in [
        last('x'),                  // trailing bits set
        last('='),                  // padding
        good.replacen('_', "/", 1), // the other alphabet
        good.replacen('_', " ", 1), // white space
        format!("{good}="),
        format!("{good}A"),
        good[..84].to_owned(),
    ] {
        assert!(crate::base64::decode_array::<64>(bad.as_bytes()).is_none(), "{bad}");
    }
    // The same through the room, for each length modulo 4.
    for len in 1..100 {
        let text = encode(&vec![0xa5; len]);
        let mut room = Room::new();
        assert_eq!(room.decode(text.as_bytes()).unwrap(), vec![0xa5; len]);
        if len % 3 != 0 {
            let mut bytes = text.into_bytes();
            let last = bytes.last_mut().unwrap();
            *last += 1;
            assert!(Room::new().decode(&bytes).is_none(), "trailing bits at {len}");
        }
    }
    assert!(Room::new().decode(&vec![b'A'; TOKEN_BYTES_MAX * 2]).is_none());
}
