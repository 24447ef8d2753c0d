//! The rules for signing: who may have which tokens signed. Wider is weaker.
//!
//! INVARIANT: a rule is taken apart whole, so that a field without a comparison does not compile.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Issuer;
use crate::diff::why::{Findings, Kind, word};

/// A rule under `[signing]`. Names only; no secret, and no person but the owner of a machine's key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SigningRule {
    /// Whose it is: kind and id of the owner of API keys.
    pub caller: String,
    /// `iss`.
    pub issuer: String,
    /// Audiences.
    pub audiences: BTreeSet<String>,
    /// Kinds of principals.
    pub kinds: BTreeSet<String>,
    /// The pattern for `sub`; none: any.
    pub sub: Option<String>,
    /// Tenants; none: any or no tenant; empty: no token names one.
    pub tenants: Option<BTreeSet<String>>,
    /// Longest life, seconds.
    pub life_seconds_max: u64,
    /// Whether a login reference is required.
    pub login_required: bool,
    /// Most tokens in a minute.
    pub per_minute: u64,
    /// Claims beyond those Ward knows.
    pub extra_claims: BTreeSet<String>,
    /// Whether typed signing is open.
    pub typed: bool,
    /// The key's name at the transit door; none: it is shut.
    pub transit_key: Option<String>,
    /// Whether a key may be made there.
    pub transit_create: bool,
    /// Whether it may be rotated there.
    pub transit_rotate: bool,
}

impl SigningRule {
    /// Whether everything it permits was permitted before there were rules: any kind of principal
    /// for the issuer's one audience, by typed signing.
    fn is_within(&self, issuer: &Issuer) -> bool {
        self.issuer == issuer.url
            && self.audiences.iter().all(|it| *it == issuer.audience)
            && self.life_seconds_max <= issuer.life_seconds_max
            && self.transit_key.is_none()
    }
}

/// Compares the rules. `issuer` is the old one: what held where there were no rules.
pub(super) fn compare(
    old: &BTreeMap<String, SigningRule>,
    new: &BTreeMap<String, SigningRule>,
    issuer: &Issuer,
    f: &mut Findings,
) {
    if new.is_empty() && !old.is_empty() {
        let what = "no rule holds: a login service has any token of the issuer signed";
        f.weaker(Kind::Signing, &"settings: signing", &what);
        return;
    }
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for name in names {
        let place = format!("settings: signing.{}", word(name));
        match (old.get(name), new.get(name)) {
            (Some(before), Some(after)) => compare_rule(&place, before, after, f),
            (Some(_), None) => f.stronger(Kind::Signing, &place, &"the rule is gone"),
            (None, Some(rule)) if old.is_empty() && rule.is_within(issuer) => {
                f.stronger(Kind::Signing, &place, &"only what a rule names is signed");
            }
            (None, Some(_)) => f.weaker(Kind::Signing, &place, &"more tokens may be signed"),
            (None, None) => {}
        }
    }
}

fn compare_rule(place: &str, old: &SigningRule, new: &SigningRule, f: &mut Findings) {
    let SigningRule {
        caller,
        issuer,
        audiences,
        kinds,
        sub,
        tenants,
        life_seconds_max,
        login_required,
        per_minute,
        extra_claims,
        typed,
        transit_key,
        transit_create,
        transit_rotate,
    } = old;
    let kind = Kind::Signing;
    f.unordered(kind, &place, "it is for another caller", caller, &new.caller);
    f.unordered(kind, &place, "it is about another issuer", issuer, &new.issuer);
    sets(place, "audience", audiences, &new.audiences, f);
    sets(place, "kind", kinds, &new.kinds, f);
    sets(place, "claim", extra_claims, &new.extra_claims, f);
    match (sub, &new.sub) {
        (old, new) if old == new => {}
        (None, Some(_)) => f.stronger(kind, &place, &"sub must match a pattern"),
        (Some(_), None) => f.weaker(kind, &place, &"sub may be anything"),
        (Some(_), _) | (None, None) => f.weaker(kind, &place, &"sub must match another pattern"),
    }
    match (tenants, &new.tenants) {
        (old, new) if old == new => {}
        (None, Some(_)) => f.stronger(kind, &place, &"tenants are named"),
        (Some(_), None) => f.weaker(kind, &place, &"any tenant may be named"),
        // WHY: an empty list asks for no tenant, any other for one.
        (Some(before), Some(after)) if before.is_empty() != after.is_empty() => {
            f.weaker(kind, &place, &"other tenants may be named");
        }
        (Some(before), Some(after)) => sets(place, "tenant", before, after, f),
        (None, None) => {}
    }
    let life = ["tokens live at most", "seconds"];
    f.cap(kind, &place, life, Some(*life_seconds_max), Some(new.life_seconds_max));
    let rate = ["signed in a minute are at most", "tokens"];
    f.cap(kind, &place, rate, Some(*per_minute), Some(new.per_minute));
    match (transit_key, &new.transit_key) {
        (old, new) if old == new => {}
        (None, Some(_)) => f.weaker(kind, &place, &"the transit door opens"),
        (Some(_), None) => f.stronger(kind, &place, &"the transit door is shut"),
        (Some(_), Some(_)) | (None, None) => {
            f.weaker(kind, &place, &"the key has another name at the transit door");
        }
    }
    // Each says whether the rule is wider with it.
    for (wider_by, what, old, new) in [
        (false, "a login reference is required", *login_required, new.login_required),
        (true, "typed signing is open", *typed, new.typed),
        (true, "keys may be made by transit", *transit_create, new.transit_create),
        (true, "keys may be rotated by transit", *transit_rotate, new.transit_rotate),
    ] {
        if old != new {
            let no_more = if new { "" } else { ", no more" };
            f.either(new == wider_by, kind, &place, &format_args!("{what}{no_more}"));
        }
    }
}

fn sets(place: &str, what: &str, old: &BTreeSet<String>, new: &BTreeSet<String>, f: &mut Findings) {
    for one in new.difference(old) {
        f.weaker(Kind::Signing, &place, &format_args!("{what} {} may be named", word(one)));
    }
    for one in old.difference(new) {
        f.stronger(Kind::Signing, &place, &format_args!("{what} {} may not be named", word(one)));
    }
}
