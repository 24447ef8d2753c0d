//! The rules against made-up packages, and the checked-in tables against themselves.

use super::*;

const RULES: &str = "
licence MIT
licence ISC
licence Apache-2.0 WITH LLVM-exception
ban openssl*  one provider
ban ring      one provider
";

fn package(name: &str, version: &str, licence: Option<&str>, source: Option<&str>) -> Package {
    let json = serde_json::json!({
        "id": name, "name": name, "version": version, "license": licence, "source": source,
        "dependencies": [],
    });
    serde_json::from_value(json).unwrap()
}

#[test]
fn each_package_is_judged() {
    struct Case(&'static str, Option<&'static str>, Option<&'static str>, Option<&'static str>);
    let home = Some(SOURCE);
    let cases = [
        Case("a", Some("MIT"), home, None),
        Case("ours", Some("MIT"), None, None),
        Case("a", Some("GPL-3.0-only OR MIT"), home, None),
        Case("a", Some("GPL-3.0-only/MIT"), home, None),
        Case("a", Some("GPL-3.0-only / MIT"), home, None),
        Case("a", Some("MIT AND (BSL-1.0 OR ISC)"), home, None),
        Case("a", Some("Apache-2.0 WITH LLVM-exception"), home, None),
        Case("a", Some("Apache-2.0"), home, Some("not allowed")),
        Case("a", Some("MIT AND GPL-3.0-only"), home, Some("not allowed")),
        Case("a", Some("as you like it"), home, Some("cannot read")),
        Case("a", None, home, Some("names no licence")),
        Case("a", Some("MIT"), Some("git+https://example.test/a#0"), Some("from git")),
        Case("a", Some("MIT"), Some("registry+https://example.test"), Some("from registry")),
        Case("ring", Some("MIT"), home, Some("banned, one provider")),
        Case("rings", Some("MIT"), home, None),
        Case("openssl-sys", Some("MIT"), home, Some("banned, one provider")),
    ];
    let rules = Rules::parse(RULES).unwrap();
    for Case(name, licence, source, want) in cases {
        let found = rules.faults(&package(name, "1.0.0", licence, source));
        let sound = match want {
            None => found.is_empty(),
            Some(want) => found.len() == 1 && found[0].contains(want),
        };
        assert!(sound, "{name} {licence:?} {source:?}: {found:?}");
    }
}

#[test]
fn only_what_can_be_built_is_judged() {
    let json = serde_json::json!({
        "workspace_members": [],
        "packages": [
            {"id": "a", "name": "a", "version": "1.0.0", "dependencies": []},
            {"id": "b", "name": "b", "version": "1.0.0", "dependencies": []},
            {"id": "b", "name": "b", "version": "2.0.0", "dependencies": []},
            {"id": "ring", "name": "ring", "version": "0.17.14", "dependencies": []},
        ],
    });
    let tree =
        "a v1.0.0 (/some/where)\nb v2.0.0 (proc-macro)\n\n[dev-dependencies]\na v1.0.0 (*)\n";
    let left = built(Metadata::parse(&json.to_string()).unwrap(), tree);
    let left: Vec<_> = left.iter().map(|it| (it.name.as_str(), it.version.as_str())).collect();
    assert_eq!(left, [("a", "1.0.0"), ("b", "2.0.0")]);
}

#[test]
fn the_list_of_duplicates_is_exact() {
    let packages: Vec<Package> =
        [("a", "1.0.0"), ("a", "2.0.0"), ("b", "1.0.0"), ("c", "1.0.0"), ("c", "1.1.0")]
            .map(|(name, version)| package(name, version, None, None))
            .into();
    let cases: [(&str, &[&str]); 5] = [
        ("a 2 why\nc 2 why", &[]),
        ("a 2 why", &["c in 2 versions (1.0.0, 1.1.0); 1 listed"]),
        ("a 3 why\nc 2 why", &["duplicates.txt: a needs 2, not 3: shrink it"]),
        ("a 2 why\nc 2 why\nb 2 why", &["duplicates.txt: b needs 1, not 2: shrink it"]),
        ("a 2 why\nc 2 why\nz 2 why", &["duplicates.txt: z needs 0, not 2: shrink it"]),
    ];
    for (text, want) in cases {
        let listed = parse_duplicates(text).unwrap();
        assert_eq!(duplicates(&listed, &packages), want, "{text}");
    }
    assert!(parse_duplicates("a 2").is_err(), "a line without a reason");
}

#[test]
fn the_tables_in_the_tree_can_be_read() {
    let rules = Rules::parse(include_str!("../../deny.txt")).unwrap();
    assert!(rules.licences.len() > 5 && rules.bans.len() > 5);
    assert!(parse_duplicates(include_str!("../../duplicates.txt")).is_ok());
    assert!(Rules::parse("ban ring").is_err(), "a ban without a reason");
}
