//! What a table may say, and every mistake in it.

use super::*;

const HEAD: &str = "version = 1\nname = \"w.example/log\"\n[issuer]\nurl = \"https://ward.example\"\n\
                    audience = \"shop\"\n[custody]\nroot_on_hosts = []\n";
const ISSUER: &str = "[issuers.login]\nurl = \"https://login.example\"\n\
                      audiences = [\"shop\"]\nreports = \"synchronous\"\n";

fn told(more: &str) -> Result<Vec<ForeignIssuer>, String> {
    let text = format!("{HEAD}{more}");
    let config = crate::config::Config::parse("ward.toml", &text, Path::new("/etc"));
    config
        .map(|config| config.issuers)
        .map_err(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

#[test]
fn an_issuer_is_read_with_careful_defaults() {
    let issuers = told(ISSUER).unwrap();
    let one = &issuers[0];
    assert_eq!((one.name.as_str(), &one.keys), ("login", &KeysFrom::Discovery));
    assert_eq!(one.kinds, [PrincipalKind::Customer]);
    assert_eq!(one.claims, [Some("sub".into()), None, None, Some("azp".into())]);
    assert_eq!((one.life_seconds_max, one.grandfather_days), (3600, 0));
    assert_eq!(told("").unwrap(), []);
    let file = told(&format!("{ISSUER}jwks_file = \"keys.json\"\n")).unwrap();
    assert_eq!(file[0].keys, KeysFrom::File("/etc/keys.json".into()));
}

#[test]
fn every_mistake_is_told() {
    let with = |line: &str| format!("{ISSUER}{line}\n");
    let swapped = |from: &str, to: &str| ISSUER.replace(from, to);
    let cases: [(&str, String, &str); 17] = [
        ("no address", swapped("url =", "# url ="), "issuers.login.url"),
        ("plain http", swapped("https://login", "http://login"), "goes to"),
        ("its own", swapped("login.example", "ward.example"), "own issuer"),
        ("no audience", swapped("[\"shop\"]", "[]"), "is empty"),
        ("audiences missing", swapped("audiences", "#audiences"), "audiences"),
        ("no way to report", swapped("reports", "#reports"), "reports"),
        ("another way", swapped("synchronous", "later"), "no way to report"),
        ("a name", ISSUER.replace("[issuers.login]", "[issuers.\"Log in\"]"), "no name"),
        ("both pins", with("jwks_file = \"a\"\njwks_url = \"https://a\""), "beside"),
        ("a pin in plain http", with("jwks_url = \"http://a.example\""), "goes to"),
        ("a kind", with("kinds = [\"king\"]"), "names no kind"),
        ("no kind", with("kinds = []"), "is empty"),
        ("a life", with("life_seconds_max = 2592001"), "life_seconds_max"),
        ("a window without holders", with("grandfather_days = 3"), "no holders"),
        ("a long window", with("grandfather_days = 31\nholders = [\"a\"]"), "grandfather_days"),
        ("an unknown key", with("secret = \"x\""), "is not a setting"),
        ("twice", format!("{ISSUER}{}", ISSUER.replace("login]", "other]")), "declared twice"),
    ];
    for (name, text, want) in cases {
        let told = told(&text).unwrap_err();
        assert!(told.contains(want), "{name}: {told}");
    }
}
