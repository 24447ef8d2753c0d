//! Token status lists: what an offline verifier reads instead of asking.
//!
//! What it is: a view that remembers for each token whom it names, which client and key it hangs on
//! and when it was issued, and lists made from it: one bit a token, 0 while it is valid. An index
//! where nothing was issued is 1, invalid: a forgery that points somewhere points at nothing.
//! What it must never do: make a token valid that the ledger would refuse as revoked or suspended
//! at the moment the list is made; show count or order (`ward-ledger/src/status.rs`).
//! Where it sits: the journal feeds [`Statuses::view`], only when an audience wants lists: 16 bytes
//! a token, in runs of 2^18 that are dropped when all in them have ended.
//! Source: draft-ietf-oauth-status-list §§4, 5, 8. Best test: `status_list/tests.rs`.

mod door;

use core::ops::Range;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ward_ledger::{STATUS_LIST_BITS, STATUS_LIST_LEN, StatusList};
use ward_model::record::{KeyTokensCut, TokenIssued};
use ward_model::word::Side;
use ward_model::{
    KeyNumber, LeafIndex, Origin, Position, PrincipalKey, PrincipalNumber, Record, Sequence,
    UnixMillis, View,
};

use crate::limits::{DROP_GRACE_MS, STATUS_PART};

pub(crate) use door::{Served, door};

/// What a token hangs on. 16 bytes.
#[derive(Clone, Copy, Debug)]
struct Token {
    principal: u32,
    /// A client's place in the book.
    client: u32,
    key: i32,
    /// `iat`, seconds; 0: nothing was issued here.
    issued_at: u32,
}

/// Nothing was issued here, or what was is revoked.
const GONE: Token = Token { principal: 0, client: 0, key: 0, issued_at: 0 };

/// The tokens of one list, by sequence.
#[derive(Debug, Default)]
struct Run {
    tokens: Vec<Token>,
    /// The last moment one of them may live.
    longest_ms: i64,
    /// Changes; a list made from the same count is the same.
    changes: u64,
}

/// How far each origin had come when something was taken back: what was issued below is gone.
type Below = Vec<(Origin, u64)>;

/// A cut of a key at a moment.
#[derive(Debug)]
struct KeyCut {
    below: Below,
    side: Option<(Side, i64)>,
}

/// What is remembered. Pure.
#[derive(Debug, Default)]
struct Book {
    runs: BTreeMap<StatusList, Run>,
    /// One past the highest sequence of each origin with a run.
    high: BTreeMap<Origin, u64>,
    clients: HashMap<PrincipalKey, u32>,
    principals_cut: HashMap<u32, Below>,
    clients_cut: HashMap<u32, Below>,
    keys_cut: HashMap<i32, Vec<KeyCut>>,
    suspended: HashSet<u32>,
    /// Changes that may concern every list.
    changes: u64,
}

impl Book {
    fn see(&mut self, at: Position, record: &Record) {
        match record {
            Record::TokenIssued(row) => self.enter(at.time, row),
            Record::TokenRevoked(row) => self.revoke(row.origin, row.sequence),
            Record::PrincipalRevoked(row) => {
                let below = self.below();
                self.principals_cut.insert(principal(row.principal), below);
                self.changes += 1;
            }
            Record::PrincipalSuspended(row) => {
                self.suspended.insert(principal(row.principal));
                self.changes += 1;
            }
            Record::PrincipalRestored(row) => {
                self.suspended.remove(&principal(row.principal));
                self.changes += 1;
            }
            Record::ClientRevoked(row) => {
                let (client, below) = (self.client(row.client_key), self.below());
                self.clients_cut.insert(client, below);
                self.changes += 1;
            }
            Record::KeyTokensRevoked(row) => self.cut_key(row.key, None),
            Record::KeyTokensCut(KeyTokensCut { key, side, moment, .. }) => {
                self.cut_key(*key, Some((*side, moment.seconds())));
            }
            _ => {}
        }
    }

    fn cut_key(&mut self, key: KeyNumber, side: Option<(Side, i64)>) {
        let below = self.below();
        self.keys_cut.entry(key.0).or_default().push(KeyCut { below, side });
        self.changes += 1;
    }

    fn enter(&mut self, now: UnixMillis, row: &TokenIssued) {
        let Some((list, within)) = StatusList::of(row.origin, row.sequence) else { return };
        if !self.runs.contains_key(&list) {
            self.drop_ended(now);
        }
        let token = Token {
            principal: principal(row.principal),
            client: self.client(row.client_key),
            key: row.key.0,
            // A moment that does not fit is no moment: such a token is never valid.
            issued_at: u32::try_from(row.issued_at.seconds()).unwrap_or(0),
        };
        let high = self.high.entry(row.origin).or_default();
        *high = (*high).max(u64::try_from(row.sequence.0).map_or(0, |it| it.saturating_add(1)));
        let run = self.runs.entry(list).or_default();
        let at = usize::try_from(within).unwrap_or(usize::MAX);
        if at < STATUS_LIST_LEN {
            if run.tokens.len() <= at {
                run.tokens.resize(at + 1, GONE);
            }
            if let Some(place) = run.tokens.get_mut(at) {
                *place = token;
            }
        }
        run.longest_ms = run.longest_ms.max(row.expires_at.ms());
        run.changes += 1;
    }

    fn revoke(&mut self, origin: Origin, sequence: Sequence) {
        let Some((list, within)) = StatusList::of(origin, sequence) else { return };
        let Some(run) = self.runs.get_mut(&list) else { return };
        let at = usize::try_from(within).unwrap_or(usize::MAX);
        if let Some(place) = run.tokens.get_mut(at) {
            *place = GONE;
            run.changes += 1;
        }
    }

    /// A list that ended says nothing any more: whoever asks for it is told that it is not there.
    fn drop_ended(&mut self, now: UnixMillis) {
        self.runs.retain(|_, run| run.longest_ms.saturating_add(DROP_GRACE_MS) >= now.ms());
    }

    fn client(&mut self, key: PrincipalKey) -> u32 {
        let next = u32::try_from(self.clients.len()).unwrap_or(u32::MAX);
        *self.clients.entry(key).or_insert(next)
    }

    fn below(&self) -> Below {
        self.high.iter().map(|(origin, high)| (*origin, *high)).collect()
    }

    /// The count of changes a list stands for; `None` when there is no such list.
    fn version(&self, list: StatusList) -> Option<(u64, u64)> {
        self.runs.get(&list).map(|run| (run.changes, self.changes))
    }

    /// Which of the places `part` of a list hold a valid token; `None` past the last.
    fn valid(&self, list: StatusList, part: Range<usize>) -> Option<Vec<u32>> {
        let run = self.runs.get(&list)?;
        let first = list.number << STATUS_LIST_BITS;
        let end = part.end.min(run.tokens.len());
        let tokens = run.tokens.get(part.start..end).filter(|it| !it.is_empty())?;
        let from = u32::try_from(part.start).unwrap_or(u32::MAX);
        let valid = (from..).zip(tokens).filter(|(within, token)| {
            self.is_valid(list.origin, first.saturating_add(u64::from(*within)), token)
        });
        Some(valid.map(|(within, _)| within).collect())
    }

    fn is_valid(&self, origin: Origin, sequence: u64, token: &Token) -> bool {
        let before =
            |below: &Below| below.iter().any(|(cut, high)| *cut == origin && sequence < *high);
        let key_cut = |cut: &KeyCut| {
            let at = i64::from(token.issued_at);
            before(&cut.below)
                && match cut.side {
                    None => true,
                    Some((Side::Before, moment)) => at < moment,
                    Some((Side::After, moment)) => at >= moment,
                }
        };
        token.issued_at != 0
            && token.principal != u32::MAX
            && !self.suspended.contains(&token.principal)
            && !self.principals_cut.get(&token.principal).is_some_and(before)
            && !self.clients_cut.get(&token.client).is_some_and(before)
            && !self.keys_cut.get(&token.key).is_some_and(|cuts| cuts.iter().any(key_cut))
    }
}

/// A principal as tokens keep it; one past counting is never valid.
fn principal(number: PrincipalNumber) -> u32 {
    u32::try_from(number.0).unwrap_or(u32::MAX)
}

/// The memory behind the lists. Cheap to clone; an idle one holds nothing.
#[derive(Clone, Default)]
pub struct Statuses(Option<Arc<Mutex<Book>>>);

impl Statuses {
    /// Remembers tokens if any audience wants lists.
    #[must_use]
    pub fn new(wanted: bool) -> Self {
        Self(wanted.then(Arc::default))
    }

    /// The write side: give it to the journal at open.
    #[must_use]
    pub fn view(&self) -> impl View + use<> {
        StatusView(self.clone())
    }

    /// The valid places of a list, and the count of changes they stand for at least. The journal's
    /// writer waits for a part at most.
    fn valid(&self, list: StatusList) -> Option<((u64, u64), Vec<u32>)> {
        let version = self.book()?.version(list)?;
        let (mut valid, mut from) = (Vec::new(), 0usize);
        loop {
            let part = self.book()?.valid(list, from..from.saturating_add(STATUS_PART));
            let Some(part) = part else { return Some((version, valid)) };
            valid.extend(part);
            from = from.saturating_add(STATUS_PART);
        }
    }

    fn book(&self) -> Option<MutexGuard<'_, Book>> {
        Some(self.0.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

struct StatusView(Statuses);

impl View for StatusView {
    fn apply(&mut self, at: Position, record: &Record) {
        if let Some(mut book) = self.0.book() {
            book.see(at, record);
        }
    }

    fn needs_issuances_from(&self) -> LeafIndex {
        if self.0.0.is_some() { LeafIndex(0) } else { LeafIndex::NEVER }
    }
}

/// The bits of a list, least significant first (§4): 1 is invalid, and what everything begins as.
fn bits(indices: impl Iterator<Item = u32>) -> Vec<u8> {
    let mut bits = vec![0xff; STATUS_LIST_LEN / 8];
    for index in indices {
        let at = usize::try_from(index / 8).unwrap_or(usize::MAX);
        if let Some(byte) = bits.get_mut(at) {
            *byte &= !(1 << (index % 8));
        }
    }
    bits
}

#[cfg(test)]
mod tests;
