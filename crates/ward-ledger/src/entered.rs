//! The check of tokens known by their digest: signed here over bytes that somebody else laid out.
//!
//! Reached only after no slot and no pin was found, so it costs the hot path nothing. Reasons come in
//! the order of the check: expired, wrong audience, revoked, suspended, not yet valid. A token whose
//! bucket was dropped is `expired` once it has ended; one from the stretch a restore lost is
//! `ledger_behind` until it has. Best test: `tests/by_digest.rs`.

use ward_model::{
    ApiKeyId, KeyNumber, Origin, PrincipalKey, PrincipalNumber, Reason, Sequence, ShortText,
    UnixMillis,
};

use crate::by_digest::{Digest, Entry, Found};
use crate::check::{Bearer, Checked, Issued, Refused};
use crate::keys::Key;
use crate::limits::{JTI_CHARS, SIGNATURE_BYTES};
use crate::state::Shared;
use crate::token::Claims;
use crate::{InputError, Ledger, SigningInput};

/// What the ledger of digests says of a token.
pub(crate) enum Told {
    /// It was entered: this is the check's answer.
    Known(Box<Checked>),
    /// It may have been entered, and nothing certain is known any more.
    Unsure(Reason),
    /// It was not entered.
    Nothing,
}

/// Everything the check of one token needs.
pub(crate) struct Presented<'a> {
    pub(crate) key: &'a Key,
    pub(crate) claims: &'a Claims,
    pub(crate) digest: Digest,
    pub(crate) audience: &'a str,
    pub(crate) now: UnixMillis,
    pub(crate) mode: ward_model::word::IssuerMode,
}

impl Shared {
    /// The digest of a token, if any token was ever entered by one.
    pub(crate) fn digest(&self, input: &[u8], canonical: &[u8; SIGNATURE_BYTES]) -> Option<Digest> {
        (!self.digests.is_empty()).then(|| self.secret.token_digest(input, canonical))
    }

    /// Looks for a token by its digest.
    pub(crate) fn entered(&self, it: &Presented<'_>) -> Told {
        let Some(expires_at) = it.claims.exp.map(UnixMillis::from_seconds) else {
            return Told::Nothing;
        };
        match self.digests.find(it.digest, expires_at) {
            Found::Entry(entry) if entry.key == it.key.number => {
                match self.known_by_digest(it, &entry, expires_at) {
                    Some(checked) => Told::Known(Box::new(checked)),
                    None => Told::Nothing,
                }
            }
            // WHY only keys with entries: under any other key nothing was ever dropped.
            Found::Dropped if self.digests.has_key(it.key.number) => {
                let past = it.now >= expires_at;
                Told::Unsure(if past { Reason::Expired } else { Reason::LedgerBehind })
            }
            Found::Never if self.may_be_lost(it) => {
                let past = it.now >= expires_at;
                Told::Unsure(if past { Reason::Expired } else { Reason::LedgerBehind })
            }
            Found::Entry(_) | Found::Never | Found::Dropped => Told::Nothing,
        }
    }

    fn may_be_lost(&self, it: &Presented<'_>) -> bool {
        let issued_at = it.claims.iat.map(UnixMillis::from_seconds);
        self.digests.has_key(it.key.number)
            && issued_at.is_some_and(|issued_at| self.digests.may_be_lost(issued_at))
    }

    fn known_by_digest(
        &self,
        it: &Presented<'_>,
        entry: &Entry,
        expires_at: UnixMillis,
    ) -> Option<Checked> {
        let name = it.claims.principal()?;
        let principal = self.secret.principal_key(name.kind, name.id());
        let not_before = it.claims.nbf.map_or(UnixMillis::new(i64::MIN), UnixMillis::from_seconds);
        let reason = if it.now >= expires_at {
            Some(Reason::Expired)
        } else if !it.claims.aud.iter().any(|audience| audience == it.audience) {
            Some(Reason::WrongAudience)
        } else if entry.revoked || self.is_cut_since(entry, it, principal) {
            Some(Reason::Revoked)
        } else if self.principal(principal).is_suspended {
            Some(Reason::PrincipalSuspended)
        } else if it.now < not_before {
            Some(Reason::NotYetValid)
        } else {
            None
        };
        let bearer = Bearer {
            kind: name.kind,
            number: PrincipalNumber::NONE,
            key: principal,
            signing_key: it.key.number,
            origin: Origin::NONE,
            sequence: Sequence::NONE,
            api_key: ApiKeyId::NONE,
            name: Some(name),
        };
        let mode = it.mode;
        Some(match reason {
            Some(reason) => {
                Checked::Refuse(Refused { reason, miss: None, holder: Some(bearer), mode })
            }
            None => {
                let tenant = it.claims.tenant.as_deref().map(ShortText::from);
                let scope = it.claims.scope.as_deref().map(ShortText::from);
                Checked::Pass(Issued {
                    bearer,
                    tenant,
                    scope,
                    confirmation: it.claims.confirmation,
                    expires_at,
                    mode,
                    login_proven: entry.login_proven,
                })
            }
        })
    }

    /// Whether principal, client or key lost all tokens issued so far after this one was entered.
    fn is_cut_since(&self, entry: &Entry, it: &Presented<'_>, principal: PrincipalKey) -> bool {
        let issued_at = it.claims.iat.map(UnixMillis::from_seconds);
        self.principal(principal).revoked > entry.seen
            || self.client(entry.client).revoked > entry.seen
            || it.key.is_cut_since(entry.seen, issued_at)
    }
}

/// A signing input that may be put under a token key. Made by [`Ledger::admit`] alone.
pub struct Admitted(SigningInput);

impl core::ops::Deref for Admitted {
    type Target = SigningInput;
    fn deref(&self) -> &SigningInput {
        &self.0
    }
}

impl Ledger {
    /// Takes an input in to be signed.
    ///
    /// # Errors
    /// [`InputError::Login`] and [`InputError::Jti`]: it claims what Ward alone sets. A `jti` of
    /// Ward's own would name the slot of another token.
    pub fn admit(&self, input: SigningInput) -> Result<Admitted, InputError> {
        if input.names_login() {
            return Err(InputError::Login);
        }
        let own = input.jti().and_then(|jti| <[u8; JTI_CHARS]>::try_from(jti.as_bytes()).ok());
        if own.is_some_and(|jti| self.shared.secret.open_locator(&jti).is_some()) {
            return Err(InputError::Jti);
        }
        Ok(Admitted(input))
    }

    /// Whether exactly this input with this canonical signature was entered by its digest.
    #[must_use]
    pub fn is_entered(&self, input: &SigningInput, canonical: &[u8; SIGNATURE_BYTES]) -> bool {
        let digest = self.shared.secret.token_digest(input.text().as_bytes(), canonical);
        matches!(self.shared.digests.find(digest, input.expires_at()), Found::Entry(_))
    }

    /// Tokens entered by their digest under a key, of buckets that are not dropped.
    #[must_use]
    pub fn entered_tokens(&self, key: KeyNumber) -> u64 {
        self.shared.digests.count(key)
    }
}
