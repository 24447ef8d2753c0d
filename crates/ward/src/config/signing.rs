//! The part of `ward.toml` about who may have which tokens signed: `[signing.NAME]`. Pure.
//!
//! WHY here and not as records: a rule is a declaration, as budgets and approvals are. It is read by
//! people before it holds, compared with the one in force, and held for a second operator when it is
//! wider. Best test: `config/signing/tests.rs`.

use std::collections::{BTreeMap, BTreeSet};

use ward_model::{PrincipalKind, PrincipalName};
use ward_operators::diff::SigningRule;
use ward_tokens::policy::{Rule, Rules, SubPattern, Tenants, TransitRule};

use super::Walk;

/// Most tokens a rule may allow in a minute.
const PER_MINUTE_MAX: i64 = 6_000_000;

/// What a rule is read beside.
pub struct House<'a> {
    /// `issuer.url`.
    pub issuer: &'a str,
    /// `issuer.audience`.
    pub audience: &'a str,
    /// `issuer.life_seconds_max`.
    pub life_seconds_max: i64,
}

/// Reads `[signing.NAME]`.
pub fn signing(walk: &mut Walk<'_>, house: &House<'_>) -> Rules {
    let mut rules = BTreeMap::new();
    for name in walk.keys("signing") {
        if let Some(rule) = one(walk, &name, house) {
            rules.insert(name, rule);
        }
    }
    Rules(rules)
}

fn one(walk: &mut Walk<'_>, name: &str, house: &House<'_>) -> Option<Rule> {
    let key = |of: &str| format!("signing.{name}.{of}");
    let caller = caller(walk, &key("caller"));
    let kinds = kinds(walk, &key("kinds"));
    let (typed, transit) = doors(walk, &key("doors"));
    let life = key("life_seconds_max");
    let life_seconds =
        walk.integer(&life, 1..=house.life_seconds_max.max(1), Some(house.life_seconds_max));
    let login_required = match walk.text(&key("login"), None).as_deref() {
        Some("required") => true,
        Some("optional") | None => false,
        Some(_) => {
            walk.mistake(&key("login"), "is no word", "write \"required\" or \"optional\"");
            false
        }
    };
    let sub = walk.text_or_none(&key("sub")).and_then(|text| {
        let read = SubPattern::new(&text);
        let remedy = "write what the whole of sub looks like: \"[0-9]{1,12}\"";
        read.map_err(|what| walk.mistake(&key("sub"), what, remedy)).ok()
    });
    let tenants = match walk.is_there(&key("tenants")) {
        false => Tenants::Any,
        true => Tenants::Listed(walk.texts(&key("tenants"))),
    };
    let per_minute = walk.integer(&key("per_minute"), 1..=PER_MINUTE_MAX, None);
    let rule = Rule {
        issuer: walk.text(&key("issuer"), Some(house.issuer)).unwrap_or_default(),
        audiences: walk.texts_or(&key("audiences"), &[house.audience]),
        extra_claims: walk.texts_or(&key("extra_claims"), &[]),
        transit: transit_rule(walk, &key, transit),
        caller: caller?,
        kinds,
        sub,
        tenants,
        life_ms_max: life_seconds?.saturating_mul(1000),
        login_required,
        per_minute: u32::try_from(per_minute?).unwrap_or(1),
        typed,
    };
    if rule.login_required && rule.transit.is_some() {
        let remedy = "no login can be shown at the transit door: give it a rule of its own";
        walk.mistake(&key("login"), "is required and the transit door is open", remedy);
    }
    if rule.audiences.is_empty() || rule.kinds.is_empty() {
        walk.mistake(&key("kinds"), "or audiences are empty", "name what may be signed");
    }
    Some(rule)
}

fn caller(walk: &mut Walk<'_>, key: &str) -> Option<PrincipalName> {
    let text = walk.text(key, None)?;
    let read = text.split_once(':').and_then(|(kind, id)| {
        let kind = PrincipalKind::from_name(kind).filter(|kind| *kind == PrincipalKind::Service)?;
        PrincipalName::new(kind, id).ok()
    });
    if read.is_none() {
        let remedy = "write \"service:ID\": the owner of the API keys with the role login";
        walk.mistake(key, "is no workload identity", remedy);
    }
    read
}

fn kinds(walk: &mut Walk<'_>, key: &str) -> Vec<PrincipalKind> {
    let mut kinds = Vec::new();
    for text in walk.texts(key) {
        match PrincipalKind::from_name(&text).filter(|kind| *kind != PrincipalKind::Unknown) {
            Some(kind) => kinds.push(kind),
            None => {
                let remedy = "use customer, seller, rider, person or service";
                walk.mistake(key, "names a kind there is none of", remedy);
            }
        }
    }
    kinds
}

/// Whether typed signing and the transit door are open.
fn doors(walk: &mut Walk<'_>, key: &str) -> (bool, bool) {
    let doors = walk.texts_or(key, &["typed"]);
    if doors.is_empty() || doors.iter().any(|door| door != "typed" && door != "transit") {
        walk.mistake(key, "names no door", "use [\"typed\"], [\"transit\"] or both");
    }
    let has = |door: &str| doors.iter().any(|it| it == door);
    (has("typed"), has("transit"))
}

fn transit_rule(
    walk: &mut Walk<'_>,
    key: &dyn Fn(&str) -> String,
    open: bool,
) -> Option<TransitRule> {
    let may_create = walk.boolean(&key("transit_create"), false);
    let may_rotate = walk.boolean(&key("transit_rotate"), false);
    let named = walk.text_or_none(&key("transit_key"));
    if !open {
        if named.is_some() || may_create || may_rotate {
            let remedy = "add \"transit\" to its doors, or take what begins with transit_ out";
            walk.mistake(&key("doors"), "leave the transit door shut", remedy);
        }
        return None;
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let good = named.filter(|it| it.len() <= 64 && it.bytes().all(plain));
    if good.is_none() {
        let remedy = "name the key at the door: 1 to 64 of A-Z a-z 0-9 . _ -";
        walk.mistake(&key("transit_key"), "is no name", remedy);
    }
    Some(TransitRule { key: good?, may_create, may_rotate })
}

/// The rules as the weakening diff compares them.
#[must_use]
pub fn compared(rules: &Rules) -> BTreeMap<String, SigningRule> {
    let set = |all: &[String]| all.iter().cloned().collect::<BTreeSet<_>>();
    let rule = |rule: &Rule| SigningRule {
        caller: format!("{}:{}", rule.caller.kind, rule.caller.id()),
        issuer: rule.issuer.clone(),
        audiences: set(&rule.audiences),
        kinds: rule.kinds.iter().map(|kind| kind.as_str().to_owned()).collect(),
        sub: rule.sub.as_ref().map(|it| it.as_str().to_owned()),
        tenants: match &rule.tenants {
            Tenants::Any => None,
            Tenants::Listed(listed) => Some(set(listed)),
        },
        life_seconds_max: u64::try_from(rule.life_ms_max / 1000).unwrap_or(0),
        login_required: rule.login_required,
        per_minute: u64::from(rule.per_minute),
        extra_claims: set(&rule.extra_claims),
        typed: rule.typed,
        transit_key: rule.transit.as_ref().map(|it| it.key.clone()),
        transit_create: rule.transit.as_ref().is_some_and(|it| it.may_create),
        transit_rotate: rule.transit.as_ref().is_some_and(|it| it.may_rotate),
    };
    rules.0.iter().map(|(name, one)| (name.clone(), rule(one))).collect()
}

/// For `ward check`: whose tokens the routes that ask for a login bar; one line for each route.
#[must_use]
pub fn barred(catalogue: &ward_catalogue::Catalogue, rules: &Rules) -> Vec<String> {
    let unproven: Vec<&str> =
        rules.0.iter().filter(|(_, rule)| !rule.login_required).map(|(name, _)| &**name).collect();
    let of_rules = match (rules.0.is_empty(), unproven.is_empty()) {
        (true, _) => "tokens issued without a login reference (no rule requires one)".to_owned(),
        (false, true) => "no token of a rule under [signing]".to_owned(),
        (false, false) => {
            format!("tokens without a login reference (rules {})", unproven.join(", "))
        }
    };
    let line = |route: &ward_catalogue::Route| {
        let kept = if route.mode == ward_catalogue::Mode::Enforce { "bars" } else { "would bar" };
        format!(
            "route {} asks for a login: it {kept} {of_rules}, tokens signed by transit, clients' \
             own tokens and API keys",
            route.name
        )
    };
    catalogue.routes().iter().filter(|route| route.login_required).map(line).collect()
}

#[cfg(test)]
mod tests;
