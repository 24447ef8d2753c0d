//! The operators' record as its page shows it.

use serde::Serialize;
use ward_model::{ApiKeyId, LeafIndex, PersonId, SessionId, UnixMillis};

/// What a list of the record is asked for; every filter that is `Some` must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordAsk {
    /// Only what this person did, or what is about him.
    pub person: Option<PersonId>,
    /// Only entries of this kind, by its name.
    pub kind: Option<String>,
    /// Words that all stand in the text.
    pub words: String,
    /// From this moment, inclusive.
    pub from: Option<UnixMillis>,
    /// To this moment, exclusive.
    pub to: Option<UnixMillis>,
    /// Only below this leaf (a [`RecordPage::next`]).
    pub before: Option<LeafIndex>,
    /// At most this many rows.
    pub rows_max: usize,
}

/// A page of the record.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RecordPage {
    /// Newest first.
    pub rows: Vec<RecordRow>,
    /// Where the next page begins; `None` at the journal's start.
    pub next: Option<LeafIndex>,
    /// How far back was looked, when the search stopped before its page was full.
    pub searched_to: Option<UnixMillis>,
    /// Every kind there is, in the order of the list.
    pub kinds: Vec<&'static str>,
}

/// One entry of the record.
#[derive(Clone, Debug, Serialize)]
pub struct RecordRow {
    /// Its leaf.
    pub leaf: LeafIndex,
    /// Journal time.
    pub at: UnixMillis,
    /// Who did it, or whom it is about.
    pub person: Option<PersonId>,
    /// His name; empty when there is no person.
    pub name: String,
    /// By which API key; `NONE` when none.
    pub api_key: ApiKeyId,
    /// In which session; `NONE` when none.
    pub session: SessionId,
    /// What it is about.
    pub kind: &'static str,
    /// In plain words.
    pub text: String,
}
