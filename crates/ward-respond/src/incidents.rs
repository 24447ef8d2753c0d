//! Alerts, incidents and what they concern: a view rebuilt from records and from nothing else.
//!
//! Best test: `desk/tests.rs` (a rebuilt view decides nothing twice).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use ward_model::record::{
    AccessRow, AlertRaised, IncidentClosed, IncidentNoted, IncidentOpened, IssuerKeySeen, KeyAdded,
    KeyHolderDeclared, KeyStateChanged, PersonPut,
};
use ward_model::word::{
    AlertKind, Cause, CustodyEvidence, IncidentEntryKind, KeySource, KeyState, PersonState,
};
use ward_model::{
    AlertId, IncidentId, IssuerNumber, KeyNumber, LeafIndex, PersonId, Position, PrincipalKey,
    PrincipalNumber, Reason, Record, UnixMillis, View,
};

use crate::emergencies::Emergencies;
use crate::limits::{ALERTS_MAX, ENTRIES_MAX, KEY_EVENTS_MAX, TALLIES_MAX};

/// What an incident is about: alerts of one matter join one open incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Matter {
    /// What was seen.
    pub kind: AlertKind,
    /// The key, for what a key did; otherwise none.
    pub key: KeyNumber,
    /// The principal, for what a principal did; otherwise none.
    pub principal: PrincipalNumber,
}

impl Matter {
    /// The matter of a kind of alert; `None` for alerts that open no incident.
    #[must_use]
    pub fn of(kind: AlertKind, key: KeyNumber, principal: PrincipalNumber) -> Option<Self> {
        let by_key = Self { kind, key, principal: PrincipalNumber::NONE };
        let by_principal = Self { kind, key: KeyNumber::NONE, principal };
        match kind {
            AlertKind::NeverIssued | AlertKind::PhantomDataSubject if !key.is_none() => {
                Some(by_key)
            }
            AlertKind::NeverIssued
            | AlertKind::PhantomDataSubject
            | AlertKind::LeaverCredential
            | AlertKind::BudgetSpent
            | AlertKind::WrongTenant
            | AlertKind::CredentialLeaked
            | AlertKind::OperatorCredential => Some(by_principal),
            AlertKind::StoreTampered | AlertKind::UnapprovedChange | AlertKind::EmergencyUsed => {
                Some(Self { principal: PrincipalNumber::NONE, ..by_principal })
            }
            // A late report is looked at token by token; an issuer's trouble is its operator's.
            AlertKind::LateReport => Some(by_key),
            AlertKind::UndeclaredField | AlertKind::ClockJumped | AlertKind::IssuerTrouble => None,
        }
    }

    const fn of_reason(reason: Reason) -> Option<AlertKind> {
        match reason {
            Reason::NeverIssued => Some(AlertKind::NeverIssued),
            Reason::UnknownDataSubject => Some(AlertKind::PhantomDataSubject),
            Reason::Revoked | Reason::PrincipalSuspended => Some(AlertKind::LeaverCredential),
            Reason::BudgetSpent => Some(AlertKind::BudgetSpent),
            Reason::WrongTenant => Some(AlertKind::WrongTenant),
            _ => None,
        }
    }
}

/// A person as far as an incident needs him.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PersonSeen {
    /// As a principal.
    pub principal: PrincipalNumber,
    /// The state.
    pub state: PersonState,
    /// When he left, the last time.
    pub left_at: Option<UnixMillis>,
}

/// A declared holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The earliest declared moment.
    pub since: UnixMillis,
    /// How it is known.
    pub evidence: CustodyEvidence,
}

/// Something that happened to a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyEvent {
    /// Where it stands.
    pub at: Position,
    /// What, in words of the vocabulary.
    pub what: String,
}

/// A key as far as an incident needs it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeySeen {
    /// `kid`; empty before the key was added.
    pub kid: String,
    /// `iss` of its tokens.
    pub issuer: String,
    /// Where it came from.
    pub source: Option<KeySource>,
    /// Its state.
    pub state: Option<KeyState>,
    /// For a compromised key: the earliest moment it may have been in other hands.
    pub since: UnixMillis,
    /// Whether old tokens may still be let in.
    pub grandfathering: bool,
    /// Who can or could read it.
    pub holders: BTreeMap<PersonId, Holder>,
    /// What happened to it, oldest first.
    pub events: Vec<KeyEvent>,
}

/// An entry an incident was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noted {
    /// Where it stands.
    pub at: Position,
    /// What was noted.
    pub note: IncidentNoted,
}

/// An incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// What it is about.
    pub matter: Matter,
    /// Where it was opened.
    pub opened: Position,
    /// Where and why it was closed.
    pub closed: Option<(Position, String)>,
    /// Its entries, oldest first.
    pub entries: Vec<Noted>,
    /// Entries that found no room; the journal has them.
    pub entries_dropped: u64,
    /// Holders noted already.
    pub holders: BTreeSet<PersonId>,
    /// How many alerts joined it.
    pub alerts: u64,
    /// The most data subjects that had left by the time of one of its alerts.
    pub leaked: i64,
}

/// Accesses of one matter, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Refused.
    pub refused: u64,
    /// Let through by an observed route.
    pub released: u64,
    /// The first.
    pub first: UnixMillis,
    /// The last.
    pub last: UnixMillis,
}

/// The view.
#[derive(Clone, Debug, Default)]
pub struct Incidents {
    people: HashMap<PersonId, PersonSeen>,
    by_key: HashMap<PrincipalKey, PersonId>,
    by_principal: HashMap<PrincipalNumber, PersonId>,
    keys: BTreeMap<KeyNumber, KeySeen>,
    /// Foreign issuers by number: their URL.
    issuers: HashMap<IssuerNumber, String>,
    alerts: BTreeMap<LeafIndex, (UnixMillis, AlertRaised)>,
    alert_at: HashMap<AlertId, LeafIndex>,
    alerts_dropped: u64,
    waiting: BTreeMap<AlertId, AlertRaised>,
    incidents: BTreeMap<IncidentId, Incident>,
    open: HashMap<Matter, IncidentId>,
    tallies: HashMap<Matter, Tally>,
    tallies_dropped: u64,
    emergencies: Emergencies,
    head: UnixMillis,
}

impl Incidents {
    /// An incident.
    #[must_use]
    pub fn incident(&self, id: IncidentId) -> Option<&Incident> {
        self.incidents.get(&id)
    }

    /// Incidents before `before`, newest first.
    pub fn newest(
        &self,
        before: Option<IncidentId>,
    ) -> impl Iterator<Item = (IncidentId, &Incident)> {
        let to = before.map_or(core::ops::Bound::Unbounded, core::ops::Bound::Excluded);
        let range = self.incidents.range((core::ops::Bound::Unbounded, to));
        range.rev().map(|(id, it)| (*id, it))
    }

    /// Alerts whose record stands before leaf `before`, newest first.
    pub fn alerts(
        &self,
        before: Option<LeafIndex>,
    ) -> impl Iterator<Item = (LeafIndex, UnixMillis, &AlertRaised)> {
        let to = before.map_or(core::ops::Bound::Unbounded, core::ops::Bound::Excluded);
        let range = self.alerts.range((core::ops::Bound::Unbounded, to));
        range.rev().map(|(leaf, (time, alert))| (*leaf, *time, alert))
    }

    /// The open incident of a matter.
    #[must_use]
    pub fn open(&self, matter: Matter) -> Option<IncidentId> {
        self.open.get(&matter).copied()
    }

    /// Every open incident.
    pub fn all_open(&self) -> impl Iterator<Item = (IncidentId, &Incident)> {
        self.incidents.iter().filter(|(_, it)| it.closed.is_none()).map(|(id, it)| (*id, it))
    }

    /// The first alert, by number, that stands on no incident yet and belongs on one.
    #[must_use]
    pub fn first_waiting(&self) -> Option<&AlertRaised> {
        self.waiting.first_key_value().map(|(_, alert)| alert)
    }

    /// The number the next incident takes.
    ///
    /// INVARIANT: incidents are opened by one driver under one lock.
    #[must_use]
    pub fn next_incident(&self) -> IncidentId {
        IncidentId(self.incidents.last_key_value().map_or(0, |(id, _)| id.0).saturating_add(1))
    }

    /// A key.
    #[must_use]
    pub fn key(&self, key: KeyNumber) -> Option<&KeySeen> {
        self.keys.get(&key)
    }

    /// A person.
    #[must_use]
    pub fn person(&self, person: PersonId) -> Option<&PersonSeen> {
        self.people.get(&person)
    }

    /// The person behind a principal.
    #[must_use]
    pub fn person_of(&self, principal: PrincipalNumber) -> Option<PersonId> {
        self.by_principal.get(&principal).copied()
    }

    /// The accesses of a matter.
    #[must_use]
    pub fn tally(&self, matter: Matter) -> Tally {
        self.tallies.get(&matter).copied().unwrap_or_default()
    }

    /// Alerts and tallies that were let go of; both stay in the journal.
    #[must_use]
    pub const fn dropped(&self) -> (u64, u64) {
        (self.alerts_dropped, self.tallies_dropped)
    }

    /// What one person did alone, and whether another has looked.
    #[must_use]
    pub const fn emergencies(&self) -> &Emergencies {
        &self.emergencies
    }

    /// Whether an incident cannot be closed yet: a second person has to look first.
    #[must_use]
    pub fn waits_for_review(&self, incident: &Incident) -> bool {
        incident.matter.kind == AlertKind::EmergencyUsed && self.emergencies.any_waits()
    }

    /// Journal time of the last record seen.
    #[must_use]
    pub const fn head(&self) -> UnixMillis {
        self.head
    }

    /// Takes in one record.
    pub fn take_in(&mut self, at: Position, record: &Record) {
        self.head = at.time;
        self.emergencies.take_in(at, record);
        match record {
            Record::AccessRow(row) => self.count(at, row),
            Record::AlertRaised(alert) => self.put_alert(at, alert),
            Record::IncidentOpened(it) => self.put_incident(at, it),
            Record::IncidentNoted(it) => self.put_note(at, it),
            Record::IncidentClosed(it) => self.close(at, it),
            Record::PersonPut(it) => self.put_person(at, it),
            Record::PrincipalRestored(it) if it.cause == Cause::Returned => {
                let person = self.by_key.get(&it.principal_key);
                if let Some(seen) = person.and_then(|person| self.people.get_mut(person)) {
                    seen.state = PersonState::Active;
                }
            }
            Record::KeyAdded(it) => self.put_key(at, it),
            Record::IssuerDeclared(it) => {
                self.issuers.insert(it.issuer, it.url.as_str().to_owned());
            }
            Record::IssuerKeySeen(it) => self.put_issuer_key(at, it),
            Record::KeyStateChanged(it) => self.change_key(at, it),
            Record::KeyHolderDeclared(it) => self.put_holder(it),
            Record::GrandfatheringOpened(it) => {
                self.key_event(at, it.key, "old tokens may be let in".into(), |key| {
                    key.grandfathering = true;
                });
            }
            Record::GrandfatheringClosed(it) => {
                let what = format!("old tokens are let in no more ({})", it.cause);
                self.key_event(at, it.key, what, |key| key.grandfathering = false);
            }
            Record::KeyTokensCut(it) => {
                let what = format!(
                    "every token it signed {} Unix second {} was revoked ({})",
                    it.side,
                    it.moment.seconds(),
                    it.cause
                );
                self.key_event(at, it.key, what, |_| {});
            }
            Record::KeyTokensRevoked(it) => {
                let what = format!("every token under the key was revoked ({})", it.cause);
                self.key_event(at, it.key, what, |_| {});
            }
            _ => {}
        }
    }

    fn count(&mut self, at: Position, row: &AccessRow) {
        if row.row != 0 {
            return;
        }
        let kind = row.verdict.reason().and_then(Matter::of_reason);
        let Some(matter) = kind.and_then(|kind| Matter::of(kind, row.key, row.principal)) else {
            return;
        };
        if !self.tallies.contains_key(&matter) && self.tallies.len() >= TALLIES_MAX {
            self.tallies_dropped = self.tallies_dropped.saturating_add(1);
            return;
        }
        let fresh = Tally { first: at.time, ..Tally::default() };
        let tally = self.tallies.entry(matter).or_insert(fresh);
        tally.last = at.time;
        let counter = if row.released { &mut tally.released } else { &mut tally.refused };
        *counter = counter.saturating_add(1);
    }

    fn put_alert(&mut self, at: Position, alert: &AlertRaised) {
        if self.alert_at.contains_key(&alert.alert) {
            return;
        }
        self.alert_at.insert(alert.alert, at.index);
        self.alerts.insert(at.index, (at.time, alert.clone()));
        if Matter::of(alert.kind, alert.key, alert.principal).is_some() {
            self.waiting.insert(alert.alert, alert.clone());
        }
        while self.alerts.len() > ALERTS_MAX {
            let Some((_, (_, old))) = self.alerts.pop_first() else { break };
            self.alert_at.remove(&old.alert);
            self.alerts_dropped = self.alerts_dropped.saturating_add(1);
        }
    }

    fn put_incident(&mut self, at: Position, it: &IncidentOpened) {
        let matter = Matter { kind: it.kind, key: it.key, principal: it.principal };
        let incident = Incident {
            matter,
            opened: at,
            closed: None,
            entries: Vec::new(),
            entries_dropped: 0,
            holders: BTreeSet::new(),
            alerts: 0,
            leaked: 0,
        };
        self.incidents.insert(it.incident, incident);
        self.open.insert(matter, it.incident);
    }

    fn put_note(&mut self, at: Position, note: &IncidentNoted) {
        let leaf = self.alert_at.get(&note.alert).copied();
        let alert = leaf.and_then(|leaf| self.alerts.get(&leaf)).map(|(_, alert)| alert);
        let leaked = alert.map_or(0, |alert| alert.leaked);
        if note.kind == IncidentEntryKind::Alert {
            self.waiting.remove(&note.alert);
        }
        let Some(incident) = self.incidents.get_mut(&note.incident) else { return };
        match note.kind {
            IncidentEntryKind::Alert => {
                incident.alerts = incident.alerts.saturating_add(1);
                incident.leaked = incident.leaked.max(leaked);
            }
            IncidentEntryKind::Holder => {
                incident.holders.insert(note.person);
            }
            _ => {}
        }
        if incident.entries.len() < ENTRIES_MAX {
            incident.entries.push(Noted { at, note: note.clone() });
        } else {
            incident.entries_dropped = incident.entries_dropped.saturating_add(1);
        }
    }

    fn close(&mut self, at: Position, it: &IncidentClosed) {
        let Some(incident) = self.incidents.get_mut(&it.incident) else { return };
        if incident.closed.is_none() {
            incident.closed = Some((at, it.note.as_str().to_owned()));
            self.open.remove(&incident.matter);
        }
    }

    fn put_person(&mut self, at: Position, put: &PersonPut) {
        let before = self.people.get(&put.person).copied();
        // WHY: only `PrincipalRestored` brings a leaver back; a row written late does not.
        let left = before.is_some_and(|seen| seen.state == PersonState::Left);
        let state = if left { PersonState::Left } else { put.state };
        let leaves = state == PersonState::Left && !left;
        let left_at = if leaves { Some(at.time) } else { before.and_then(|seen| seen.left_at) };
        self.by_key.insert(put.principal_key, put.person);
        self.by_principal.insert(put.principal, put.person);
        let seen = PersonSeen { principal: put.principal, state, left_at };
        self.people.insert(put.person, seen);
    }

    fn put_key(&mut self, at: Position, it: &KeyAdded) {
        let what = format!("the key came into custody ({}, {})", it.source, it.state);
        self.key_event(at, it.key, what, |key| {
            key.kid = it.kid.as_str().to_owned();
            key.issuer = it.issuer.as_str().to_owned();
            key.source = Some(it.source);
            key.state = Some(it.state);
        });
    }

    fn put_issuer_key(&mut self, at: Position, it: &IssuerKeySeen) {
        let issuer = self.issuers.get(&it.issuer).cloned().unwrap_or_default();
        let what = "the issuer publishes the key".to_owned();
        self.key_event(at, it.key, what, |key| {
            key.kid = it.kid.as_str().to_owned();
            key.issuer = issuer;
        });
    }

    fn change_key(&mut self, at: Position, it: &KeyStateChanged) {
        let what = format!("the key is {} ({})", it.state, it.cause);
        self.key_event(at, it.key, what, |key| {
            let compromised = key.state == Some(KeyState::Compromised);
            match (compromised, it.state) {
                (true, KeyState::Compromised) => key.since = key.since.min(it.since),
                (true, _) => {}
                (false, state) => {
                    key.state = Some(state);
                    key.since = it.since;
                }
            }
        });
    }

    fn put_holder(&mut self, it: &KeyHolderDeclared) {
        let holder = Holder { since: it.since, evidence: it.evidence };
        let held = self.keys.entry(it.key).or_default().holders.entry(it.person).or_insert(holder);
        if it.since < held.since {
            *held = holder;
        }
    }

    fn key_event(
        &mut self,
        at: Position,
        key: KeyNumber,
        what: String,
        change: impl FnOnce(&mut KeySeen),
    ) {
        let key = self.keys.entry(key).or_default();
        change(key);
        if key.events.len() < KEY_EVENTS_MAX {
            key.events.push(KeyEvent { at, what });
        }
    }
}

/// Incidents shared between the journal's writer and this room's readers.
#[derive(Clone, Default)]
pub struct SharedIncidents(Arc<RwLock<Incidents>>);

impl SharedIncidents {
    /// Empty until the journal has replayed into [`SharedIncidents::view`].
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The write side: give it to the journal when it is opened.
    #[must_use]
    pub fn view(&self) -> IncidentsView {
        IncidentsView(self.clone())
    }

    /// Looks at the incidents; holds a read lock meanwhile, so be short.
    pub fn read<T>(&self, look: impl FnOnce(&Incidents) -> T) -> T {
        look(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The write side of [`SharedIncidents`].
pub struct IncidentsView(SharedIncidents);

impl View for IncidentsView {
    fn apply(&mut self, at: Position, record: &Record) {
        let mut incidents = self.0.0.write().unwrap_or_else(PoisonError::into_inner);
        incidents.take_in(at, record);
    }

    fn needs_issuances_from(&self) -> LeafIndex {
        LeafIndex::NEVER
    }

    fn pass(&mut self, at: Position) {
        self.0.0.write().unwrap_or_else(PoisonError::into_inner).head = at.time;
    }
}
