//! Signing keys as records tell of them: public halves, states, holders. No private key comes here.
//!
//! A key is found by comparing a token's header part with the fixed bytes of each key, after one
//! word of it; or by `kid` for headers laid out by others. Only token keys are found: a transaction
//! token is no access token. Best test: `tests/keys.rs`.

use std::sync::Arc;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey};
use ward_model::record::{KeyAdded, KeyHolderDeclared};
use ward_model::word::{Algorithm, Cause, CustodyEvidence, KeyPurpose, KeySource, KeyState, Side};
use ward_model::{KeyNumber, PersonId, PrincipalKey, UnixMillis};

use crate::grandfather::Window;
use crate::layout;
use crate::limits::{KEYS_MAX, SIGNATURE_BYTES};

/// Who could read a key, since when, and how it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Who.
    pub person: PersonId,
    /// Who, as views key it.
    pub person_key: PrincipalKey,
    /// Since when.
    pub since: UnixMillis,
    /// How it is known.
    pub evidence: CustodyEvidence,
}

/// A signing key: everything the records say of it.
#[derive(Clone)]
pub struct Key {
    /// Its number.
    pub number: KeyNumber,
    /// `kid`.
    pub kid: String,
    /// How it signs.
    pub algorithm: Algorithm,
    /// What it may sign.
    pub purpose: KeyPurpose,
    /// Where it came from.
    pub source: KeySource,
    /// `iss` of its tokens.
    pub issuer: String,
    /// Uncompressed P-256 point (65 bytes) or Ed25519 key (32 bytes).
    pub public_key: Vec<u8>,
    /// What it may still do.
    pub state: KeyState,
    /// Since when it is in that state; for `compromised`: in other hands since.
    pub since: UnixMillis,
    /// Why it is in that state.
    pub cause: Option<Cause>,
    /// Who could read it.
    pub holders: Vec<Holder>,
    /// Nobody can say who could read it: since then everyone who works here is a holder.
    pub holders_unknown_since: Option<UnixMillis>,
    /// Grandfathering, if it was ever opened.
    pub grandfathering: Option<Window>,
    /// Header part of Ward's own tokens under it, with its dot.
    pub(crate) header: String,
    pub(crate) verifier: Option<Arc<ParsedPublicKey>>,
    /// Revocations applied when its tokens were last revoked; 0: never.
    pub(crate) cut: u64,
    /// Revocations of its tokens issued before or after a moment, ascending.
    pub(crate) moments: Vec<Moment>,
}

/// A revocation of what a key signed on one side of a moment, of what was issued before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Its number among the revocations.
    pub(crate) revocation: u64,
    /// Which side.
    pub(crate) side: Side,
    /// The moment: a whole second, as `iat` is.
    pub(crate) moment: UnixMillis,
}

impl Moment {
    /// Whether a token issued then lies on its side.
    pub(crate) fn covers(&self, issued_at: UnixMillis) -> bool {
        match self.side {
            Side::Before => issued_at < self.moment,
            Side::After => issued_at >= self.moment,
        }
    }
}

impl core::fmt::Debug for Key {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "key {} {} {} {}", self.number, self.algorithm, self.purpose, self.state)
    }
}

impl Key {
    fn new(added: &KeyAdded, at: UnixMillis) -> Self {
        let kid = added.kid.as_str().to_owned();
        let issuer = added.issuer.as_str().to_owned();
        let KeyAdded { key, kid: _, algorithm, purpose, source, issuer: _, public_key, state } =
            added;
        let public_key = public_key.as_slice();
        let key = Self::bare(*key, kid, *algorithm, *purpose, *source, issuer, public_key);
        Self { state: *state, since: at, ..key }
    }

    /// A key that nothing happened to yet.
    pub(crate) fn bare(
        number: KeyNumber,
        kid: String,
        algorithm: Algorithm,
        purpose: KeyPurpose,
        source: KeySource,
        issuer: String,
        public_key: &[u8],
    ) -> Self {
        Self {
            number,
            header: layout::header(algorithm, &kid),
            verifier: parse(algorithm, public_key).map(Arc::new),
            kid,
            algorithm,
            purpose,
            source,
            issuer,
            public_key: public_key.to_vec(),
            state: KeyState::Next,
            since: UnixMillis::new(0),
            cause: None,
            holders: Vec::new(),
            holders_unknown_since: None,
            grandfathering: None,
            cut: 0,
            moments: Vec::new(),
        }
    }

    /// Whether its tokens were revoked after `seen` revocations, one issued then among them. A token
    /// that does not say when it was issued is on every side. Cost when nothing was: two words.
    #[inline]
    pub(crate) fn is_cut_since(&self, seen: u64, issued_at: Option<UnixMillis>) -> bool {
        let later = |it: &Moment| {
            it.revocation > seen && issued_at.is_none_or(|issued_at| it.covers(issued_at))
        };
        self.cut > seen || self.moments.iter().any(later)
    }

    /// Takes a revocation by moment in. One that a later one covers whole says nothing more.
    pub(crate) fn revoke_at(&mut self, new: Moment) {
        self.moments.retain(|old| {
            let covered = match new.side {
                Side::Before => old.moment <= new.moment,
                Side::After => old.moment >= new.moment,
            };
            old.side != new.side || !covered
        });
        self.moments.push(new);
    }

    /// Whether a signature verifies (RFC 7518 §3.4, RFC 8037 §3.1). Costs 37-56 µs.
    #[must_use]
    pub fn verifies(&self, signing_input: &[u8], signature: &[u8; SIGNATURE_BYTES]) -> bool {
        let verifier = self.verifier.as_ref();
        verifier.is_some_and(|key| key.verify_sig(signing_input, signature).is_ok())
    }

    /// Header part of Ward's own tokens under this key, encoded and with its dot.
    #[must_use]
    pub fn header(&self) -> &str {
        &self.header
    }
}

fn parse(algorithm: Algorithm, public_key: &[u8]) -> Option<ParsedPublicKey> {
    match algorithm {
        Algorithm::Es256 => ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, public_key).ok(),
        Algorithm::EdDsa => ParsedPublicKey::new(&ED25519, public_key).ok(),
    }
}

/// Every key, in the order of its record.
#[derive(Clone, Default)]
pub(crate) struct Keys {
    keys: Vec<Arc<Key>>,
    /// One word of each token key's header part and its place in `keys`.
    tags: Vec<(u64, usize)>,
}

impl Keys {
    /// The token key whose header part (with dot) `raw` begins with. INVARIANT: no header part
    /// begins another, because each ends with its only dot.
    pub(crate) fn by_prefix(&self, raw: &[u8]) -> Option<&Arc<Key>> {
        let tag = tag(raw);
        let mut matching = self.tags.iter().filter(|(known, _)| *known == tag);
        matching.find_map(|&(_, at)| {
            self.keys.get(at).filter(|key| raw.starts_with(key.header.as_bytes()))
        })
    }

    /// The token key with this `kid`.
    pub(crate) fn by_kid(&self, kid: &str) -> Option<&Arc<Key>> {
        self.keys.iter().find(|key| key.purpose == KeyPurpose::Token && key.kid == kid)
    }

    pub(crate) fn by_number(&self, number: KeyNumber) -> Option<&Arc<Key>> {
        self.keys.iter().find(|key| key.number == number)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Key>> {
        self.keys.iter()
    }

    /// Takes a key in; `false` if there is no room, or its number is taken, or its `kid` is taken
    /// by another token key: one name must lead to one key.
    pub(crate) fn add(&mut self, added: &KeyAdded, at: UnixMillis) -> bool {
        self.admit(Key::new(added, at))
    }

    /// Takes a key in as it is; `false` as for [`Self::add`].
    pub(crate) fn admit(&mut self, key: Key) -> bool {
        let named = key.purpose == KeyPurpose::Token && self.by_kid(&key.kid).is_some();
        if self.keys.len() >= KEYS_MAX || named || self.by_number(key.number).is_some() {
            return false;
        }
        if key.purpose == KeyPurpose::Token {
            // WHY in front: the newest key signs the most tokens.
            self.tags.insert(0, (tag(key.header.as_bytes()), self.keys.len()));
        }
        self.keys.push(Arc::new(key));
        true
    }

    /// Changes one key; `false` if it is unknown.
    pub(crate) fn change(&mut self, number: KeyNumber, change: impl FnOnce(&mut Key)) -> bool {
        match self.keys.iter_mut().find(|key| key.number == number) {
            Some(key) => {
                change(Arc::make_mut(key));
                true
            }
            None => false,
        }
    }

    /// Declares a holder once.
    pub(crate) fn hold(&mut self, declared: &KeyHolderDeclared) -> bool {
        let holder = Holder {
            person: declared.person,
            person_key: declared.person_key,
            since: declared.since,
            evidence: declared.evidence,
        };
        self.change(declared.key, |key| {
            if !key.holders.iter().any(|known| known.person == holder.person) {
                key.holders.push(holder);
            }
        })
    }
}

/// The word that tells headers apart: characters 40 to 47 lie inside the `kid`, and inside the
/// header part whatever the `kid` (the shortest has 54 characters).
fn tag(header: &[u8]) -> u64 {
    let word = header.get(40..).and_then(|rest| rest.first_chunk::<8>());
    word.map_or(0, |word| u64::from_le_bytes(*word))
}
