//! The digest of declarations: what an approval is bound to.
//!
//! It is one SHA-256 over length-prefixed parts in a fixed order: a mark of this form; every
//! setting under its name, maps and sets in their order; the digest of the compiled catalogue
//! (`Catalogue::digest`); every policy in the order of ids, with effect, scope, conditions and
//! annotations. So it is the same for two texts that say the same, whatever their order, spaces,
//! comments and files, and another for any two that do not.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use sha2::{Digest as _, Sha256};
use ward_policy::PolicyShape;

use super::Declarations;
use super::settings::{
    ApprovalRule, ApprovalRules, Custody, Issuer, Operators, Provider, RoleSet, Settings,
    SigningRule, Target,
};

/// The mark of this form.
const FORM: &str = "ward-declarations1";

/// SHA-256 over the canonical form of everything declared.
#[must_use]
pub fn digest(declarations: &Declarations) -> [u8; 32] {
    let Declarations { settings, catalogue, policies } = declarations;
    let mut out = Canonical(Sha256::new());
    out.text(FORM);
    out.settings(settings);
    out.bytes(catalogue.digest());
    let mut sorted: Vec<&PolicyShape> = policies.iter().collect();
    sorted.sort_by(|a, b| a.id.cmp(&b.id));
    out.number(count(sorted.len()));
    sorted.into_iter().for_each(|policy| out.policy(policy));
    out.0.finalize().into()
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// Length-prefixed parts: no two lists of parts are written alike.
struct Canonical(Sha256);

impl Canonical {
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.update(count(bytes.len()).to_le_bytes());
        self.0.update(bytes);
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn number(&mut self, number: u64) {
        self.0.update(number.to_le_bytes());
    }

    fn optional(&mut self, number: Option<u64>) {
        self.number(u64::from(number.is_some()));
        self.number(number.unwrap_or(0));
    }

    fn roles(&mut self, roles: RoleSet) {
        self.text(&roles.0.to_string());
    }

    fn address(&mut self, address: SocketAddr) {
        self.text(&address.to_string());
    }

    fn map<T>(&mut self, map: &BTreeMap<String, T>, mut value: impl FnMut(&mut Self, &T)) {
        self.number(count(map.len()));
        for (key, one) in map {
            self.text(key);
            value(self, one);
        }
    }

    fn list<'t>(&mut self, list: impl ExactSizeIterator<Item = &'t String>) {
        self.number(count(list.len()));
        list.for_each(|one| self.text(one));
    }

    fn settings(&mut self, settings: &Settings) {
        let Settings {
            data,
            log_name,
            listen_control,
            listen_gate,
            issuer: Issuer { url, audience, life_seconds_max, mode },
            custody: Custody { kind, place, root_on_hosts },
            segment_bytes,
            retention_days,
            operators,
            approvals,
            mutes,
            notifications,
            signing,
            others,
        } = settings;
        self.text(data);
        self.text(log_name);
        self.address(*listen_control);
        self.address(*listen_gate);
        self.text(url);
        self.text(audience);
        self.number(*life_seconds_max);
        self.text(mode.as_str());
        self.text(kind);
        self.text(place);
        self.list(root_on_hosts.iter());
        self.number(*segment_bytes);
        self.map(retention_days, |out, days| out.number(u64::from(*days)));
        self.operators(operators);
        self.approvals(approvals);
        self.list(mutes.iter());
        self.map(notifications, |out, Target { kind, digest }| {
            out.text(kind);
            out.text(digest);
        });
        self.map(others, |out, value| out.text(value));
        self.map(signing, Self::signing);
    }

    fn signing(&mut self, rule: &SigningRule) {
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
        } = rule;
        self.text(caller);
        self.text(issuer);
        for set in [audiences, kinds, extra_claims] {
            self.list(set.iter());
        }
        for one in [sub, transit_key] {
            self.number(u64::from(one.is_some()));
            self.text(one.as_deref().unwrap_or_default());
        }
        self.number(u64::from(tenants.is_some()));
        self.list(tenants.as_ref().unwrap_or(&BTreeSet::new()).iter());
        self.number(*life_seconds_max);
        self.number(*per_minute);
        for flag in [login_required, typed, transit_create, transit_rotate] {
            self.number(u64::from(*flag));
        }
    }

    fn operators(&mut self, operators: &Operators) {
        let Operators {
            session_idle_minutes,
            session_minutes_max,
            step_up_minutes,
            provider,
            read_subjects_max,
        } = operators;
        self.number(*session_idle_minutes);
        self.number(*session_minutes_max);
        self.number(*step_up_minutes);
        self.optional(*read_subjects_max);
        self.number(u64::from(provider.is_some()));
        if let Some(Provider { issuer, client_id, groups, allow_passkey }) = provider {
            self.text(issuer);
            self.text(client_id);
            self.map(groups, |out, roles| out.roles(*roles));
            self.number(u64::from(*allow_passkey));
        }
    }

    fn approvals(&mut self, approvals: &ApprovalRules) {
        let ApprovalRules { life_minutes, alone_after_minutes, default, rules } = approvals;
        self.number(*life_minutes);
        self.optional(*alone_after_minutes);
        self.rule(default);
        self.map(rules, Self::rule);
    }

    fn rule(&mut self, rule: &ApprovalRule) {
        let ApprovalRule { consents, from_roles } = rule;
        self.number(u64::from(*consents));
        self.roles(*from_roles);
    }

    fn policy(&mut self, policy: &PolicyShape) {
        // The rest follows from these.
        let PolicyShape {
            id,
            effect,
            scope,
            conditions,
            may_fail: _,
            self_only_routes: _,
            reads: _,
            annotations,
        } = policy;
        self.text(id);
        self.text(effect.as_str());
        self.text(scope);
        self.list(conditions.iter());
        self.map(annotations, |out, value| out.text(value));
    }
}
