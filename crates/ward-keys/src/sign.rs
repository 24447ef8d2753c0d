//! Typed signing: claims in, a token out that is withheld until its issuance is recorded.
//!
//! Ward sets `jti`, `iss` and `iat`; there is no signing of bytes somebody else laid out. The count
//! of revocations is read before the sequence is taken, so that a revocation between the two is
//! seen at release. `Withheld` shows nothing: it opens with the record of this very issuance, once,
//! and not if principal, client or key was revoked meanwhile.
//! Best test: `tests.rs` and `tests/ui` (each way around it does not compile).

use std::sync::Arc;

use ward_journal::Recorded;
use ward_ledger::limits::{ACTORS_MAX, JTI_RANDOM_BYTES, TOKEN_BYTES_MAX};
use ward_ledger::{Ledger, Locator, TokenBody, layout};
use ward_model::record::{TokenIssued, TokenRevoked};
use ward_model::word::{Cause, KeyState};
use ward_model::{Origin, PrincipalNumber, Secret, Sequence, UnixMillis};

use crate::limits::{CLAIM_BYTES_MAX, LIFE_MS_MAX};
use crate::origins::{Claim, Origins};
use crate::statuses::StatusLists;
use crate::store::ActiveKey;

/// Why nothing was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The key signs no more: take the active one.
    #[error("key does not sign")]
    KeyNotActive,
    /// The principal may not act.
    #[error("principal is suspended")]
    PrincipalSuspended,
    /// The life asked for ends in the past or lies past the bound.
    #[error("token life out of bounds")]
    Life,
    /// A claim, or all of them together, is too long.
    #[error("claims too long")]
    TooLong,
    /// The cryptographic library failed, or sequences are used up: stop and page.
    #[error("signing failed")]
    Failed,
}

/// Signs access tokens of one origin.
#[derive(Clone)]
pub struct TokenSigner {
    ledger: Ledger,
    origins: Origins,
    statuses: Option<Arc<StatusLists>>,
}

/// A signed token on its way to its principal. No `Debug`, no `Display`; erased when dropped.
pub struct Token {
    raw: Secret<String>,
    origin: Origin,
    sequence: Sequence,
    expires_at: UnixMillis,
}

impl Token {
    /// The compact JWS, to be handed to the principal.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.raw.expose()
    }
    /// Its origin.
    #[must_use]
    pub const fn origin(&self) -> Origin {
        self.origin
    }
    /// Its sequence.
    #[must_use]
    pub const fn sequence(&self) -> Sequence {
        self.sequence
    }
    /// `exp`.
    #[must_use]
    pub const fn expires_at(&self) -> UnixMillis {
        self.expires_at
    }
}

/// Something signed that may not leave yet. No `Debug`, no `Clone`; dropping it abandons it.
#[must_use]
pub struct Withheld<T> {
    inner: T,
    issuance: TokenIssued,
    /// In flight until this is dropped.
    claim: Claim,
}

/// The token was recorded but must not leave: something it hangs on was revoked meanwhile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("token withdrawn before release")]
pub struct Withdrawn {
    /// To be recorded, so that the ledger says so too.
    pub revocation: TokenRevoked,
}

impl TokenSigner {
    /// Signs tokens whose places are in `origins`.
    #[must_use]
    pub const fn new(ledger: Ledger, origins: Origins) -> Self {
        Self { ledger, origins, statuses: None }
    }

    /// Tells some audiences' tokens where their status stands.
    #[must_use]
    pub fn with_statuses(self, lists: StatusLists) -> Self {
        Self { statuses: Some(Arc::new(lists)), ..self }
    }

    pub(crate) const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The sequences it takes.
    #[must_use]
    pub const fn origins(&self) -> &Origins {
        &self.origins
    }

    /// Signs `body` for `principal`, the dense number of the principal it names. `entropy` MUST be
    /// fresh random bytes. Cost: 11-16 µs.
    ///
    /// # Errors
    /// [`SignError`]; nothing is in flight then.
    pub fn sign(
        &self,
        key: &ActiveKey,
        body: &TokenBody,
        principal: PrincipalNumber,
        entropy: [u8; JTI_RANDOM_BYTES],
        now: UnixMillis,
    ) -> Result<Withheld<Token>, SignError> {
        // INVARIANT: read before the sequence is taken.
        let seen = self.ledger.revocations();
        let secret = self.ledger.secret();
        let principal_key = secret.principal_key(body.principal.kind, body.principal.id());
        self.may_sign(key, body, principal_key, now)?;
        let claim = self.origins.claim().ok_or(SignError::Failed)?;
        let place = Locator { origin: claim.origin(), sequence: claim.sequence() };
        let jti = secret.seal_locator(place, entropy);
        let record = key.record();
        let status = self.statuses.as_ref().and_then(|it| it.of(secret, place, body));
        let (header, issuer) = (record.header(), &record.issuer);
        let input = layout::signing_input_with(header, &jti, issuer, body, now, status.as_ref());
        let signature = key.sign(input.as_bytes()).ok_or(SignError::Failed)?;
        let fingerprint = secret.fingerprint(input.as_bytes(), &signature);
        let raw = Secret::new(layout::compact(&input, &signature));
        if raw.expose().len() > TOKEN_BYTES_MAX {
            return Err(SignError::TooLong);
        }
        // The record holds what the token says: whole seconds.
        let whole = |time: UnixMillis| UnixMillis::from_seconds(time.seconds());
        let issuance = TokenIssued {
            origin: place.origin,
            sequence: place.sequence,
            low_water: self.origins.low_water(),
            fingerprint: fingerprint.cast_signed(),
            key: record.number,
            principal,
            principal_key,
            client_key: secret.client_key(&body.client_id),
            issued_at: whole(now),
            expires_at: whole(body.expires_at),
            revocations_seen: i64::try_from(seen).unwrap_or(i64::MAX),
            login_proven: body.login.is_some(),
        };
        let (Locator { origin, sequence }, expires_at) = (place, issuance.expires_at);
        let inner = Token { raw, origin, sequence, expires_at };
        Ok(Withheld { inner, issuance, claim })
    }

    fn may_sign(
        &self,
        key: &ActiveKey,
        body: &TokenBody,
        principal: ward_model::PrincipalKey,
        now: UnixMillis,
    ) -> Result<(), SignError> {
        let state = self.ledger.key(key.record().number).map(|key| key.state);
        if state != Some(KeyState::Active) {
            return Err(SignError::KeyNotActive);
        }
        if self.ledger.is_suspended(principal) {
            return Err(SignError::PrincipalSuspended);
        }
        let life = body.expires_at.since(now);
        if life <= 0 || life > LIFE_MS_MAX {
            return Err(SignError::Life);
        }
        let optional = [&body.tenant, &body.scope, &body.login];
        let claims = [&body.audience, &body.client_id].into_iter();
        let mut claims = claims.chain(optional.into_iter().flatten());
        if claims.any(|claim| claim.len() > CLAIM_BYTES_MAX) || body.actors.len() > ACTORS_MAX {
            return Err(SignError::TooLong);
        }
        Ok(())
    }
}

impl<T> Withheld<T> {
    /// What must be recorded before this opens.
    #[must_use]
    pub fn issuance(&self) -> TokenIssued {
        self.issuance.clone()
    }

    /// Opens with the record of this very issuance, after one more look at what was revoked since.
    ///
    /// # Errors
    /// [`Withdrawn`]: it must not leave; record the revocation it carries.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the proof is used up: one record, one token"
    )]
    pub fn open(self, recorded: Recorded<TokenIssued>, ledger: &Ledger) -> Result<T, Withdrawn> {
        self.release(recorded.get(), ledger)
    }

    /// Opens a group with the record of these very issuances, in their order; each as
    /// [`Withheld::open`].
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the proof is used up: one record, one group of tokens"
    )]
    pub fn open_all(
        group: Vec<Self>,
        recorded: Recorded<Vec<TokenIssued>>,
        ledger: &Ledger,
    ) -> Vec<Result<T, Withdrawn>> {
        let mut rows = recorded.get().iter();
        let opened = group.into_iter().map(|withheld| match rows.next() {
            Some(row) => withheld.release(row, ledger),
            None => Err(withheld.withdraw()),
        });
        opened.collect()
    }

    fn withdraw(&self) -> Withdrawn {
        let TokenIssued { origin, sequence, .. } = self.issuance;
        let cause = Cause::Withheld;
        Withdrawn { revocation: TokenRevoked { origin, sequence, cause } }
    }

    fn release(self, recorded: &TokenIssued, ledger: &Ledger) -> Result<T, Withdrawn> {
        let row = &self.issuance;
        let seen = u64::try_from(row.revocations_seen).unwrap_or(0);
        let (principal, client) = (row.principal_key, row.client_key);
        let revoked = ledger.revoked_since(seen, principal, client, row.key, row.issued_at);
        if revoked || recorded != row {
            return Err(self.withdraw());
        }
        drop(self.claim);
        Ok(self.inner)
    }
}
