//! Old tokens of an imported key: let in once, inside a window, while every holder works here.
//!
//! This is the incident's own way past the ledger, so each condition is necessary: the token's own
//! clock decides nothing beyond them, a key with a leaver or without declared holders lets nobody
//! in, and a token counts only after its pin is recorded. Pure. DESIGN.md section 7.
//! Best test: `tests/grandfather.rs`, one row per condition.

use ward_model::record::TokenPinned;
use ward_model::word::{KeySource, KeyState};
use ward_model::{KeyNumber, PrincipalKey, PrincipalNumber, UnixMillis};

use crate::keys::Key;
use crate::limits::GRANDFATHERING_MS_MAX;
use crate::token::Claims;

/// A window of grandfathering, as recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// `iat` must lie before this.
    pub cut_over: UnixMillis,
    /// `exp` must lie at most this far after cut-over, milliseconds.
    pub life_ms_max: i64,
    /// Nothing new is let in from here on.
    pub closes_at: UnixMillis,
    /// Closed for good: by an act, or because a holder left.
    pub closed: bool,
}

/// An old token that may pass once it is recorded. Not `Clone`: one token, one pin.
#[derive(Debug)]
pub struct Pin {
    pub(crate) key: KeyNumber,
    pub(crate) fingerprint: u64,
    pub(crate) principal_key: PrincipalKey,
    pub(crate) expires_at: UnixMillis,
}

impl Pin {
    /// The record that makes the token known. After it is recorded the token passes the check.
    #[must_use]
    pub fn record(self, principal: PrincipalNumber) -> TokenPinned {
        TokenPinned {
            key: self.key,
            fingerprint: self.fingerprint.cast_signed(),
            principal,
            principal_key: self.principal_key,
            expires_at: self.expires_at,
        }
    }

    /// Whom it names, as views key it.
    #[must_use]
    pub const fn principal_key(&self) -> PrincipalKey {
        self.principal_key
    }
}

impl Window {
    /// A window, cut to [`GRANDFATHERING_MS_MAX`] after `opened_at`.
    pub(crate) fn new(
        cut_over: UnixMillis,
        life_ms_max: i64,
        closes_at: UnixMillis,
        opened_at: UnixMillis,
    ) -> Self {
        let latest = opened_at.plus_ms(GRANDFATHERING_MS_MAX);
        Self { cut_over, life_ms_max, closes_at: closes_at.min(latest), closed: false }
    }
}

/// What grandfathering says of a token with a good signature that the ledger does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Old {
    /// It may be pinned.
    Pass,
    /// It may have been let in, and its time has passed.
    Expired,
    /// It is not let in.
    No,
}

/// Decides. `works_here` tells whether a declared holder still works here and may act.
pub(crate) fn decide(
    key: &Key,
    claims: &Claims,
    now: UnixMillis,
    works_here: impl Fn(PrincipalKey) -> bool,
) -> Old {
    let Some(window) = key.grandfathering else { return Old::No };
    let (Some(iat), Some(exp)) = (claims.iat, claims.exp) else { return Old::No };
    let (iat, exp) = (UnixMillis::from_seconds(iat), UnixMillis::from_seconds(exp));
    let state_allows = match key.state {
        KeyState::Active | KeyState::Retired => true,
        KeyState::Next | KeyState::Compromised => false,
    };
    let held =
        !key.holders.is_empty() && key.holders.iter().all(|holder| works_here(holder.person_key));
    let old = iat < window.cut_over && exp <= window.cut_over.plus_ms(window.life_ms_max);
    let open = !window.closed && now < window.closes_at;
    if key.source != KeySource::Imported || !state_allows || !held || !old || !open {
        return Old::No;
    }
    if exp <= now { Old::Expired } else { Old::Pass }
}
