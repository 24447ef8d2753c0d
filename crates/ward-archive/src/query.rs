//! What is asked, and the shape of an answer. No code in here decides anything.

use std::collections::BTreeMap;

use roaring::RoaringTreemap;
use ward_model::record::AccessIntended;
use ward_model::word::{Provenance, Task};
use ward_model::{
    AccessId, ApiKeyId, DataSubjectNumber, KeyNumber, PrincipalKind, PrincipalNumber, RouteNumber,
    TreeSize, UnixMillis,
};

/// By whose hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum By {
    /// A principal; number 0 asks for callers nobody knew.
    Principal(PrincipalNumber),
    /// Whatever was presented under a signing key: also every forgery made with it.
    Key(KeyNumber),
    /// An API key.
    ApiKey(ApiKeyId),
    /// Anyone, on one route.
    Route(RouteNumber),
}

impl By {
    /// Whether it names nothing: then every answer is empty.
    #[must_use]
    pub const fn is_nothing(self) -> bool {
        match self {
            Self::Principal(_) => false,
            Self::Key(key) => key.is_none(),
            Self::ApiKey(key) => key.is_none(),
            Self::Route(route) => route.is_none(),
        }
    }
}

/// Which fields of which route count: a bit per slot. A route that is not named does not count.
/// The catalogue makes one for a data class.
pub type FieldFilter = BTreeMap<RouteNumber, i64>;

/// A question for the set of data subjects touched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// By whose hands.
    pub by: By,
    /// From this moment on, journal time.
    pub from: UnixMillis,
    /// Before this moment, journal time.
    pub to: UnixMillis,
    /// Only rows that hold one of these fields; `None`: every row.
    pub fields: Option<FieldFilter>,
}

/// What was found of one provenance.
///
/// `People`: a bitmap of numbers, or their sorted list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part<People> {
    /// Each data subject once.
    pub data_subjects: People,
    /// Rows that name someone: (access, data subject) pairs.
    pub rows: i64,
    /// Rows of answers that left without saying whom they held.
    pub unnamed: i64,
    /// Recorded releases; a streamed answer counts once for each recorded chunk.
    pub accesses: i64,
    /// Fields that left, by route.
    pub fields: BTreeMap<RouteNumber, i64>,
    /// Journal time of the first row.
    pub first: Option<UnixMillis>,
    /// Journal time of the last row.
    pub last: Option<UnixMillis>,
}

/// A change or stream of which it is not known what it came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Undecided {
    /// When the intent was recorded.
    pub time: UnixMillis,
    /// The request.
    pub access: AccessId,
    /// Who.
    pub principal: PrincipalNumber,
    /// By which API key.
    pub api_key: ApiKeyId,
    /// By a token under which key.
    pub key: KeyNumber,
    /// On which route.
    pub route: RouteNumber,
    /// The task.
    pub task: Task,
    /// Whether it was closed as `outcome_unknown`; if not, it may still be under way.
    pub closed: bool,
}

impl Undecided {
    /// An intent as it was recorded.
    pub(crate) const fn new(time: UnixMillis, intent: &AccessIntended) -> Self {
        Self {
            time,
            access: intent.access,
            principal: intent.principal,
            api_key: intent.api_key,
            key: intent.key,
            route: intent.route,
            task: intent.task,
            closed: false,
        }
    }
}

/// Whose data was touched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope<People = RoaringTreemap> {
    /// The records this answer has seen: leaves below this.
    pub size: TreeSize,
    /// Exactly: Ward saw the answers.
    pub exact: Part<People>,
    /// By the route's declaration; not exact.
    pub declared: Part<People>,
    /// By an application's receipt; not exact.
    pub reported: Part<People>,
    /// Intents without a known outcome, by time.
    pub undecided: Vec<Undecided>,
}

/// Someone who read a data subject, by one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reader {
    /// Who.
    pub principal: PrincipalNumber,
    /// What kind.
    pub principal_kind: PrincipalKind,
    /// By which API key.
    pub api_key: ApiKeyId,
    /// By a token under which key.
    pub key: KeyNumber,
    /// On which route.
    pub route: RouteNumber,
    /// Where the rows come from; exact only when `measured`.
    pub provenance: Provenance,
    /// Every field that left.
    pub fields: i64,
    /// How many rows.
    pub rows: i64,
    /// Journal time of the first.
    pub first: UnixMillis,
    /// Journal time of the last.
    pub last: UnixMillis,
}

/// Who read a data subject.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readers {
    /// The records this answer has seen: leaves below this.
    pub size: TreeSize,
    /// Sorted by principal, kind, API key, key, route, provenance.
    pub readers: Vec<Reader>,
    /// Intents without a known outcome in that time, by anyone: none can be ruled out.
    pub undecided: Vec<Undecided>,
}

/// Asked for: a data subject and a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WhoRead {
    pub(crate) data_subject: DataSubjectNumber,
    pub(crate) from: UnixMillis,
    pub(crate) to: UnixMillis,
}
