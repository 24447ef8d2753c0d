//! Who used which credential lately: last use and consumers of API keys, clients and signing keys.
//!
//! Reads at the gate are counted from access rows, exactly. Use at the control plane and issuance
//! are counted in memory and recorded at most once an hour each (`ApiKeyUsed`, `ClientUsed`): a
//! crash forgets at most the last hour of those counts, an orderly stop nothing. WHY not a record
//! for each: that would double what an issuance writes.
//! Everything is bounded; what comes past a bound is counted as `other`. Best test: `uses/tests.rs`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ward_model::record::{AccessRow, ApiKeyUsed, ClientUsed};
use ward_model::{
    ApiKeyId, KeyNumber, LeafIndex, Position, PrincipalKey, Record, RouteNumber, UnixMillis,
    Verdict, View,
};

/// Between two records of one credential's use, milliseconds.
const RECORD_EVERY_MS: i64 = 3_600_000;
/// Routes told apart for one credential.
const ROUTES_MAX: usize = 32;
/// (client, key) pairs told apart.
const CLIENTS_MAX: usize = 16_384;
/// Records made at once.
const DUE_MAX: usize = 1000;

/// How often, and when last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// How often.
    pub count: u64,
    /// When last; the epoch when never.
    pub last: UnixMillis,
}

impl Count {
    fn add(&mut self, count: u64, at: UnixMillis) {
        self.count = self.count.saturating_add(count);
        self.last = self.last.max(at);
    }

    /// When last, if ever.
    #[must_use]
    pub fn last(self) -> Option<UnixMillis> {
        (self.count > 0).then_some(self.last)
    }

    fn and(mut self, other: Self) -> Self {
        self.add(other.count, other.last);
        self
    }
}

/// Use that is recorded now and then.
#[derive(Clone, Copy, Debug, Default)]
struct Coarse {
    recorded: Count,
    pending: Count,
}

impl Coarse {
    fn is_due(&self, now: UnixMillis, all: bool) -> bool {
        self.pending.count > 0
            && (all || now.since(self.recorded.last) >= RECORD_EVERY_MS || self.recorded.count == 0)
    }

    fn take(&mut self) -> (UnixMillis, i64) {
        let Count { count, last } = core::mem::take(&mut self.pending);
        (last, i64::try_from(count).unwrap_or(i64::MAX))
    }
}

/// The routes one credential was presented on.
#[derive(Clone, Debug, Default)]
struct Routes {
    by_route: Vec<(RouteNumber, Count)>,
    other: Count,
}

impl Routes {
    fn add(&mut self, route: RouteNumber, at: UnixMillis) {
        if let Some((_, count)) = self.by_route.iter_mut().find(|(one, _)| *one == route) {
            count.add(1, at);
        } else if self.by_route.len() < ROUTES_MAX {
            self.by_route.push((route, Count { count: 1, last: at }));
        } else {
            self.other.add(1, at);
        }
    }
}

/// What is known of the use of one credential.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// Uses that were let through.
    pub all: Count,
    /// Uses that were refused though the credential is known.
    pub refused: Count,
    /// By route at the gate, the latest first, at most 32.
    pub routes: Vec<(RouteNumber, Count)>,
    /// On routes past that bound.
    pub other: Count,
    /// By client, for signing keys, the latest first.
    pub clients: Vec<(PrincipalKey, Count)>,
    /// At the control plane: API keys alone.
    pub control: Count,
}

#[derive(Default)]
struct OfKey {
    read: Count,
    refused: Count,
    routes: Routes,
    control: Coarse,
}

#[derive(Default)]
struct Book {
    /// Set once replay is over: issuances before it are told by `ClientUsed` alone.
    live: bool,
    api_keys: HashMap<ApiKeyId, OfKey>,
    keys: HashMap<KeyNumber, OfKey>,
    clients: HashMap<(PrincipalKey, KeyNumber), Coarse>,
    /// When signing keys and clients came.
    keys_born: HashMap<KeyNumber, UnixMillis>,
    clients_born: HashMap<PrincipalKey, UnixMillis>,
    /// Of pairs past the bound, by key.
    other: HashMap<KeyNumber, Count>,
}

/// Use of credentials. Cheap to clone.
#[derive(Clone, Default)]
pub struct Uses(Arc<Mutex<Book>>);

impl Uses {
    /// The write side.
    #[must_use]
    pub fn view(&self) -> impl View + use<> {
        UsesView(self.clone())
    }

    /// Replay is over.
    pub fn live(&self) {
        self.lock().live = true;
    }

    /// An API key was let in at the control plane.
    pub fn let_in(&self, api_key: ApiKeyId, now: UnixMillis) {
        if !api_key.is_none() {
            self.lock().api_keys.entry(api_key).or_default().control.pending.add(1, now);
        }
    }

    /// Records that are to be appended now; `all`: at stop. Give them back with
    /// [`Uses::put_back`] when the journal does not take them.
    #[must_use]
    pub fn due(&self, now: UnixMillis, all: bool) -> Vec<Record> {
        let mut book = self.lock();
        let Book { api_keys, clients, .. } = &mut *book;
        let of_keys = api_keys.iter_mut().filter(|(_, it)| it.control.is_due(now, all));
        let of_keys = of_keys.map(|(&api_key, it)| {
            let (last, count) = it.control.take();
            Record::from(ApiKeyUsed { api_key, last, count })
        });
        let mut due: Vec<Record> = of_keys.take(DUE_MAX).collect();
        let left = DUE_MAX - due.len();
        let of_clients = clients.iter_mut().filter(|(_, it)| it.is_due(now, all));
        due.extend(of_clients.take(left).map(|(&(client_key, key), it)| {
            let (last, count) = it.take();
            Record::from(ClientUsed { client_key, key, last, count })
        }));
        due
    }

    /// Takes back records that were not appended.
    pub fn put_back(&self, records: &[Record]) {
        let mut book = self.lock();
        for record in records {
            match record {
                Record::ApiKeyUsed(it) => {
                    let of = book.api_keys.entry(it.api_key).or_default();
                    of.control.pending.add(natural(it.count), it.last);
                }
                Record::ClientUsed(it) => {
                    book.issue(it.client_key, it.key).pending.add(natural(it.count), it.last);
                }
                _ => {}
            }
        }
    }

    /// The use of an API key.
    #[must_use]
    pub fn of_api_key(&self, api_key: ApiKeyId) -> Used {
        let book = self.lock();
        book.api_keys.get(&api_key).map(OfKey::used).unwrap_or_default()
    }

    /// The use of a signing key: issuance under it, and its tokens at the gate.
    #[must_use]
    pub fn of_signing_key(&self, key: KeyNumber) -> Used {
        let book = self.lock();
        let mut used = book.keys.get(&key).map(OfKey::used).unwrap_or_default();
        let of_key = book.clients.iter().filter(|((_, one), _)| *one == key);
        used.clients = of_key.map(|((client, _), it)| (*client, it.sum())).collect();
        used.clients.sort_by_key(|(_, it)| core::cmp::Reverse(it.last));
        let past = book.other.get(&key).copied().unwrap_or_default();
        used.all = used.clients.iter().fold(past, |sum, (_, it)| sum.and(*it));
        used
    }

    /// The use of a client: issuance to it.
    #[must_use]
    pub fn of_client(&self, client: PrincipalKey) -> Count {
        let book = self.lock();
        let of_client = book.clients.iter().filter(|((one, _), _)| *one == client);
        of_client.fold(Count::default(), |sum, (_, it)| sum.and(it.sum()))
    }

    /// When a signing key came into custody.
    #[must_use]
    pub fn key_born(&self, key: KeyNumber) -> Option<UnixMillis> {
        self.lock().keys_born.get(&key).copied()
    }

    /// When a client was registered.
    #[must_use]
    pub fn client_born(&self, client: PrincipalKey) -> Option<UnixMillis> {
        self.lock().clients_born.get(&client).copied()
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Coarse {
    fn sum(&self) -> Count {
        self.recorded.and(self.pending)
    }
}

impl OfKey {
    fn used(&self) -> Used {
        let control = self.control.sum();
        let mut routes = self.routes.by_route.clone();
        routes.sort_by_key(|(_, it)| core::cmp::Reverse(it.last));
        Used {
            all: self.read.and(control),
            refused: self.refused,
            routes,
            other: self.routes.other,
            clients: Vec::new(),
            control,
        }
    }

    fn presented(&mut self, row: &AccessRow, at: UnixMillis) {
        if row.verdict == Verdict::Permit {
            self.read.add(1, at);
            self.routes.add(row.route, at);
        } else {
            self.refused.add(1, at);
        }
    }
}

impl Book {
    fn issue(&mut self, client: PrincipalKey, key: KeyNumber) -> &mut Coarse {
        self.clients.entry((client, key)).or_default()
    }

    fn issued(&mut self, client: PrincipalKey, key: KeyNumber, at: UnixMillis) {
        if !self.live {
            return;
        }
        if self.clients.len() >= CLIENTS_MAX && !self.clients.contains_key(&(client, key)) {
            self.other.entry(key).or_default().add(1, at);
            return;
        }
        self.issue(client, key).pending.add(1, at);
    }
}

struct UsesView(Uses);

impl View for UsesView {
    fn apply(&mut self, at: Position, record: &Record) {
        match record {
            Record::AccessRow(row) if row.row == 0 => {
                let mut book = self.0.lock();
                if !row.api_key.is_none() {
                    book.api_keys.entry(row.api_key).or_default().presented(row, at.time);
                }
                if !row.key.is_none() {
                    book.keys.entry(row.key).or_default().presented(row, at.time);
                }
            }
            Record::TokenIssued(row) => self.0.lock().issued(row.client_key, row.key, at.time),
            Record::TokenEntered(row) => self.0.lock().issued(row.client_key, row.key, at.time),
            Record::KeyAdded(row) => {
                self.0.lock().keys_born.entry(row.key).or_insert(at.time);
            }
            Record::ClientRegistered(row) => {
                self.0.lock().clients_born.entry(row.client_key).or_insert(at.time);
            }
            Record::ApiKeyUsed(row) => {
                let mut book = self.0.lock();
                let of = book.api_keys.entry(row.api_key).or_default();
                of.control.recorded.add(natural(row.count), row.last);
            }
            Record::ClientUsed(row) => {
                let mut book = self.0.lock();
                book.issue(row.client_key, row.key).recorded.add(natural(row.count), row.last);
            }
            _ => {}
        }
    }

    fn needs_issuances_from(&self) -> LeafIndex {
        LeafIndex::NEVER
    }
}

fn natural(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests;
