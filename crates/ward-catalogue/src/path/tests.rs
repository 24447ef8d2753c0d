//! Every known way to write a path so that two servers read it differently, and a property: what
//! matches is what a careful server would have read.

use proptest::prelude::*;

use super::{Lookup, Trick};
use crate::catalogue::Catalogue;

fn catalogue() -> Catalogue {
    let route = |number: u32, method: &str, path: &str| {
        format!(
            "[[routes]]\nnumber = {number}\nname = \"r{number}\"\nhost = \"shop\"\n\
             method = \"{method}\"\npath = \"{path}\"\nmode = \"observe\"\nkinds = [\"person\"]\n\
             body = \"json\"\n"
        )
    };
    let text = [
        "version = 1\n[hosts.shop]\nupstream = \"http://127.0.0.1:9000\"\n".to_owned(),
        route(1, "GET", "/"),
        route(2, "GET", "/staff/customers/{id}"),
        route(3, "GET", "/staff/customers/me"),
        route(4, "POST", "/staff/customers/{id}"),
        route(5, "GET", "/staff/{what}/{id}"),
        route(6, "GET", "/a/{x}/c/{y}"),
    ];
    Catalogue::parse("catalogue.toml", &text.concat()).unwrap()
}

/// The route's number and its parameters, 0 for none, or the trick.
fn look(method: &str, path: &str) -> Result<(i32, Vec<String>, Option<String>), &'static str> {
    let catalogue = catalogue();
    match catalogue.find(&catalogue.hosts()[0], method, path) {
        Lookup::Match(found) => Ok((found.route.number.0, found.params, found.canonical)),
        Lookup::NoRoute => Ok((0, vec![], None)),
        Lookup::Refused(trick) => Err(trick.kind()),
    }
}

#[test]
fn paths_that_match() {
    type Case = (&'static str, &'static str, i32, &'static [&'static str], Option<&'static str>);
    let cases: [Case; 15] = [
        ("GET", "/", 1, &[], None),
        ("GET", "/staff/customers/7", 2, &["7"], None),
        ("HEAD", "/staff/customers/7", 2, &["7"], None),
        ("POST", "/staff/customers/7", 4, &["7"], None),
        ("PUT", "/staff/customers/7", 0, &[], None),
        ("GET", "/staff/customers/me", 3, &[], None),
        ("POST", "/staff/customers/me", 4, &["me"], None),
        ("GET", "/staff/orders/7", 5, &["orders", "7"], None),
        ("GET", "/a/1/c/2", 6, &["1", "2"], None),
        ("GET", "/a/1/d/2", 0, &[], None),
        ("GET", "/%73taff/customers/%37", 2, &["7"], Some("/staff/customers/7")),
        ("GET", "/staff/customers/%6d%65", 3, &[], Some("/staff/customers/me")),
        ("GET", "/staff/customers/a%20b", 2, &["a b"], None),
        ("GET", "/staff/customers/%ea%b0%80", 2, &["가"], Some("/staff/customers/%EA%B0%80")),
        ("GET", "/staff/customers/100%25", 2, &["100%"], None),
    ];
    for (method, path, number, params, canonical) in cases {
        let params = params.iter().map(|it| (*it).to_owned()).collect();
        let want = Ok((number, params, canonical.map(str::to_owned)));
        assert_eq!(look(method, path), want, "{method} {path}");
    }
}

#[test]
fn tricks_are_refused() {
    let cases = [
        ("staff", "not_absolute"),
        ("", "not_absolute"),
        ("http://x/staff", "not_absolute"),
        ("/staff%2fcustomers/7", "encoded_slash"),
        ("/staff%2Fcustomers/7", "encoded_slash"),
        ("/staff%5ccustomers/7", "encoded_slash"),
        ("/staff\\customers/7", "backslash"),
        ("//staff/customers/7", "empty_segment"),
        ("/staff//customers/7", "empty_segment"),
        ("/staff/customers//", "empty_segment"),
        ("//", "empty_segment"),
        ("/staff/./customers/7", "dot_segment"),
        ("/x/../staff/customers/7", "dot_segment"),
        ("/x/%2e%2e/staff", "dot_segment"),
        ("/x/.%2E/staff", "dot_segment"),
        ("/staff/customers/..", "dot_segment"),
        ("/staff/customers/%2e", "dot_segment"),
        ("/staff/customers/7%00", "encoded_control"),
        ("/staff/customers/%0d%0a", "encoded_control"),
        ("/staff/customers/%c2%85", "encoded_control"),
        ("/staff/customers/%7f", "encoded_control"),
        ("/staff/customers/7%", "bad_encoding"),
        ("/staff/customers/%4", "bad_encoding"),
        ("/staff/customers/%zz", "bad_encoding"),
        ("/staff/customers/%u0041", "bad_encoding"),
        ("/staff/customers/%ff", "not_utf8"),
        ("/staff/customers/%c0%af", "not_utf8"),
        ("/staff/customers/%252e%252e", "double_encoding"),
        ("/staff/customers/%2541", "double_encoding"),
        ("/staff/customers;x=1/7", "matrix_parameter"),
        ("/staff/customers/7%3bx", "matrix_parameter"),
        ("/staff/customers/7?x", "bad_character"),
        ("/staff/customers/7#x", "bad_character"),
        ("/staff/customers/a b", "bad_character"),
        ("/staff/customers/가", "bad_character"),
        ("/staff/customers/\u{0}", "bad_character"),
        ("/staff/customers/{id}", "bad_character"),
        ("/staff/customers/7/", "variant"),
        ("/Staff/customers/7", "variant"),
        ("/STAFF/CUSTOMERS/7", "variant"),
        ("/%53taff/customers/7", "variant"),
        ("/%C5%BFtaff/customers/7", "variant"),
    ];
    for (path, want) in cases {
        assert_eq!(look("GET", path), Err(want), "{path}");
    }
    assert_eq!(look("get", "/staff/customers/7"), Err("variant"));
    assert_eq!(look("GET", &format!("/{}", "a/".repeat(5_000))), Err("too_long"));
    assert_eq!(look("GET", &format!("/{}a", "a/".repeat(100))), Err("too_long"));
}

#[test]
fn every_trick_has_its_own_label() {
    let labels = [
        Trick::NotAbsolute,
        Trick::TooLong,
        Trick::BadCharacter,
        Trick::BadEncoding,
        Trick::EncodedSlash,
        Trick::EncodedControl,
        Trick::DoubleEncoding,
        Trick::NotUtf8,
        Trick::Backslash,
        Trick::MatrixParameter,
        Trick::EmptySegment,
        Trick::DotSegment,
    ];
    let kinds: std::collections::BTreeSet<&str> = labels.iter().map(|trick| trick.kind()).collect();
    assert_eq!(kinds.len(), labels.len());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// What matches says the same once more in its canonical form, and its parameters are whole
    /// segments: no separator, no dot segment, nothing that decodes again.
    #[test]
    fn a_match_is_stable(path in "(/(staff|Staff|customers|%73taff|me|[a-z%2e5cf/;.\\\\A]{0,6})){0,4}") {
        if let Ok((number, params, canonical)) = look("GET", &path) {
            if number > 0 {
                let again = look("GET", canonical.as_deref().unwrap_or(&path));
                prop_assert_eq!(again, Ok((number, params.clone(), None)));
            }
            for param in params {
                prop_assert!(!param.contains(['/', '\\', ';', '\0']) && param != "." && param != "..");
            }
        }
    }

    /// However a path is percent-encoded, it is the same route or refused; never another.
    #[test]
    fn encoding_does_not_change_the_route(
        path in "/staff/(customers|orders)/(me|[a-z0-9]{1,4})",
        which in prop::collection::vec(any::<bool>(), 40),
    ) {
        let plain = look("GET", &path).unwrap();
        let mut encoded = String::new();
        for (c, encode) in path.chars().zip(which) {
            if encode && c != '/' {
                encoded.push_str(&format!("%{:02x}", u32::from(c)));
            } else {
                encoded.push(c);
            }
        }
        let (number, params, _) = look("GET", &encoded).unwrap();
        prop_assert_eq!((number, params), (plain.0, plain.1));
    }

    #[test]
    fn any_text_is_answered(path in ".{0,60}", method in "[A-Za-z]{0,7}") {
        let _any = look(&method, &path);
    }
}
