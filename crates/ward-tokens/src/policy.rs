//! Rules on claims: who may have what signed, by which door. Pure.
//!
//! What it is: what `[signing.NAME]` of `ward.toml` says, read to types, and the decision over it. A
//! rule is for one workload identity (the owner of API keys with the role `login`), not for one
//! credential, so that rotating an API key changes no rule. Several rules may be for one caller: a
//! token is signed when one of them permits all of it.
//! What it must never do: let a claim through that no rule names, or take less than the whole of
//! `sub` for a match. Without any rule the house's bounds alone hold, as they did before there were
//! rules, and the transit door is shut. Source: DESIGN.md section 7. Best test: `policy/tests.rs`.

use std::collections::BTreeMap;

use ward_model::{PrincipalKind, PrincipalName};

use crate::limits::{PATTERN_BYTES_MAX, PATTERN_SIZE_MAX};

/// A pattern for the whole of `sub`: a regular expression without look-around, linear in time.
#[derive(Clone, Debug)]
pub struct SubPattern {
    whole: regex::Regex,
    written: String,
}

impl SubPattern {
    /// Reads a pattern; it is anchored at both ends.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn new(pattern: &str) -> Result<Self, &'static str> {
        if pattern.is_empty() || pattern.len() > PATTERN_BYTES_MAX {
            return Err("is 1 to 256 bytes");
        }
        // WHY alone first: `)|(` would close the group the anchors stand around.
        let alone = regex::Regex::new(pattern);
        let whole = regex::RegexBuilder::new(&format!(r"\A(?:{pattern})\z"))
            .size_limit(PATTERN_SIZE_MAX)
            .build();
        match (alone, whole) {
            (Ok(_), Ok(whole)) => Ok(Self { whole, written: pattern.to_owned() }),
            _ => Err("is no regular expression, or too large a one"),
        }
    }

    /// Whether it matches the whole of `sub`.
    #[must_use]
    pub fn matches(&self, sub: &str) -> bool {
        self.whole.is_match(sub)
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.written
    }
}

/// Which tenants tokens may name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tenants {
    /// Any, or none.
    Any,
    /// These; without one a token is not signed. An empty list: no token names a tenant.
    Listed(Vec<String>),
}

/// What a rule opens at the transit door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransitRule {
    /// The name of the issuer's token key there.
    pub key: String,
    /// Whether the caller may have the issuer's first key made.
    pub may_create: bool,
    /// Whether the caller may have the key rotated.
    pub may_rotate: bool,
}

/// One rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Whose: the owner of the API keys.
    pub caller: PrincipalName,
    /// `iss`: whose token key signs.
    pub issuer: String,
    /// Audiences tokens may be meant for; all of a token's must be among them.
    pub audiences: Vec<String>,
    /// Kinds of principals tokens may name.
    pub kinds: Vec<PrincipalKind>,
    /// What `sub` looks like; any if there is none.
    pub sub: Option<SubPattern>,
    /// Tenants tokens may name.
    pub tenants: Tenants,
    /// Longest life, milliseconds.
    pub life_ms_max: i64,
    /// Whether a token needs a login reference.
    pub login_required: bool,
    /// Most tokens in a minute.
    pub per_minute: u32,
    /// Claims a client may lay out beyond those Ward knows (transit door only).
    pub extra_claims: Vec<String>,
    /// Whether typed signing is open (`POST /api/tokens`).
    pub typed: bool,
    /// The transit door, if it is open.
    pub transit: Option<TransitRule>,
}

/// Every rule by its name.
#[derive(Clone, Debug, Default)]
pub struct Rules(pub BTreeMap<String, Rule>);

/// By which door something is to be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door<'a> {
    /// `POST /api/tokens`.
    Typed,
    /// The transit door, and the key's name there.
    Transit(&'a str),
}

/// What is to be signed.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// By which door.
    pub door: Door<'a>,
    /// `iss`, where the caller says it.
    pub issuer: Option<&'a str>,
    /// `aud`: one at least.
    pub audiences: &'a [String],
    /// `sub` and `kind`.
    pub principal: &'a PrincipalName,
    /// `tenant`.
    pub tenant: Option<&'a str>,
    /// From now, or from `iat` if that lies earlier, to `exp`, milliseconds.
    pub life_ms: i64,
    /// Whether a login is referred to.
    pub login: bool,
    /// Names of claims Ward does not know.
    pub others: &'a [String],
}

/// Why a rule does not permit it, in the order in which it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Denied {
    /// No rule is for this caller.
    NoRule,
    /// The door is shut.
    Door,
    /// `iss`.
    Issuer,
    /// `kind`.
    Kind,
    /// `aud`.
    Audience,
    /// `sub`.
    Sub,
    /// `tenant`.
    Tenant,
    /// The life.
    Life,
    /// `login`.
    Login,
    /// A claim Ward does not know.
    Claim,
}

impl Denied {
    /// The words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::NoRule => "no rule under [signing] is for this caller",
            Self::Door => "no rule opens this door, or this key there, to this caller",
            Self::Issuer => "tokens may not be of this issuer",
            Self::Kind => "tokens may not name this kind of principal",
            Self::Audience => "tokens may not be meant for this audience",
            Self::Sub => {
                "tokens may not name this principal: sub does not match the rule's pattern"
            }
            Self::Tenant => "tokens may not name this tenant, or must name one",
            Self::Life => "the life asked for is out of bounds",
            Self::Login => "tokens need a login reference",
            Self::Claim => {
                "a claim that Ward does not know is not named by the rule's extra_claims"
            }
        }
    }
}

impl Rule {
    /// Whether this rule permits all of it.
    ///
    /// # Errors
    /// The first thing it does not permit.
    pub fn permits(&self, wanted: &Wanted<'_>) -> Result<(), Denied> {
        let open = match wanted.door {
            Door::Typed => self.typed,
            Door::Transit(key) => self.transit.as_ref().is_some_and(|it| it.key == key),
        };
        let tenant = match (&self.tenants, wanted.tenant) {
            (Tenants::Any, _) => true,
            (Tenants::Listed(listed), Some(tenant)) => listed.iter().any(|it| it == tenant),
            (Tenants::Listed(listed), None) => listed.is_empty(),
        };
        let audiences = wanted.audiences;
        let sub = wanted.principal.id();
        let checks = [
            (open, Denied::Door),
            (wanted.issuer.is_none_or(|issuer| issuer == self.issuer), Denied::Issuer),
            (self.kinds.contains(&wanted.principal.kind), Denied::Kind),
            (
                !audiences.is_empty() && audiences.iter().all(|it| self.audiences.contains(it)),
                Denied::Audience,
            ),
            (self.sub.as_ref().is_none_or(|pattern| pattern.matches(sub)), Denied::Sub),
            (tenant, Denied::Tenant),
            ((1000..=self.life_ms_max).contains(&wanted.life_ms), Denied::Life),
            (wanted.login || !self.login_required, Denied::Login),
            (wanted.others.iter().all(|it| self.extra_claims.contains(it)), Denied::Claim),
        ];
        match checks.iter().find(|(holds, _)| !holds) {
            Some((_, denied)) => Err(*denied),
            None => Ok(()),
        }
    }
}

impl Rules {
    /// The rule by which this is permitted, among those `is_callers` says are this caller's.
    ///
    /// # Errors
    /// What the rule that came furthest does not permit.
    pub fn permit(
        &self,
        wanted: &Wanted<'_>,
        is_callers: impl Fn(&PrincipalName) -> bool,
    ) -> Result<(&str, &Rule), Denied> {
        let mut furthest = Denied::NoRule;
        for (name, rule) in self.0.iter().filter(|(_, rule)| is_callers(&rule.caller)) {
            match rule.permits(wanted) {
                Ok(()) => return Ok((name, rule)),
                Err(denied) => furthest = furthest.max(denied),
            }
        }
        Err(furthest)
    }

    /// The rule that opens a key of the transit door to this caller, whatever is to be signed.
    #[must_use]
    pub fn transit(&self, key: &str, is_callers: impl Fn(&PrincipalName) -> bool) -> Option<&Rule> {
        let mut own = self.0.values().filter(|rule| is_callers(&rule.caller));
        own.find(|rule| rule.transit.as_ref().is_some_and(|it| it.key == key))
    }

    /// Names of the keys the transit door shows this caller, each once, sorted.
    #[must_use]
    pub fn transit_keys(&self, is_callers: impl Fn(&PrincipalName) -> bool) -> Vec<String> {
        let own = self.0.values().filter(|rule| is_callers(&rule.caller));
        let mut keys: Vec<String> =
            own.filter_map(|rule| rule.transit.as_ref().map(|it| it.key.clone())).collect();
        keys.sort();
        keys.dedup();
        keys
    }
}

#[cfg(test)]
mod tests;
