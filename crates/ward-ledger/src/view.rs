//! The write side: records in journal order become state. Nothing else does.
//!
//! The same function runs on replay and live, and never blocks or fails: a record it cannot place
//! is counted in `faults`, which reads zero in a sound journal. No clock: dropping follows journal
//! time, and stops after a jump until time is seen to go on. Best test: `tests/life.rs`.

use core::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use ward_model::record::{
    ApiKeyIssued, KeyStateChanged, PersonPut, PrincipalSuspended, TokenEntered, TokenIssued,
    TokenPinned,
};
use ward_model::word::{Cause, PersonState};
use ward_model::{
    KeyNumber, LeafIndex, Origin, Position, PrincipalKey, Record, Sequence, UnixMillis, View,
};

use crate::api_key::{ApiKey, Client};
use crate::by_digest::Entry;
use crate::grandfather::Window;
use crate::keys::{Keys, Moment};
use crate::limits::{
    LOST_TAIL_MS, SEQUENCE_SKIP_MAX, SWEEP_EVERY_MS, TIME_JUMP_MS, TIME_STEADY_MS,
};
use crate::slots::OriginSlots;
use crate::state::{CutOff, Shared, Snapshot, pin_key};
use crate::table::Table;

/// The writer's own state, held under one lock so that there is one writer.
#[derive(Default)]
pub(crate) struct Writer {
    pub(crate) master: Snapshot,
    /// One past the last leaf applied.
    pub(crate) applied: i64,
    pub(crate) time: Option<UnixMillis>,
    pub(crate) steady_from: UnixMillis,
    pub(crate) swept_at: UnixMillis,
}

/// The write side of a ledger; give it to the journal at open.
pub struct LedgerView {
    pub(crate) shared: Arc<Shared>,
}

impl View for LedgerView {
    fn needs_issuances_from(&self) -> LeafIndex {
        LeafIndex(self.shared.loaded)
    }

    fn apply(&mut self, at: Position, record: &Record) {
        if at.index.0 < self.shared.loaded {
            return;
        }
        let mut writer = self.shared.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let writer = &mut *writer;
        if !apply(&self.shared, writer, at.time, record) {
            self.shared.faults.fetch_add(1, Ordering::Relaxed);
        }
        writer.drop_ended(&self.shared, at.time);
        writer.applied = at.index.0.saturating_add(1);
    }
}

/// Takes one record in; `false` if it does not fit what came before it.
fn apply(shared: &Shared, writer: &mut Writer, now: UnixMillis, record: &Record) -> bool {
    if let Some(done) = crate::foreign::apply(shared, now, record) {
        if matches!(record, Record::KeyStateChanged(_)) {
            counted(shared);
        }
        return done;
    }
    match record {
        Record::OriginOpened(row) => writer.open_origin(shared, row.origin),
        Record::OriginFenced(row) => writer.fence_origin(shared, row.origin, row.end),
        Record::OriginLost(row) => writer.lose_origin(now, row.origin, row.from),
        Record::Restored(row) => {
            writer.master.restored = Some((row.clone(), now.plus_ms(LOST_TAIL_MS).ms()));
            // Whatever was entered between the last record kept and this moment may be lost.
            shared.digests.lose(writer.time.unwrap_or(now), now);
            writer.publish(shared);
            true
        }
        Record::TokenIssued(row) => writer.enter(shared, row),
        Record::TokenRevoked(row) => {
            let done = writer.revoke_token(row.origin, row.sequence);
            counted(shared);
            done
        }
        Record::PrincipalRevoked(row) => writer.cut(shared, &shared.principals, row.principal_key),
        Record::PrincipalSuspended(row) => writer.suspend(shared, row),
        Record::PrincipalRestored(row) => {
            set(&shared.principals, row.principal_key, |state| state.is_suspended = false);
            true
        }
        Record::TokenPinned(row) => pin(shared, row),
        Record::PinRevoked(row) => {
            shared
                .pins
                .update(pin_key(row.fingerprint.cast_unsigned()), |[_, revoked]| *revoked = 1);
            counted(shared);
            true
        }
        Record::TokenEntered(row) => writer.enter_by_digest(shared, row),
        Record::EnteredRevoked(row) => {
            shared.digests.revoke(row.digest, row.expires_at);
            counted(shared);
            true
        }
        Record::PersonPut(row) => writer.put_person(shared, row),
        Record::IssuerModeSet(row) => {
            let modes = Arc::make_mut(&mut writer.master.modes);
            modes.insert(row.issuer.as_str().to_owned(), row.mode);
            writer.publish(shared);
            true
        }
        other => apply_to_credentials(shared, writer, now, other)
            .unwrap_or_else(|| writer.apply_to_keys(shared, now, other)),
    }
}

/// API keys and clients; `None` for records of anything else.
fn apply_to_credentials(
    shared: &Shared,
    writer: &Writer,
    now: UnixMillis,
    record: &Record,
) -> Option<bool> {
    let done = match record {
        Record::ApiKeyIssued(row) => add_api_key(shared, row, now),
        Record::ApiKeyScoped(_)
        | Record::ApiKeyNamed(_)
        | Record::ApiKeyReads(_)
        | Record::ApiKeyConfined(_)
        | Record::ApiKeyAnswered(_)
        | Record::ApiKeyReplaced(_) => write(&shared.credentials).apply(record).unwrap_or(true),
        Record::ClientRegistered(row) => {
            let mut credentials = write(&shared.credentials);
            credentials.clients.insert(row.client_key, Arc::new(Client::new(row))).is_none()
        }
        Record::ClientTermed(_) | Record::ClientSecretSet(_) | Record::ClientKeyAdded(_) => {
            write(&shared.credentials).apply_client(record).unwrap_or(true)
        }
        Record::ApiKeyRevoked(row) => {
            let mut credentials = write(&shared.credentials);
            let hash = credentials.hash_of.get(&row.api_key).copied();
            let key = hash.and_then(|hash| credentials.by_hash.get_mut(&hash));
            let known = key.is_some();
            if let Some(key) = key {
                key.revoked = true;
            }
            drop(credentials);
            counted(shared);
            known
        }
        Record::ClientRevoked(row) => {
            let mut credentials = write(&shared.credentials);
            if let Some(client) = credentials.clients.get_mut(&row.client_key) {
                Arc::make_mut(client).revoked = true;
            }
            drop(credentials);
            writer.cut(shared, &shared.clients, row.client_key)
        }
        _ => return None,
    };
    Some(done)
}

impl Writer {
    fn apply_to_keys(&mut self, shared: &Shared, now: UnixMillis, record: &Record) -> bool {
        match record {
            Record::KeyAdded(row) => self.change_keys(shared, |keys| keys.add(row, now)),
            Record::KeyHolderDeclared(row) => {
                let left = left(shared, row.person_key);
                self.change_keys(shared, |keys| {
                    keys.hold(row)
                        && keys.change(row.key, |key| close(&mut key.grandfathering, left))
                })
            }
            Record::KeyHoldersUnknown(row) => self.change_keys(shared, |keys| {
                keys.change(row.key, |key| {
                    key.holders_unknown_since.get_or_insert(row.since);
                    close(&mut key.grandfathering, true);
                })
            }),
            Record::KeyStateChanged(row) => self.change_key_state(shared, row),
            Record::KeyTokensRevoked(row) => {
                let revocation = shared.revocations() + 1;
                self.mark(revocation);
                let done = self
                    .change_keys(shared, |keys| keys.change(row.key, |key| key.cut = revocation));
                counted(shared);
                done
            }
            Record::KeyTokensCut(row) => {
                let revocation = shared.revocations() + 1;
                self.mark(revocation);
                let moment = Moment { revocation, side: row.side, moment: row.moment };
                let done = self
                    .change_keys(shared, |keys| keys.change(row.key, |key| key.revoke_at(moment)));
                counted(shared);
                done
            }
            Record::GrandfatheringOpened(row) => {
                let window = Window::new(row.cut_over, row.life_ms_max, row.closes_at, now);
                self.change_keys(shared, |keys| {
                    keys.change(row.key, |key| {
                        let gone = key.holders.iter().any(|it| left(shared, it.person_key));
                        let closed = key.grandfathering.is_some_and(|before| before.closed);
                        key.grandfathering = Some(window);
                        let unknown = key.holders_unknown_since.is_some();
                        close(&mut key.grandfathering, gone || closed || unknown);
                    })
                })
            }
            Record::GrandfatheringClosed(row) => self.change_keys(shared, |keys| {
                keys.change(row.key, |key| close(&mut key.grandfathering, true))
            }),
            // No state of the ledger hangs on any other record.
            _ => true,
        }
    }

    fn publish(&self, shared: &Shared) {
        shared.snapshot.store(Arc::new(self.master.clone()));
    }

    fn change_keys(&mut self, shared: &Shared, change: impl FnOnce(&mut Keys) -> bool) -> bool {
        let done = change(Arc::make_mut(&mut self.master.keys));
        self.publish(shared);
        done
    }

    fn change_key_state(&mut self, shared: &Shared, row: &KeyStateChanged) -> bool {
        let done = self.change_keys(shared, |keys| {
            keys.change(row.key, |key| {
                key.state = row.state;
                key.since = row.since;
                key.cause = Some(row.cause);
            })
        });
        counted(shared);
        done
    }

    fn open_origin(&mut self, shared: &Shared, origin: Origin) -> bool {
        let origins = Arc::make_mut(&mut self.master.origins);
        match origins.binary_search_by_key(&origin, |slots| slots.origin) {
            Ok(_) => false,
            Err(at) => {
                origins.insert(at, Arc::new(OriginSlots::new(origin, shared.bits)));
                self.publish(shared);
                true
            }
        }
    }

    fn fence_origin(&self, shared: &Shared, origin: Origin, end: Sequence) -> bool {
        match (self.master.origin(origin), u64::try_from(end.0)) {
            (Some(slots), Ok(end)) => {
                slots.fence(end, shared.revocations());
                // A fence over a lost tail has no effect: it would call true tokens forged.
                slots.is_fenced() && end >= slots.high()
            }
            _ => false,
        }
    }

    /// What is known of a lost origin stays exact; past it nothing is ever said for certain.
    fn lose_origin(&self, now: UnixMillis, origin: Origin, from: Sequence) -> bool {
        let Some(slots) = self.master.origin(origin) else { return false };
        slots.lose(now.plus_ms(LOST_TAIL_MS).ms());
        !slots.is_fenced() && u64::try_from(from.0) == Ok(slots.applied_to())
    }

    fn enter(&mut self, shared: &Shared, row: &TokenIssued) -> bool {
        let (Ok(sequence), Ok(low_water)) =
            (u64::try_from(row.sequence.0), u64::try_from(row.low_water.0))
        else {
            return false;
        };
        let Some(slots) = self.slots(shared, row.origin, sequence) else { return false };
        let Some((segment, at)) = slots.segment(sequence) else { return false };
        // WHY before the entry: a token revoked between signing and record must never be seen live.
        let hung = Hung {
            seen: row.revocations_seen,
            principal: row.principal_key,
            client: row.client_key,
            key: row.key,
            issued_at: row.issued_at,
        };
        if late(shared, &self.master.keys, &hung) {
            segment.revoke(at);
        }
        let fingerprint = row.fingerprint.cast_unsigned();
        let done = segment.enter(at, fingerprint, row.key, row.expires_at.ms());
        slots.advance(sequence, low_water);
        done
    }

    /// Enters a token whose bytes Ward did not lay out.
    fn enter_by_digest(&self, shared: &Shared, row: &TokenEntered) -> bool {
        let hung = Hung {
            seen: row.revocations_seen,
            principal: row.principal_key,
            client: row.client_key,
            key: row.key,
            issued_at: row.issued_at,
        };
        let entry = Entry {
            key: row.key,
            client: row.client_key,
            seen: shared.revocations(),
            revoked: late(shared, &self.master.keys, &hung),
            login_proven: row.login_proven,
        };
        shared.digests.enter(row.digest, &entry, row.expires_at)
    }

    /// The slots of an origin with a live segment for `sequence`.
    fn slots(
        &mut self,
        shared: &Shared,
        origin: Origin,
        sequence: u64,
    ) -> Option<Arc<OriginSlots>> {
        let slots = Arc::clone(self.master.origin(origin)?);
        if slots.segment(sequence).is_some() {
            return Some(slots);
        }
        if sequence > slots.high().saturating_add(SEQUENCE_SKIP_MAX) {
            return None;
        }
        let next = Arc::new(slots.with_segment(sequence)?);
        self.replace(Arc::clone(&next));
        self.publish(shared);
        Some(next)
    }

    fn replace(&mut self, next: Arc<OriginSlots>) {
        let origins = Arc::make_mut(&mut self.master.origins);
        if let Some(slots) = origins.iter_mut().find(|slots| slots.origin == next.origin) {
            *slots = next;
        }
    }

    fn revoke_token(&self, origin: Origin, sequence: Sequence) -> bool {
        let Some(slots) = self.master.origin(origin) else { return false };
        let Ok(sequence) = u64::try_from(sequence.0) else { return false };
        match slots.segment(sequence) {
            Some((segment, at)) => {
                segment.revoke(at);
                true
            }
            // Its segment was dropped: it is expired, which no revocation changes.
            None => sequence < slots.high(),
        }
    }

    fn mark(&self, revocation: u64) {
        for slots in self.master.origins.iter() {
            slots.mark(revocation);
        }
    }

    fn cut(&self, shared: &Shared, table: &Table, key: PrincipalKey) -> bool {
        let revocation = shared.revocations() + 1;
        self.mark(revocation);
        set(table, key, |state| state.revoked = revocation);
        counted(shared);
        true
    }

    fn suspend(&mut self, shared: &Shared, row: &PrincipalSuspended) -> bool {
        let revocation = shared.revocations() + 1;
        set(&shared.principals, row.principal_key, |state| {
            state.suspended = revocation;
            state.is_suspended = true;
        });
        if row.cause == Cause::Left {
            self.close_for(shared, row.principal_key);
        }
        counted(shared);
        true
    }

    fn put_person(&mut self, shared: &Shared, row: &PersonPut) -> bool {
        write(&shared.people).insert(row.principal_key, row.state);
        if row.state == PersonState::Left {
            self.close_for(shared, row.principal_key);
        }
        true
    }

    /// A holder left: grandfathering of every key he could read is closed for good, also if he
    /// returns, because he kept the key while he was away.
    fn close_for(&mut self, shared: &Shared, person: PrincipalKey) {
        let held = |key: &crate::keys::Key| {
            key.grandfathering.is_some() && key.holders.iter().any(|it| it.person_key == person)
        };
        shared.foreign.close_for(person);
        let keys = Arc::make_mut(&mut self.master.keys);
        let numbers: Vec<_> = keys.iter().filter(|key| held(key)).map(|key| key.number).collect();
        for number in &numbers {
            keys.change(*number, |key| close(&mut key.grandfathering, true));
        }
        if !numbers.is_empty() {
            self.publish(shared);
        }
    }

    /// Drops segments whose longest life has passed, unless journal time has jumped.
    fn drop_ended(&mut self, shared: &Shared, now: UnixMillis) {
        let last = self.time.replace(now).unwrap_or(now);
        if now.since(last) > TIME_JUMP_MS {
            self.steady_from = now;
        }
        let steady = now.since(self.steady_from) >= TIME_STEADY_MS;
        if !steady || now.since(self.swept_at) < SWEEP_EVERY_MS {
            return;
        }
        self.swept_at = now;
        shared.digests.drop_ended(now);
        shared.foreign.drop_ended(now);
        let next = self.master.origins.iter().filter_map(|slots| slots.without_ended(now));
        let next: Vec<OriginSlots> = next.collect();
        if next.is_empty() {
            return;
        }
        for slots in next {
            self.replace(Arc::new(slots));
        }
        self.publish(shared);
    }
}

/// What a token hangs on, and how many revocations its issuer had seen.
struct Hung {
    seen: i64,
    principal: PrincipalKey,
    client: PrincipalKey,
    key: KeyNumber,
    issued_at: UnixMillis,
}

/// Whether something the token hangs on was revoked after its issuer last looked.
fn late(shared: &Shared, keys: &Keys, hung: &Hung) -> bool {
    let seen = u64::try_from(hung.seen).unwrap_or(0);
    if shared.revocations() == seen {
        return false;
    }
    let principal = shared.principal(hung.principal);
    principal.revoked > seen
        || principal.suspended > seen
        || shared.client(hung.client).revoked > seen
        || keys.by_number(hung.key).is_some_and(|key| key.is_cut_since(seen, Some(hung.issued_at)))
}

fn add_api_key(shared: &Shared, row: &ApiKeyIssued, now: UnixMillis) -> bool {
    let key = ApiKey {
        id: row.api_key,
        kind: row.kind,
        owner_kind: row.owner_kind,
        owner: row.owner,
        owner_key: row.owner_key,
        expires_at: row.expires_at,
        revoked: false,
    };
    let mut credentials = write(&shared.credentials);
    if credentials.hash_of.contains_key(&key.id) || credentials.by_hash.contains_key(&row.hash) {
        return false;
    }
    credentials.hash_of.insert(key.id, row.hash);
    credentials.by_hash.insert(row.hash, key);
    credentials.issued(row.api_key, now);
    true
}

fn pin(shared: &Shared, row: &TokenPinned) -> bool {
    shared.pins.update(pin_key(row.fingerprint.cast_unsigned()), |[known, _]| *known = 1);
    true
}

fn set(table: &Table, key: PrincipalKey, change: impl FnOnce(&mut CutOff)) {
    table.update(key.0, |words| {
        let mut state = CutOff::from_words(*words);
        change(&mut state);
        *words = state.to_words();
    });
}

fn close(window: &mut Option<Window>, closed: bool) {
    if let Some(window) = window {
        window.closed |= closed;
    }
}

fn left(shared: &Shared, person: PrincipalKey) -> bool {
    let people = shared.people.read().unwrap_or_else(PoisonError::into_inner);
    people.get(&person) == Some(&PersonState::Left)
}

/// INVARIANT: called after the effect is visible, so that who has seen the count sees the effect.
fn counted(shared: &Shared) {
    shared.revocations.fetch_add(1, Ordering::Release);
}

fn write<T>(lock: &std::sync::RwLock<T>) -> std::sync::RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
