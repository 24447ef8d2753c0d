//! The weakening diff: whether declarations became weaker, and why. Pure.
//!
//! What it is: what Ward is told by its files (settings, catalogue, policies) held against what
//! was told before. [`diff`] lists everything that is weaker and everything that is stronger; one
//! weaker point makes the whole weaker. [`digest`] is what an approval is bound to, [`Snapshot`]
//! what is kept on disk of the set in force.
//! What it must never do: take a change for harmless that it cannot show to be as strict. What has
//! no order is weaker on any change; a person looks at it then.
//! Where it sits: the program asks at start and at every reload; `Weaker` waits for an approval.
//! Cost: near linear in routes, fields and policies; the bench row `diff` keeps it below 50 ms.
//! Best tests: `diff/tests/rules.rs` (a table of every rule), `diff/tests/laws.rs` (properties).

mod catalogue;
mod digest;
mod fields;
pub mod limits;
mod places;
mod policies;
mod routes;
mod settings;
mod snapshot;
mod why;

use std::sync::Arc;

use ward_catalogue::Catalogue;
use ward_policy::PolicyShape;

pub use digest::digest;
pub use settings::{
    ApprovalRule, ApprovalRules, Custody, Issuer, Operators, Provider, RoleSet, Settings,
    SigningRule, Target,
};
pub use snapshot::{ReadError, Snapshot, SnapshotError};
pub use why::{Kind, Why};

/// Everything that Ward is told by its files.
#[derive(Clone, Debug)]
pub struct Declarations {
    /// What `ward.toml` says.
    pub settings: Settings,
    /// The catalogue.
    pub catalogue: Arc<Catalogue>,
    /// The policies, each id once.
    pub policies: Vec<PolicyShape>,
}

/// How new declarations stand to old ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Something is weaker, or not to be shown as strict: a second person must approve.
    Weaker {
        /// What is weaker; never empty, at most [`limits::REASONS_MAX`] and a last one for the
        /// rest.
        weaker: Vec<Why>,
        /// What is stronger beside it; bounded likewise.
        stronger: Vec<Why>,
    },
    /// Nothing is weaker and nothing is stronger.
    Same,
    /// Nothing is weaker and something is stronger: this, bounded likewise.
    Stronger(Vec<Why>),
}

impl Judgement {
    /// The verdict in one word: metric label, and what `ward check --against` prints.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Weaker { .. } => "weaker",
            Self::Same => "same",
            Self::Stronger(_) => "stronger",
        }
    }

    /// Whether it needs an approval.
    #[must_use]
    pub const fn is_weaker(&self) -> bool {
        matches!(self, Self::Weaker { .. })
    }

    /// What is weaker.
    #[must_use]
    pub fn weaker(&self) -> &[Why] {
        match self {
            Self::Weaker { weaker, .. } => weaker,
            Self::Same | Self::Stronger(_) => &[],
        }
    }

    /// What is stronger.
    #[must_use]
    pub fn stronger(&self) -> &[Why] {
        match self {
            Self::Weaker { stronger, .. } | Self::Stronger(stronger) => stronger,
            Self::Same => &[],
        }
    }
}

/// Judges `new` against `old`.
///
/// It is about what is declared, not about what is in force by other acts (an issuer's mode that
/// was set by hand, a bypass): those acts are weighed where they are done.
#[must_use]
pub fn diff(old: &Declarations, new: &Declarations) -> Judgement {
    let Declarations { settings, catalogue, policies } = old;
    let mut findings = why::Findings::default();
    settings::compare(settings, &new.settings, &mut findings);
    catalogue::compare(catalogue, &new.catalogue, &mut findings);
    let openings = policies::Openings::of(policies, &new.policies);
    routes::compare(catalogue, &new.catalogue, &openings, &mut findings);
    policies::compare(policies, &new.policies, &mut findings);
    findings.into_judgement()
}

#[cfg(test)]
mod tests;
