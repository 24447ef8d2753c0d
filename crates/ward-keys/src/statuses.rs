//! Which tokens say where their status stands: those of audiences whose verifiers do not ask Ward.
//!
//! Source: draft-ietf-oauth-status-list §6 (`status`). Best test: `tests.rs`.

use std::collections::BTreeSet;

use ward_ledger::{LedgerSecret, Locator, StatusPlace, TokenBody};

/// The audiences, and where their lists are served.
#[derive(Clone, Debug)]
pub struct StatusLists {
    base: String,
    audiences: BTreeSet<String>,
}

impl StatusLists {
    /// Lists whose names stand behind `base`, for tokens meant for these audiences.
    #[must_use]
    pub fn new(base: String, audiences: impl IntoIterator<Item = String>) -> Self {
        Self { base, audiences: audiences.into_iter().collect() }
    }

    /// Where the status of a token at `place` stands; `None` if it does not say.
    pub(crate) fn of(
        &self,
        secret: &LedgerSecret,
        place: Locator,
        body: &TokenBody,
    ) -> Option<StatusPlace> {
        if !self.audiences.contains(&body.audience) {
            return None;
        }
        secret.status_place(place, &self.base)
    }
}
