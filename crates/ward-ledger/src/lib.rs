//! The issuance ledger: what Ward has signed, by origin and sequence, and the check against it.
//!
//! What it is: in-memory views rebuilt from records and from nothing else: issuance slots,
//! revocation in journal order, API keys, clients, public keys and their holders.
//! What it must never do: read a clock, a socket or a file; verify a signature on the hot path;
//! say `never_issued` of a place its view has not reached; hold a private key.
//! Where it sits: floor 1. The journal feeds [`Ledger::view`]; the gate asks [`Ledger::check`].
//! Source: DESIGN.md section 7, "The ledger is an array". Best test: `tests/life.rs`.

mod api_key;
mod atomics;
mod base64;
mod by_digest;
mod canonical;
mod check;
mod classify;
mod client_terms;
mod entered;
pub mod foreign;
mod grandfather;
mod input;
mod keys;
pub mod layout;
pub mod limits;
mod locator;
mod secret;
mod slots;
mod snapshot;
mod state;
mod status;
mod table;
mod terms;
pub mod testing;
mod token;
mod told;
mod view;
mod words;

use core::sync::atomic::Ordering;
use std::sync::Arc;

use ward_model::json;
use ward_model::word::IssuerMode;
use ward_model::{ApiKeyId, KeyNumber, Origin, PrincipalKey, PrincipalKind, Sequence, UnixMillis};

pub use api_key::{
    API_KEY_ENTROPY_BYTES, API_KEY_TAIL_CHARS, ApiKey, Client, compose_api_key, is_api_key,
};
pub use by_digest::Digest;
pub use canonical::canonicalise;
pub use check::{Bearer, Checked, Entered, Issued, Refused};
pub use classify::{Archived, Claimed, Classified, Miss};
pub use client_terms::{ClientKey, ClientTerms};
pub use entered::Admitted;
pub use grandfather::{Pin, Window};
pub use input::{InputError, SigningInput};
pub use keys::{Holder, Key};
pub use layout::TokenBody;
pub use locator::Locator;
pub use secret::LedgerSecret;
pub use snapshot::{Bound, Picture, SnapshotFault, bound, fuzz_snapshot};
pub use status::{STATUS_LIST_BITS, STATUS_LIST_LEN, StatusList, StatusPlace};
pub use terms::Terms;
pub use told::Told;
pub use view::LedgerView;

use crate::slots::Found;
use crate::state::Shared;

/// The read side of the ledger. Cheap to clone; all clones see the same state.
#[derive(Clone)]
pub struct Ledger {
    shared: Arc<Shared>,
}

impl core::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "ledger at revocation {}", self.shared.revocations())
    }
}

impl Ledger {
    /// An empty ledger under `secret`.
    #[must_use]
    pub fn new(secret: LedgerSecret) -> Self {
        Self::with_segment_bits(secret, limits::SEGMENT_BITS)
    }

    /// An empty ledger whose segments hold `2^bits` slots, 1 to 24.
    #[must_use]
    pub fn with_segment_bits(secret: LedgerSecret, bits: u32) -> Self {
        Self { shared: Arc::new(Shared::new(secret, bits.clamp(1, 24))) }
    }

    /// The write side: give it to the journal at open.
    #[must_use]
    pub fn view(&self) -> LedgerView {
        LedgerView { shared: Arc::clone(&self.shared) }
    }

    /// The keyed functions of this ledger.
    #[must_use]
    pub fn secret(&self) -> &LedgerSecret {
        &self.shared.secret
    }

    /// How many revocations this view has applied. An issuer MUST read it before it takes a
    /// sequence, and name it in the issuance.
    #[must_use]
    pub fn revocations(&self) -> u64 {
        self.shared.revocations()
    }

    /// Records that did not fit what came before them; 0 for a sound journal.
    #[must_use]
    pub fn faults(&self) -> u64 {
        self.shared.faults.load(Ordering::Relaxed)
    }

    /// A principal as views key it.
    #[must_use]
    pub fn principal_key(&self, kind: PrincipalKind, id: &str) -> PrincipalKey {
        self.shared.secret.principal_key(kind, id)
    }

    /// Whether a principal may not act now.
    #[must_use]
    pub fn is_suspended(&self, principal: PrincipalKey) -> bool {
        self.shared.principal(principal).is_suspended
    }

    /// Whether principal, client or key was revoked, or the principal suspended, after `seen`
    /// revocations.
    #[must_use]
    pub fn revoked_since(
        &self,
        seen: u64,
        principal: PrincipalKey,
        client: PrincipalKey,
        key: KeyNumber,
        issued_at: UnixMillis,
    ) -> bool {
        let state = self.shared.principal(principal);
        state.revoked > seen
            || state.suspended > seen
            || state.is_suspended
            || self.shared.client(client).revoked > seen
            || self.key(key).is_some_and(|key| key.is_cut_since(seen, Some(issued_at)))
    }

    /// Every key, in the order of its record.
    #[must_use]
    pub fn keys(&self) -> Vec<Arc<Key>> {
        self.shared.snapshot.load().keys.iter().cloned().collect()
    }

    /// One key.
    #[must_use]
    pub fn key(&self, number: KeyNumber) -> Option<Arc<Key>> {
        self.shared.snapshot.load().keys.by_number(number).cloned()
    }

    /// Keys a person could read: what his leaving rotates.
    #[must_use]
    pub fn keys_held_by(&self, person: PrincipalKey) -> Vec<Arc<Key>> {
        let mut keys = self.keys();
        keys.retain(|key| key.holders.iter().any(|holder| holder.person_key == person));
        keys
    }

    /// Tokens entered under a key whose segments are not dropped: an upper bound of the live ones.
    #[must_use]
    pub fn live_tokens(&self, key: KeyNumber) -> u64 {
        let slots: u64 =
            self.shared.snapshot.load().origins.iter().map(|slots| slots.count(key)).sum();
        slots + self.shared.digests.count(key)
    }

    /// The mode of an issuer; `enforcing` if nothing was recorded.
    #[must_use]
    pub fn issuer_mode(&self, issuer: &str) -> IssuerMode {
        let modes = Arc::clone(&self.shared.snapshot.load().modes);
        modes.get(issuer).copied().unwrap_or(IssuerMode::Enforcing)
    }

    /// One API key.
    #[must_use]
    pub fn api_key(&self, id: ApiKeyId) -> Option<ApiKey> {
        let credentials = self.shared.credentials();
        credentials.by_hash.get(credentials.hash_of.get(&id)?).copied()
    }

    /// API keys that act for a principal, tombstones too, ascending by id.
    #[must_use]
    pub fn api_keys_of(&self, owner: PrincipalKey) -> Vec<ApiKey> {
        let credentials = self.shared.credentials();
        let of_owner = credentials.by_hash.values().filter(|key| key.owner_key == owner);
        let mut keys: Vec<ApiKey> = of_owner.copied().collect();
        keys.sort_by_key(|key| key.id);
        keys
    }

    /// One client.
    #[must_use]
    pub fn client(&self, client_id: &str) -> Option<Arc<Client>> {
        let key = self.shared.secret.client_key(client_id);
        self.shared.credentials().clients.get(&key).cloned()
    }

    /// The client views know by this key.
    #[must_use]
    pub fn client_by_key(&self, key: PrincipalKey) -> Option<Arc<Client>> {
        self.shared.credentials().clients.get(&key).cloned()
    }

    /// Clients a person answers for, tombstones too.
    #[must_use]
    pub fn clients_of(&self, owner: PrincipalKey) -> Vec<Arc<Client>> {
        let credentials = self.shared.credentials();
        let of_owner = credentials.clients.values().filter(|client| client.owner_key == owner);
        let mut clients: Vec<Arc<Client>> = of_owner.cloned().collect();
        clients.sort_by(|left, right| left.client_id.cmp(&right.client_id));
        clients
    }

    /// Origins whose tail is lost if this journal is older than the last life of its node: those
    /// [`Self::open_origins`] names, with the first sequence nothing certain is known of, as
    /// `OriginLost` names it. Below it every sequence is recorded or abandoned.
    #[must_use]
    pub fn unsettled_origins(&self) -> Vec<(Origin, Sequence)> {
        let snapshot = self.shared.snapshot.load();
        let from = |origin: Origin| {
            let settled = snapshot.origin(origin).map_or(0, |slots| slots.applied_to());
            (origin, Sequence(i64::try_from(settled).unwrap_or(i64::MAX)))
        };
        self.open_origins().into_iter().map(|(origin, _)| from(origin)).collect()
    }

    /// The last restore from a backup this journal tells of.
    #[must_use]
    pub fn restored(&self) -> Option<ward_model::record::Restored> {
        self.shared.snapshot.load().restored.as_ref().map(|(restored, _)| restored.clone())
    }

    /// An origin number for the first life after a restore: none that a life since the backup can
    /// have used, even if the same backup was restored before. A life lasts longer than a second,
    /// so counting seconds runs ahead of counting lives.
    #[must_use]
    pub fn origin_after_loss(&self, now: UnixMillis) -> Origin {
        let counted = self.next_origin().0.saturating_add(limits::ORIGINS_LOST_MAX);
        let seconds = now.seconds().saturating_sub(limits::ORIGIN_EPOCH_SECONDS);
        Origin(counted.max(i32::try_from(seconds).unwrap_or(i32::MAX)))
    }

    /// Origins that were opened and not fenced, with the first sequence after the highest recorded.
    /// A node that starts fences its own earlier ones there: what was signed past it never left.
    #[must_use]
    pub fn open_origins(&self) -> Vec<(Origin, Sequence)> {
        let snapshot = self.shared.snapshot.load();
        let open =
            |slots: &&Arc<slots::OriginSlots>| !slots.is_fenced() && slots.lost_until().is_none();
        let open = snapshot.origins.iter().filter(open);
        open.map(|slots| {
            let end = i64::try_from(slots.high()).unwrap_or(i64::MAX);
            (slots.origin, Sequence(end))
        })
        .collect()
    }

    /// An origin number never used in this journal.
    #[must_use]
    pub fn next_origin(&self) -> Origin {
        let snapshot = self.shared.snapshot.load();
        Origin(snapshot.origins.last().map_or(1, |slots| slots.origin.0.saturating_add(1)))
    }

    /// The fingerprint entered at a place, if its segment is live.
    #[must_use]
    pub fn fingerprint_at(&self, place: Locator) -> Option<u64> {
        match self.shared.find_again(place) {
            Found::Slot(slot) => Some(slot.fingerprint),
            Found::Never | Found::Behind | Found::Dropped(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;
