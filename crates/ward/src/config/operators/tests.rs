//! What is read, and every mistake with its remedy.

use super::super::Config;
use super::*;

const HEAD: &str = "version = 1\nname = \"a/log\"\n[issuer]\nurl = \"https://a\"\naudience = \"a\"\n\
                    [custody]\nroot_on_hosts = []\n";

fn parse(text: &str) -> Result<Config, String> {
    Config::parse("ward.toml", &format!("{HEAD}{text}"), Path::new("/etc/ward"))
        .map_err(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

#[test]
fn nothing_said_is_the_strictest_usual() {
    let config = parse("").unwrap();
    assert_eq!(config.approvals, Rules::default());
    assert!(config.operators.purpose_required && config.operators.provider.is_none());
    assert_eq!((config.operators.idle_ms, config.operators.step_up_ms), (1_800_000, 300_000));
    assert!(config.notify.is_empty() && config.mutes.is_empty());
}

#[test]
fn a_whole_one() {
    let config = parse(
        "[operators]\nconsole = \"https://ward.example\"\nsession_idle_minutes = 10\n\
         [operators.oidc]\nissuer = \"https://login.example\"\nclient_id = \"ward\"\n\
         client_secret_file = \"secret\"\n[operators.oidc.roles]\nsecurity = [\"keys\", \"policy\"]\n\
         [approvals]\nconsents = 2\nproposal_hours = 48\n[approvals.rules.import_key]\n\
         consents = 3\nfrom_roles = [\"keys\"]\n[alerts]\nmute = [\"clock_jumped\"]\n\
         [notify.desk]\nkind = \"webhook\"\nurl = \"https://hook.example/a\"\nsecret_file = \"hook\"\n\
         [notify.mail]\nkind = \"mail\"\nserver = \"smtp://mail.example\"\nfrom = \"ward@example.com\"\n\
         to = \"desk@example.com\"\nuser = \"ward\"\npassword_file = \"mail\"\n",
    )
    .unwrap();
    let provider = config.operators.provider.unwrap();
    assert_eq!(provider.roles["security"], Roles::of(&[Role::Keys, Role::Policy]));
    assert_eq!(provider.client_secret_file, Some("/etc/ward/secret".into()));
    assert_eq!(config.approvals.of(ActKind::ImportKey, true).consents, 3);
    assert_eq!(config.approvals.of(ActKind::SetRoles, true).consents, 2);
    assert_eq!(config.approvals.of(ActKind::SetRoles, false).consents, 3);
    assert_eq!(config.notify.len(), 2);
}

#[test]
fn mistakes_are_told() {
    for (text, told) in [
        ("[operators]\nconsole = \"http://ward.example\"", "is no origin"),
        ("[operators]\npurpose_required = \"no\"", "must be true or false"),
        ("[operators]\nsession_minutes = 0", "must be an integer"),
        ("[operators]\nshared_login = true", "is not a setting"),
        ("[operators.oidc]\nissuer = \"http://login.example\"\nclient_id = \"a\"", "is not safe"),
        ("[operators.oidc]\nissuer = \"https://a\"\nclient_id = \"a\"", "maps no group"),
        (
            "[operators.oidc]\nissuer = \"https://a\"\nclient_id = \"a\"\n\
             [operators.oidc.roles]\nall = [\"login\"]",
            "a role no person holds",
        ),
        ("[approvals]\nconsents = 0", "must be an integer"),
        ("[approvals.rules.make_tea]\nconsents = 1", "is no kind of act"),
        ("[alerts]\nmute = [\"noise\"]", "names no alert"),
        ("[notify.a]\nkind = \"pigeon\"", "is no kind"),
        ("[notify.a]\nkind = \"webhook\"", "is missing"),
        (
            "[notify.a]\nkind = \"mail\"\nserver = \"a:1\"\nfrom = \"a@a\"\nto = \"b@b\"\nuser = \"a\"",
            "go together",
        ),
    ] {
        let mistakes = parse(text).unwrap_err();
        assert!(mistakes.contains(told), "{text}: {mistakes}");
    }
}
