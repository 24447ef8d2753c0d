//! Proposals, consents and who may give them: a view rebuilt from records and from nothing else.
//!
//! What it must never do: learn from a database who is an operator.
//! Best test: `approval/tests.rs` (a small model, people who leave, restarts).

pub mod decide;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use ward_model::record::{ApprovalConsented, ApprovalEnded, ApprovalProposed, ConfigLoaded};
use ward_model::word::{ApprovalEnd, SignInMethod};
use ward_model::{ApprovalId, LeafIndex, PersonId, Position, Record, Roles, UnixMillis, View};

use crate::limits::ENDED_MAX;
use crate::operators::Operators;

/// An operator's word for a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Consent {
    /// Whose.
    pub person: PersonId,
    /// When it was recorded.
    pub at: UnixMillis,
    /// By which record.
    pub index: LeafIndex,
    /// How he proved who he is.
    pub proof: SignInMethod,
}

/// A proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// When it was recorded.
    pub at: UnixMillis,
    /// By which record.
    pub index: LeafIndex,
    /// What would be done.
    pub act: String,
    /// On what, as the act names it.
    pub target: String,
    /// SHA-256 of the exact act.
    pub digest: [u8; 32],
    /// What becomes weaker, in words.
    pub effect: String,
    /// Who proposed it; `None` for Ward itself and for machines.
    pub proposer: Option<PersonId>,
    /// How many others must consent.
    pub needed: usize,
    /// One of them holds one of these; none: anyone.
    pub from_roles: Roles,
    /// Its end.
    pub expires_at: UnixMillis,
    /// From when a lone operator may use it.
    pub alone_from: Option<UnixMillis>,
    /// Everyone who consented, oldest first; whether a consent counts is [`Approvals::standing`]'s.
    pub consents: Vec<Consent>,
    /// How it ended, who ended it, and when.
    pub ended: Option<(ApprovalEnd, Option<PersonId>, UnixMillis)>,
}

/// How a proposal stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// So many consents are still missing.
    Waiting {
        /// How many.
        missing: usize,
    },
    /// It may be carried out, once.
    Approved,
    /// It is over.
    Ended(ApprovalEnd),
}

impl Standing {
    /// In one word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting { .. } => "waiting",
            Self::Approved => "approved",
            Self::Ended(how) => how.as_str(),
        }
    }
}

/// Proposals and operators.
#[derive(Debug, Default)]
pub struct Approvals {
    proposals: BTreeMap<ApprovalId, Proposal>,
    open: HashMap<[u8; 32], ApprovalId>,
    ended: usize,
    operators: Operators,
    in_force: Option<ConfigLoaded>,
}

impl Approvals {
    /// Who is an operator.
    #[must_use]
    pub const fn operators(&self) -> &Operators {
        &self.operators
    }

    /// A proposal.
    #[must_use]
    pub fn proposal(&self, id: ApprovalId) -> Option<&Proposal> {
        self.proposals.get(&id)
    }

    /// The proposal of exactly this act that has not ended.
    #[must_use]
    pub fn open(&self, digest: &[u8; 32]) -> Option<ApprovalId> {
        self.open.get(digest).copied()
    }

    /// Proposals that have not ended, oldest first.
    pub fn all_open(&self) -> impl Iterator<Item = (ApprovalId, &Proposal)> {
        self.proposals.iter().filter(|(_, it)| it.ended.is_none()).map(|(id, it)| (*id, it))
    }

    /// Proposals with numbers below `before`, newest first.
    pub fn newest(
        &self,
        before: Option<ApprovalId>,
    ) -> impl Iterator<Item = (ApprovalId, &Proposal)> {
        let to = before.map_or(core::ops::Bound::Unbounded, core::ops::Bound::Excluded);
        let range = self.proposals.range((core::ops::Bound::Unbounded, to));
        range.rev().map(|(id, it)| (*id, it))
    }

    /// The number the next proposal takes.
    ///
    /// INVARIANT: proposals are made by one driver under one lock.
    #[must_use]
    pub fn next(&self) -> ApprovalId {
        ApprovalId(self.proposals.last_key_value().map_or(0, |(id, _)| id.0).saturating_add(1))
    }

    /// The declarations that came into force last.
    #[must_use]
    pub const fn in_force(&self) -> Option<&ConfigLoaded> {
        self.in_force.as_ref()
    }

    /// How a proposal stands at `now`. A consent counts while its person has been an operator
    /// without a break since he gave it, each person once, the proposer never; a proposal ends
    /// with its proposer's being an operator, also when he comes back.
    #[must_use]
    pub fn standing(&self, proposal: &Proposal, now: UnixMillis) -> Standing {
        if let Some((how, ..)) = proposal.ended {
            return Standing::Ended(how);
        }
        if proposal.expires_at <= now {
            return Standing::Ended(ApprovalEnd::Expired);
        }
        let since = |person: PersonId, index: LeafIndex| {
            self.operators.office(person).filter(|it| it.since <= index)
        };
        if proposal.proposer.is_some_and(|person| since(person, proposal.index).is_none()) {
            return Standing::Ended(ApprovalEnd::Lapsed);
        }
        let mut counted = BTreeSet::new();
        let mut from_group = proposal.from_roles.is_empty();
        for consent in proposal.consents.iter().filter(|it| Some(it.person) != proposal.proposer) {
            let Some(standing) = since(consent.person, consent.index) else { continue };
            if may_consent(standing.roles) {
                counted.insert(consent.person);
                from_group |= !standing.roles.and(proposal.from_roles).is_empty();
            }
        }
        let missing = proposal.needed.saturating_sub(counted.len()).max(usize::from(!from_group));
        // He was the only operator when he proposed, and three days later he still is.
        let alone = proposal.alone_from.is_some_and(|from| from <= now)
            && proposal.proposer.is_some_and(|one| self.operators.now().all(|(it, _)| it == one));
        if missing == 0 || alone { Standing::Approved } else { Standing::Waiting { missing } }
    }

    /// Takes in one record.
    pub fn take_in(&mut self, at: Position, record: &Record) {
        match record {
            Record::ApprovalProposed(it) => self.put_proposal(at, it),
            Record::ApprovalConsented(it) => self.put_consent(at, it),
            Record::ApprovalEnded(it) => self.put_end(at, it),
            Record::ConfigLoaded(it) => self.in_force = Some(it.clone()),
            _ => self.operators.take_in(at, record),
        }
    }

    fn put_proposal(&mut self, at: Position, it: &ApprovalProposed) {
        self.open.insert(it.digest, it.approval);
        let proposal = Proposal {
            at: at.time,
            index: at.index,
            act: it.act.as_str().to_owned(),
            target: it.target.as_str().to_owned(),
            digest: it.digest,
            effect: it.effect.as_str().to_owned(),
            proposer: Some(it.proposer).filter(|person| *person != PersonId::default()),
            needed: usize::try_from(it.consents).unwrap_or(1).max(1),
            from_roles: it.from_roles,
            expires_at: it.expires_at,
            alone_from: Some(it.alone_from).filter(|from| from.ms() > 0),
            consents: Vec::new(),
            ended: None,
        };
        self.proposals.insert(it.approval, proposal);
    }

    fn put_consent(&mut self, at: Position, it: &ApprovalConsented) {
        let Some(proposal) = self.proposals.get_mut(&it.approval) else { return };
        if proposal.digest == it.digest && proposal.ended.is_none() {
            let (person, proof) = (it.person, it.proof);
            proposal.consents.push(Consent { person, at: at.time, index: at.index, proof });
        }
    }

    fn put_end(&mut self, at: Position, it: &ApprovalEnded) {
        let Some(proposal) = self.proposals.get_mut(&it.approval) else { return };
        if proposal.ended.is_some() {
            return;
        }
        let person = Some(it.person).filter(|person| *person != PersonId::default());
        proposal.ended = Some((it.how, person, at.time));
        if self.open.get(&proposal.digest) == Some(&it.approval) {
            self.open.remove(&proposal.digest);
        }
        self.ended += 1;
        if self.ended > ENDED_MAX
            && let Some(oldest) = self.proposals.iter().find(|(_, it)| it.ended.is_some())
        {
            let oldest = *oldest.0;
            self.proposals.remove(&oldest);
            self.ended -= 1;
        }
    }
}

/// Whether a person with these roles may consent at all: who only looks may not.
#[must_use]
pub fn may_consent(roles: Roles) -> bool {
    !roles.without(Roles::of(&[ward_model::word::Role::Audit])).is_empty()
}

/// The view, shared. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct SharedApprovals(Arc<RwLock<Approvals>>);

impl SharedApprovals {
    /// An empty view.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks at it.
    pub fn read<T>(&self, look: impl FnOnce(&Approvals) -> T) -> T {
        look(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The journal's way in.
    #[must_use]
    pub fn view(&self) -> impl View + use<> {
        Following(self.clone())
    }
}

struct Following(SharedApprovals);

impl View for Following {
    fn apply(&mut self, at: Position, record: &Record) {
        self.0.0.write().unwrap_or_else(PoisonError::into_inner).take_in(at, record);
    }

    fn needs_issuances_from(&self) -> LeafIndex {
        LeafIndex::NEVER
    }
}

#[cfg(test)]
mod tests;
