//! Rows as the rest of the house sees them.

use rusqlite::Row;
use rusqlite::types::{FromSqlError, Type};
use ward_model::word::{
    AlertKind, ApiKeyKind, CascadeStepKind, Cause, IncidentEntryKind, PersonState, StepOutcome,
};
use ward_model::{
    AccessId, AlertId, ApiKeyId, CascadeId, DataSubjectNumber, IncidentId, KeyNumber,
    NamespaceNumber, PersonId, PrincipalKey, PrincipalKind, PrincipalNumber, RouteNumber,
    UnixMillis,
};

use crate::limits::PAGE_ROWS_MAX;

/// An e-mail address of a person (RFC 7643 §4.1.2).
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Email {
    /// The address.
    pub value: String,
    /// `work`, `home`, ...
    pub kind: Option<String>,
    /// Whether it is the one to use.
    pub primary: bool,
}

/// A person who works here (SCIM User).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonRow {
    /// SCIM id.
    pub person: PersonId,
    /// As a principal.
    pub principal: PrincipalNumber,
    /// As views key it.
    pub principal_key: PrincipalKey,
    /// Unique without regard to case (RFC 7643 §4.1.1).
    pub user_name: String,
    /// The identity provider's own id.
    pub external_id: Option<String>,
    /// Shown.
    pub display_name: String,
    /// Given name.
    pub given_name: String,
    /// Family name.
    pub family_name: String,
    /// Addresses, at most 20.
    pub emails: Vec<Email>,
    /// SCIM `active`.
    pub active: bool,
    /// Works here, will leave, has left.
    pub state: PersonState,
    /// When the row was first put; kept by the store on later puts.
    pub created: UnixMillis,
    /// When it was last put.
    pub modified: UnixMillis,
    /// 1, 2, ...; set by the store.
    pub version: i64,
}

/// An API key as records tell of it; its hash is in no listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeyRow {
    /// Which.
    pub api_key: ApiKeyId,
    /// What it is for.
    pub kind: ApiKeyKind,
    /// Whom it acts for.
    pub owner_kind: PrincipalKind,
    /// Whom it acts for.
    pub owner: PrincipalNumber,
    /// A name for people; empty when none. No record holds it.
    pub label: String,
    /// When it was issued, journal time.
    pub created: UnixMillis,
    /// When it ends.
    pub expires: UnixMillis,
    /// When it was revoked, and why.
    pub revoked: Option<(UnixMillis, Cause)>,
}

/// An OAuth client as records tell of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientRow {
    /// `client_id`.
    pub client_id: String,
    /// As views key it.
    pub client_key: PrincipalKey,
    /// The person answerable.
    pub owner: PersonId,
    /// The audience it may ask for.
    pub audience: String,
    /// Scopes it may ask for.
    pub scope: String,
    /// When it was registered.
    pub created: UnixMillis,
    /// When the registration ends.
    pub expires: UnixMillis,
    /// When it was revoked, and why.
    pub revoked: Option<(UnixMillis, Cause)>,
}

/// A leaver's cascade.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CascadeRow {
    /// This run.
    pub cascade: CascadeId,
    /// Who leaves.
    pub person: PersonId,
    /// Why.
    pub cause: Cause,
    /// When the signal arrived.
    pub signalled: UnixMillis,
    /// When it began.
    pub started: UnixMillis,
    /// When it ended, and how many steps were open then.
    pub finished: Option<(UnixMillis, i32)>,
}

/// A step of a cascade, as it stands last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CascadeStepRow {
    /// What.
    pub step: CascadeStepKind,
    /// On what.
    pub target: i64,
    /// How it stands.
    pub outcome: StepOutcome,
    /// Since when.
    pub time: UnixMillis,
}

/// An incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncidentRow {
    /// Which.
    pub incident: IncidentId,
    /// What it is about.
    pub kind: AlertKind,
    /// The key concerned.
    pub key: KeyNumber,
    /// The principal concerned.
    pub principal: PrincipalNumber,
    /// When it was opened.
    pub opened: UnixMillis,
    /// When it was closed, and why.
    pub closed: Option<(UnixMillis, String)>,
}

/// Something on an incident's timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncidentEntry {
    /// When.
    pub time: UnixMillis,
    /// What.
    pub kind: IncidentEntryKind,
    /// The alert.
    pub alert: AlertId,
    /// The request.
    pub access: AccessId,
    /// The person (a holder).
    pub person: PersonId,
    /// The note.
    pub note: String,
}

/// An alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertRow {
    /// Which.
    pub alert: AlertId,
    /// When.
    pub time: UnixMillis,
    /// What was seen.
    pub kind: AlertKind,
    /// By whom.
    pub principal: PrincipalNumber,
    /// About whom.
    pub data_subject: DataSubjectNumber,
    /// Under which key.
    pub key: KeyNumber,
    /// By which API key.
    pub api_key: ApiKeyId,
    /// In which request.
    pub access: AccessId,
    /// On which route.
    pub route: RouteNumber,
    /// Data subjects whose records had left by then.
    pub leaked: i64,
}

/// The last feed of a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExistenceRow {
    /// Which.
    pub namespace: NamespaceNumber,
    /// How many exist.
    pub existing: i64,
    /// How many were deleted.
    pub tombstones: i64,
    /// See `ExistenceFed`.
    pub watermark: i64,
    /// When it was fed.
    pub time: UnixMillis,
}

/// Which rows of a listing: `count` of them (at most 1000) from the `start`th on, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// How many to skip.
    pub start: u32,
    /// How many to give.
    pub count: u32,
}

impl Page {
    /// The first page, as large as it may be.
    pub const FIRST: Self = Self { start: 0, count: PAGE_ROWS_MAX };

    pub(crate) fn limits(self) -> (u32, u32) {
        (self.count.min(PAGE_ROWS_MAX), self.start)
    }
}

/// A page of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing<T> {
    /// How many rows there are in all.
    pub total: i64,
    /// These of them.
    pub rows: Vec<T>,
}

/// A row that can be read from its columns in the order of its table's listing.
pub(crate) trait Read: Sized {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self>;
}

fn corrupt(column: usize) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(
        column,
        Type::Integer,
        Box::new(FromSqlError::InvalidType),
    )
}

/// A column that holds a word's byte.
macro_rules! word {
    ($row:expr, $column:literal, $word:ty) => {
        <$word>::from_byte($row.get($column)?).ok_or_else(|| corrupt($column))?
    };
}

fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<UnixMillis> {
    row.get(column).map(UnixMillis::new)
}

fn revoked(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<(UnixMillis, Cause)>> {
    let Some(ms) = row.get::<_, Option<i64>>(at)? else { return Ok(None) };
    let cause = Cause::from_byte(row.get(at + 1)?).ok_or_else(|| corrupt(at + 1))?;
    Ok(Some((UnixMillis::new(ms), cause)))
}

impl Read for PersonRow {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let emails: String = row.get(8)?;
        Ok(Self {
            person: PersonId(row.get(0)?),
            principal: PrincipalNumber(row.get(1)?),
            principal_key: PrincipalKey(row.get(2)?),
            user_name: row.get(3)?,
            external_id: row.get(4)?,
            display_name: row.get(5)?,
            given_name: row.get(6)?,
            family_name: row.get(7)?,
            emails: serde_json::from_str(&emails).map_err(|_| corrupt(8))?,
            active: row.get(9)?,
            state: word!(row, 10, PersonState),
            created: time(row, 11)?,
            modified: time(row, 12)?,
            version: row.get(13)?,
        })
    }
}

impl Read for ApiKeyRow {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            api_key: ApiKeyId(row.get(0)?),
            kind: word!(row, 1, ApiKeyKind),
            owner_kind: word!(row, 2, PrincipalKind),
            owner: PrincipalNumber(row.get(3)?),
            created: time(row, 4)?,
            expires: time(row, 5)?,
            revoked: revoked(row, 6)?,
            label: row.get::<_, Option<String>>(8)?.unwrap_or_default(),
        })
    }
}

impl Read for ClientRow {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            client_key: PrincipalKey(row.get(0)?),
            client_id: row.get(1)?,
            owner: PersonId(row.get(2)?),
            audience: row.get(3)?,
            scope: row.get(4)?,
            created: time(row, 5)?,
            expires: time(row, 6)?,
            revoked: revoked(row, 7)?,
        })
    }
}

impl Read for CascadeRow {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let finished = row.get::<_, Option<i64>>(5)?.map(UnixMillis::new);
        Ok(Self {
            cascade: CascadeId(row.get(0)?),
            person: PersonId(row.get(1)?),
            cause: word!(row, 2, Cause),
            signalled: time(row, 3)?,
            started: time(row, 4)?,
            finished: finished.zip(row.get(6)?),
        })
    }
}

impl Read for CascadeStepRow {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            step: word!(row, 0, CascadeStepKind),
            target: row.get(1)?,
            outcome: word!(row, 2, StepOutcome),
            time: time(row, 3)?,
        })
    }
}

impl Read for IncidentRow {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let closed = row.get::<_, Option<i64>>(5)?.map(UnixMillis::new);
        Ok(Self {
            incident: IncidentId(row.get(0)?),
            kind: word!(row, 1, AlertKind),
            key: KeyNumber(row.get(2)?),
            principal: PrincipalNumber(row.get(3)?),
            opened: time(row, 4)?,
            closed: closed.zip(row.get(6)?),
        })
    }
}

impl Read for IncidentEntry {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            time: time(row, 0)?,
            kind: word!(row, 1, IncidentEntryKind),
            alert: AlertId(row.get(2)?),
            access: AccessId(row.get(3)?),
            person: PersonId(row.get(4)?),
            note: row.get(5)?,
        })
    }
}

impl Read for AlertRow {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            alert: AlertId(row.get(0)?),
            time: time(row, 1)?,
            kind: word!(row, 2, AlertKind),
            principal: PrincipalNumber(row.get(3)?),
            data_subject: DataSubjectNumber(row.get(4)?),
            key: KeyNumber(row.get(5)?),
            api_key: ApiKeyId(row.get(6)?),
            access: AccessId(row.get(7)?),
            route: RouteNumber(row.get(8)?),
            leaked: row.get(9)?,
        })
    }
}

impl Read for ExistenceRow {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            namespace: NamespaceNumber(row.get(0)?),
            existing: row.get(1)?,
            tombstones: row.get(2)?,
            watermark: row.get(3)?,
            time: time(row, 4)?,
        })
    }
}
