//! The rules for settings: one for each.
//!
//! INVARIANT: each struct is taken apart whole, so that a field without a rule does not compile.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use ward_model::word::IssuerMode;

use super::{
    ApprovalRule, ApprovalRules, Custody, Issuer, Operators, Provider, RoleSet, Settings, Target,
};
use crate::diff::why::{Findings, Kind, word};

/// Compares settings.
pub(in crate::diff) fn compare(old: &Settings, new: &Settings, f: &mut Findings) {
    let Settings {
        data,
        log_name,
        listen_control,
        listen_gate,
        issuer,
        custody,
        // How records are cut into files is no defence.
        segment_bytes: _,
        retention_days,
        operators,
        approvals,
        mutes,
        notifications,
        signing,
        others,
    } = old;
    let place = &"settings: data";
    f.unordered(Kind::Data, place, "the state lives elsewhere", data, &new.data);
    let place = &"settings: name";
    f.unordered(Kind::LogName, place, "it is another log", log_name, &new.log_name);
    listen("settings: listen.control", *listen_control, new.listen_control, f);
    listen("settings: listen.gate", *listen_gate, new.listen_gate, f);
    compare_issuer(issuer, &new.issuer, f);
    compare_custody(custody, &new.custody, f);
    compare_retention(retention_days, &new.retention_days, f);
    compare_operators(operators, &new.operators, f);
    compare_approvals(approvals, &new.approvals, f);
    compare_mutes(mutes, &new.mutes, f);
    compare_notifications(notifications, &new.notifications, f);
    super::signing::compare(signing, &new.signing, issuer, f);
    for key in union(others, &new.others) {
        let place = format_args!("settings: {}", word(key));
        let (old, new) = (others.get(key), new.others.get(key));
        f.unordered(Kind::OtherSetting, &place, "it changed", &old, &new);
    }
}

/// Keys of both, each once, in their order.
fn union<'k, T>(
    old: &'k BTreeMap<String, T>,
    new: &'k BTreeMap<String, T>,
) -> BTreeSet<&'k String> {
    old.keys().chain(new.keys()).collect()
}

/// WHY one loopback address is as good as another: only this host reaches either, and the demo
/// takes free ports.
fn listen(place: &str, old: SocketAddr, new: SocketAddr, f: &mut Findings) {
    match (old.ip().is_loopback(), new.ip().is_loopback()) {
        _ if old == new => {}
        (true, true) => {}
        (false, true) => f.stronger(Kind::Listen, &place, &"only this host reaches it"),
        (true, false) => f.weaker(Kind::Listen, &place, &"other hosts reach it"),
        (false, false) => f.weaker(Kind::Listen, &place, &"it listens elsewhere"),
    }
}

fn compare_issuer(old: &Issuer, new: &Issuer, f: &mut Findings) {
    let Issuer { url, audience, life_seconds_max, mode } = old;
    f.unordered(Kind::Issuer, &"settings: issuer.url", "it is another issuer", url, &new.url);
    let place = &"settings: issuer.audience";
    f.unordered(Kind::Issuer, place, "tokens are for another audience", audience, &new.audience);
    f.cap(
        Kind::TokenLife,
        &"settings: issuer.life_seconds_max",
        ["tokens live at most", "seconds"],
        Some(*life_seconds_max),
        Some(new.life_seconds_max),
    );
    let place = &"settings: issuer.mode";
    match (mode, new.mode) {
        (IssuerMode::Enforcing, IssuerMode::Learning) => {
            f.weaker(Kind::IssuerMode, place, &"a token nobody issued is not refused");
        }
        (IssuerMode::Learning, IssuerMode::Enforcing) => {
            f.stronger(Kind::IssuerMode, place, &"a token nobody issued is refused");
        }
        (IssuerMode::Learning, IssuerMode::Learning)
        | (IssuerMode::Enforcing, IssuerMode::Enforcing) => {}
    }
}

fn compare_custody(old: &Custody, new: &Custody, f: &mut Findings) {
    let Custody { kind, place, root_on_hosts } = old;
    let at = &"settings: custody";
    f.unordered(Kind::Custody, at, "keys are kept in another way", kind, &new.kind);
    f.unordered(Kind::Custody, at, "keys are kept in another place", place, &new.place);
    // Counted, not named: they are persons.
    let at = &"settings: custody.root_on_hosts";
    let lost = root_on_hosts.difference(&new.root_on_hosts).count();
    let gained = new.root_on_hosts.difference(root_on_hosts).count();
    if lost > 0 {
        let what = format_args!("{lost} fewer declared holders: their leaving rotates nothing");
        f.weaker(Kind::Holders, at, &what);
    }
    if gained > 0 {
        let what = format_args!("{gained} more declared holders: their leaving rotates the keys");
        f.stronger(Kind::Holders, at, &what);
    }
}

fn compare_retention(old: &BTreeMap<String, u32>, new: &BTreeMap<String, u32>, f: &mut Findings) {
    for class in union(old, new) {
        let days = |all: &BTreeMap<String, u32>| all.get(class).copied().map(u64::from);
        let place = format_args!("settings: retention of {}", word(class));
        f.floor(Kind::Retention, &place, ["records are kept", "days"], days(old), days(new));
    }
}

fn compare_operators(old: &Operators, new: &Operators, f: &mut Findings) {
    let Operators {
        session_idle_minutes,
        session_minutes_max,
        step_up_minutes,
        provider,
        read_subjects_max,
    } = old;
    let mut minutes = |kind, place: &str, what, old: &u64, new: &u64| {
        f.cap(kind, &place, [what, "minutes"], Some(*old), Some(*new));
    };
    minutes(
        Kind::Session,
        "settings: operators.session_idle_minutes",
        "an unused session lasts",
        session_idle_minutes,
        &new.session_idle_minutes,
    );
    minutes(
        Kind::Session,
        "settings: operators.session_minutes_max",
        "a session lasts at most",
        session_minutes_max,
        &new.session_minutes_max,
    );
    minutes(
        Kind::StepUp,
        "settings: operators.step_up_minutes",
        "a fresh proof counts",
        step_up_minutes,
        &new.step_up_minutes,
    );
    f.cap(
        Kind::ReadBudget,
        &"settings: operators.read_subjects_max",
        ["an operator reads in a day at most", "data subjects"],
        *read_subjects_max,
        new.read_subjects_max,
    );
    compare_provider(provider.as_ref(), new.provider.as_ref(), f);
}

fn compare_provider(old: Option<&Provider>, new: Option<&Provider>, f: &mut Findings) {
    let place = &"settings: operators.provider";
    let passkeys = |it: Option<&Provider>| it.is_none_or(|provider| provider.allow_passkey);
    if passkeys(old) != passkeys(new) {
        let what = if passkeys(new) { "passkeys open as well" } else { "passkeys do not open" };
        f.either(passkeys(new), Kind::SignIn, place, &what);
    }
    match (old, new) {
        (None, None) => {}
        (None, Some(_)) => f.weaker(
            Kind::SignIn,
            place,
            &"an identity provider says who is an operator: who runs it can make one",
        ),
        (Some(_), None) => {
            f.stronger(Kind::SignIn, place, &"no identity provider says who is an operator");
        }
        (Some(old), Some(new)) => {
            // `allow_passkey` was compared above, for without a provider passkeys always open.
            let Provider { issuer, client_id, groups, allow_passkey: _ } = old;
            let what = "another identity provider says who is an operator";
            f.unordered(Kind::SignIn, place, what, issuer, &new.issuer);
            let what = "its answers are for another client";
            f.unordered(Kind::SignIn, place, what, client_id, &new.client_id);
            compare_groups(groups, &new.groups, f);
        }
    }
}

fn compare_groups(
    old: &BTreeMap<String, RoleSet>,
    new: &BTreeMap<String, RoleSet>,
    f: &mut Findings,
) {
    for group in union(old, new) {
        let place = format_args!("settings: operators.provider, group {}", word(group));
        // A group without a role makes an operator of nobody, as one that is not named.
        let roles = |all: &BTreeMap<String, RoleSet>| all.get(group).copied().unwrap_or_default().0;
        let (gained, lost) = (roles(new).without(roles(old)), roles(old).without(roles(new)));
        if !gained.is_empty() {
            f.weaker(Kind::Groups, &place, &format_args!("its members get: {gained}"));
        }
        if !lost.is_empty() {
            f.stronger(Kind::Groups, &place, &format_args!("its members lose: {lost}"));
        }
    }
}

fn compare_approvals(old: &ApprovalRules, new: &ApprovalRules, f: &mut Findings) {
    let ApprovalRules { life_minutes, alone_after_minutes, default, rules } = old;
    let place = &"settings: approvals";
    f.cap(
        Kind::Approvals,
        place,
        ["a proposal can be used for", "minutes"],
        Some(*life_minutes),
        Some(new.life_minutes),
    );
    f.floor(
        Kind::Approvals,
        place,
        ["a lone operator waits", "minutes before he acts alone"],
        *alone_after_minutes,
        new.alone_after_minutes,
    );
    compare_rule("any other act", default, &new.default, f);
    for act in union(rules, &new.rules) {
        // What has no rule of its own follows the default of its time.
        let before = rules.get(act).unwrap_or(default);
        let after = new.rules.get(act).unwrap_or(&new.default);
        let named = rules.contains_key(act) && new.rules.contains_key(act);
        // One that followed the default and goes on doing so was compared with it.
        if named || before != after {
            compare_rule(word(act), before, after, f);
        }
    }
}

fn compare_rule(act: &str, old: &ApprovalRule, new: &ApprovalRule, f: &mut Findings) {
    let ApprovalRule { consents, from_roles } = old;
    let place = format_args!("settings: approvals, {act}");
    f.floor(
        Kind::Approvals,
        &place,
        ["it needs the consent of", "others"],
        Some(u64::from(*consents)),
        Some(u64::from(new.consents)),
    );
    let (before, after) = (from_roles.0, new.from_roles.0);
    if before == after {
        return;
    }
    // Any of the roles will do, so fewer are stricter, and none at all asks for nothing.
    let narrower = !after.is_empty() && (before.is_empty() || after.without(before).is_empty());
    let told = if after.is_empty() {
        "anyone may consent".to_owned()
    } else {
        format!("one consent must come from: {after}")
    };
    f.either(!narrower, Kind::Approvals, &place, &told);
}

fn compare_mutes(old: &BTreeSet<String>, new: &BTreeSet<String>, f: &mut Findings) {
    for one in new.difference(old) {
        let place = format_args!("settings: mutes, {}", word(one));
        f.weaker(Kind::Mutes, &place, &"nobody is told of it");
    }
    for one in old.difference(new) {
        let place = format_args!("settings: mutes, {}", word(one));
        f.stronger(Kind::Mutes, &place, &"it is told again");
    }
}

fn compare_notifications(
    old: &BTreeMap<String, Target>,
    new: &BTreeMap<String, Target>,
    f: &mut Findings,
) {
    for name in union(old, new) {
        // By kind, not by name or address: either may be a person's.
        let place =
            |target: &Target| format!("settings: notifications, one {}", word(&target.kind));
        match (old.get(name), new.get(name)) {
            (Some(before), Some(after)) => {
                let Target { kind: _, digest: _ } = before;
                let what = "somebody else is told";
                f.unordered(Kind::Notifications, &place(before), what, before, after);
            }
            (Some(before), None) => {
                f.weaker(Kind::Notifications, &place(before), &"it is told no more");
            }
            (None, Some(after)) => {
                f.stronger(Kind::Notifications, &place(after), &"it is told as well");
            }
            (None, None) => {}
        }
    }
}
