//! A good rule, every mistake, and what `ward check` says.

use std::path::Path;

use crate::config::{Config, Mistake};

use super::*;

const HEAD: &str = r#"
version = 1
name = "ward.example/log"
[issuer]
url = "https://ward.example"
audience = "shop"
[custody]
root_on_hosts = []
"#;

const GOOD: &str = r#"
[signing.web]
caller = "service:login"
kinds = ["customer"]
login = "required"
per_minute = 6000
"#;

fn parse(rules: &str) -> Result<Config, Vec<Mistake>> {
    Config::parse("ward.toml", &format!("{HEAD}{rules}"), Path::new("/etc/ward"))
}

#[test]
fn a_short_rule_gets_the_houses_bounds() {
    assert!(parse("").unwrap().signing.0.is_empty());
    let config = parse(GOOD).unwrap();
    let rule = &config.signing.0["web"];
    assert_eq!((rule.issuer.as_str(), rule.audiences.len()), ("https://ward.example", 1));
    assert_eq!((rule.life_ms_max, rule.typed, rule.login_required), (3_600_000, true, true));
    assert_eq!(rule.tenants, Tenants::Any);
    assert!(rule.transit.is_none() && rule.sub.is_none());
    let compared = compared(&config.signing);
    assert_eq!(compared["web"].caller, "service:login");
    let open = GOOD.replace("\"required\"", "\"optional\"")
        + "doors = [\"transit\"]\ntransit_key = \"web\"\ntransit_rotate = true\ntenants = []\n";
    let rule = &parse(&open).unwrap().signing.0["web"];
    assert!(!rule.typed);
    assert_eq!(rule.tenants, Tenants::Listed(Vec::new()));
    let want = TransitRule { key: "web".into(), may_create: false, may_rotate: true };
    assert_eq!(rule.transit, Some(want));
}

#[test]
fn mistakes_are_told() {
    for (from, to, want) in [
        ("\"service:login\"", "\"login\"", "is no workload identity"),
        ("\"service:login\"", "\"person:1\"", "is no workload identity"),
        ("\"customer\"", "\"root\"", "names a kind there is none of"),
        ("[\"customer\"]", "[]", "or audiences are empty"),
        ("login = \"required\"", "", "`signing.web.login` is missing"),
        ("\"required\"", "\"maybe\"", "is no word"),
        ("per_minute = 6000", "", "`signing.web.per_minute` is missing"),
        ("6000", "0", "must be an integer"),
        ("6000", "1\nlife_seconds_max = 3601", "must be an integer"),
        ("6000", "1\nsub = \"(\"", "is no regular expression"),
        ("6000", "1\nsubject = \"x\"", "is not a setting"),
        ("6000", "1\ndoors = [\"back\"]", "names no door"),
        ("6000", "1\ntransit_key = \"x\"", "leave the transit door shut"),
        ("6000", "1\ndoors = [\"transit\"]", "is no name"),
        ("6000", "1\ndoors = [\"transit\"]\ntransit_key = \"a/b\"", "is no name"),
        (
            "6000",
            "1\ndoors = [\"transit\"]\ntransit_key = \"x\"",
            "is required and the transit door is open",
        ),
    ] {
        assert!(GOOD.contains(from), "{from}");
        let told = parse(&GOOD.replace(from, to)).unwrap_err();
        let told: Vec<String> = told.iter().map(ToString::to_string).collect();
        assert!(told.iter().any(|it| it.contains(want)), "{to}: {told:?}");
    }
}
