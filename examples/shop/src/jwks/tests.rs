//! When keys are fetched, and which published keys are taken. Pure: no socket, no waiting.

use super::*;

#[test]
fn a_fetch_happens_when_it_is_due() {
    struct Case {
        name: &'static str,
        /// Seconds since the set was read; `None` when it never was.
        age: Option<u64>,
        found: bool,
        /// Seconds until the next fetch is allowed.
        wait: Option<u64>,
        want: Step,
    }
    let case = |name, age, found, wait, want| Case { name, age, found, wait, want };
    let cases = [
        case("never read", None, false, None, Step::Fetch),
        case("never read, just failed", None, false, Some(1), Step::Rest),
        case("known and fresh", Some(1), true, None, Step::Use),
        case("known and fresh, in a pause", Some(1), true, Some(4), Step::Use),
        case("unknown, no pause", Some(1), false, None, Step::Fetch),
        case("unknown, in a pause", Some(1), false, Some(4), Step::Rest),
        case("unknown, pause over", Some(6), false, Some(0), Step::Fetch),
        case("known and old", Some(60), true, None, Step::Fetch),
        case("known and old, in a pause", Some(60), true, Some(1), Step::Rest),
    ];
    let start = Instant::now();
    for it in cases {
        let now = start + Duration::from_secs(it.age.unwrap_or(0));
        let held = it.age.map(|_| Held { keys: Arc::default(), at: start });
        let next = it.wait.map(|wait| now + Duration::from_secs(wait));
        assert_eq!(step(held.as_ref(), it.found, next, now), it.want, "{}", it.name);
    }
}

#[test]
fn keys_of_unknown_kinds_are_passed_over() {
    let body = r#"{"keys":[
        {"kty":"RSA","kid":"a","n":"AQAB","e":"AQAB"},
        {"kty":"EC","crv":"P-384","kid":"b","x":"AA","y":"AA"},
        {"kty":"OKP","crv":"Ed25519","kid":"c","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
        {"kty":"OKP","crv":"Ed25519","kid":"d","x":"11qYAYKxCrfVS_7TyWQHOg"},
        17]}"#;
    let keys = parse(body.as_bytes()).unwrap();
    assert_eq!(keys.keys().collect::<Vec<_>>(), ["c"]);
    assert!(parse(b"{}").is_none());
}
