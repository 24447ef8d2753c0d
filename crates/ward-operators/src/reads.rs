//! Ward's own reads are reads: scope, who-read, accesses and person pages have a purpose, a budget,
//! and a record that is durable before the answer leaves.
//!
//! Pure but for one lock. Amounts are set aside under it before anything is recorded, so that
//! parallel requests never spend more than there is.
//! What it must never do: let an answer out that was not recorded, or forget across a restart what
//! was read today: the view is rebuilt from records.
//! Best test: `reads/tests.rs` (a small model), `reads/desk/tests.rs` (in parallel).

pub mod desk;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ward_model::record::OperatorRead;
use ward_model::word::ApprovalEnd;
use ward_model::{
    ApiKeyId, ApprovalId, Caller, LeafIndex, PersonId, Position, Record, UnixMillis, View,
};

use crate::act::ActKind;
use crate::limits::{READS_AT_ONCE, READS_PER_DAY};

/// What reading in Ward itself is held to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadRules {
    /// Whether the API asks for a purpose (`Ward-Purpose`).
    pub purpose_required: bool,
    /// Data subjects that answers may name to one operator in a day of the journal (UTC).
    pub per_day: u64,
    /// Data subjects that one answer may name without a second person's consent.
    pub at_once: u64,
}

impl Default for ReadRules {
    fn default() -> Self {
        Self { purpose_required: true, per_day: READS_PER_DAY, at_once: READS_AT_ONCE }
    }
}

/// Whose budget a read is charged to: the person, whatever credential he uses; a machine's API key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reader {
    /// A person.
    Person(PersonId),
    /// A machine, by its API key.
    Machine(ApiKeyId),
    /// A session that belongs to nobody by name.
    Nobody,
}

impl Reader {
    /// The reader behind a call.
    #[must_use]
    pub fn of(caller: &Caller) -> Self {
        Self::new(caller.person, caller.api_key)
    }

    fn new(person: PersonId, api_key: ApiKeyId) -> Self {
        if person != PersonId::default() {
            return Self::Person(person);
        }
        if api_key.is_none() { Self::Nobody } else { Self::Machine(api_key) }
    }
}

/// The budget of today does not reach so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent {
    /// Data subjects that may still be named today.
    pub left: u64,
}

/// What was read today, by reader.
#[derive(Debug, Default)]
pub struct Reads {
    day: i32,
    spent: HashMap<Reader, u64>,
    /// Open proposals of large answers.
    large: BTreeSet<ApprovalId>,
    /// The record that used such a proposal up; the read that it allowed stands right after it.
    allowed: Option<LeafIndex>,
}

impl Reads {
    /// Data subjects named to a reader on the day of `now`, or of the newest record if it is later.
    #[must_use]
    pub fn spent(&self, reader: Reader, now: UnixMillis) -> u64 {
        if now.day() > self.day {
            return 0;
        }
        self.spent.get(&reader).copied().unwrap_or(0)
    }

    /// Takes in one record.
    pub fn take_in(&mut self, at: Position, record: &Record) {
        match record {
            Record::ApprovalProposed(it) if it.act.as_str() == ActKind::ReadMany.as_str() => {
                self.large.insert(it.approval);
            }
            Record::ApprovalEnded(it) if self.large.remove(&it.approval) => {
                self.allowed = (it.how == ApprovalEnd::Applied).then_some(at.index);
            }
            Record::OperatorRead(it) => self.put_read(at, it),
            _ => {}
        }
    }

    fn put_read(&mut self, at: Position, it: &OperatorRead) {
        // A second person answers for a large answer: it is not charged to the first one's day.
        let before = LeafIndex(at.index.0.saturating_sub(1));
        if self.allowed.take().is_some_and(|allowed| allowed == before) {
            return;
        }
        if at.time.day() > self.day {
            self.day = at.time.day();
            self.spent.clear();
        }
        let spent = self.spent.entry(Reader::new(it.person, it.api_key)).or_insert(0);
        *spent = spent.saturating_add(u64::try_from(it.data_subjects).unwrap_or(0));
    }
}

/// The view with what is set aside for reads under way. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct SharedReads(Arc<Mutex<Book>>);

#[derive(Debug, Default)]
struct Book {
    reads: Reads,
    /// Never empty entries: they go with the last read under way.
    aside: HashMap<Reader, u64>,
}

/// What is set aside for one read; given back when this is dropped, which must be after its record
/// is in the view, or after it is known that there will be none.
#[derive(Debug)]
pub struct Aside {
    book: SharedReads,
    reader: Reader,
    data_subjects: u64,
}

impl SharedReads {
    /// An empty view.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Data subjects named to a reader today; reads under way do not count.
    #[must_use]
    pub fn spent(&self, reader: Reader, now: UnixMillis) -> u64 {
        self.book().reads.spent(reader, now)
    }

    /// Sets `data_subjects` aside out of today's budget of `per_day`.
    ///
    /// INVARIANT: what is spent and set aside together never passes `per_day`; while a read's
    /// record is in the view and it is still set aside, it counts twice, never not at all.
    ///
    /// # Errors
    /// [`Spent`]: nothing was set aside.
    pub fn set_aside(
        &self,
        reader: Reader,
        data_subjects: u64,
        per_day: u64,
        now: UnixMillis,
    ) -> Result<Aside, Spent> {
        let mut book = self.book();
        let aside = book.aside.get(&reader).copied().unwrap_or(0);
        let taken = book.reads.spent(reader, now).saturating_add(aside);
        let left = per_day.saturating_sub(taken);
        if data_subjects > left {
            return Err(Spent { left });
        }
        book.aside.insert(reader, aside.saturating_add(data_subjects));
        drop(book);
        Ok(Aside { book: self.clone(), reader, data_subjects })
    }

    /// The journal's way in.
    #[must_use]
    pub fn view(&self) -> impl View + use<> {
        Following(self.clone())
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        let mut book = self.book.book();
        let Some(aside) = book.aside.get_mut(&self.reader) else { return };
        *aside = aside.saturating_sub(self.data_subjects);
        if *aside == 0 {
            book.aside.remove(&self.reader);
        }
    }
}

struct Following(SharedReads);

impl View for Following {
    fn apply(&mut self, at: Position, record: &Record) {
        let concerned = matches!(
            record,
            Record::OperatorRead(_) | Record::ApprovalProposed(_) | Record::ApprovalEnded(_)
        );
        if concerned {
            self.0.book().reads.take_in(at, record);
        }
    }

    fn needs_issuances_from(&self) -> LeafIndex {
        LeafIndex::NEVER
    }
}

#[cfg(test)]
mod tests;
