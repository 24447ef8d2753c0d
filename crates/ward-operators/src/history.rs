//! The operators' record: what operators did to Ward, and what changed its defences.
//!
//! The newest entries are kept in memory, older ones are found in the journal (`search.rs`); a part
//! of the record leaves as one file that anybody can check offline (`file.rs`).
//! What it must never do: hold a name or an id of a data subject, or forget without saying how far
//! back it reaches.
//! Where it sits: a view like any other; `/api/operators/record` and its page ask it.
//! Best test: `history/tests.rs`.

pub mod api;
pub mod file;
pub mod search;
mod told;

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, PoisonError, RwLock};

use ward_model::word::ApiKeyKind;
use ward_model::{
    ApiKeyId, LeafIndex, PersonId, Position, Record, SessionId, UnixMillis, View, words,
};

use crate::limits::{HISTORY_BYTES_MAX, HISTORY_ENTRIES_MAX};

words! {
    /// What an entry of the operators' record is about.
    EntryKind {
        /// An operator did something to Ward.
        Act = 1 "act",
        /// An operator read personal data in Ward itself.
        Read = 2 "read",
        /// An act that weakens was proposed.
        Proposal = 3 "proposal",
        /// An operator consented.
        Consent = 4 "consent",
        /// A proposal ended.
        ProposalEnd = 5 "proposal_end",
        /// What an operator may do changed.
        Roles = 6 "roles",
        /// A one-time link was made.
        Enrolment = 7 "enrolment",
        /// A passkey was registered or revoked.
        Passkey = 8 "passkey",
        /// An operator signed in.
        SignIn = 9 "sign_in",
        /// A session ended before its time.
        SessionEnd = 10 "session_end",
        /// Sign-ins were refused.
        SignInRefused = 11 "sign_in_refused",
        /// A route was opened in an emergency, or that ended.
        Bypass = 12 "bypass",
        /// A second person looked at an emergency.
        Review = 13 "review",
        /// An operator's API key.
        ApiKey = 14 "api_key",
        /// Configuration, catalogue and policies came into force.
        Declarations = 15 "declarations",
        /// An issuer learns or enforces.
        Issuer = 16 "issuer",
        /// A signing key: custody, state, grandfathering.
        Key = 17 "key",
        /// Ward was started, made, or restored from a backup.
        Start = 18 "start",
        /// An alert about operators or about a change nobody approved.
        Alert = 19 "alert",
    }
}

/// One entry of the record: a leaf of the journal in plain words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The leaf.
    pub index: LeafIndex,
    /// Journal time.
    pub time: UnixMillis,
    /// Who did it, or whom it is about; none when the record names no person.
    pub person: Option<PersonId>,
    /// By which API key, 0 when none.
    pub api_key: ApiKeyId,
    /// In which session, 0 when none.
    pub session: SessionId,
    /// What it is about.
    pub kind: EntryKind,
    /// In plain words; no data subject's name, id or value.
    pub text: String,
}

/// The entry that a record makes; `None` when it does not belong to the operators' record.
///
/// `is_operators` says whether an API key is of the kind `operator`: its revocation does not tell.
pub fn entry(
    at: Position,
    record: &Record,
    is_operators: impl Fn(ApiKeyId) -> bool,
) -> Option<Entry> {
    let told = told::told(record, is_operators)?;
    Some(Entry {
        index: at.index,
        time: at.time,
        person: Some(told.person).filter(|person| *person != PersonId::default()),
        api_key: told.api_key,
        session: told.session,
        kind: told.kind,
        text: told.text,
    })
}

/// What a search asks for; everything that is `Some` must hold, and every word must be found.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Only what this person did, or what is about him.
    pub person: Option<PersonId>,
    /// Only this.
    pub kind: Option<EntryKind>,
    /// Lower-case words, each of which stands somewhere in the text; see [`Wanted::words`].
    pub words: Vec<String>,
    /// From this moment, inclusive.
    pub from: Option<UnixMillis>,
    /// To this moment, exclusive.
    pub to: Option<UnixMillis>,
    /// Only below this leaf.
    pub before: Option<LeafIndex>,
    /// At most so many.
    pub limit: usize,
}

impl Wanted {
    /// The words of a text that somebody typed, at most 16 of them.
    #[must_use]
    pub fn words(text: &str) -> Vec<String> {
        text.split_whitespace().take(WORDS_MAX).map(str::to_lowercase).collect()
    }

    /// Whether an entry is asked for.
    #[must_use]
    pub fn takes(&self, it: &Entry) -> bool {
        let in_text = || {
            let text = it.text.to_lowercase();
            self.words.iter().all(|word| text.contains(word.as_str()))
        };
        self.person.is_none_or(|person| it.person == Some(person))
            && self.kind.is_none_or(|kind| it.kind == kind)
            && self.from.is_none_or(|from| it.time >= from)
            && self.to.is_none_or(|to| it.time < to)
            && self.before.is_none_or(|before| it.index < before)
            && (self.words.is_empty() || in_text())
    }
}

/// Most words of one search.
const WORDS_MAX: usize = 16;

/// What memory holds of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Newest first.
    pub entries: Vec<Entry>,
    /// Every entry of this leaf or a later one is in memory; earlier ones are in the journal alone.
    pub floor: LeafIndex,
}

/// The newest entries, oldest first.
#[derive(Debug, Default)]
pub struct History {
    entries: VecDeque<Entry>,
    bytes: usize,
    floor: LeafIndex,
    /// Every API key of the kind `operator` that ever was.
    api_keys: BTreeSet<ApiKeyId>,
}

impl History {
    /// Entries in memory that are wanted, newest first.
    #[must_use]
    pub fn search(&self, wanted: &Wanted) -> Found {
        let below = wanted.before.unwrap_or(LeafIndex(i64::MAX));
        let end = self.entries.partition_point(|it| it.index < below);
        let newest = self.entries.range(..end).rev().skip_while(|it| !before(it, wanted.to));
        let timely = newest.take_while(|it| wanted.from.is_none_or(|from| it.time >= from));
        let found = timely.filter(|it| wanted.takes(it)).take(wanted.limit);
        Found { entries: found.cloned().collect(), floor: self.floor }
    }

    /// The leaves of entries in memory from leaf `from` on, oldest first, and their times.
    pub fn leaves(&self, from: LeafIndex) -> impl Iterator<Item = Position> + '_ {
        let start = self.entries.partition_point(|it| it.index < from);
        self.entries.range(start..).map(|it| Position { index: it.index, time: it.time })
    }

    /// Every entry of this leaf or a later one is in memory.
    #[must_use]
    pub const fn floor(&self) -> LeafIndex {
        self.floor
    }

    /// Whether an API key is or was an operator's.
    #[must_use]
    pub fn is_operators(&self, api_key: ApiKeyId) -> bool {
        self.api_keys.contains(&api_key)
    }

    /// Takes in one record.
    pub fn take_in(&mut self, at: Position, record: &Record) {
        self.take_in_within(at, record, HISTORY_ENTRIES_MAX);
    }

    fn take_in_within(&mut self, at: Position, record: &Record, entries_max: usize) {
        if let Record::ApiKeyIssued(it) = record
            && it.kind == ApiKeyKind::Operator
        {
            self.api_keys.insert(it.api_key);
        }
        let Some(entry) = entry(at, record, |api_key| self.is_operators(api_key)) else { return };
        self.bytes = self.bytes.saturating_add(entry.text.len());
        self.entries.push_back(entry);
        while self.entries.len() > entries_max || self.bytes > HISTORY_BYTES_MAX {
            let Some(oldest) = self.entries.pop_front() else { break };
            self.bytes = self.bytes.saturating_sub(oldest.text.len());
            self.floor = LeafIndex(oldest.index.0.saturating_add(1));
        }
    }
}

fn before(it: &Entry, to: Option<UnixMillis>) -> bool {
    to.is_none_or(|to| it.time < to)
}

/// The view, shared. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct SharedHistory(Arc<RwLock<History>>);

impl SharedHistory {
    /// An empty view.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks at it.
    pub fn read<T>(&self, look: impl FnOnce(&History) -> T) -> T {
        look(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The journal's way in.
    #[must_use]
    pub fn view(&self) -> impl View + use<> {
        Following(self.clone())
    }
}

struct Following(SharedHistory);

impl View for Following {
    fn apply(&mut self, at: Position, record: &Record) {
        // WHY before the lock: nearly every record is an access or a token.
        if told::may_tell(record) {
            self.0.0.write().unwrap_or_else(PoisonError::into_inner).take_in(at, record);
        }
    }

    fn needs_issuances_from(&self) -> LeafIndex {
        LeafIndex::NEVER
    }
}

#[cfg(test)]
mod tests;
