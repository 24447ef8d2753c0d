//! Every rule for settings, one change at a time.

use super::rules::check;
use super::*;

type SettingsCase = (&'static str, fn(&mut Settings), &'static str, &'static str);

fn provider(settings: &mut Settings) -> &mut Provider {
    settings.operators.provider.as_mut().unwrap()
}

fn rule(settings: &mut Settings) -> &mut ApprovalRule {
    settings.approvals.rules.get_mut("set operator").unwrap()
}

const SETTINGS: &[SettingsCase] = &[
    ("data", |s| s.data.push('2'), "weaker: data", "weaker: data"),
    ("name", |s| s.log_name.push('2'), "weaker: log_name", "weaker: log_name"),
    ("loopback port", |s| s.listen_control.set_port(1), "same", "same"),
    ("loopback v6", |s| s.listen_control = "[::1]:9".parse().unwrap(), "same", "same"),
    (
        "leaving loopback",
        |s| s.listen_control = ([10, 0, 0, 1], 7780).into(),
        "weaker: listen",
        "stronger: listen",
    ),
    ("elsewhere", |s| s.listen_gate.set_port(1), "weaker: listen", "weaker: listen"),
    ("issuer", |s| s.issuer.url.push('2'), "weaker: issuer", "weaker: issuer"),
    ("audience", |s| s.issuer.audience.push('2'), "weaker: issuer", "weaker: issuer"),
    (
        "token life",
        |s| s.issuer.life_seconds_max += 1,
        "weaker: token_life",
        "stronger: token_life",
    ),
    (
        "issuer mode",
        |s| s.issuer.mode = IssuerMode::Learning,
        "weaker: issuer_mode",
        "stronger: issuer_mode",
    ),
    ("custody kind", |s| s.custody.kind.push('2'), "weaker: custody", "weaker: custody"),
    ("custody place", |s| s.custody.place.push('2'), "weaker: custody", "weaker: custody"),
    (
        "holders",
        |s| drop(s.custody.root_on_hosts.pop_first()),
        "weaker: holders",
        "stronger: holders",
    ),
    (
        "another holder",
        |s| {
            s.custody.root_on_hosts.pop_first();
            s.custody.root_on_hosts.insert("park".to_owned());
        },
        "weaker: holders",
        "weaker: holders",
    ),
    ("segments", |s| s.segment_bytes += 1, "same", "same"),
    (
        "retention",
        |s| {
            s.retention_days.insert("journal".to_owned(), 399);
        },
        "weaker: retention",
        "stronger: retention",
    ),
    (
        "retention begins",
        |s| {
            s.retention_days.insert("archive".to_owned(), 9_999);
        },
        "weaker: retention",
        "stronger: retention",
    ),
    ("idle", |s| s.operators.session_idle_minutes += 1, "weaker: session", "stronger: session"),
    ("session", |s| s.operators.session_minutes_max += 1, "weaker: session", "stronger: session"),
    ("step-up", |s| s.operators.step_up_minutes += 1, "weaker: step_up", "stronger: step_up"),
    (
        "reads",
        |s| s.operators.read_subjects_max = Some(101),
        "weaker: read_budget",
        "stronger: read_budget",
    ),
    (
        "reads without limit",
        |s| s.operators.read_subjects_max = None,
        "weaker: read_budget",
        "stronger: read_budget",
    ),
    ("provider", |s| provider(s).issuer.push('2'), "weaker: sign_in", "weaker: sign_in"),
    ("client", |s| provider(s).client_id.push('2'), "weaker: sign_in", "weaker: sign_in"),
    ("passkeys", |s| provider(s).allow_passkey = true, "weaker: sign_in", "stronger: sign_in"),
    ("no provider", |s| s.operators.provider = None, "weaker: sign_in", "weaker: sign_in"),
    (
        "group",
        |s| {
            provider(s).groups.insert("ops".to_owned(), roles(&[Role::Audit]));
        },
        "weaker: groups",
        "stronger: groups",
    ),
    (
        "group without roles",
        |s| {
            provider(s).groups.insert("ops".to_owned(), roles(&[]));
        },
        "same",
        "same",
    ),
    (
        "group's role",
        |s| {
            let more = roles(&[Role::Keys, Role::Audit, Role::Policy]);
            provider(s).groups.insert("sec".to_owned(), more);
        },
        "weaker: groups",
        "stronger: groups",
    ),
    (
        "group's other role",
        |s| {
            provider(s).groups.insert("sec".to_owned(), roles(&[Role::Policy]));
        },
        "weaker: groups",
        "weaker: groups",
    ),
    ("proposal", |s| s.approvals.life_minutes += 1, "weaker: approvals", "stronger: approvals"),
    (
        "lone operator",
        |s| s.approvals.alone_after_minutes = Some(4319),
        "weaker: approvals",
        "stronger: approvals",
    ),
    (
        "lone operator never",
        |s| s.approvals.alone_after_minutes = None,
        "stronger: approvals",
        "weaker: approvals",
    ),
    ("consents", |s| rule(s).consents = 1, "weaker: approvals", "stronger: approvals"),
    ("default", |s| s.approvals.default.consents = 0, "weaker: approvals", "stronger: approvals"),
    (
        "no rule of its own",
        |s| s.approvals.rules.clear(),
        "weaker: approvals",
        "stronger: approvals",
    ),
    (
        "a rule of its own",
        |s| {
            let rule = ApprovalRule { consents: 2, from_roles: roles(&[]) };
            s.approvals.rules.insert("set issuer".to_owned(), rule);
        },
        "stronger: approvals",
        "weaker: approvals",
    ),
    (
        "a rule that says the default",
        |s| {
            let rule = s.approvals.default.clone();
            s.approvals.rules.insert("set issuer".to_owned(), rule);
        },
        "same",
        "same",
    ),
    (
        "from anyone",
        |s| rule(s).from_roles = roles(&[]),
        "weaker: approvals",
        "stronger: approvals",
    ),
    (
        "from fewer roles",
        |s| rule(s).from_roles = roles(&[Role::Operators]),
        "stronger: approvals",
        "weaker: approvals",
    ),
    (
        "from other roles",
        |s| rule(s).from_roles = roles(&[Role::Keys]),
        "weaker: approvals",
        "weaker: approvals",
    ),
    (
        "mute",
        |s| {
            s.mutes.insert("x".to_owned());
        },
        "weaker: mutes",
        "stronger: mutes",
    ),
    ("target", |s| s.notifications.clear(), "weaker: notifications", "stronger: notifications"),
    (
        "another target",
        |s| drop(s.notifications.insert("team".to_owned(), Target::of("e-mail", &["c@d.example"]))),
        "weaker: notifications",
        "weaker: notifications",
    ),
    ("other", |s| s.others.clear(), "weaker: other_setting", "weaker: other_setting"),
    (
        "other's value",
        |s| drop(s.others.insert("witness".to_owned(), String::new())),
        "weaker: other_setting",
        "weaker: other_setting",
    ),
];

#[test]
fn settings_one_by_one() {
    for (name, change, want, back) in SETTINGS {
        let (old, mut new) = (house(), house());
        change(&mut new.settings);
        check(name, &old, &new, want, back);
    }
}

#[test]
fn a_person_is_counted_and_not_named() {
    let (old, mut new) = (house(), house());
    new.settings.custody.root_on_hosts.clear();
    assert!(!format!("{:?}", diff(&old, &new)).contains("kim"));
}
