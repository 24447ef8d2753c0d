//! What the console shows, and the one trait it asks for it.
//!
//! What it is: plain structs filled by the program, and [`Facts`], which fills them.
//! What it must never do: act. Nothing here changes anything in Ward.
//! Where it sits: between the read sides of the rooms (joined in the `ward` program) and the pages.
//! INVARIANT: no outside id or field value of a customer stands in any struct; data subjects and
//! outside principals are dense numbers. People who work here are named.
//! Best test: `pages/tests.rs`.

mod credentials;
mod record;

use serde::Serialize;
use ward_model::{
    AccessId, AlertId, ApiKeyId, ApprovalId, DataSubjectNumber, IncidentId, KeyNumber, LeafIndex,
    PersonId, PrincipalKind, PrincipalNumber, Reason, RouteNumber, TenantNumber, TreeSize,
    UnixMillis, Verdict,
    word::{
        AlertKind, CustodyEvidence, IncidentEntryKind, IssuerMode, KeySource, KeyState,
        PersonState, Provenance, RouteMode, Task,
    },
};

use ward_operators::Session;

pub use credentials::{Credential, CredentialPage, CredentialsAsk};
pub use record::{RecordAsk, RecordPage, RecordRow};

/// Where the pages' content comes from. Calls may block; the console makes them off its own
/// threads. `now` is asked up to twice a second for each open page: keep it to memory.
pub trait Facts: Send + Sync {
    /// The state of this moment.
    ///
    /// # Errors
    /// [`FactsError`]: the page says so and shows nothing else.
    fn now(&self) -> Result<Now, FactsError>;

    /// Declared routes, by number.
    ///
    /// # Errors
    /// As [`Facts::now`].
    fn routes(&self) -> Result<Vec<RouteState>, FactsError>;

    /// Accesses, newest first, at most [`AccessesAsk::rows_max`] of them. A search that grows long
    /// may stop early with fewer rows and a `next`.
    ///
    /// # Errors
    /// As [`Facts::now`].
    fn accesses(&self, ask: &AccessesAsk) -> Result<AccessPage, FactsError>;

    /// One access; `None` when no record names it.
    ///
    /// # Errors
    /// As [`Facts::now`].
    fn access(&self, id: AccessId) -> Result<Option<AccessDetail>, FactsError>;

    /// Incidents, newest first, at most `rows_max`, with ids below `before` when it is given.
    ///
    /// # Errors
    /// As [`Facts::now`].
    fn incidents(
        &self,
        before: Option<IncidentId>,
        rows_max: usize,
    ) -> Result<IncidentPage, FactsError>;

    /// One incident with its timeline (oldest first); `None` when there is none of that id.
    ///
    /// # Errors
    /// As [`Facts::now`].
    fn incident(&self, id: IncidentId) -> Result<Option<IncidentDetail>, FactsError>;

    /// People who work or worked here, by name, at most `rows_max`, after the opaque cursor
    /// `after` (a [`PeoplePage::next`]) when it is given.
    ///
    /// # Errors
    /// As [`Facts::now`].
    fn people(&self, after: Option<&str>, rows_max: usize) -> Result<PeoplePage, FactsError>;

    /// Entries of the operators' record, newest first, at most [`RecordAsk::rows_max`] of them. An
    /// unknown kind matches nothing.
    ///
    /// # Errors
    /// As [`Facts::now`].
    fn record(&self, ask: &RecordAsk) -> Result<RecordPage, FactsError>;

    /// Credentials, the newest first within a kind, at most [`CredentialsAsk::rows_max`] of them. A
    /// word that is none matches nothing.
    ///
    /// # Errors
    /// As [`Facts::now`].
    fn credentials(&self, ask: &CredentialsAsk) -> Result<CredentialPage, FactsError>;

    /// One credential; `None` when there is none of that id.
    ///
    /// # Errors
    /// As [`Facts::now`].
    fn credential(&self, id: &str) -> Result<Option<Credential>, FactsError>;

    /// Records that a page is about to show people or so many data subjects to a session: `what` is
    /// a noun, `of` says which, in words without personal data. MUST be asked before the page
    /// leaves; the page leaves only on `Ok`.
    ///
    /// # Errors
    /// [`FactsError::Held`], [`FactsError::Spent`]; else as [`Facts::now`].
    fn let_out(
        &self,
        session: Option<&Session>,
        what: &'static str,
        of: &str,
        data_subjects: usize,
    ) -> Result<(), FactsError>;
}

/// Why a page cannot be shown. Messages hold no personal data and no secret.
#[derive(Debug, thiserror::Error)]
pub enum FactsError {
    /// Not at the moment; the same question may succeed later.
    #[error("{what} cannot be read at the moment")]
    Unavailable {
        /// What was asked, for example `the journal`.
        what: &'static str,
    },
    /// The page names so many that another operator must consent first.
    #[error("this page waits for another operator: proposal {approval}")]
    Held {
        /// The proposal.
        approval: ApprovalId,
    },
    /// Today's budget of data subjects named to this operator is spent.
    #[error("today’s budget of people you may be shown is spent")]
    Spent,
    /// What was read is not what was written: someone has to look.
    #[error("{what} is damaged")]
    Corrupt {
        /// What was read.
        what: &'static str,
    },
}

/// The state of one moment. "Today" is the UTC day of `at`.
#[derive(Clone, Debug, Serialize)]
pub struct Now {
    /// When this was true.
    pub at: UnixMillis,
    /// Since when this node serves.
    pub started_at: UnixMillis,
    /// The program's version.
    pub version: String,
    /// Reads whose answer left.
    pub reads: Reads,
    /// Reads that left in each of the last seconds, oldest first; the last 60 are drawn.
    pub reads_by_second: Vec<u64>,
    /// Refusals in each of the same seconds.
    pub refusals_by_second: Vec<u64>,
    /// Refusals by reason, those with `today` = 0 left out or not.
    pub refusals: Vec<ReasonCount>,
    /// Distinct data subjects whose records left today.
    pub people_read_today: u64,
    /// Newest refusals first; the first 8 are shown.
    pub recent_refusals: Vec<AccessRow>,
    /// Newest alerts first; the first 6 are shown.
    pub recent_alerts: Vec<Alert>,
    /// Alerts raised today.
    pub alerts_today: u64,
    /// Incidents not closed.
    pub incidents_open: u64,
    /// The journal's head.
    pub journal: JournalHead,
    /// What the storage of keys protects from.
    pub custody: CustodyGrade,
    /// Issuers and their modes.
    pub issuers: Vec<IssuerState>,
    /// Declared routes and their modes.
    pub routes: Vec<RouteState>,
    /// Requests to undeclared routes that passed unmeasured today.
    pub ungated_today: u64,
    /// Enforced routes that one person opened in an emergency, open at this moment.
    pub bypasses_open: u64,
    /// Emergencies, bypasses and break-glass sign-ins, nobody else has looked at.
    pub emergencies_unreviewed: u64,
}

/// Reads whose answer left.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Reads {
    /// In the last whole second.
    pub last_second: u64,
    /// In the last 60 seconds.
    pub last_minute: u64,
    /// Today.
    pub today: u64,
    /// Since the journal began.
    pub total: u64,
}

/// Refusals for one reason, those counted as noise included.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ReasonCount {
    /// Why.
    pub reason: Reason,
    /// In the last 60 seconds.
    pub last_minute: u64,
    /// Today.
    pub today: u64,
}

/// The journal's head.
#[derive(Clone, Debug, Serialize)]
pub struct JournalHead {
    /// Leaves on disk.
    pub tree_size: TreeSize,
    /// Leaves under the newest signed checkpoint.
    pub checkpoint_size: TreeSize,
    /// When that checkpoint was signed; `None` before the first.
    pub checkpoint_at: Option<UnixMillis>,
    /// Its root hash, base64.
    pub root: String,
    /// Records that should be there and are not. Anything but 0 is an emergency.
    pub lost: u64,
}

/// What the storage of signing keys protects from, and what it does not.
#[derive(Clone, Debug, Serialize)]
pub struct CustodyGrade {
    /// Its name, for example `key file`.
    pub grade: String,
    /// One sentence: what it keeps out.
    pub protects: String,
    /// One sentence: who can still read the keys.
    pub leaves: String,
}

/// An issuer and whether its tokens are decided upon.
#[derive(Clone, Debug, Serialize)]
pub struct IssuerState {
    /// `iss`.
    pub issuer: String,
    /// Its mode.
    pub mode: IssuerMode,
}

/// A declared route and whether its answers are decided upon.
#[derive(Clone, Debug, Serialize)]
pub struct RouteState {
    /// Its number.
    pub number: RouteNumber,
    /// Its name: method and path template, for example `GET /me/addresses`.
    pub name: String,
    /// Its mode.
    pub mode: RouteMode,
}

/// What a list of accesses is asked for; every filter that is `Some` must hold.
#[derive(Clone, Debug, Default)]
pub struct AccessesAsk {
    /// Only `permit` (`Some(true)`) or only `refuse` (`Some(false)`).
    pub permitted: Option<bool>,
    /// Only this reason.
    pub reason: Option<Reason>,
    /// Only by this principal.
    pub principal: Option<PrincipalNumber>,
    /// Only on this route.
    pub route: Option<RouteNumber>,
    /// Only accesses recorded below this leaf (an [`AccessPage::next`]).
    pub before: Option<LeafIndex>,
    /// At most this many rows.
    pub rows_max: usize,
}

/// A page of accesses.
#[derive(Clone, Debug, Default, Serialize)]
pub struct AccessPage {
    /// Newest first.
    pub rows: Vec<AccessRow>,
    /// Where the next page begins; `None` at the journal's start.
    pub next: Option<LeafIndex>,
    /// How far back was looked, when the search stopped before its page was full.
    pub searched_to: Option<UnixMillis>,
}

/// One access as a line of a list.
#[derive(Clone, Debug, Serialize)]
pub struct AccessRow {
    /// The request: outside, its `Ward-Request-Id`.
    pub id: AccessId,
    /// Its first leaf.
    pub leaf: LeafIndex,
    /// Journal time.
    pub at: UnixMillis,
    /// What was decided; on an observed route what would have been.
    #[serde(serialize_with = "verdict_word")]
    pub verdict: Verdict,
    /// Whether the answer left.
    pub released: bool,
    /// Whether the route decided or only watched.
    pub mode: RouteMode,
    /// Who read.
    pub principal_kind: PrincipalKind,
    /// Who read; `NONE` when unknown.
    pub principal: PrincipalNumber,
    /// On which route; `NONE` when undeclared.
    pub route: RouteNumber,
    /// That route's name, empty when undeclared.
    pub route_name: String,
    /// How many data subjects the answer held.
    pub data_subjects: u64,
    /// Where that count comes from.
    pub provenance: Provenance,
}

/// One access in full.
#[derive(Clone, Debug, Serialize)]
pub struct AccessDetail {
    /// The line of the list.
    pub row: AccessRow,
    /// Its last leaf.
    pub last_leaf: LeafIndex,
    /// The task.
    pub task: Task,
    /// The key its token was signed by.
    pub key: Option<KeyRef>,
    /// The API key it came with; `NONE` when it was a token.
    pub api_key: ApiKeyId,
    /// From which address.
    pub source: String,
    /// For which tenant the caller acts; `NONE` when none.
    pub tenant: TenantNumber,
    /// Whether a purpose was stated.
    pub purpose_stated: bool,
    /// Status the upstream gave; 0 when it was not asked.
    pub status: i32,
    /// Names of the fields the answer held, as the catalogue spells them.
    pub fields: Vec<String>,
    /// The first of the data subjects in it.
    pub data_subjects: Vec<DataSubjectNumber>,
    /// The incident it stands in; `NONE` when in none.
    pub incident: IncidentId,
}

/// A signing key as pages name it.
#[derive(Clone, Debug, Serialize)]
pub struct KeyRef {
    /// Its number.
    pub number: KeyNumber,
    /// `kid`.
    pub kid: String,
    /// `iss` of its tokens.
    pub issuer: String,
    /// Its state now.
    pub state: KeyState,
    /// Where it came from.
    pub source: KeySource,
}

/// An alert.
#[derive(Clone, Debug, Serialize)]
pub struct Alert {
    /// Its id.
    pub id: AlertId,
    /// When it was raised.
    pub at: UnixMillis,
    /// What was seen.
    pub kind: AlertKind,
    /// The request that raised it; all zero when none did.
    pub access: AccessId,
    /// The incident it belongs to; `NONE` when none.
    pub incident: IncidentId,
    /// Data subjects whose records had left by then in this matter.
    pub leaked: u64,
}

/// A page of incidents.
#[derive(Clone, Debug, Default, Serialize)]
pub struct IncidentPage {
    /// Newest first.
    pub rows: Vec<IncidentRow>,
    /// The `before` of the next page.
    pub next: Option<IncidentId>,
}

/// One incident as a line of a list.
#[derive(Clone, Debug, Serialize)]
pub struct IncidentRow {
    /// Its id.
    pub id: IncidentId,
    /// What it is about.
    pub kind: AlertKind,
    /// When it was opened.
    pub opened_at: UnixMillis,
    /// When it was closed.
    pub closed_at: Option<UnixMillis>,
    /// The key concerned.
    pub key: Option<KeyRef>,
    /// The principal concerned, when it is about one.
    pub principal_kind: PrincipalKind,
    /// The principal concerned; `NONE` when it is not about one.
    pub principal: PrincipalNumber,
    /// Alerts in it.
    pub alerts: u64,
    /// Accesses refused in it.
    pub refused: u64,
    /// Data subjects whose records left in it.
    pub leaked: u64,
}

/// One incident in full.
#[derive(Clone, Debug, Serialize)]
pub struct IncidentDetail {
    /// The line of the list.
    pub row: IncidentRow,
    /// Who could read the key, as declared or found.
    pub holders: Vec<Holder>,
    /// What happened, oldest first.
    pub timeline: Vec<TimelineEntry>,
    /// Entries left out of `timeline` because there are too many.
    pub timeline_left_out: u64,
}

/// Someone who can or could read a secret.
#[derive(Clone, Debug, Serialize)]
pub struct Holder {
    /// Who.
    pub person: PersonId,
    /// The name shown.
    pub name: String,
    /// Whether he works here.
    pub state: PersonState,
    /// When he left.
    pub left_at: Option<UnixMillis>,
    /// Since when he could read it.
    pub since: UnixMillis,
    /// How that is known.
    pub evidence: CustodyEvidence,
}

/// A line of an incident's timeline.
#[derive(Clone, Debug, Serialize)]
pub struct TimelineEntry {
    /// When.
    pub at: UnixMillis,
    /// What it is.
    pub kind: IncidentEntryKind,
    /// One sentence.
    pub text: String,
    /// The request; all zero when none.
    pub access: AccessId,
    /// Its leaf in the journal.
    pub leaf: LeafIndex,
}

/// A page of people.
#[derive(Clone, Debug, Default, Serialize)]
pub struct PeoplePage {
    /// By name.
    pub rows: Vec<PersonRow>,
    /// The `after` of the next page.
    pub next: Option<String>,
}

/// A person and what he could read.
#[derive(Clone, Debug, Serialize)]
pub struct PersonRow {
    /// The SCIM id.
    pub id: PersonId,
    /// The name shown.
    pub name: String,
    /// Whether he works here.
    pub state: PersonState,
    /// When he left or will.
    pub leaves_at: Option<UnixMillis>,
    /// API keys of his that still open something.
    pub api_keys_live: u64,
    /// Secrets he can or could read.
    pub custody: Vec<Custody>,
    /// Steps of his cascade still open.
    pub steps_open: u64,
}

/// A secret someone can or could read.
#[derive(Clone, Debug, Serialize)]
pub struct Custody {
    /// The signing key.
    pub key: KeyRef,
    /// Since when.
    pub since: UnixMillis,
    /// How it is known.
    pub evidence: CustodyEvidence,
}

fn verdict_word<S: serde::Serializer>(verdict: &Verdict, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(verdict.reason().map_or("permit", Reason::as_str))
}
