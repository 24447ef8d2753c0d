//! Cedar: schema, entities, decisions and their cache.
//!
//! What it is: policies in Cedar over a principal's and a route's attributes. [`Policies::load`]
//! checks them strictly against the schema and tells every mistake at once; [`Policies::decide`]
//! says permit or refuse, and by which policies.
//! What it must never do: permit when an evaluation fails, look at who a data subject is, keep a
//! decision longer than the policies that made it.
//! Where it sits: floor 1; the gate asks between the ledger's check and the upstream. Cost: a kept
//! decision is one hash and one look-up; a new one some tens of microseconds, once for each
//! distinct set of attributes.
//! Spec: the Cedar policy language (forbid overrides permit; nothing permits by default).
//! Best test: `tests.rs` over `tests/matrix.txt`.

mod ask;
mod cache;
pub mod limits;
mod load;
pub mod operators;
mod shape;

use std::sync::Arc;

use arc_swap::ArcSwap;
use cedar_policy::{Authorizer, Decision, PolicySet, Schema};
use ward_model::{Reason, Verdict};

pub use ask::Ask;
use cache::Cache;
pub use load::PolicyMistake;
pub use operators::OperatorPolicies;
pub use shape::{Effect, PolicyShape, Read, Sense};

/// The policies every house starts with: file name and text.
pub const DEFAULTS: &[(&str, &str)] = &[
    ("forbid.cedar", include_str!("../policies/forbid.cedar")),
    ("outside.cedar", include_str!("../policies/outside.cedar")),
    ("own.cedar", include_str!("../policies/own.cedar")),
    ("service.cedar", include_str!("../policies/service.cedar")),
    ("staff.cedar", include_str!("../policies/staff.cedar")),
];

/// The schema policies are checked against: what they may speak of.
pub const SCHEMA: &str = include_str!("../policies/ward.cedarschema");

/// What was decided, and by which policies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    verdict: Verdict,
    by: Arc<[String]>,
}

impl Decided {
    /// Permit, or refuse as `policy` or `no_purpose`.
    #[must_use]
    pub const fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Ids of the policies that made the decision, sorted; empty when none applied.
    #[must_use]
    pub fn by(&self) -> &[String] {
        &self.by
    }

    fn refuse(reason: Reason, by: Vec<String>) -> Self {
        Self { verdict: Verdict::Refuse(reason), by: by.into() }
    }
}

/// One loaded set with its own decisions: both are swapped together.
struct Rules {
    set: PolicySet,
    schema: Schema,
    no_purpose: Vec<String>,
    digest: [u8; 32],
    cache: Cache,
}

/// The policies in force. Shared behind an `Arc`; reloads are seen by the next decision.
pub struct Policies {
    rules: ArcSwap<Rules>,
}

impl Policies {
    /// Loads policies: file names and texts.
    ///
    /// # Errors
    /// Every mistake found in any of them; nothing is in force.
    pub fn load(sources: &[(&str, &str)]) -> Result<Self, Vec<PolicyMistake>> {
        Ok(Self { rules: ArcSwap::from_pointee(load::load(sources)?) })
    }

    /// Puts other policies in force, whole, with no decision of the old ones kept.
    ///
    /// # Errors
    /// Every mistake found; the old policies stay in force.
    pub fn reload(&self, sources: &[(&str, &str)]) -> Result<(), Vec<PolicyMistake>> {
        self.rules.store(Arc::new(load::load(sources)?));
        Ok(())
    }

    /// SHA-256 over names and texts of the policies in force and over the schema.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.rules.load().digest
    }

    /// Decides. Never fails: what cannot be evaluated is refused.
    #[must_use]
    pub fn decide(&self, ask: &Ask<'_>) -> Decided {
        let rules = self.rules.load();
        rules.cache.get_or(ask, || rules.decide(ask))
    }
}

impl Rules {
    fn decide(&self, ask: &Ask<'_>) -> Decided {
        let decided = self.evaluate(ask);
        // WHY: `no_purpose` tells the caller to state one; it is said only where that would help.
        let with_purpose = Ask { purpose_stated: true, ..*ask };
        match decided.verdict {
            Verdict::Refuse(Reason::NoPurpose) => match self.evaluate(&with_purpose).verdict {
                Verdict::Permit => decided,
                Verdict::Refuse(_) => {
                    Decided { verdict: Verdict::Refuse(Reason::Policy), ..decided }
                }
            },
            _ => decided,
        }
    }

    fn evaluate(&self, ask: &Ask<'_>) -> Decided {
        let Some((request, entities)) = ask.in_cedar(&self.schema) else {
            return Decided::refuse(Reason::Policy, Vec::new());
        };
        let response = Authorizer::new().is_authorized(&request, &self.set, &entities);
        let diagnostics = response.diagnostics();
        let mut by: Vec<String> = diagnostics.reason().map(ToString::to_string).collect();
        by.sort();
        // INVARIANT: Cedar skips a policy that fails; a skipped `forbid` must not let anyone in.
        if diagnostics.errors().next().is_some() {
            return Decided::refuse(Reason::Policy, by);
        }
        match response.decision() {
            Decision::Allow => Decided { verdict: Verdict::Permit, by: by.into() },
            Decision::Deny => {
                let purpose = !by.is_empty() && by.iter().all(|id| self.no_purpose.contains(id));
                let reason = if purpose { Reason::NoPurpose } else { Reason::Policy };
                Decided::refuse(reason, by)
            }
        }
    }
}

#[cfg(test)]
mod tests;
