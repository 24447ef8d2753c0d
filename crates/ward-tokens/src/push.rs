//! The stream of revocations: gates and sidecars hear of each in the order of the journal.
//!
//! What it is: a view that remembers the last revocations, and a stream over it (NDJSON, or
//! server-sent events) that can be resumed from a place, beats so that silence is noticed, and ends
//! when its follower's own credential does.
//! What it must never do: tell of what is not durable, skip one silently (`complete`), keep
//! anything per follower (a slow one is read to slowly, from the same memory), or show a token: it
//! is named by the first characters of its `jti`, which are its sealed place.
//! Where it sits: the journal feeds [`Feed::view`]; `docs/tokens.md` tells what a follower does.
//! Source: HTML Living Standard §9.2 (events). Best test: `push/tests.rs`, `interop/verifiers.py`.

mod stream;
mod words;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, watch};
use ward_model::word::{KeyState, Side};
use ward_model::{
    ApiKeyId, KeyNumber, LeafIndex, Origin, Position, PrincipalKey, PrincipalNumber, Record,
    Sequence, UnixMillis, View,
};

use crate::limits::{FEED_MAX, FOLLOWERS_MAX, LIVE_MS_MAX};

pub(crate) use stream::door;

/// What was taken back, or given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// One token.
    Token(Origin, Sequence),
    /// A token that was not laid out by Ward: followers know it by nothing Ward may show.
    Unnamed,
    /// Every token of a principal so far.
    Principal(PrincipalNumber),
    /// A principal may not act.
    Suspended(PrincipalNumber),
    /// A principal may act again.
    Restored(PrincipalNumber),
    /// A client and every token issued to it so far.
    Client(PrincipalKey),
    /// Every token under a key so far.
    Key(KeyNumber),
    /// Tokens under a key on one side of a moment.
    KeySide(KeyNumber, Side, UnixMillis),
    /// A key changed its state.
    State(KeyNumber, KeyState, UnixMillis),
    /// An API key.
    ApiKey(ApiKeyId),
}

impl Cut {
    /// What a record takes back; `None` for every other record.
    pub(crate) fn of(record: &Record) -> Option<Self> {
        Some(match record {
            Record::TokenRevoked(it) => Self::Token(it.origin, it.sequence),
            Record::PinRevoked(_) | Record::EnteredRevoked(_) => Self::Unnamed,
            Record::PrincipalRevoked(it) => Self::Principal(it.principal),
            Record::PrincipalSuspended(it) => Self::Suspended(it.principal),
            Record::PrincipalRestored(it) => Self::Restored(it.principal),
            Record::ClientRevoked(it) => Self::Client(it.client_key),
            Record::KeyTokensRevoked(it) => Self::Key(it.key),
            Record::KeyTokensCut(it) => Self::KeySide(it.key, it.side, it.moment),
            Record::KeyStateChanged(it) => Self::State(it.key, it.state, it.since),
            Record::ApiKeyRevoked(it) => Self::ApiKey(it.api_key),
            _ => return None,
        })
    }
}

/// A revocation at its place in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) index: i64,
    pub(crate) at: UnixMillis,
    pub(crate) cut: Cut,
}

/// The last revocations. Pure.
#[derive(Debug, Default)]
struct Book {
    kept: VecDeque<Kept>,
    /// The leaf after the last one seen, whatever it was.
    next: i64,
    /// The last revocation that was let go of for want of room.
    lost: Option<(i64, UnixMillis)>,
    /// How often this journal was put back from a backup.
    restores: u64,
}

impl Book {
    /// Whether it concerned followers.
    fn see(&mut self, at: Position, record: &Record, room: usize) -> bool {
        self.next = at.index.0.saturating_add(1);
        if let Record::Restored(_) = record {
            self.restores = self.restores.saturating_add(1);
        }
        let Some(cut) = Cut::of(record) else { return false };
        while self.kept.len() >= room {
            let Some(first) = self.kept.pop_front() else { break };
            self.lost = Some((first.index, first.at));
        }
        self.kept.push_back(Kept { index: at.index.0, at: at.time, cut });
        true
    }

    /// At most `most` from leaf `from` on.
    fn from(&self, from: i64, most: usize) -> Vec<Kept> {
        let start = self.kept.partition_point(|kept| kept.index < from);
        self.kept.range(start..).take(most).copied().collect()
    }

    /// Whether whoever has heard everything before `from` hears everything that can still matter.
    /// What was let go of matters as long as a token from before it can live.
    fn is_complete(&self, from: i64, now: UnixMillis) -> bool {
        let lost =
            self.lost.is_some_and(|(index, at)| from <= index && now.since(at) < LIVE_MS_MAX);
        from <= self.next && !lost
    }
}

/// The memory behind the stream. Cheap to clone.
#[derive(Clone)]
pub struct Feed(Arc<Shared>);

struct Shared {
    book: Mutex<Book>,
    room: usize,
    /// The place of the last revocation; followers wait for it to change.
    last: watch::Sender<i64>,
    open: watch::Sender<bool>,
    places: Arc<Semaphore>,
}

impl Default for Feed {
    fn default() -> Self {
        Self::with_room(FEED_MAX)
    }
}

impl Feed {
    fn with_room(room: usize) -> Self {
        Self(Arc::new(Shared {
            book: Mutex::default(),
            room,
            last: watch::Sender::new(-1),
            open: watch::Sender::new(true),
            places: Arc::new(Semaphore::new(FOLLOWERS_MAX)),
        }))
    }

    /// The write side: give it to the journal at open.
    #[must_use]
    pub fn view(&self) -> impl View + use<> {
        FeedView(self.clone())
    }

    /// Ends every stream: the program stops.
    pub fn close(&self) {
        self.0.open.send_replace(false);
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct FeedView(Feed);

impl View for FeedView {
    fn apply(&mut self, at: Position, record: &Record) {
        let shared = &self.0.0;
        if self.0.book().see(at, record, shared.room) {
            shared.last.send_replace(at.index.0);
        }
    }

    fn needs_issuances_from(&self) -> LeafIndex {
        LeafIndex::NEVER
    }

    fn pass(&mut self, at: Position) {
        self.0.book().next = at.index.0.saturating_add(1);
    }
}

#[cfg(test)]
mod tests;
