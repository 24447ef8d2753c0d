//! One good file, one file with everything wrong, and the odd ones.

use super::*;

const GOOD: &str = r#"
version = 1
name = "ward.example/log"
[issuer]
url = "https://ward.example"
audience = "shop"
[custody]
root_on_hosts = []
"#;

fn parse(text: &str) -> Result<Config, Vec<Mistake>> {
    Config::parse("ward.toml", text, std::path::Path::new("/etc/ward"))
}

#[test]
fn a_short_file_gets_defaults() {
    let config = parse(GOOD).unwrap();
    assert_eq!(config.control.port(), 7780);
    assert_eq!(config.issuer_mode, IssuerMode::Enforcing);
    assert_eq!(config.data, PathBuf::from("/etc/ward/data"));
}

#[test]
fn every_mistake_is_told_at_once() {
    let text = r#"
version = 2
name = "two words"
colour = "red"
[listen]
control = "everywhere"
gate = "0.0.0.0:7781"
[issuer]
url = 5
life_seconds_max = 0
mode = "loud"
[custody]
root_on_hosts = "me"
[journal]
enabled = false
segment_bytes = 1
"#;
    let mistakes: Vec<String> = parse(text).unwrap_err().iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(mistakes.join("\n"));
}

#[test]
fn no_toml_is_one_mistake_with_its_line() {
    let mistakes = parse("version = 1\nname = \n").unwrap_err();
    assert_eq!((mistakes.len(), mistakes[0].line), (1, 2));
}

#[test]
fn custody_and_rotation_are_read_and_what_is_missing_is_told() {
    let with = |custody: &str| parse(&GOOD.replace("root_on_hosts = []\n", custody));
    let roots = "root_on_hosts = []\n";
    let read = |custody: &str| with(&format!("{roots}{custody}"));
    let kinds = [
        ("", "file"),
        ("kind = \"passphrase\"\n", "passphrase"),
        ("kind = \"shares\"\n", "shares"),
        ("kind = \"pkcs11\"\nmodule = \"/m.so\"\ntoken = \"t\"\n", "pkcs11"),
    ];
    for (text, kind) in kinds {
        let custody = read(text).unwrap().custody;
        assert_eq!(custody.source.kind().as_str(), kind);
        assert_eq!(custody.sign_inside, kind == "pkcs11", "{kind}");
        assert!(custody.previous.is_none());
    }
    let changed = "kind = \"shares\"\n[custody.previous]\nkey_file = \"old\"\n";
    let previous = read(changed).unwrap().custody.previous;
    assert_eq!(previous, Some(custody::Source::File("/etc/ward/old".into())));
    let turns = read("[rotation]\nevery = \"45m\"\noverlap = \"30s\"\n").unwrap().rotation;
    assert_eq!((turns.every_ms, turns.overlap_ms), (2_700_000, 30_000));
    let wrong = [
        "kind = \"cloud\"\n",
        "kind = \"pkcs11\"\n",
        "sign_inside = true\n",
        "[custody.previous]\nkind = \"file\"\n",
        "[rotation]\nevery = \"90\"\n",
        "[rotation]\nevery = \"0s\"\n",
        "[rotation]\nevery = \"-1d\"\n",
        "[rotation]\nevery = \"9999999d\"\n",
        "[rotation]\nevery = \"2h\"\noverlap = \"61m\"\n",
    ];
    for text in wrong {
        assert_eq!(read(text).map(|_| ()).unwrap_err().len(), 1, "{text}");
    }
}
