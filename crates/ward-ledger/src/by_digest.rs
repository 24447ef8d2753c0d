//! Tokens known by a digest and not by a slot: those whose bytes somebody else laid out.
//!
//! What it is: one hash ledger for every token that has no sealed locator in its `jti`. The transit
//! door enters what it signs here; reports of foreign issuers belong here, too: there is one such
//! ledger, not two. A digest covers the whole canonical token, so a hit is exactly this token and
//! its claims are as good as entered. Which bucket holds it follows from its `exp`: buckets end
//! whole, as segments do, and nothing is ever removed one by one.
//! What it must never do: take anything from a token that is not under its digest.
//! Cost of a look-up: one pointer, one cache line; of an entry: 43 to 85 bytes.
//! Best test: `tests/by_digest.rs`.

use core::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use ward_model::{KeyNumber, PrincipalKey, UnixMillis};

use crate::limits::{BUCKET_MS, CLIENTS_MAX, DROP_GRACE_MS, LOST_SKEW_MS};
use crate::table::Table;

/// The keyed hash a token is known by here: 128 bits.
pub type Digest = [u8; 16];

/// What is known of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The key that signed it.
    pub(crate) key: KeyNumber,
    /// The client it was issued to.
    pub(crate) client: PrincipalKey,
    /// How many revocations had been applied when it was entered.
    pub(crate) seen: u64,
    /// Whether it was revoked.
    pub(crate) revoked: bool,
    /// Whether a login stands behind it.
    pub(crate) login_proven: bool,
}

/// What a look-up says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// It was entered.
    Entry(Entry),
    /// It was not.
    Never,
    /// Whatever ended then was dropped.
    Dropped,
}

pub(crate) struct Bucket {
    pub(crate) table: Table,
    pub(crate) live: Mutex<BTreeMap<KeyNumber, u64>>,
}

/// The hash ledger. One writer at a time, readers never wait.
pub(crate) struct ByDigest {
    /// By their end, in units of [`BUCKET_MS`].
    pub(crate) buckets: ArcSwap<BTreeMap<i64, Arc<Bucket>>>,
    /// Clients by the index entries hold; index 0 stands for one past the bound.
    pub(crate) clients: ArcSwap<Vec<PrincipalKey>>,
    /// Keys that ever had an entry.
    pub(crate) keys: ArcSwap<BTreeSet<KeyNumber>>,
    /// Buckets that end at or before this are gone, in units of [`BUCKET_MS`].
    pub(crate) dropped_to: AtomicI64,
    /// What was issued from the first of these to the second may be lost, ms.
    pub(crate) lost: [AtomicI64; 2],
    pub(crate) used: AtomicBool,
}

const KNOWN: u64 = 1;
const REVOKED: u64 = 2;
const LOGIN: u64 = 4;
const SEEN_SHIFT: u32 = 3;

impl ByDigest {
    pub(crate) fn new() -> Self {
        Self {
            buckets: ArcSwap::default(),
            clients: ArcSwap::from_pointee(vec![PrincipalKey::default()]),
            keys: ArcSwap::default(),
            dropped_to: AtomicI64::new(i64::MIN),
            lost: [AtomicI64::new(0), AtomicI64::new(0)],
            used: AtomicBool::new(false),
        }
    }

    /// Whether nothing was ever entered: then no digest need be made.
    pub(crate) fn is_empty(&self) -> bool {
        !self.used.load(Ordering::Acquire)
    }

    /// Whether a key ever had an entry here.
    pub(crate) fn has_key(&self, key: KeyNumber) -> bool {
        self.keys.load().contains(&key)
    }

    /// Enters a token. `false` if there was no room for its client: it is entered as revoked, for
    /// nothing could take it back with its client.
    pub(crate) fn enter(&self, digest: Digest, entry: &Entry, expires_at: UnixMillis) -> bool {
        let client = self.client_index(entry.client);
        let bucket = self.bucket(bucket_of(expires_at));
        let key = u64::from(entry.key.0.cast_unsigned());
        let mut flags = KNOWN;
        for (is, bit) in [(entry.revoked || client == 0, REVOKED), (entry.login_proven, LOGIN)] {
            flags |= if is { bit } else { 0 };
        }
        let mut fresh = false;
        bucket.table.update(digest, |[state, origin]| {
            fresh = *state & KNOWN == 0;
            // WHY kept: a revocation may stand before its entry, and the first entry counts.
            if fresh {
                *state = (*state & REVOKED) | flags | entry.seen << SEEN_SHIFT;
                *origin = key << 32 | u64::from(client);
            }
        });
        if fresh {
            let mut live = bucket.live.lock().unwrap_or_else(PoisonError::into_inner);
            *live.entry(entry.key).or_default() += 1;
        }
        if !self.has_key(entry.key) {
            let mut keys = BTreeSet::clone(&self.keys.load());
            keys.insert(entry.key);
            self.keys.store(Arc::new(keys));
        }
        self.used.store(true, Ordering::Release);
        client != 0
    }

    /// Revokes a token, entered or not yet.
    pub(crate) fn revoke(&self, digest: Digest, expires_at: UnixMillis) {
        let end = bucket_of(expires_at);
        if end > self.dropped_to.load(Ordering::Acquire) {
            self.bucket(end).table.update(digest, |[state, _]| *state |= REVOKED);
        }
    }

    /// Looks a token up by its digest and its own `exp`, which the digest covers.
    pub(crate) fn find(&self, digest: Digest, expires_at: UnixMillis) -> Found {
        let end = bucket_of(expires_at);
        if end <= self.dropped_to.load(Ordering::Acquire) {
            return Found::Dropped;
        }
        let buckets = self.buckets.load();
        let words = buckets.get(&end).and_then(|bucket| bucket.table.find(digest));
        let Some([state, origin]) = words.filter(|[state, _]| state & KNOWN != 0) else {
            return Found::Never;
        };
        let index = usize::try_from(origin & u64::from(u32::MAX)).unwrap_or(0);
        let key = u32::try_from(origin >> 32).unwrap_or(0);
        Found::Entry(Entry {
            key: KeyNumber(key.cast_signed()),
            client: self.clients.load().get(index).copied().unwrap_or_default(),
            seen: state >> SEEN_SHIFT,
            revoked: state & REVOKED != 0,
            login_proven: state & LOGIN != 0,
        })
    }

    /// Tokens entered under a key whose buckets are not dropped.
    pub(crate) fn count(&self, key: KeyNumber) -> u64 {
        let of = |bucket: &Arc<Bucket>| {
            let live = bucket.live.lock().unwrap_or_else(PoisonError::into_inner);
            live.get(&key).copied().unwrap_or(0)
        };
        self.buckets.load().values().map(of).sum()
    }

    /// What was issued between these moments may not be known: the tail of the journal was lost.
    pub(crate) fn lose(&self, from: UnixMillis, to: UnixMillis) {
        let [first, last] = &self.lost;
        let known = first.load(Ordering::Relaxed);
        let from = from.plus_ms(-LOST_SKEW_MS).ms();
        first.store(if known == 0 { from } else { known.min(from) }, Ordering::Relaxed);
        last.store(to.plus_ms(LOST_SKEW_MS).ms(), Ordering::Release);
    }

    /// Whether a token issued then may have been entered in the part of the journal that was lost.
    pub(crate) fn may_be_lost(&self, issued_at: UnixMillis) -> bool {
        let [first, last] = &self.lost;
        let last = last.load(Ordering::Acquire);
        last != 0 && (first.load(Ordering::Relaxed)..=last).contains(&issued_at.ms())
    }

    /// Drops buckets whose tokens have all ended.
    pub(crate) fn drop_ended(&self, now: UnixMillis) {
        let gone = now.plus_ms(-DROP_GRACE_MS).ms().div_euclid(BUCKET_MS);
        if gone <= self.dropped_to.load(Ordering::Relaxed) || self.is_empty() {
            return;
        }
        // WHY before: a reader between the two says dropped, never never.
        self.dropped_to.store(gone, Ordering::Release);
        let buckets = self.buckets.load();
        if buckets.first_key_value().is_some_and(|(end, _)| *end <= gone) {
            let mut left = BTreeMap::clone(&buckets);
            left.retain(|end, _| *end > gone);
            self.buckets.store(Arc::new(left));
        }
    }

    fn bucket(&self, end: i64) -> Arc<Bucket> {
        let buckets = self.buckets.load();
        if let Some(bucket) = buckets.get(&end) {
            return Arc::clone(bucket);
        }
        let bucket = Arc::new(Bucket { table: Table::new(), live: Mutex::default() });
        let mut more = BTreeMap::clone(&buckets);
        more.insert(end, Arc::clone(&bucket));
        self.buckets.store(Arc::new(more));
        bucket
    }

    fn client_index(&self, client: PrincipalKey) -> u32 {
        let clients = self.clients.load();
        if let Some(at) = clients.iter().skip(1).position(|known| *known == client) {
            return u32::try_from(at + 1).unwrap_or(0);
        }
        if clients.len() > CLIENTS_MAX {
            return 0;
        }
        let mut more = Vec::clone(&clients);
        more.push(client);
        let at = u32::try_from(more.len() - 1).unwrap_or(0);
        self.clients.store(Arc::new(more));
        at
    }
}

/// The end of the bucket of a token, in units of [`BUCKET_MS`]: all its tokens end before it.
fn bucket_of(expires_at: UnixMillis) -> i64 {
    expires_at.ms().div_euclid(BUCKET_MS).saturating_add(1)
}
