//! The detectors. Pure: records in, alerts out; no clock, file, socket or random source.
//!
//! Whether an access raises an alert depends on the records before it and on journal time alone,
//! never on when an alert was written, so a replay raises the same alerts under the same numbers.
//! An alert that the journal holds already takes itself off the list of those to be written.
//! Best test: `watch/tests.rs` (any interleaving, any restart: the same alerts, each once).

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ward_model::record::{
    AccessRow, AlertRaised, ForgeryPresented, GrandfatheringClosed, IssuerTroubled,
    KeyStateChanged, PersonPut,
};
use ward_model::word::{AlertKind, Cause, IssuerTroubleKind, KeyState, PersonState, SignInMethod};
use ward_model::{
    AccessId, AlertId, ApiKeyId, DataSubjectNumber, KeyNumber, LeafIndex, Position, PrincipalKey,
    PrincipalNumber, Reason, Record, RouteNumber, UnixMillis, View,
};

use crate::limits::{
    API_KEYS_MAX, LEAKED_ALL_MAX, LEAKED_MAX, MATTERS_MAX, PENDING_MAX, WINDOW_MS,
};

/// What a matter is about: alerts of one kind about one of these are one matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum About {
    /// A signing key.
    Key(KeyNumber),
    /// A principal with a number.
    Principal(PrincipalNumber),
    /// A principal without one.
    Unnumbered(PrincipalKey),
    /// An API key.
    ApiKey(ApiKeyId),
    /// A route.
    Route(RouteNumber),
    /// Nothing that is known.
    Nobody,
}

/// What this view had to let go of. All zero in a healthy run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Matters forgotten: they may alert again.
    pub matters: u64,
    /// API keys whose owner was not remembered.
    pub api_keys: u64,
    /// Data subjects that could not be counted one by one.
    pub leaked: u64,
    /// Alerts that had no room to wait in.
    pub alerts: u64,
}

#[derive(Debug)]
struct Matter {
    first: UnixMillis,
    seen: u64,
}

#[derive(Debug)]
struct Waiting {
    alert: AlertRaised,
    /// Whether the read was refused for real: only then is a key taken to be in other hands.
    refused: bool,
    sent: bool,
}

/// A signing key as far as the detectors need it.
#[derive(Debug)]
struct KeySeen {
    compromised: bool,
    grandfathers: bool,
    /// The first good signature over a token nobody issued.
    forged_since: Option<UnixMillis>,
}

/// Who was released to whom by what should not have been.
#[derive(Debug, Default)]
struct Leaks {
    by: HashMap<About, HashSet<i64>>,
    total: usize,
}

/// The detectors and what they remember.
#[derive(Debug, Default)]
pub struct Watch {
    left: HashSet<PrincipalKey>,
    api_key_owner: HashMap<ApiKeyId, PrincipalKey>,
    keys: HashMap<KeyNumber, KeySeen>,
    matters: HashMap<(AlertKind, About), Matter>,
    order: VecDeque<(AlertKind, About, UnixMillis)>,
    leaks: Leaks,
    waiting: BTreeMap<AlertId, Waiting>,
    raised: u64,
    losses: Losses,
}

impl Watch {
    /// Nothing seen yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in one record of the feed.
    pub fn see(&mut self, at: Position, record: &Record) {
        match record {
            Record::AccessRow(row) => self.see_row(at, row),
            Record::ForgeryPresented(it) => self.see_forgery(at, it),
            Record::AlertRaised(alert) => {
                self.waiting.remove(&alert.alert);
                self.raised = self.raised.saturating_add(1);
            }
            Record::PersonPut(put) => self.see_person(put),
            Record::PrincipalSuspended(it) if it.cause == Cause::Left => {
                self.left.insert(it.principal_key);
            }
            Record::PrincipalRestored(it) if it.cause == Cause::Returned => {
                self.left.remove(&it.principal_key);
            }
            Record::ApiKeyIssued(it) => {
                if self.api_key_owner.len() < API_KEYS_MAX {
                    self.api_key_owner.insert(it.api_key, it.owner_key);
                } else {
                    self.losses.api_keys = self.losses.api_keys.saturating_add(1);
                }
            }
            Record::KeyAdded(it) => {
                self.key(it.key).compromised = it.state == KeyState::Compromised
            }
            Record::KeyStateChanged(it) if it.state == KeyState::Compromised => {
                self.key(it.key).compromised = true;
            }
            Record::BypassOpened(it) => self.see_emergency(at, it.api_key, it.route),
            Record::SessionOpened(it) if it.how == SignInMethod::BreakGlass => {
                self.see_emergency(at, ApiKeyId::NONE, RouteNumber::NONE);
            }
            Record::IssuerTroubled(it) => self.see_issuer(at, it),
            Record::GrandfatheringOpened(it) => self.key(it.key).grandfathers = true,
            Record::GrandfatheringClosed(it) => self.key(it.key).grandfathers = false,
            _ => {}
        }
    }

    /// Groups to append, at most `most`, each as one: an alert and, for a forgery that was refused,
    /// what says that the key is in other hands. Each is handed out once; give back what could not
    /// be appended with [`Watch::give_back`].
    pub fn take(&mut self, most: usize) -> Vec<(AlertId, Vec<Record>)> {
        let mut out = Vec::new();
        let keys = &mut self.keys;
        for (id, waiting) in self.waiting.iter_mut().filter(|(_, it)| !it.sent).take(most) {
            waiting.sent = true;
            let mut group = vec![waiting.alert.clone().into()];
            let forged = waiting.refused && waiting.alert.kind == AlertKind::NeverIssued;
            if let Some(seen) = keys.get(&waiting.alert.key).filter(|_| forged) {
                group.extend(compromise(waiting.alert.key, seen));
            }
            out.push((*id, group));
        }
        out
    }

    /// An alert that [`Watch::take`] handed out was not appended.
    pub fn give_back(&mut self, alert: AlertId) {
        if let Some(waiting) = self.waiting.get_mut(&alert) {
            waiting.sent = false;
        }
    }

    /// Whether alerts wait to be appended.
    #[must_use]
    pub fn has_unsent(&self) -> bool {
        self.waiting.values().any(|it| !it.sent)
    }

    /// How often each matter was seen in its present window, the alert's own access included.
    pub fn matters(&self) -> impl Iterator<Item = (AlertKind, About, u64)> {
        self.matters.iter().map(|((kind, about), matter)| (*kind, *about, matter.seen))
    }

    /// How many alerts the journal holds.
    #[must_use]
    pub const fn raised(&self) -> u64 {
        self.raised
    }

    /// What was let go of.
    #[must_use]
    pub const fn losses(&self) -> Losses {
        self.losses
    }

    fn key(&mut self, key: KeyNumber) -> &mut KeySeen {
        let fresh = KeySeen { compromised: false, grandfathers: false, forged_since: None };
        self.keys.entry(key).or_insert(fresh)
    }

    fn see_person(&mut self, put: &PersonPut) {
        // WHY not removed when active: only `PrincipalRestored` brings a leaver back.
        if put.state == PersonState::Left {
            self.left.insert(put.principal_key);
        }
    }

    /// WHY each one alerts, with no window: there are few, and each is somebody's to look at.
    fn see_emergency(&mut self, at: Position, api_key: ApiKeyId, route: RouteNumber) {
        let kind = AlertKind::EmergencyUsed;
        let alert = AlertRaised {
            alert: alert_id(at, kind),
            kind,
            principal: PrincipalNumber::NONE,
            data_subject: DataSubjectNumber::NONE,
            key: KeyNumber::NONE,
            api_key,
            access: AccessId::default(),
            route,
            leaked: 0,
        };
        // A replay finds what had no room.
        let _waits = self.put(alert, false);
    }

    /// WHY each one alerts: a trouble is recorded once, when it begins.
    fn see_issuer(&mut self, at: Position, it: &IssuerTroubled) {
        let kind = match it.kind {
            IssuerTroubleKind::LateReport => AlertKind::LateReport,
            IssuerTroubleKind::NeverReported => AlertKind::NeverIssued,
            IssuerTroubleKind::KeysUnavailable
            | IssuerTroubleKind::KeysRefused
            | IssuerTroubleKind::KeySwapped
            | IssuerTroubleKind::Gap
            | IssuerTroubleKind::Conflict
            | IssuerTroubleKind::Silent => AlertKind::IssuerTrouble,
        };
        let about = if it.key.is_none() { About::Nobody } else { About::Key(it.key) };
        if kind == AlertKind::NeverIssued && !self.is_new(kind, about, at.time) {
            return;
        }
        let alert = AlertRaised {
            alert: alert_id(at, kind),
            kind,
            principal: it.principal,
            data_subject: DataSubjectNumber::NONE,
            key: it.key,
            api_key: ApiKeyId::NONE,
            access: AccessId::default(),
            route: RouteNumber::NONE,
            leaked: 0,
        };
        // A replay finds what had no room.
        let _waits = self.put(alert, false);
    }

    /// A forgery presented by somebody who verifies tokens: the same matter as one at the gate.
    fn see_forgery(&mut self, at: Position, it: &ForgeryPresented) {
        let (kind, about) = (AlertKind::NeverIssued, About::Key(it.key));
        if !it.believed {
            self.key(it.key).forged_since.get_or_insert(at.time);
        }
        if !self.is_new(kind, about, at.time) {
            return;
        }
        let alert = AlertRaised {
            alert: alert_id(at, kind),
            kind,
            principal: it.principal,
            data_subject: DataSubjectNumber::NONE,
            key: it.key,
            api_key: it.api_key,
            access: AccessId::default(),
            route: RouteNumber::NONE,
            leaked: self.leaks.count(about),
        };
        if !self.put(alert, !it.believed) {
            // WHY forgotten: the next one of this matter tries again.
            self.matters.remove(&(kind, about));
        }
    }

    fn see_row(&mut self, at: Position, row: &AccessRow) {
        self.count_leak(row);
        // INVARIANT: the rows of one access stand together, so at the last one all are counted.
        if row.row.saturating_add(1) != row.rows {
            return;
        }
        let Some(reason) = row.verdict.reason() else { return };
        let Some((kind, about)) = self.classify(reason, row) else { return };
        if kind == AlertKind::NeverIssued && !row.released && !row.key.is_none() {
            self.key(row.key).forged_since.get_or_insert(at.time);
        }
        if self.is_new(kind, about, at.time) && !self.raise(at, row, kind, about) {
            // WHY forgotten: the next access of this matter tries again.
            self.matters.remove(&(kind, about));
        }
    }

    fn classify(&self, reason: Reason, row: &AccessRow) -> Option<(AlertKind, About)> {
        match reason {
            Reason::NeverIssued => Some((AlertKind::NeverIssued, key_of(row))),
            Reason::UnknownDataSubject => Some((AlertKind::PhantomDataSubject, key_of(row))),
            Reason::PrincipalSuspended | Reason::Revoked if self.is_leavers(row) => {
                Some((AlertKind::LeaverCredential, principal_of(row)))
            }
            Reason::BudgetSpent => Some((AlertKind::BudgetSpent, principal_of(row))),
            Reason::WrongTenant => Some((AlertKind::WrongTenant, principal_of(row))),
            Reason::UndeclaredField => Some((AlertKind::UndeclaredField, About::Route(row.route))),
            _ => None,
        }
    }

    fn is_leavers(&self, row: &AccessRow) -> bool {
        let owner = self.api_key_owner.get(&row.api_key);
        self.left.contains(&row.principal_key) || owner.is_some_and(|key| self.left.contains(key))
    }

    /// Whether this is the first of its matter in its window; counts it.
    fn is_new(&mut self, kind: AlertKind, about: About, now: UnixMillis) -> bool {
        if let Some(matter) = self.matters.get_mut(&(kind, about))
            && now.since(matter.first) < WINDOW_MS
        {
            matter.seen = matter.seen.saturating_add(1);
            return false;
        }
        self.matters.insert((kind, about), Matter { first: now, seen: 1 });
        self.order.push_back((kind, about, now));
        while self.order.len() > MATTERS_MAX {
            let Some((kind, about, first)) = self.order.pop_front() else { break };
            let same = self.matters.get(&(kind, about)).is_some_and(|it| it.first == first);
            if same {
                self.matters.remove(&(kind, about));
                // An ended window is no loss: the matter would alert again anyway.
                let lost = u64::from(now.since(first) < WINDOW_MS);
                self.losses.matters = self.losses.matters.saturating_add(lost);
            }
        }
        true
    }

    /// Whether there was room for it.
    fn raise(&mut self, at: Position, row: &AccessRow, kind: AlertKind, about: About) -> bool {
        let leaked = match kind {
            AlertKind::NeverIssued | AlertKind::PhantomDataSubject => self.leaks.count(about),
            AlertKind::UndeclaredField => self.leaks.count(About::Route(row.route)),
            _ => self.leaks.count(principal_of(row)),
        };
        let alert = AlertRaised {
            alert: alert_id(at, kind),
            kind,
            principal: row.principal,
            data_subject: row.data_subject,
            key: row.key,
            api_key: row.api_key,
            access: row.access,
            route: row.route,
            leaked,
        };
        self.put(alert, !row.released)
    }

    /// Whether there was room for it.
    fn put(&mut self, alert: AlertRaised, refused: bool) -> bool {
        if self.waiting.len() >= PENDING_MAX {
            self.losses.alerts = self.losses.alerts.saturating_add(1);
            return false;
        }
        let waiting = Waiting { alert, refused, sent: false };
        self.waiting.insert(waiting.alert.alert, waiting);
        true
    }

    /// A data subject released to someone who should not have had him: what an observed route let
    /// through against its verdict, and what an unledgered token read under a key.
    fn count_leak(&mut self, row: &AccessRow) {
        if !row.released || row.data_subject.is_none() {
            return;
        }
        let unledgered = !row.key.is_none() && row.origin.is_none() && row.sequence.is_none();
        let about = match row.verdict.reason() {
            Some(Reason::NeverIssued | Reason::UnknownDataSubject | Reason::RetiredKey) => {
                key_of(row)
            }
            Some(Reason::UndeclaredField) => About::Route(row.route),
            Some(_) => principal_of(row),
            None if unledgered => key_of(row),
            None => return,
        };
        let lost = u64::from(!self.leaks.add(about, row.data_subject.0));
        self.losses.leaked = self.losses.leaked.saturating_add(lost);
    }
}

impl Leaks {
    /// Whether there was room for him.
    fn add(&mut self, about: About, data_subject: i64) -> bool {
        let known = self.by.get(&about);
        if known.is_some_and(|set| set.contains(&data_subject)) {
            return true;
        }
        let len = known.map_or(0, HashSet::len);
        if self.total >= LEAKED_ALL_MAX || len >= LEAKED_MAX {
            return false;
        }
        self.by.entry(about).or_default().insert(data_subject);
        self.total = self.total.saturating_add(1);
        true
    }

    fn count(&self, about: About) -> i64 {
        self.by.get(&about).map_or(0, |set| i64::try_from(set.len()).unwrap_or(i64::MAX))
    }
}

fn key_of(row: &AccessRow) -> About {
    if row.key.is_none() { principal_of(row) } else { About::Key(row.key) }
}

fn principal_of(row: &AccessRow) -> About {
    if !row.principal.is_none() {
        About::Principal(row.principal)
    } else if row.principal_key != PrincipalKey::default() {
        About::Unnumbered(row.principal_key)
    } else if !row.api_key.is_none() {
        About::ApiKey(row.api_key)
    } else {
        About::Nobody
    }
}

/// The number of an alert: its leaf and its kind, so a replay gives the same.
fn alert_id(at: Position, kind: AlertKind) -> AlertId {
    AlertId(at.index.0.saturating_mul(256).saturating_add(i64::from(kind.byte())))
}

/// What says that a key is in other hands, as far as the records do not say it yet.
fn compromise(key: KeyNumber, seen: &KeySeen) -> impl Iterator<Item = Record> {
    let cause = Cause::Compromise;
    let since = seen.forged_since.filter(|_| !seen.compromised);
    let state = KeyState::Compromised;
    let changed = since.map(|since| KeyStateChanged { key, state, since, cause }.into());
    let closed = seen.grandfathers.then(|| GrandfatheringClosed { key, cause }.into());
    changed.into_iter().chain(closed)
}

/// The watch shared between the journal's writer and the driver.
#[derive(Clone, Default)]
pub struct SharedWatch(Arc<Mutex<Watch>>);

impl SharedWatch {
    /// Empty until the journal has replayed into [`SharedWatch::view`].
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The write side: give it to the journal when it is opened.
    #[must_use]
    pub fn view(&self) -> impl View + use<> {
        WatchView(self.clone())
    }

    /// Works on the watch; be short, the journal's writer waits.
    pub fn with<T>(&self, work: impl FnOnce(&mut Watch) -> T) -> T {
        work(&mut self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Watch> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct WatchView(SharedWatch);

impl View for WatchView {
    fn apply(&mut self, at: Position, record: &Record) {
        self.0.lock().see(at, record);
    }

    fn needs_issuances_from(&self) -> LeafIndex {
        LeafIndex::NEVER
    }
}

#[cfg(test)]
mod tests;
