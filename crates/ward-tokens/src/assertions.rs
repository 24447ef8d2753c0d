//! Client assertions that were used: each once, across restarts.
//!
//! Taken in memory first, recorded before it opens anything; replay puts the records of its longest
//! life back. Best test: `oauth/tests.rs`.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use ward_ledger::Client;
use ward_model::record::AssertionUsed;
use ward_model::{LeafIndex, Position, PrincipalKey, Record, UnixMillis, View};
use ward_proof::assertion::Assertion;
use ward_proof::limits::ASSERTION_MEMORY_MS;
use ward_proof::{Seen, Taken};

use crate::issuance::{Issuance, IssueError};
use crate::limits::ASSERTIONS_MAX;

/// The memory of used assertions. Cheap to clone; all clones see the same.
#[derive(Clone)]
pub struct Assertions(Arc<Seen>);

impl Default for Assertions {
    fn default() -> Self {
        // WHY no secret: what is remembered is SHA-256 already, so nobody chooses collisions.
        Self(Arc::new(Seen::new(&[0; 32], ASSERTION_MEMORY_MS, ASSERTIONS_MAX)))
    }
}

impl Assertions {
    /// The write side: give it to the journal at open.
    #[must_use]
    pub fn view(&self) -> Box<dyn View> {
        Box::new(Writer(self.clone()))
    }

    pub(crate) fn take(&self, client: PrincipalKey, assertion: [u8; 16], now: UnixMillis) -> Taken {
        self.0.take(&client.0, &assertion, now)
    }
}

struct Writer(Assertions);

impl View for Writer {
    fn apply(&mut self, at: Position, record: &Record) {
        if let Record::AssertionUsed(row) = record {
            // Live it was taken before it was recorded.
            let _taken = self.0.take(row.client_key, row.assertion, at.time);
        }
    }

    fn needs_issuances_from(&self) -> LeafIndex {
        LeafIndex::NEVER
    }
}

/// What became of an attempt to use an assertion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    First,
    Again,
    /// Too many at once to remember one more.
    NoRoom,
}

impl Issuance {
    /// Uses an assertion that holds. CRASH: one that was taken and not recorded opened nothing.
    pub(crate) async fn use_assertion(
        &self,
        client: &Client,
        held: &Assertion,
    ) -> Result<Use, IssueError> {
        let digest = Sha256::digest(&held.jti);
        let assertion = digest.first_chunk().copied().unwrap_or_default();
        match self.0.assertions.take(client.client_key, assertion, self.now()) {
            Taken::Fresh => {}
            Taken::Again => return Ok(Use::Again),
            Taken::Full => return Ok(Use::NoRoom),
        }
        let (client_key, expires_at) = (client.client_key, held.expires_at);
        self.append(AssertionUsed { client_key, assertion, expires_at }).await?;
        Ok(Use::First)
    }
}
