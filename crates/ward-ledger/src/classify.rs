//! What a token without an entry is: a forgery with the key, junk, or an old one.
//!
//! Verifies the signature, so it costs as much as 200 checks: it belongs off the hot path, behind
//! a bound. A good signature without an entry is `never_issued` whatever the key's state and
//! whatever the claims say of time. Best test: `tests/forged.rs`, `tests/grandfather.rs`.

use std::sync::Arc;

use ward_model::{
    Confirmation, KeyNumber, Origin, PrincipalKey, PrincipalName, Reason, Sequence, UnixMillis,
};

use crate::Ledger;
use crate::base64::decode_array;
use crate::foreign::{self, ForeignMiss, Sighted};
use crate::grandfather::{Old, Pin, decide};
use crate::keys::Key;
use crate::limits::SIGNATURE_BYTES;
use crate::locator::Locator;
use crate::slots::Found;
use crate::token::{self, Claims};

/// Why there is no entry to compare with.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Gap {
    /// None was made.
    NoEntry,
    /// Its segment was dropped; nothing in it lived past `longest`.
    Dropped { longest: UnixMillis },
}

/// A token the ledger does not know, to be classified. Nothing in it is believed yet.
pub struct Miss(pub(crate) Missed);

/// Whose token was not known.
pub(crate) enum Missed {
    /// One under a key in custody.
    Own(Box<Missing>),
    /// A foreign issuer's.
    Foreign(Box<ForeignMiss>),
}

/// What a [`Miss`] holds.
pub(crate) struct Missing {
    pub(crate) raw: Box<str>,
    pub(crate) audience: Box<str>,
    pub(crate) key: Arc<Key>,
    pub(crate) claims: Claims,
    pub(crate) fingerprint: u64,
    pub(crate) place: Option<Locator>,
    pub(crate) gap: Gap,
}

impl Miss {
    /// The key its header names.
    #[must_use]
    pub fn key(&self) -> KeyNumber {
        match &self.0 {
            Missed::Own(miss) => miss.key.number,
            Missed::Foreign(miss) => miss.key(),
        }
    }

    /// Whether it is a foreign issuer's: those pass only after their signature was verified once.
    #[must_use]
    pub const fn is_foreign(&self) -> bool {
        matches!(self.0, Missed::Foreign(_))
    }
}

impl core::fmt::Debug for Miss {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "miss under key {}", self.key())
    }
}

/// What a token claims. Believed by nobody; a learning issuer's tokens pass as this.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// `sub` and `kind`.
    pub name: PrincipalName,
    /// That, as views key it.
    pub principal_key: PrincipalKey,
    /// `tenant`.
    pub tenant: Option<String>,
    /// `scope`.
    pub scope: Option<String>,
    /// `cnf`: its presenter must prove this, whoever issued it.
    pub confirmation: Option<Confirmation>,
    /// `iss`.
    pub issuer: Option<String>,
    /// Whether `aud` holds the audience asked for.
    pub audience_matches: bool,
    /// `iat`.
    pub issued_at: Option<UnixMillis>,
    /// `exp`.
    pub expires_at: Option<UnixMillis>,
}

/// What a miss was.
#[derive(Debug)]
pub struct Classified {
    /// The reason to record. With a `pin`: the reason if it is not pinned.
    pub reason: Reason,
    /// The key its header names.
    pub key: KeyNumber,
    /// Whom it names, if it names anyone.
    pub claims: Option<Claimed>,
    /// Whether the signature verifies: then `never_issued` is an incident.
    pub signature_good: bool,
    /// Present if the token may pass once this is recorded; then check it again.
    pub pin: Option<Pin>,
    /// It became known meanwhile (another request pinned it): check it again.
    pub known_now: bool,
    /// It is a foreign issuer's: of those `ledger_behind` is what nobody has reported yet.
    pub foreign: bool,
    /// Present if this must be recorded before anything is answered; then check it again.
    pub sighted: Option<Sighted>,
}

/// What the archive says of a place whose segment was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Archived {
    /// The token issued there had this fingerprint (`TokenIssued::fingerprint`).
    Issued(i64),
    /// Nobody was issued this place.
    Nothing,
    /// The archive cannot be asked now.
    Unavailable,
}

impl Ledger {
    /// Classifies a miss without an archive to ask.
    #[must_use]
    pub fn classify(&self, miss: &Miss, now: UnixMillis) -> Classified {
        self.classify_with(miss, now, |_, _| Archived::Unavailable)
    }

    /// Classifies a miss; `archive` is asked at most once, for a place whose segment was dropped.
    #[must_use]
    pub fn classify_with(
        &self,
        miss: &Miss,
        now: UnixMillis,
        archive: impl FnOnce(Origin, Sequence) -> Archived,
    ) -> Classified {
        let miss = match &miss.0 {
            Missed::Own(miss) => &**miss,
            Missed::Foreign(miss) => return foreign::classify(&self.shared, miss, now),
        };
        let mut out = Classified {
            reason: Reason::BadSignature,
            key: miss.key.number,
            claims: self.claimed(miss),
            signature_good: verifies(miss),
            pin: None,
            known_now: false,
            foreign: false,
            sighted: None,
        };
        if !out.signature_good {
            return out;
        }
        if self.is_known_now(miss) {
            out.known_now = true;
            out.reason = Reason::LedgerBehind;
            return out;
        }
        out.reason = match (miss.gap, miss.place) {
            (Gap::Dropped { longest }, Some(place)) => {
                match archive(place.origin, place.sequence) {
                    Archived::Issued(found) if found.cast_unsigned() == miss.fingerprint => {
                        dropped(longest, &miss.claims, now)
                    }
                    Archived::Issued(_) | Archived::Nothing => Reason::NeverIssued,
                    Archived::Unavailable => dropped(longest, &miss.claims, now),
                }
            }
            _ => self.old(miss, now, &mut out.pin),
        };
        out
    }

    /// What a good signature without an entry is, grandfathering considered.
    fn old(&self, miss: &Missing, now: UnixMillis, pin: &mut Option<Pin>) -> Reason {
        let snapshot = self.shared.snapshot.load();
        // WHY again: the key may have been compromised, or a holder may have left, since the check.
        let Some(key) = snapshot.keys.by_number(miss.key.number) else {
            return Reason::NeverIssued;
        };
        match decide(key, &miss.claims, now, |person| self.shared.works_here(person)) {
            Old::No => return Reason::NeverIssued,
            Old::Expired => return Reason::Expired,
            Old::Pass => {}
        }
        let Some(name) = miss.claims.principal() else { return Reason::NeverIssued };
        let principal_key = self.shared.secret.principal_key(name.kind, name.id());
        if !miss.claims.aud.iter().any(|audience| **audience == *miss.audience) {
            return Reason::WrongAudience;
        }
        if self.shared.lost_old_tokens(key, principal_key, &miss.claims) {
            return Reason::Revoked;
        }
        if self.shared.principal(principal_key).is_suspended {
            return Reason::PrincipalSuspended;
        }
        if miss.claims.nbf.is_some_and(|nbf| now < UnixMillis::from_seconds(nbf)) {
            return Reason::NotYetValid;
        }
        *pin = Some(Pin {
            key: key.number,
            fingerprint: miss.fingerprint,
            principal_key,
            expires_at: UnixMillis::from_seconds(miss.claims.exp.unwrap_or(0)),
        });
        Reason::NeverIssued
    }

    fn is_known_now(&self, miss: &Missing) -> bool {
        let entered = miss.place.is_some_and(|place| {
            matches!(self.shared.find_again(place),
                Found::Slot(slot) if slot.fingerprint == miss.fingerprint)
        });
        entered
            || self.shared.pinned(miss.fingerprint).is_some()
            || self.locate(&miss.raw).is_some()
    }

    fn claimed(&self, miss: &Missing) -> Option<Claimed> {
        let claims = &miss.claims;
        let name = claims.principal()?;
        Some(Claimed {
            principal_key: self.shared.secret.principal_key(name.kind, name.id()),
            name,
            tenant: claims.tenant.clone(),
            scope: claims.scope.clone(),
            confirmation: claims.confirmation,
            issuer: claims.iss.clone(),
            audience_matches: claims.aud.iter().any(|audience| **audience == *miss.audience),
            issued_at: claims.iat.map(UnixMillis::from_seconds),
            expires_at: claims.exp.map(UnixMillis::from_seconds),
        })
    }
}

fn verifies(miss: &Missing) -> bool {
    let Some(parts) = token::split(miss.raw.as_bytes()) else { return false };
    let signature = decode_array::<SIGNATURE_BYTES>(parts.signature);
    signature.is_some_and(|signature| miss.key.verifies(parts.signing_input, &signature))
}

/// A token whose segment was dropped: past, unless the clock went back before its end. Its own
/// `exp` may only shorten its life, so it may be read before it is believed.
pub(crate) fn dropped(longest: UnixMillis, claims: &Claims, now: UnixMillis) -> Reason {
    let end = claims.exp.map_or(longest, |exp| longest.min(UnixMillis::from_seconds(exp)));
    if now >= end { Reason::Expired } else { Reason::LedgerBehind }
}
