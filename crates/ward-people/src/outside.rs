//! What this room needs from the rest of the program: a journal, rows, numbers, a clock.
//!
//! The program implements [`Outside`] once, in the place where rooms meet.

use core::future::Future;

use ward_model::record::PersonPut;
use ward_model::{KeyNumber, PersonId, PrincipalKey, PrincipalNumber, Record, UnixMillis};

use crate::person::PersonRow;

/// Something did not answer; trying again later may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} cannot be reached")]
pub struct Unavailable {
    /// What: `journal`, `store`, `register`.
    pub what: &'static str,
}

/// Why a row was not saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SaveError {
    /// Another row that is not deleted has this `userName` or `externalId`. Blame: input.
    #[error("another person has this {attribute}")]
    Taken {
        /// Which attribute.
        attribute: &'static str,
    },
    /// Try again later.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Why someone who left does not come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReturnHeld {
    /// It waits under this number until operators have consented.
    #[error("bringing a leaver back waits for consent: proposal {0}")]
    Waits(ward_model::ApprovalId),
    /// Too many proposals wait.
    #[error("too many proposals wait: end some of them first")]
    TooMany,
    /// Try again later.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// How a row is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Find {
    /// By id; deleted rows are found too.
    Id(PersonId),
    /// By [`crate::person::fold`]ed `userName`, among rows that are not deleted.
    UserName(String),
    /// By `externalId`, exactly, among rows that are not deleted.
    ExternalId(String),
}

/// A page of rows that are not deleted, in a stable order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The rows.
    pub rows: Vec<PersonRow>,
    /// How many there are in all.
    pub total: usize,
}

/// What the program provides.
pub trait Outside: Send + Sync + 'static {
    /// Appends `records` as ONE group, in the highest lane among them. MUST return only when the
    /// group is durable and every view has taken it in. MUST NOT touch the store.
    fn append(&self, records: Vec<Record>) -> impl Future<Output = Result<(), Unavailable>> + Send;

    /// Writes a row (insert or replace by id) and its record in one transaction with the outbox.
    /// MUST return only when the journal has appended the record. Refuses [`SaveError::Taken`]
    /// without writing anything.
    fn save(
        &self,
        row: PersonRow,
        put: PersonPut,
    ) -> impl Future<Output = Result<(), SaveError>> + Send;

    /// Follows a change the journal already has (the state of one row). May fail: the journal
    /// holds the truth and the projection is mended from it.
    fn project_state(
        &self,
        person: PersonId,
        state: ward_model::word::PersonState,
        modified: UnixMillis,
    ) -> impl Future<Output = Result<(), Unavailable>> + Send;

    /// Looks one row up.
    fn find(&self, by: Find)
    -> impl Future<Output = Result<Option<PersonRow>, Unavailable>> + Send;

    /// Rows `from` (0-based) onward, at most `count`, and how many there are in all.
    fn list(
        &self,
        from: usize,
        count: usize,
    ) -> impl Future<Output = Result<Page, Unavailable>> + Send;

    /// The number and key of the principal (`person`, [`crate::person::id_text`]); numbers are
    /// durable before they are returned. Asked once per person, when he joins.
    fn principal(
        &self,
        person: PersonId,
    ) -> impl Future<Output = Result<(PrincipalNumber, PrincipalKey), Unavailable>> + Send;

    /// Keyed hash of [`PersonRow::canonical`] bytes.
    fn digest(&self, canonical: &[u8]) -> [u8; 32];

    /// Sixteen random bytes.
    fn random(&self) -> [u8; 16];

    /// The wall clock.
    fn now(&self) -> UnixMillis;

    /// Whether someone who left may come back now: it weakens, so another person must have approved
    /// it. `left` is when he left, so that an approval is for this return alone. The records are
    /// to be appended in one group with his return.
    fn may_return(
        &self,
        person: PersonId,
        left: UnixMillis,
    ) -> impl Future<Output = Result<Vec<Record>, ReturnHeld>> + Send;

    /// How many tokens issued under a key are live: for previews; `None` when not known.
    fn live_tokens(&self, key: KeyNumber) -> Option<i64>;
}
