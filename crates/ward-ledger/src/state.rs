//! What the check reads: snapshots of what seldom changes, atomics for what changes often.
//!
//! A snapshot is swapped whole when a key, an origin or a segment comes or goes; slots, cut-offs
//! and pins change in place. Every effect of a record is visible before the count of revocations
//! that includes it. Best test: `tests/threads.rs`.

use core::sync::atomic::{AtomicU64, Ordering};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, RwLock, RwLockReadGuard};

use arc_swap::ArcSwap;
use ward_model::record::Restored;
use ward_model::word::{IssuerMode, PersonState};
use ward_model::{Origin, PrincipalKey};

use crate::api_key::Credentials;
use crate::by_digest::ByDigest;
use crate::foreign::Foreign;
use crate::keys::Keys;
use crate::locator::Locator;
use crate::secret::LedgerSecret;
use crate::slots::{Found, OriginSlots};
use crate::table::{Table, Words};
use crate::view::Writer;

/// What seldom changes.
#[derive(Clone, Default)]
pub(crate) struct Snapshot {
    pub(crate) keys: Arc<Keys>,
    /// Ascending by origin.
    pub(crate) origins: Arc<Vec<Arc<OriginSlots>>>,
    pub(crate) modes: Arc<BTreeMap<String, IssuerMode>>,
    /// The last restore from a backup, and until when a token of a life it knows nothing of may be
    /// live, ms.
    pub(crate) restored: Option<(Restored, i64)>,
}

/// Everything readers and the writer share.
pub(crate) struct Shared {
    pub(crate) secret: LedgerSecret,
    pub(crate) bits: u32,
    /// The leaves that came out of a snapshot: replay passes over them.
    pub(crate) loaded: i64,
    pub(crate) snapshot: ArcSwap<Snapshot>,
    pub(crate) principals: Table,
    pub(crate) clients: Table,
    pub(crate) pins: Table,
    pub(crate) digests: ByDigest,
    pub(crate) foreign: Foreign,
    pub(crate) credentials: RwLock<Credentials>,
    pub(crate) people: RwLock<HashMap<PrincipalKey, PersonState>>,
    pub(crate) revocations: AtomicU64,
    pub(crate) faults: AtomicU64,
    pub(crate) writer: Mutex<Writer>,
}

/// Cut-offs of a principal or client: words of a [`Table`].
#[derive(Clone, Copy, Default)]
pub(crate) struct CutOff {
    /// The last revocation of all its tokens so far; 0: none.
    pub(crate) revoked: u64,
    /// The last suspension; 0: none.
    pub(crate) suspended: u64,
    /// Whether it is suspended now.
    pub(crate) is_suspended: bool,
}

impl CutOff {
    pub(crate) const fn from_words([revoked, suspension]: Words) -> Self {
        Self { revoked, suspended: suspension >> 1, is_suspended: suspension & 1 == 1 }
    }

    pub(crate) fn to_words(self) -> Words {
        [self.revoked, self.suspended << 1 | u64::from(self.is_suspended)]
    }
}

/// A pinned token: words of a [`Table`].
#[derive(Clone, Copy)]
pub(crate) struct Pinned {
    pub(crate) known: bool,
    pub(crate) revoked: bool,
}

impl Pinned {
    pub(crate) const fn from_words([known, revoked]: Words) -> Self {
        Self { known: known != 0, revoked: revoked != 0 }
    }
}

impl Snapshot {
    pub(crate) fn origin(&self, origin: Origin) -> Option<&Arc<OriginSlots>> {
        let last = self.origins.last().filter(|slots| slots.origin == origin);
        last.or_else(|| {
            let at = self.origins.binary_search_by_key(&origin, |slots| slots.origin).ok()?;
            self.origins.get(at)
        })
    }

    /// Until when a token at this place may be live though nothing is known of it, ms: its origin's
    /// tail was lost, or the whole origin was and left a gap in the numbers. `None`: nothing was
    /// lost there.
    pub(crate) fn lost_until(&self, place: Locator) -> Option<i64> {
        if let Some(slots) = self.origin(place.origin) {
            return slots.lost_until();
        }
        let in_gap = self.origins.last().is_some_and(|last| place.origin < last.origin);
        self.restored.as_ref().filter(|_| in_gap).map(|(_, until)| *until)
    }

    /// Looks a place up in this snapshot. `Never` is definite only from [`Shared::find_again`].
    #[inline]
    pub(crate) fn find(&self, place: Locator) -> Found {
        let Ok(sequence) = u64::try_from(place.sequence.0) else { return Found::Behind };
        let Some(origin) = self.origin(place.origin) else { return Found::Behind };
        let settled = origin.settled(sequence);
        origin.find(sequence, settled)
    }
}

impl Shared {
    /// Nothing yet.
    pub(crate) fn new(secret: LedgerSecret, bits: u32) -> Self {
        Self {
            secret,
            bits,
            loaded: 0,
            snapshot: ArcSwap::from_pointee(Snapshot::default()),
            principals: Table::new(),
            clients: Table::new(),
            pins: Table::new(),
            digests: ByDigest::new(),
            foreign: Foreign::new(),
            credentials: RwLock::default(),
            people: RwLock::default(),
            revocations: 0.into(),
            faults: 0.into(),
            writer: Mutex::default(),
        }
    }

    /// The writer's state while nobody else has this.
    pub(crate) fn writer_mut(&mut self) -> &mut Writer {
        self.writer.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Publishes what a snapshot held: the records of `size` leaves.
    pub(crate) fn settle(&mut self, size: i64) -> Option<()> {
        self.loaded = size;
        let writer = self.writer_mut();
        writer.applied = size;
        let master = writer.master.clone();
        self.snapshot.store(Arc::new(master));
        (size >= 0).then_some(())
    }

    /// Looks a place up so that `Never` is definite: how far the view has come is read first, the
    /// snapshot after it.
    pub(crate) fn find_again(&self, place: Locator) -> Found {
        let Ok(sequence) = u64::try_from(place.sequence.0) else { return Found::Behind };
        let before = self.snapshot.load();
        let Some(origin) = before.origin(place.origin) else { return Found::Behind };
        let settled = origin.settled(sequence);
        let after = self.snapshot.load();
        after.origin(place.origin).map_or(Found::Behind, |slots| slots.find(sequence, settled))
    }

    pub(crate) fn principal(&self, key: PrincipalKey) -> CutOff {
        self.principals.find(key.0).map(CutOff::from_words).unwrap_or_default()
    }

    pub(crate) fn client(&self, key: PrincipalKey) -> CutOff {
        self.clients.find(key.0).map(CutOff::from_words).unwrap_or_default()
    }

    pub(crate) fn pinned(&self, fingerprint: u64) -> Option<Pinned> {
        let words = self.pins.find(pin_key(fingerprint))?;
        Some(Pinned::from_words(words)).filter(|pin| pin.known)
    }

    pub(crate) fn credentials(&self) -> RwLockReadGuard<'_, Credentials> {
        self.credentials.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(crate) fn has_left(&self, key: PrincipalKey) -> bool {
        let people = self.people.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        people.get(&key) == Some(&PersonState::Left)
    }

    /// Whether a person is known to work here and may act.
    pub(crate) fn works_here(&self, key: PrincipalKey) -> bool {
        let people = self.people.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let state = people.get(&key).copied();
        matches!(state, Some(PersonState::Active | PersonState::Leaving))
            && !self.principal(key).is_suspended
    }

    pub(crate) fn revocations(&self) -> u64 {
        self.revocations.load(Ordering::Acquire)
    }
}

/// A fingerprint as the key of a [`Table`].
pub(crate) fn pin_key(fingerprint: u64) -> [u8; 16] {
    u128::from(fingerprint).to_le_bytes()
}
