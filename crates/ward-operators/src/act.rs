//! Acts that make something weaker, and how many others each of them needs. Pure.

use std::collections::BTreeMap;

use ward_model::{Roles, words};

use crate::limits::{ALONE_AFTER_MS, CONSENTS, CONSENTS_OF_NOBODY, LIFE_MS};

words! {
    /// Every kind of act that weakens.
    ActKind {
        /// An issuer learns: what nobody issued is let through.
        IssuerLearning = 1 "issuer_learning",
        /// A signing key comes in that others may have read.
        ImportKey = 2 "import_key",
        /// An API key is issued.
        IssueApiKey = 3 "issue_api_key",
        /// An OAuth client is registered.
        RegisterClient = 4 "register_client",
        /// Someone who left comes back.
        RestorePerson = 5 "restore_person",
        /// An operator is enrolled, or gets a new first passkey.
        EnrolOperator = 6 "enrol_operator",
        /// What an operator may do changes.
        SetRoles = 7 "set_roles",
        /// Weaker declarations: configuration, catalogue, policies.
        Declarations = 8 "declarations",
        /// An incident is closed.
        CloseIncident = 9 "close_incident",
        /// An answer of Ward itself that names many people.
        ReadMany = 10 "read_many",
        /// A signing key is declared to be in other hands: offline verifiers lose its tokens.
        CompromiseKey = 14 "compromise_key",
        /// A foreign issuer enforces: what it did not report is refused.
        IssuerEnforcing = 20 "issuer_enforcing",
    }
}

/// What one kind of act needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Consents of persons other than the proposer, 1 to [`crate::limits::CONSENTS_MAX`].
    pub consents: i32,
    /// One of those who consent holds one of these; none: anyone who may consent.
    pub from_roles: Roles,
}

/// The rules of a house.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// For kinds that are not named.
    pub otherwise: Rule,
    /// By kind.
    pub by_kind: BTreeMap<ActKind, Rule>,
    /// How long a proposal waits, milliseconds.
    pub life_ms: i64,
    /// After how long a lone operator may act alone, milliseconds.
    pub alone_after_ms: i64,
}

impl Default for Rules {
    fn default() -> Self {
        let otherwise = Rule { consents: CONSENTS, from_roles: Roles::NONE };
        let by_kind = BTreeMap::new();
        Self { otherwise, by_kind, life_ms: LIFE_MS, alone_after_ms: ALONE_AFTER_MS }
    }
}

impl Rules {
    /// The rule for a kind; what no person proposed needs one consent more than it, and two at
    /// least.
    #[must_use]
    pub fn of(&self, kind: ActKind, by_a_person: bool) -> Rule {
        let rule = self.by_kind.get(&kind).copied().unwrap_or(self.otherwise);
        let consents = rule.consents.max(CONSENTS);
        if by_a_person {
            return Rule { consents, ..rule };
        }
        Rule { consents: consents.saturating_add(1).max(CONSENTS_OF_NOBODY), ..rule }
    }
}

/// An act that makes something weaker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// What kind.
    pub kind: ActKind,
    /// On what, as the act names it; empty when the digest alone tells.
    pub target: String,
    /// SHA-256 of the exact act: see [`Act::of`].
    pub digest: [u8; 32],
    /// What becomes weaker, in plain words, without personal data.
    pub effect: String,
}

impl Act {
    /// An act with the digest of its kind, its target and `exact`: everything it depends on.
    #[must_use]
    pub fn of(kind: ActKind, target: &str, exact: &[&[u8]], effect: String) -> Self {
        use sha2::Digest as _;
        let mut digest = sha2::Sha256::new();
        for part in [kind.as_str().as_bytes(), target.as_bytes()].iter().chain(exact) {
            digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
            digest.update(part);
        }
        Self { kind, target: target.to_owned(), digest: digest.finalize().into(), effect }
    }
}
