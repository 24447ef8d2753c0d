//! Foreign issuers: login services a company already has, whose tokens Ward did not sign.
//!
//! What it is: their declarations, public keys, holders and reports, rebuilt from records; and the
//! check of their tokens. A token is known by a report (its digest, or its `jti` with whom it names
//! and its times) that was recorded before the token was first presented; its signature is verified
//! once per exact token besides, off the hot path.
//! What it must never do: take an algorithm, a key or an issuer from a token; let a report that came
//! too late make a token known; say `never_issued` of a time whose reports are not complete.
//! Where it sits: beside the slots. Entries are in `by_digest.rs`, which the transit door shares.
//! Source: DESIGN.md section 7, "Foreign issuers' tokens". Best test: `foreign/tests.rs`.

mod book;
mod key;
mod order;
mod present;
mod verified;

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use ward_model::record::{
    IssuanceReported, IssuerDeclared, IssuerGrandfatheringOpened, IssuerHolderDeclared,
    IssuerKeySeen, UnreportedSeen,
};
use ward_model::word::{IssuerMode, IssuerSecret, KeyState, ReportMode};
use ward_model::{IssuerNumber, KeyNumber, PrincipalKey, PrincipalKind, Record, UnixMillis};

pub(crate) use book::Sighting;
pub use book::{
    ALARMS_MAX, Alarm, BATCH_SLACK_SECONDS, Book, IAT_AHEAD_SECONDS_MAX, PREVIEW_HOURS, Preview,
    SIGHTINGS_MAX, Totals,
};
pub use key::{FOREIGN_SIGNATURE_BYTES_MAX, ForeignKey, is_public_key};
pub use order::{AHEAD_MAX, Order, Place};
pub use present::{ForeignMiss, Sighted};
pub(crate) use present::{check, classify, locate};

use crate::Ledger;
use crate::by_digest::Entry;
use crate::grandfather::Window;
use crate::keys::Holder;
use crate::state::Shared;
use book::Reported;

/// Most issuers of one ledger, the withdrawn ones counted.
pub const ISSUERS_MAX: usize = 64;
/// Most keys of one issuer, those it publishes no more counted.
pub const ISSUER_KEYS_MAX: usize = 256;
/// Numbers of foreign keys begin here, so that none is ever a number of a key in custody.
pub const FOREIGN_KEY_FIRST: i32 = 1_000_000;

/// Which claims of an issuer's tokens mean what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// The claim with the principal's id.
    pub principal: String,
    /// The claim with his kind; none: always the first of `kinds`.
    pub kind: Option<String>,
    /// The kinds its tokens may name; one at least, the first is the default.
    pub kinds: Vec<PrincipalKind>,
    /// The claim with the tenant he acts for.
    pub tenant: Option<String>,
    /// The claim with the client.
    pub client: Option<String>,
}

/// A foreign issuer, as records tell of it.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// Its number.
    pub number: IssuerNumber,
    /// Its name in the configuration and in paths.
    pub name: String,
    /// `iss`.
    pub url: String,
    /// Audiences that are taken.
    pub audiences: Vec<String>,
    /// Longest life of its tokens, milliseconds.
    pub life_ms_max: i64,
    /// When it says what it issued.
    pub reports: ReportMode,
    /// Which claims mean what.
    pub mapping: Mapping,
    /// Whether it is declared no more.
    pub withdrawn: bool,
    /// Its keys, in the order they were first seen.
    pub keys: Vec<Arc<ForeignKey>>,
    /// Who can read what of it.
    pub holders: Vec<(IssuerSecret, Holder)>,
    /// Grandfathering, if it was ever opened.
    pub grandfathering: Option<Window>,
    /// When it was declared first.
    pub since: UnixMillis,
    pub(crate) shared: Arc<Live>,
}

/// What changes with every report and every token.
#[derive(Debug, Default)]
pub(crate) struct Live {
    book: Mutex<Book>,
    wants_keys: AtomicBool,
    presented_reported: AtomicU64,
    presented_unreported: AtomicU64,
}

impl Issuer {
    /// The key of this `kid`.
    #[must_use]
    pub fn key(&self, kid: &str) -> Option<&Arc<ForeignKey>> {
        self.keys.iter().find(|key| key.kid == kid)
    }

    /// Its book. Be short: reports and first presentations wait.
    pub fn with_book<T>(&self, work: impl FnOnce(&Book) -> T) -> T {
        work(&self.book())
    }

    /// Whether a token named a key that is not known since this was asked last: fetch them now.
    #[must_use]
    pub fn takes_wish_for_keys(&self) -> bool {
        self.shared.wants_keys.swap(false, Ordering::Relaxed)
    }

    /// Distinct tokens presented since this program started: (reported, not reported).
    #[must_use]
    pub fn presented(&self) -> (u64, u64) {
        let live = &self.shared;
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (count(&live.presented_reported), count(&live.presented_unreported))
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.shared.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_book(&self, book: Book) {
        *self.book() = book;
    }

    /// How entries of its reports are counted in the ledger of digests.
    const fn entry_key(&self) -> KeyNumber {
        KeyNumber(-self.number.0)
    }
}

/// Every foreign issuer.
pub(crate) struct Foreign {
    issuers: ArcSwap<Vec<Arc<Issuer>>>,
    verified: verified::Verified,
}

impl Foreign {
    pub(crate) fn new() -> Self {
        Self { issuers: ArcSwap::default(), verified: verified::Verified::new() }
    }

    /// All of them, the withdrawn ones too.
    pub(crate) fn all(&self) -> Arc<Vec<Arc<Issuer>>> {
        self.issuers.load_full()
    }

    /// Puts what a snapshot held in place.
    pub(crate) fn restore(&self, issuers: Vec<Arc<Issuer>>) {
        self.issuers.store(Arc::new(issuers));
    }

    /// Whether no issuer was ever declared.
    pub(crate) fn is_empty(&self) -> bool {
        self.issuers.load().is_empty()
    }

    fn by_url(&self, url: &str) -> Option<Arc<Issuer>> {
        let issuers = self.issuers.load();
        issuers.iter().find(|one| one.url == url && !one.withdrawn).cloned()
    }

    fn by_number(&self, number: IssuerNumber) -> Option<Arc<Issuer>> {
        self.issuers.load().iter().find(|one| one.number == number).cloned()
    }

    /// Changes one issuer; `false` if it is unknown. MUST be called by one thread at a time.
    fn change(&self, number: IssuerNumber, change: impl FnOnce(&mut Issuer) -> bool) -> bool {
        let mut issuers = Vec::clone(&self.issuers.load());
        let found = issuers.iter_mut().find(|one| one.number == number);
        let done = found.is_some_and(|one| change(Arc::make_mut(one)));
        self.issuers.store(Arc::new(issuers));
        done
    }

    fn declare(&self, row: &IssuerDeclared, at: UnixMillis) -> bool {
        let Some(fresh) = Issuer::read(row, at) else { return false };
        let mut issuers = Vec::clone(&self.issuers.load());
        let room = issuers.len() < ISSUERS_MAX;
        match issuers.iter_mut().find(|one| one.number == row.issuer) {
            Some(known) => {
                let known = Arc::make_mut(known);
                let (keys, holders) = (known.keys.clone(), known.holders.clone());
                let (grandfathering, since) = (known.grandfathering, known.since);
                let shared = Arc::clone(&known.shared);
                *known = Issuer { keys, holders, grandfathering, since, shared, ..fresh };
            }
            None if room => issuers.push(Arc::new(fresh)),
            None => return false,
        }
        self.issuers.store(Arc::new(issuers));
        true
    }

    fn see_key(&self, row: &IssuerKeySeen, at: UnixMillis) -> bool {
        self.change(row.issuer, |issuer| {
            let full = issuer.keys.len() >= ISSUER_KEYS_MAX;
            let known = issuer.keys.iter_mut().find(|key| key.kid == row.kid.as_str());
            match known {
                // The same again: it is published once more. Another under one name never is.
                Some(key) if key.number == row.key => {
                    if key.state == KeyState::Retired {
                        Arc::make_mut(key).state = KeyState::Active;
                    }
                    true
                }
                Some(_) => false,
                None if full => false,
                None => {
                    issuer.keys.push(Arc::new(ForeignKey::new(row, at)));
                    true
                }
            }
        })
    }

    fn change_key(&self, number: KeyNumber, state: KeyState) -> bool {
        let of = |issuer: &&Arc<Issuer>| issuer.keys.iter().any(|key| key.number == number);
        let Some(issuer) = self.issuers.load().iter().find(of).map(|issuer| issuer.number) else {
            return false;
        };
        self.change(issuer, |issuer| {
            for key in issuer.keys.iter_mut().filter(|key| key.number == number) {
                // What was in other hands once is so for good.
                if key.state != KeyState::Compromised {
                    Arc::make_mut(key).state = state;
                }
            }
            true
        })
    }

    fn hold(&self, row: &IssuerHolderDeclared, left: bool) -> bool {
        self.change(row.issuer, |issuer| {
            let holder = Holder {
                person: row.person,
                person_key: row.person_key,
                since: row.since,
                evidence: row.evidence,
            };
            let known = |(secret, it): &(IssuerSecret, Holder)| {
                *secret == row.secret && it.person == holder.person
            };
            if !issuer.holders.iter().any(known) {
                issuer.holders.push((row.secret, holder));
            }
            issuer.close(left && row.secret == IssuerSecret::SigningKey);
            true
        })
    }

    fn open_window(
        &self,
        shared: &Shared,
        row: &IssuerGrandfatheringOpened,
        at: UnixMillis,
    ) -> bool {
        let window = Window::new(row.cut_over, row.life_ms_max, row.closes_at, at);
        self.change(row.issuer, |issuer| {
            let gone = issuer.signing_holders().any(|it| shared.has_left(it.person_key));
            let closed = issuer.grandfathering.is_some_and(|before| before.closed);
            // WHY kept when one was open: the window is fixed by the first, and never grows.
            issuer.grandfathering = Some(issuer.grandfathering.unwrap_or(window));
            issuer.close(gone || closed);
            true
        })
    }

    /// A holder left: old tokens of what he could sign for are let in no more.
    pub(crate) fn close_for(&self, person: PrincipalKey) {
        let held = |issuer: &&Arc<Issuer>| {
            issuer.grandfathering.is_some()
                && issuer.signing_holders().any(|it| it.person_key == person)
        };
        let held: Vec<_> = self.issuers.load().iter().filter(held).map(|it| it.number).collect();
        for number in held {
            self.change(number, |issuer| {
                issuer.close(true);
                true
            });
        }
    }

    pub(crate) fn drop_ended(&self, now: UnixMillis) {
        for issuer in self.issuers.load().iter() {
            issuer.book().drop_ended(now);
        }
    }

    fn report(&self, shared: &Shared, row: &IssuanceReported, at: UnixMillis) -> bool {
        let Some(issuer) = self.by_number(row.issuer) else { return false };
        let mut book = issuer.book();
        match book.report(row, issuer.reports, at) {
            Reported::Fault => return false,
            Reported::Late => return true,
            Reported::Enter => {}
        }
        let entry = Entry {
            key: issuer.entry_key(),
            client: row.client_key,
            seen: shared.revocations(),
            revoked: false,
            login_proven: row.login != 0,
        };
        // A client past the bound falls with any client: the entry itself stands.
        let _room = shared.digests.enter(row.token, &entry, row.expires_at);
        true
    }

    fn see(&self, row: &UnreportedSeen, at: UnixMillis) -> bool {
        let Some(issuer) = self.by_number(row.issuer) else { return false };
        issuer.book().see(row, issuer.reports, at);
        true
    }
}

impl Issuer {
    fn read(row: &IssuerDeclared, at: UnixMillis) -> Option<Self> {
        let lines = |text: &ward_model::Text| -> Vec<String> {
            text.as_str().lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
        };
        let mut claims = row.claims.as_str().split('\n').map(str::to_owned);
        let mut claim = || claims.next().filter(|name| !name.is_empty());
        let principal = claim()?;
        let (kind, tenant, client) = (claim(), claim(), claim());
        let kinds = lines(&row.kinds);
        let kinds = kinds.iter().map(|name| PrincipalKind::from_name(name));
        let kinds = kinds.collect::<Option<Vec<_>>>().filter(|kinds| !kinds.is_empty())?;
        Some(Self {
            number: row.issuer,
            name: row.name.as_str().to_owned(),
            url: row.url.as_str().to_owned(),
            audiences: lines(&row.audiences),
            life_ms_max: row.life_ms_max,
            reports: row.reports,
            mapping: Mapping { principal, kind, kinds, tenant, client },
            withdrawn: false,
            keys: Vec::new(),
            holders: Vec::new(),
            grandfathering: None,
            since: at,
            shared: Arc::default(),
        })
    }

    fn signing_holders(&self) -> impl Iterator<Item = &Holder> {
        let signs = |(secret, _): &&(IssuerSecret, Holder)| *secret == IssuerSecret::SigningKey;
        self.holders.iter().filter(signs).map(|(_, holder)| holder)
    }

    fn close(&mut self, closed: bool) {
        if let Some(window) = &mut self.grandfathering {
            window.closed |= closed;
        }
    }
}

/// Takes one record in; `None`: it is not about foreign issuers.
pub(crate) fn apply(shared: &Shared, at: UnixMillis, record: &Record) -> Option<bool> {
    let foreign = &shared.foreign;
    Some(match record {
        Record::IssuerDeclared(row) => foreign.declare(row, at),
        Record::IssuerWithdrawn(row) => foreign.change(row.issuer, |issuer| {
            issuer.withdrawn = true;
            issuer.close(true);
            true
        }),
        Record::IssuerKeySeen(row) => foreign.see_key(row, at),
        Record::IssuerKeyGone(row) => foreign.change_key(row.key, KeyState::Retired),
        Record::KeyStateChanged(row) if row.key.0 >= FOREIGN_KEY_FIRST => {
            foreign.change_key(row.key, row.state)
        }
        Record::IssuerTroubled(row) => {
            let issuer = foreign.by_number(row.issuer);
            issuer.map(|issuer| issuer.book().recorded(row)).is_some()
        }
        Record::IssuanceReported(row) => foreign.report(shared, row, at),
        Record::IssuanceVoided(row) => foreign.by_number(row.issuer).is_some_and(|issuer| {
            issuer.book().void(row.sequence, row.content, issuer.reports, at)
        }),
        Record::IssuerComplete(row) => foreign
            .by_number(row.issuer)
            .is_some_and(|issuer| issuer.book().complete(row.before, issuer.reports, at)),
        Record::UnreportedSeen(row) => foreign.see(row, at),
        Record::IssuerHolderDeclared(row) => foreign.hold(row, shared.has_left(row.person_key)),
        Record::IssuerGrandfatheringOpened(row) => foreign.open_window(shared, row, at),
        Record::IssuerGrandfatheringClosed(row) => foreign.change(row.issuer, |issuer| {
            issuer.close(true);
            true
        }),
        Record::TokenPinned(row) if row.key.0 >= FOREIGN_KEY_FIRST => {
            let of = |issuer: &&Arc<Issuer>| issuer.keys.iter().any(|key| key.number == row.key);
            if let Some(issuer) = foreign.issuers.load().iter().find(of) {
                issuer.book().totals.pinned += 1;
            }
            return None;
        }
        _ => return None,
    })
}

impl Ledger {
    /// Every foreign issuer that was ever declared, in the order of its number.
    #[must_use]
    pub fn issuers(&self) -> Vec<Arc<Issuer>> {
        Vec::clone(&self.shared.foreign.issuers.load())
    }

    /// The declared foreign issuer of this name.
    #[must_use]
    pub fn issuer(&self, name: &str) -> Option<Arc<Issuer>> {
        let issuers = self.shared.foreign.issuers.load();
        issuers.iter().find(|one| one.name == name && !one.withdrawn).cloned()
    }

    /// The mode of a foreign issuer; it learns until it was told to enforce.
    #[must_use]
    pub fn foreign_mode(&self, issuer: &Issuer) -> IssuerMode {
        self.issuer_mode(&issuer.url)
    }

    /// A number for a foreign key that was never used.
    #[must_use]
    pub fn next_foreign_key(&self) -> KeyNumber {
        let issuers = self.shared.foreign.issuers.load();
        let last = issuers.iter().flat_map(|one| &one.keys).map(|key| key.number.0).max();
        KeyNumber(last.unwrap_or(FOREIGN_KEY_FIRST).saturating_add(1))
    }

    /// Tokens an issuer reported whose buckets are not dropped: an upper bound of the live ones.
    #[must_use]
    pub fn live_reported(&self, issuer: &Issuer) -> u64 {
        self.shared.digests.count(issuer.entry_key())
    }
}

#[cfg(test)]
mod tests;
