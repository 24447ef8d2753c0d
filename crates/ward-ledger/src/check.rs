//! The check: is this exactly a token Ward issued, and is it live?
//!
//! Order on the hot path: fixed header bytes, `jti`, slot, fingerprint over everything presented;
//! only after the hit are claims read, by their places. No signature is verified and nothing is
//! allocated before the hit. Reasons of known tokens come in the order expired, wrong audience,
//! revoked, suspended: `expired` first, because a dropped segment could say nothing else.
//! Pure over a snapshot; the clock is an argument. Best test: `tests/life.rs`, `tests/forged.rs`.

use std::sync::Arc;

use highway::HighwayHash as _;
use ward_model::word::{IssuerMode, KeySource, KeyState};
use ward_model::{
    ApiKeyId, Confirmation, KeyNumber, Origin, PrincipalKey, PrincipalKind, PrincipalName,
    PrincipalNumber, Reason, Sequence, ShortText, UnixMillis,
};

use crate::Ledger;
use crate::api_key::is_api_key;
use crate::base64::{Room, decode_array, decode_into};
use crate::by_digest::{self, Digest};
use crate::canonical::canonicalise;
use crate::classify::{Gap, Miss, Missed, Missing, dropped};
use crate::entered::{Presented, Told};
use crate::foreign;
use crate::keys::Key;
use crate::layout::{self, Positional, Written};
use crate::limits::{SIGNATURE_BYTES, TOKEN_BYTES_MAX};
use crate::locator::Locator;
use crate::secret::never_empty;
use crate::slots::Found;
use crate::state::{Shared, Snapshot};
use crate::token::{self, Claims};

/// What the check says.
#[derive(Debug)]
pub enum Checked {
    /// Ward issued exactly this credential, and it is live.
    Pass(Issued),
    /// It may not act.
    Refuse(Refused),
}

/// Whom a credential that Ward knows stands for.
#[derive(Clone, Debug)]
pub struct Bearer {
    /// Its outside name; API keys know only number and key.
    pub name: Option<PrincipalName>,
    /// Its kind.
    pub kind: PrincipalKind,
    /// Its dense number; tokens know only name and key.
    pub number: PrincipalNumber,
    /// It, as views key it.
    pub key: PrincipalKey,
    /// Which key signed the token.
    pub signing_key: KeyNumber,
    /// Who handed out the token's sequence; none for API keys and pinned tokens.
    pub origin: Origin,
    /// The token's place there.
    pub sequence: Sequence,
    /// Which API key it is.
    pub api_key: ApiKeyId,
}

/// Proof that a credential was issued by Ward and is live. Made by the check only; not `Clone`.
#[derive(Debug)]
pub struct Issued {
    pub(crate) bearer: Bearer,
    pub(crate) tenant: Option<ShortText>,
    pub(crate) scope: Option<ShortText>,
    pub(crate) confirmation: Option<Confirmation>,
    pub(crate) expires_at: UnixMillis,
    pub(crate) mode: IssuerMode,
    pub(crate) login_proven: bool,
}

impl Issued {
    /// Whether a login stands behind it: of tokens alone, and of those alone whose issuance says so.
    #[must_use]
    pub const fn login_proven(&self) -> bool {
        self.login_proven
    }
    /// Whom it stands for.
    #[must_use]
    pub const fn bearer(&self) -> &Bearer {
        &self.bearer
    }
    /// The principal's outside name; `None` for API keys.
    #[must_use]
    pub const fn principal(&self) -> Option<&PrincipalName> {
        self.bearer.name.as_ref()
    }
    /// The principal's dense number; 0 for tokens (the register knows it by name).
    #[must_use]
    pub const fn number(&self) -> PrincipalNumber {
        self.bearer.number
    }
    /// The principal as views key it.
    #[must_use]
    pub const fn principal_key(&self) -> PrincipalKey {
        self.bearer.key
    }
    /// The signing key; none for API keys.
    #[must_use]
    pub const fn key(&self) -> KeyNumber {
        self.bearer.signing_key
    }
    /// Who handed out the token's sequence.
    #[must_use]
    pub const fn origin(&self) -> Origin {
        self.bearer.origin
    }
    /// The token's place there.
    #[must_use]
    pub const fn sequence(&self) -> Sequence {
        self.bearer.sequence
    }
    /// The API key; none for tokens.
    #[must_use]
    pub const fn api_key(&self) -> ApiKeyId {
        self.bearer.api_key
    }
    /// `scope`, space-separated.
    #[must_use]
    pub fn scope(&self) -> &str {
        self.scope.as_ref().map_or("", ShortText::as_str)
    }
    /// `tenant`.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        self.tenant.as_ref().map(ShortText::as_str)
    }
    /// Whom it is bound to. A caller MUST see this proven before the credential may do anything:
    /// the check knows the token, not who presents it.
    #[must_use]
    pub const fn confirmation(&self) -> Option<Confirmation> {
        self.confirmation
    }
    /// When it ends.
    #[must_use]
    pub const fn expires_at(&self) -> UnixMillis {
        self.expires_at
    }
    /// Whether its issuer's tokens are decided upon or only watched.
    #[must_use]
    pub const fn mode(&self) -> IssuerMode {
        self.mode
    }
}

/// Why a credential may not act, and what is known of it.
#[derive(Debug)]
pub struct Refused {
    /// The reason. With a `miss` it is provisional: no entry matches, which is certain, but whether
    /// the signature is good is not known; record what [`Ledger::classify`] says.
    pub reason: Reason,
    /// A token to be classified off the hot path.
    pub miss: Option<Miss>,
    /// Whom it stands for, if the ledger knows it.
    pub holder: Option<Bearer>,
    /// Whether its issuer's tokens are decided upon or only watched.
    pub mode: IssuerMode,
}

impl Refused {
    fn plain(reason: Reason) -> Checked {
        let refused = Self { reason, miss: None, holder: None, mode: IssuerMode::Enforcing };
        Checked::Refuse(refused)
    }
}

/// Everything the steps of one check share.
struct Look<'a> {
    shared: &'a Shared,
    snapshot: &'a Snapshot,
    raw: &'a str,
    audience: &'a str,
    now: UnixMillis,
}

impl Ledger {
    /// Whether `raw` is exactly a token Ward issued that is live at `now` and meant for `audience`.
    ///
    /// Cost: base64, one AES block, one random read, one hash of the token; no lock, no allocation
    /// before the hit. A miss copies the token for [`Ledger::classify`].
    #[must_use]
    pub fn check(&self, raw: &str, audience: &str, now: UnixMillis) -> Checked {
        let snapshot = self.shared.snapshot.load();
        let look = Look { shared: &self.shared, snapshot: &snapshot, raw, audience, now };
        look.check()
    }

    /// Whether `raw` is an API key Ward issued that is live at `now`. Cost: one HMAC, one read lock.
    #[must_use]
    pub fn check_api_key(&self, raw: &str, now: UnixMillis) -> Checked {
        if !is_api_key(raw) {
            return Refused::plain(Reason::Malformed);
        }
        let hash = self.shared.secret.api_key_hash(raw);
        let Some(key) = self.shared.credentials().by_hash.get(&hash).copied() else {
            return Refused::plain(Reason::UnknownKey);
        };
        let bearer = Bearer {
            name: None,
            kind: key.owner_kind,
            number: key.owner,
            key: key.owner_key,
            signing_key: KeyNumber::NONE,
            origin: Origin::NONE,
            sequence: Sequence::NONE,
            api_key: key.id,
        };
        let mode = IssuerMode::Enforcing;
        let reason = if now >= key.expires_at {
            Reason::Expired
        } else if key.revoked {
            Reason::Revoked
        } else if self.shared.principal(key.owner_key).is_suspended {
            Reason::PrincipalSuspended
        } else {
            let terms = self.terms(key.id).filter(|terms| !terms.scope.is_empty());
            let scope = terms.map(|terms| ShortText::from(terms.scope.as_str()));
            let (tenant, confirmation) = (None, None);
            let (expires_at, login_proven) = (key.expires_at, false);
            return Checked::Pass(Issued {
                bearer,
                tenant,
                scope,
                confirmation,
                expires_at,
                mode,
                login_proven,
            });
        };
        Checked::Refuse(Refused { reason, miss: None, holder: Some(bearer), mode })
    }
}

/// What the ledger holds of a presented token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entered {
    /// It is the token issued at this place.
    Slot(Locator),
    /// It was let in by grandfathering (`TokenPinned::fingerprint`).
    Pin(i64),
    /// It was entered by its digest, and ends then (`TokenEntered`).
    Digest(Digest, UnixMillis),
}

impl Ledger {
    /// Where exactly this token is entered, whatever its expiry or state: what revoking it names.
    /// `None` for everything the ledger does not know, expired segments included.
    #[must_use]
    pub fn locate(&self, raw: &str) -> Option<Entered> {
        if let Some((digest, expires_at)) = foreign::locate(&self.shared, raw) {
            return Some(Entered::Digest(digest, expires_at));
        }
        let snapshot = self.shared.snapshot.load();
        let parts = token::split(raw.as_bytes())?;
        let mut signature = decode_array::<SIGNATURE_BYTES>(parts.signature)?;
        let known = snapshot.keys.by_prefix(raw.as_bytes());
        let key = match known {
            Some(key) => key,
            None => snapshot.keys.by_kid(&token::foreign_header(parts.header)?.kid)?,
        };
        if !canonicalise(key.algorithm, &mut signature) {
            return None;
        }
        let fingerprint = self.shared.secret.fingerprint(parts.signing_input, &signature);
        let place = layout::jti(parts.claims);
        let place = place.and_then(|jti| self.shared.secret.open_locator(&jti));
        if let (Some(_), Some(place)) = (known, place)
            && let Found::Slot(slot) = self.shared.find_again(place)
            && slot.fingerprint == fingerprint
        {
            return Some(Entered::Slot(place));
        }
        if self.shared.pinned(fingerprint).is_some() {
            return Some(Entered::Pin(fingerprint.cast_signed()));
        }
        let digest = self.shared.digest(parts.signing_input, &signature)?;
        let mut room = Room::new();
        let claims = room.decode(parts.claims).and_then(token::foreign_claims)?;
        let expires_at = UnixMillis::from_seconds(claims.exp?);
        let found = self.shared.digests.find(digest, expires_at);
        matches!(found, by_digest::Found::Entry(_)).then_some(Entered::Digest(digest, expires_at))
    }
}

impl Look<'_> {
    fn check(&self) -> Checked {
        let raw = self.raw.as_bytes();
        touch(raw);
        let Some(key) = self.snapshot.keys.by_prefix(raw) else {
            return self.check_foreign(raw);
        };
        let Some(parts) = token::split_at(raw, key.header.len()) else {
            return Refused::plain(Reason::Malformed);
        };
        let mut signature = [0; SIGNATURE_BYTES];
        if !decode_into(parts.signature, &mut signature) {
            return Refused::plain(Reason::Malformed);
        }
        let place = layout::place(parts.claims, &self.shared.secret);
        // WHY the slot first: its cache miss then runs beside the decoding and the hash.
        let found = place.map(|place| self.snapshot.find(place));
        // WHY in this order: the two hashes are chains of multiplications, and what stands between
        // their steps is worked off while they wait. Nothing read here is believed before the hit.
        let mut room = Room::new();
        let behind = room.decode_text(layout::behind_jti(parts.claims));
        let canonical = canonicalise(key.algorithm, &mut signature);
        let mut hasher = self.shared.secret.hasher();
        hasher.append(parts.signing_input);
        let read = behind.and_then(layout::read);
        let named = read.as_ref().map(|read| self.named(read));
        hasher.append(&signature);
        let fingerprint = never_empty(hasher.finalize64());
        if let (Some(Found::Slot(slot)), Some(place), true) = (found, place, canonical)
            && slot.fingerprint == fingerprint
            && let (Some(read), Some(named)) = (&read, named)
        {
            return self.known(key, place, slot.revoked, read, named);
        }
        let mut room = Room::new();
        let Some(claims) = room.decode(parts.claims).and_then(token::foreign_claims) else {
            return self.refuse(Reason::Malformed, key);
        };
        if !canonical {
            return self.refuse(Reason::BadSignature, key);
        }
        let digest = self.shared.digest(parts.signing_input, &signature);
        self.unknown(key, claims, fingerprint, digest, place)
    }

    /// Whom claims name, as views key it.
    #[inline]
    fn named(&self, read: &Positional<'_>) -> (PrincipalKind, PrincipalKey) {
        let kind = PrincipalKind::ALL.iter().find(|kind| read.kind.equals(kind.as_str()));
        let kind = kind.copied().unwrap_or(PrincipalKind::Unknown);
        let sub = read.sub.text().unwrap_or_default();
        (kind, self.shared.secret.principal_key(kind, &sub))
    }

    /// A token that is exactly the one entered at `place`: its claims are Ward's own words.
    #[inline]
    fn known(
        &self,
        key: &Key,
        place: Locator,
        revoked: bool,
        read: &Positional<'_>,
        (kind, principal_key): (PrincipalKind, PrincipalKey),
    ) -> Checked {
        let principal = self.shared.principal(principal_key);
        let expires_at = UnixMillis::from_seconds(read.exp);
        let reason = if self.now >= expires_at {
            Some(Reason::Expired)
        } else if !read.aud.equals(self.audience) {
            Some(Reason::WrongAudience)
        } else if revoked || self.is_cut(key, place, principal.revoked, read) {
            Some(Reason::Revoked)
        } else if principal.is_suspended {
            Some(Reason::PrincipalSuspended)
        } else {
            None
        };
        let bearer = || Bearer {
            name: PrincipalName::new(kind, read.sub.text().unwrap_or_default()).ok(),
            kind,
            number: PrincipalNumber::NONE,
            key: principal_key,
            signing_key: key.number,
            origin: place.origin,
            sequence: place.sequence,
            api_key: ApiKeyId::NONE,
        };
        let mode = self.mode(key);
        if let Some(reason) = reason {
            let holder = Some(bearer());
            return Checked::Refuse(Refused { reason, miss: None, holder, mode });
        }
        let owned = |written: Written<'_>| written.text().map(ShortText::from);
        Checked::Pass(Issued {
            bearer: bearer(),
            tenant: read.tenant.and_then(owned),
            scope: read.scope.and_then(owned),
            confirmation: read.confirmation,
            expires_at,
            mode,
            login_proven: read.login,
        })
    }

    /// Whether principal, client or key lost all tokens issued before some moment, this one too.
    fn is_cut(&self, key: &Key, place: Locator, principal_cut: u64, read: &Positional<'_>) -> bool {
        let client_cut = if self.shared.clients.is_empty() {
            0
        } else {
            let client_id = read.client_id.text().unwrap_or_default();
            self.shared.client(self.shared.secret.client_key(&client_id)).revoked
        };
        let cuts = [principal_cut, client_cut, key.cut];
        if cuts == [0; 3] && key.moments.is_empty() {
            return false;
        }
        let Some(origin) = self.snapshot.origin(place.origin) else { return true };
        let Ok(sequence) = u64::try_from(place.sequence.0) else { return true };
        let issued_at = UnixMillis::from_seconds(read.iat);
        let covering = key.moments.iter().filter(|moment| moment.covers(issued_at));
        let covering = covering.map(|moment| moment.revocation);
        cuts.into_iter().chain(covering).any(|cut| origin.is_before(sequence, cut))
    }

    /// A token under one of Ward's headers that no slot knows.
    fn unknown(
        &self,
        key: &Arc<Key>,
        parsed: Claims,
        fingerprint: u64,
        digest: Option<Digest>,
        place: Option<Locator>,
    ) -> Checked {
        if let Some(checked) = self.pinned(key, &parsed, fingerprint) {
            return checked;
        }
        if let Some(checked) = self.entered(key, &parsed, digest) {
            return checked;
        }
        let Some(place) = place else {
            return self.miss(key, parsed, fingerprint, None, Gap::NoEntry);
        };
        match self.shared.find_again(place) {
            // It was entered while we looked: the same steps come to the hit now.
            Found::Slot(slot) if slot.fingerprint == fingerprint => self.retry(key, place),
            Found::Behind => self.behind(key, parsed, fingerprint, place),
            Found::Dropped(longest) => {
                let gap = Gap::Dropped { longest: UnixMillis::new(longest) };
                self.miss(key, parsed, fingerprint, Some(place), gap)
            }
            Found::Slot(_) | Found::Never => {
                self.miss(key, parsed, fingerprint, Some(place), Gap::NoEntry)
            }
        }
    }

    /// A token at a place this view has not reached. Where the tail was lost it never will: then it
    /// is `expired` once it has ended, and a forgery if it ends later than any true one can.
    fn behind(&self, key: &Arc<Key>, parsed: Claims, fingerprint: u64, place: Locator) -> Checked {
        let Some(until) = self.shared.snapshot.load().lost_until(place) else {
            return self.refuse(Reason::LedgerBehind, key);
        };
        match parsed.exp.map(UnixMillis::from_seconds) {
            Some(end) if end.ms() <= until && self.now >= end => self.refuse(Reason::Expired, key),
            Some(end) if end.ms() <= until => self.refuse(Reason::LedgerBehind, key),
            _ => self.miss(key, parsed, fingerprint, Some(place), Gap::NoEntry),
        }
    }

    /// A token entered between two looks. Its fingerprint was compared with the slot's.
    fn retry(&self, key: &Arc<Key>, place: Locator) -> Checked {
        let found = self.shared.find_again(place);
        let parts = token::split(self.raw.as_bytes());
        let mut room = Room::new();
        let behind = parts.and_then(|parts| room.decode_text(layout::behind_jti(parts.claims)));
        match (found, behind.and_then(layout::read)) {
            (Found::Slot(slot), Some(read)) => {
                self.known(key, place, slot.revoked, &read, self.named(&read))
            }
            _ => self.refuse(Reason::LedgerBehind, key),
        }
    }

    /// A token whose header Ward did not lay out: never entered in a slot, perhaps pinned.
    fn check_foreign(&self, raw: &[u8]) -> Checked {
        if let Some(checked) = foreign::check(self.shared, self.snapshot, self.raw, self.now) {
            return checked;
        }
        let mut room = Room::new();
        let Some((parts, mut signature, claims)) = token::split(raw).and_then(|parts| {
            let signature = decode_array::<SIGNATURE_BYTES>(parts.signature)?;
            Some((parts, signature, room.decode(parts.claims)?))
        }) else {
            return Refused::plain(Reason::Malformed);
        };
        let Some(header) = token::foreign_header(parts.header) else {
            return Refused::plain(Reason::Malformed);
        };
        let Some(parsed) = token::foreign_claims(claims) else {
            return Refused::plain(Reason::Malformed);
        };
        let Some(key) = self.snapshot.keys.by_kid(&header.kid) else {
            return Refused::plain(Reason::UnknownKey);
        };
        if header.algorithm != key.algorithm || !canonicalise(key.algorithm, &mut signature) {
            return self.refuse(Reason::BadSignature, key);
        }
        let fingerprint = self.shared.secret.fingerprint(parts.signing_input, &signature);
        if let Some(checked) = self.pinned(key, &parsed, fingerprint) {
            return checked;
        }
        let digest = self.shared.digest(parts.signing_input, &signature);
        if let Some(checked) = self.entered(key, &parsed, digest) {
            return checked;
        }
        self.miss(key, parsed, fingerprint, None, Gap::NoEntry)
    }

    /// A token signed here over bytes somebody else laid out: known by its digest.
    fn entered(&self, key: &Key, claims: &Claims, digest: Option<Digest>) -> Option<Checked> {
        let (audience, now, mode) = (self.audience, self.now, self.mode(key));
        let presented = Presented { key, claims, digest: digest?, audience, now, mode };
        match self.shared.entered(&presented) {
            Told::Known(checked) => Some(*checked),
            Told::Unsure(reason) => Some(self.refuse(reason, key)),
            Told::Nothing => None,
        }
    }

    /// A token let in by grandfathering: known by its fingerprint, its claims as good as entered.
    fn pinned(&self, key: &Key, claims: &Claims, fingerprint: u64) -> Option<Checked> {
        if key.source != KeySource::Imported {
            return None;
        }
        let pin = self.shared.pinned(fingerprint)?;
        let bearer = self.claimed_bearer(key, claims)?;
        let expires_at = UnixMillis::from_seconds(claims.exp?);
        let not_before = claims.nbf.map_or(UnixMillis::new(i64::MIN), UnixMillis::from_seconds);
        let reason = if self.now >= expires_at {
            Some(Reason::Expired)
        } else if !claims.aud.iter().any(|audience| audience == self.audience) {
            Some(Reason::WrongAudience)
        } else if pin.revoked || self.shared.lost_old_tokens(key, bearer.key, claims) {
            Some(Reason::Revoked)
        } else if self.shared.principal(bearer.key).is_suspended {
            Some(Reason::PrincipalSuspended)
        } else if self.now < not_before {
            Some(Reason::NotYetValid)
        } else {
            None
        };
        let mode = self.mode(key);
        Some(match reason {
            Some(reason) => {
                Checked::Refuse(Refused { reason, miss: None, holder: Some(bearer), mode })
            }
            None => {
                let tenant = claims.tenant.as_deref().map(ShortText::from);
                let scope = claims.scope.as_deref().map(ShortText::from);
                // WHY no login: nobody recorded one, and the token's own word is nobody's.
                let (confirmation, login_proven) = (claims.confirmation, false);
                Checked::Pass(Issued {
                    bearer,
                    tenant,
                    scope,
                    confirmation,
                    expires_at,
                    mode,
                    login_proven,
                })
            }
        })
    }

    fn claimed_bearer(&self, key: &Key, claims: &Claims) -> Option<Bearer> {
        let name = claims.principal()?;
        Some(Bearer {
            kind: name.kind,
            number: PrincipalNumber::NONE,
            key: self.shared.secret.principal_key(name.kind, name.id()),
            signing_key: key.number,
            origin: Origin::NONE,
            sequence: Sequence::NONE,
            api_key: ApiKeyId::NONE,
            name: Some(name),
        })
    }

    fn miss(
        &self,
        key: &Arc<Key>,
        claims: Claims,
        fingerprint: u64,
        place: Option<Locator>,
        gap: Gap,
    ) -> Checked {
        let reason = match gap {
            Gap::Dropped { longest } => dropped(longest, &claims, self.now),
            Gap::NoEntry => match key.state {
                KeyState::Active | KeyState::Next => Reason::NeverIssued,
                KeyState::Retired | KeyState::Compromised => Reason::RetiredKey,
            },
        };
        let miss = Missing {
            raw: self.raw.into(),
            audience: self.audience.into(),
            key: Arc::clone(key),
            claims,
            fingerprint,
            place,
            gap,
        };
        let miss = Some(Miss(Missed::Own(Box::new(miss))));
        Checked::Refuse(Refused { reason, miss, holder: None, mode: self.mode(key) })
    }

    fn refuse(&self, reason: Reason, key: &Key) -> Checked {
        Checked::Refuse(Refused { reason, miss: None, holder: None, mode: self.mode(key) })
    }

    fn mode(&self, key: &Key) -> IssuerMode {
        // WHY enforcing when nothing was said: a forgotten record must not open a door.
        self.snapshot.modes.get(&key.issuer).copied().unwrap_or(IssuerMode::Enforcing)
    }
}

/// Reads a byte of every cache line of a token that may be cold, so that its misses run beside one
/// another instead of one after the other. Costs a few ns when it is warm.
fn touch(raw: &[u8]) {
    let lines = raw.iter().step_by(64).take(TOKEN_BYTES_MAX / 64);
    core::hint::black_box(lines.fold(0, |all, byte| all ^ byte));
}

impl Claims {
    /// Whom the claims name. Without `kind` a customer: the kind that may do least.
    pub(crate) fn principal(&self) -> Option<PrincipalName> {
        let kind = match self.kind.as_deref() {
            None => PrincipalKind::Customer,
            Some(kind) => PrincipalKind::from_name(kind)?,
        };
        PrincipalName::new(kind, self.sub.as_deref()?).ok()
    }
}

impl Shared {
    /// Whether all tokens of an old token's principal, client or key were ever revoked. It was
    /// issued before Ward kept order, so before any of that.
    pub(crate) fn lost_old_tokens(&self, key: &Key, who: PrincipalKey, claims: &Claims) -> bool {
        let client = claims.client_id.as_deref().unwrap_or_default();
        let issued_at = claims.iat.map(UnixMillis::from_seconds);
        key.is_cut_since(0, issued_at)
            || self.principal(who).revoked != 0
            || self.client(self.secret.client_key(client)).revoked != 0
    }
}
