//! What people hold and could read: a view rebuilt from records and from nothing else.
//!
//! What it must never do: learn anything from a database.
//! Where it sits: the cascade asks it what is left to take back; SCIM asks it who is active.
//! Best test: `cascade/tests.rs` (a rebuilt view continues exactly where the live one stopped).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use ward_model::record::{
    ApiKeyIssued, CascadeStarted, CascadeStep, ClientRegistered, KeyAdded, KeyHolderDeclared,
    KeyHoldersUnknown, KeyStateChanged, PersonPut,
};
use ward_model::word::{
    ApiKeyKind, CascadeStepKind, Cause, CustodyEvidence, KeyPurpose, KeySource, KeyState,
    PersonState, StepOutcome,
};
use ward_model::{
    ApiKeyId, CascadeId, KeyNumber, LeafIndex, PersonId, Position, PrincipalKey, PrincipalNumber,
    Record, UnixMillis, View,
};

/// A person as the records know him.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonHeld {
    /// As a principal.
    pub principal: PrincipalNumber,
    /// As views key him.
    pub principal_key: PrincipalKey,
    /// The state.
    pub state: PersonState,
    /// When that state began.
    pub since: UnixMillis,
    /// Digest of his row's attributes (not of his state).
    pub row_digest: [u8; 32],
    /// Whether his tokens were revoked because he left, since he last came.
    pub tokens_revoked: bool,
    /// Whether a cascade was begun for him since he last came.
    pub cascade_begun: bool,
}

/// An API key and whom it acts for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeyHeld {
    /// What it is for.
    pub kind: ApiKeyKind,
    /// Whom it acts for.
    pub owner_key: PrincipalKey,
    /// When it ends.
    pub expires_at: UnixMillis,
    /// Whether it was revoked.
    pub revoked: bool,
}

/// A client and who answers for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientHeld {
    /// `client_id`.
    pub client_id: String,
    /// The person answerable.
    pub owner: PersonId,
    /// Whether it was revoked.
    pub revoked: bool,
}

/// A signing key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyHeld {
    /// `kid`.
    pub kid: String,
    /// `iss` of its tokens.
    pub issuer: String,
    /// What it may sign.
    pub purpose: KeyPurpose,
    /// Where it came from.
    pub source: KeySource,
    /// Its state.
    pub state: KeyState,
    /// For a compromised key: the earliest moment it may have been in other hands.
    pub since: UnixMillis,
}

/// Since when and how known someone can or could read a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Custody {
    /// The earliest declared moment.
    pub since: UnixMillis,
    /// How it is known.
    pub evidence: CustodyEvidence,
}

/// A step of a run, as recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepSeen {
    /// What.
    pub step: CascadeStepKind,
    /// On what.
    pub target: i64,
    /// How it stands.
    pub outcome: StepOutcome,
    /// When it was recorded.
    pub at: UnixMillis,
}

/// One run of the cascade.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Who leaves.
    pub person: PersonId,
    /// When the signal arrived.
    pub signalled_at: UnixMillis,
    /// When its first record was durable.
    pub started_at: UnixMillis,
    /// What was recorded, in order.
    pub steps: Vec<StepSeen>,
    /// When it ended.
    pub finished_at: Option<UnixMillis>,
}

impl Run {
    /// Whether a step was recorded, done or open.
    #[must_use]
    pub fn has(&self, step: CascadeStepKind, target: i64) -> bool {
        self.steps.iter().any(|seen| seen.step == step && seen.target == target)
    }

    /// Targets of steps that were recorded open and not yet done.
    pub fn open(&self) -> impl Iterator<Item = (CascadeStepKind, i64)> + '_ {
        let done = |step, target| {
            self.steps.iter().any(|seen| {
                seen.outcome == StepOutcome::Done && seen.step == step && seen.target == target
            })
        };
        self.steps
            .iter()
            .filter(move |seen| seen.outcome == StepOutcome::Open && !done(seen.step, seen.target))
            .map(|seen| (seen.step, seen.target))
    }
}

/// Who holds what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holdings {
    people: BTreeMap<PersonId, PersonHeld>,
    by_key: HashMap<PrincipalKey, PersonId>,
    suspended: HashMap<PrincipalKey, BTreeSet<Cause>>,
    api_keys: BTreeMap<ApiKeyId, ApiKeyHeld>,
    api_keys_by_owner: HashMap<PrincipalKey, Vec<ApiKeyId>>,
    clients: BTreeMap<PrincipalKey, ClientHeld>,
    keys: BTreeMap<KeyNumber, KeyHeld>,
    holders: BTreeMap<KeyNumber, BTreeMap<PersonId, Custody>>,
    /// Keys nobody can say the holders of, and from when on.
    unknown: BTreeMap<KeyNumber, UnixMillis>,
    grandfathering: BTreeSet<KeyNumber>,
    runs: BTreeMap<CascadeId, Run>,
    runs_by_person: HashMap<PersonId, Vec<CascadeId>>,
}

impl Holdings {
    /// A person.
    #[must_use]
    pub fn person(&self, person: PersonId) -> Option<&PersonHeld> {
        self.people.get(&person)
    }

    /// Everyone known, after `after`, in the order of ids.
    pub fn people_after(
        &self,
        after: Option<PersonId>,
    ) -> impl Iterator<Item = (PersonId, &PersonHeld)> {
        let from = after.map_or(core::ops::Bound::Unbounded, core::ops::Bound::Excluded);
        self.people.range((from, core::ops::Bound::Unbounded)).map(|(id, held)| (*id, held))
    }

    /// Whether a principal is suspended because he left.
    #[must_use]
    pub fn is_suspended_as_leaver(&self, key: PrincipalKey) -> bool {
        self.suspended.get(&key).is_some_and(|causes| causes.contains(&Cause::Left))
    }

    /// Whether a principal is suspended for a cause other than having left.
    #[must_use]
    pub fn is_suspended_otherwise(&self, key: PrincipalKey) -> bool {
        self.suspended.get(&key).is_some_and(|causes| causes.iter().any(|&it| it != Cause::Left))
    }

    /// API keys that act for a principal.
    pub fn api_keys_of(
        &self,
        owner: PrincipalKey,
    ) -> impl Iterator<Item = (ApiKeyId, &ApiKeyHeld)> {
        let ids = self.api_keys_by_owner.get(&owner).map_or(&[][..], Vec::as_slice);
        ids.iter().filter_map(|id| self.api_keys.get(id).map(|held| (*id, held)))
    }

    /// Clients a person answers for.
    pub fn clients_of(
        &self,
        person: PersonId,
    ) -> impl Iterator<Item = (PrincipalKey, &ClientHeld)> {
        self.clients
            .iter()
            .filter(move |(_, held)| held.owner == person)
            .map(|(key, held)| (*key, held))
    }

    /// Signing keys a person can or could read: those he is a holder of, and those nobody can say
    /// the holders of while he worked here.
    pub fn keys_of(
        &self,
        person: PersonId,
    ) -> impl Iterator<Item = (KeyNumber, &KeyHeld, Custody)> {
        self.keys.iter().filter_map(move |(number, key)| {
            let declared = self.holders.get(number).and_then(|holders| holders.get(&person));
            let custody = declared.copied().or_else(|| self.may_have_read(*number, person))?;
            Some((*number, key, custody))
        })
    }

    /// WHY not who left before: the key came in after he was gone, and was given to nobody since.
    fn may_have_read(&self, key: KeyNumber, person: PersonId) -> Option<Custody> {
        let since = *self.unknown.get(&key)?;
        let held = self.people.get(&person)?;
        let gone_before = held.state == PersonState::Left && held.since < since;
        (!gone_before).then_some(Custody { since, evidence: CustodyEvidence::Unknown })
    }

    /// Since when everyone who works here is treated as a holder of a key, if that is so.
    #[must_use]
    pub fn holders_unknown(&self, key: KeyNumber) -> Option<UnixMillis> {
        self.unknown.get(&key).copied()
    }

    /// A signing key.
    #[must_use]
    pub fn key(&self, key: KeyNumber) -> Option<&KeyHeld> {
        self.keys.get(&key)
    }

    /// Everyone who can or could read a key.
    pub fn holders_of(&self, key: KeyNumber) -> impl Iterator<Item = (PersonId, Custody)> {
        self.holders.get(&key).into_iter().flatten().map(|(id, custody)| (*id, *custody))
    }

    /// Whether old tokens of a key may still be let in.
    #[must_use]
    pub fn grandfathers(&self, key: KeyNumber) -> bool {
        self.grandfathering.contains(&key)
    }

    /// Whether another key signs in the place of `key`, one that nobody who left could read.
    #[must_use]
    pub fn is_replaced(&self, key: KeyNumber) -> bool {
        let Some(old) = self.keys.get(&key) else { return false };
        self.keys.iter().any(|(number, it)| {
            *number != key
                && it.state == KeyState::Active
                && it.purpose == old.purpose
                && it.issuer == old.issuer
                && !self.holders_of(*number).any(|(person, _)| self.is_out(person))
        })
    }

    /// Whether a person has left, or a leave of his was begun.
    #[must_use]
    pub fn is_out(&self, person: PersonId) -> bool {
        self.people.get(&person).is_some_and(|held| {
            held.state == PersonState::Left || self.is_suspended_as_leaver(held.principal_key)
        })
    }

    /// Runs of the cascade for a person, oldest first.
    pub fn runs_of(&self, person: PersonId) -> impl Iterator<Item = (CascadeId, &Run)> {
        let ids = self.runs_by_person.get(&person).map_or(&[][..], Vec::as_slice);
        ids.iter().filter_map(|id| self.runs.get(id).map(|run| (*id, run)))
    }

    /// The number the next run takes.
    ///
    /// INVARIANT: runs are begun by one driver under one lock, so numbers are dense and unique.
    #[must_use]
    pub fn next_run(&self) -> CascadeId {
        CascadeId(self.runs.last_key_value().map_or(0, |(id, _)| id.0).saturating_add(1))
    }

    /// Takes in one record.
    pub fn take_in(&mut self, at: UnixMillis, record: &Record) {
        match record {
            Record::PersonPut(it) => self.put_person(at, it),
            Record::PrincipalSuspended(it) => {
                self.suspended.entry(it.principal_key).or_default().insert(it.cause);
            }
            Record::PrincipalRestored(it) => {
                self.suspended.remove(&it.principal_key);
            }
            // WHY only this cause: tokens issued after an operator's revocation still live.
            Record::PrincipalRevoked(it) if it.cause == Cause::Left => {
                self.put_revoked(it.principal_key);
            }
            Record::ApiKeyIssued(it) => self.put_api_key(it),
            Record::ApiKeyRevoked(it) => {
                if let Some(held) = self.api_keys.get_mut(&it.api_key) {
                    held.revoked = true;
                }
            }
            Record::ClientRegistered(it) => self.put_client(it),
            Record::ClientRevoked(it) => {
                if let Some(held) = self.clients.get_mut(&it.client_key) {
                    held.revoked = true;
                }
            }
            Record::KeyAdded(it) => self.put_key(it),
            Record::KeyStateChanged(it) => self.change_key(it),
            Record::KeyHolderDeclared(it) => self.put_holder(it),
            Record::KeyHoldersUnknown(it) => self.put_unknown(it),
            Record::GrandfatheringOpened(it) => {
                self.grandfathering.insert(it.key);
            }
            Record::GrandfatheringClosed(it) => {
                self.grandfathering.remove(&it.key);
            }
            Record::CascadeStarted(it) => self.put_run(at, it),
            Record::CascadeStep(it) => self.put_step(at, it),
            Record::CascadeFinished(it) => {
                if let Some(run) = self.runs.get_mut(&it.cascade) {
                    run.finished_at = Some(at);
                }
            }
            _ => {}
        }
    }

    fn put_person(&mut self, at: UnixMillis, put: &PersonPut) {
        // INVARIANT: only a `PrincipalRestored` brings a leaver back. A row written late by
        // someone who still thought him active changes his attributes and nothing else.
        let blocked = self.is_suspended_as_leaver(put.principal_key);
        let before = self.people.get(&put.person);
        let state = if blocked && before.is_some_and(|held| held.state == PersonState::Left) {
            PersonState::Left
        } else {
            put.state
        };
        let same = before.filter(|held| held.state == state);
        let came = before.is_some_and(|held| held.state == PersonState::Left)
            && state != PersonState::Left;
        let held = PersonHeld {
            principal: put.principal,
            principal_key: put.principal_key,
            state,
            since: same.map_or(at, |held| held.since),
            row_digest: put.row_digest,
            tokens_revoked: !came && before.is_some_and(|held| held.tokens_revoked),
            cascade_begun: !came && before.is_some_and(|held| held.cascade_begun),
        };
        self.by_key.insert(put.principal_key, put.person);
        self.people.insert(put.person, held);
    }

    fn put_revoked(&mut self, key: PrincipalKey) {
        let Some(person) = self.by_key.get(&key) else { return };
        if let Some(held) = self.people.get_mut(person) {
            held.tokens_revoked = true;
        }
    }

    fn put_api_key(&mut self, issued: &ApiKeyIssued) {
        let held = ApiKeyHeld {
            kind: issued.kind,
            owner_key: issued.owner_key,
            expires_at: issued.expires_at,
            revoked: false,
        };
        if self.api_keys.insert(issued.api_key, held).is_none() {
            self.api_keys_by_owner.entry(issued.owner_key).or_default().push(issued.api_key);
        }
    }

    fn put_client(&mut self, it: &ClientRegistered) {
        let client_id = it.client_id.as_str().to_owned();
        let held = ClientHeld { client_id, owner: it.owner, revoked: false };
        self.clients.insert(it.client_key, held);
    }

    fn put_key(&mut self, it: &KeyAdded) {
        let held = KeyHeld {
            kid: it.kid.as_str().to_owned(),
            issuer: it.issuer.as_str().to_owned(),
            purpose: it.purpose,
            source: it.source,
            state: it.state,
            since: UnixMillis::default(),
        };
        self.keys.insert(it.key, held);
    }

    fn change_key(&mut self, it: &KeyStateChanged) {
        let Some(held) = self.keys.get_mut(&it.key) else { return };
        // INVARIANT: a compromised key stays compromised; only its moment can move back.
        held.since = match (held.state, it.state) {
            (KeyState::Compromised, KeyState::Compromised) => held.since.min(it.since),
            (KeyState::Compromised, _) => return,
            _ => it.since,
        };
        held.state = it.state;
    }

    fn put_holder(&mut self, it: &KeyHolderDeclared) {
        let custody = Custody { since: it.since, evidence: it.evidence };
        let holders = self.holders.entry(it.key).or_default();
        let held = holders.entry(it.person).or_insert(custody);
        if it.since < held.since {
            *held = custody;
        }
    }

    fn put_unknown(&mut self, it: &KeyHoldersUnknown) {
        let since = self.unknown.entry(it.key).or_insert(it.since);
        *since = it.since.min(*since);
    }

    fn put_run(&mut self, at: UnixMillis, it: &CascadeStarted) {
        let run = Run {
            person: it.person,
            signalled_at: it.signalled_at,
            started_at: at,
            steps: Vec::new(),
            finished_at: None,
        };
        if self.runs.insert(it.cascade, run).is_none() {
            self.runs_by_person.entry(it.person).or_default().push(it.cascade);
        }
        if let Some(held) = self.people.get_mut(&it.person) {
            held.cascade_begun = true;
        }
    }

    fn put_step(&mut self, at: UnixMillis, it: &CascadeStep) {
        if let Some(run) = self.runs.get_mut(&it.cascade) {
            run.steps.push(StepSeen { step: it.step, target: it.target, outcome: it.outcome, at });
        }
    }
}

/// Holdings shared between the journal's writer and this room's readers.
#[derive(Clone, Default)]
pub struct SharedHoldings(Arc<RwLock<Holdings>>);

impl SharedHoldings {
    /// Empty until the journal has replayed into [`SharedHoldings::view`].
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The write side: give it to the journal when it is opened.
    #[must_use]
    pub fn view(&self) -> HoldingsView {
        HoldingsView(self.clone())
    }

    /// Looks at the holdings; holds a read lock meanwhile, so be short.
    pub fn read<T>(&self, look: impl FnOnce(&Holdings) -> T) -> T {
        look(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The write side of [`SharedHoldings`].
pub struct HoldingsView(SharedHoldings);

impl View for HoldingsView {
    fn apply(&mut self, at: Position, record: &Record) {
        let mut holdings = self.0.0.write().unwrap_or_else(PoisonError::into_inner);
        holdings.take_in(at.time, record);
    }

    fn needs_issuances_from(&self) -> LeafIndex {
        LeafIndex::NEVER
    }
}
