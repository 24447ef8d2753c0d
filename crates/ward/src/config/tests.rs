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
