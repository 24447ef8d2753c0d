//! The first way: exact bitmaps, kept while records are appended.
//!
//! What it is: for every released row one cell per identity (principal, signing key, API key,
//! route), keyed by (identity, day UTC) and (route, fields, provenance): data subjects and
//! releases as bitmaps, rows as counts, first and last journal time.
//! Cost: four cells touched a row; a principal who reads one person a day costs about 200 bytes
//! for that day, heavy identities about 2 bytes a data subject and 2 a release; 4 bytes a row for
//! who read whom.
//! What it must never do: wait. Answers take shared bitmaps under the lock and add them up after.
//! Rebuilt by replay through the same [`View::apply`].

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use ward_model::record::{AccessIntended, AccessRow, IntentClosed};
use ward_model::word::{Outcome, Provenance};
use ward_model::{AccessId, LeafIndex, Position, Record, RouteNumber, TreeSize, UnixMillis, View};

use crate::block::Blocks;
use crate::query::{By, Undecided};
use crate::set::Set;

/// What tells the cells of one (identity, day) apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CellKey {
    pub(crate) route: RouteNumber,
    pub(crate) fields: i64,
    pub(crate) provenance: Provenance,
}

/// Rows that are alike but for whom they name and when.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    pub(crate) key: CellKey,
    pub(crate) data_subjects: Set,
    pub(crate) accesses: Set,
    pub(crate) rows: i64,
    pub(crate) unnamed: i64,
    pub(crate) first: UnixMillis,
    pub(crate) last: UnixMillis,
}

impl Cell {
    pub(crate) const fn new(key: CellKey, time: UnixMillis) -> Self {
        Self {
            key,
            data_subjects: Set::Empty,
            accesses: Set::Empty,
            rows: 0,
            unnamed: 0,
            first: time,
            last: time,
        }
    }

    pub(crate) fn count(&mut self, at: Position, row: &AccessRow) {
        self.last = at.time;
        // One recorded release is known by the leaf its first row stands at.
        self.accesses.insert(at.index.0.saturating_sub(i64::from(row.row)));
        if row.data_subject.is_none() {
            self.unnamed += 1;
        } else {
            self.rows += 1;
            self.data_subjects.insert(row.data_subject.0);
        }
    }
}

/// Whether a row counts, and as what: its answer left, and it names someone or may have held
/// someone it does not name.
pub(crate) fn counted(row: &AccessRow) -> Option<CellKey> {
    let provenance = match row.provenance {
        Provenance::Measured => Provenance::Measured,
        Provenance::Reported => Provenance::Reported,
        Provenance::Declared => Provenance::Declared,
        // WHY: a row that names someone and says it reached nobody contradicts itself; it is
        // kept, and never called exact.
        Provenance::None if row.data_subject.is_none() => return None,
        Provenance::None => Provenance::Declared,
    };
    let nobody = row.data_subject.is_none() && provenance == Provenance::Measured;
    let key = CellKey { route: row.route, fields: row.fields, provenance };
    (row.released && !nobody).then_some(key)
}

#[derive(Debug, Default)]
pub(crate) struct Inner {
    pub(crate) size: TreeSize,
    pub(crate) cells: HashMap<(By, i32), Vec<Cell>>,
    pub(crate) days: BTreeSet<i32>,
    pub(crate) blocks: Blocks,
    pub(crate) pending: HashMap<AccessId, Undecided>,
    pub(crate) unknown: Vec<Undecided>,
}

/// Bitmaps over the journal; a cheap clone shares them.
#[derive(Clone, Debug, Default)]
pub struct ScopeView {
    inner: Arc<RwLock<Inner>>,
}

/// What the view holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// The records it has seen: leaves below this.
    pub size: TreeSize,
    /// (identity, day) pairs.
    pub identity_days: usize,
    /// Cells of all of them.
    pub cells: usize,
    /// Bytes of their bitmaps, as serialised.
    pub bitmap_bytes: usize,
    /// Bytes of the blocks that say who read whom.
    pub block_bytes: usize,
}

impl ScopeView {
    /// Nothing seen yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The side that takes in records: give it to the journal.
    #[must_use]
    pub fn view(&self) -> impl View + 'static {
        self.clone()
    }

    // WHY: a poisoned lock is taken all the same: the writing side has no step that can panic,
    // and a reader never leaves anything half done.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the view holds. Walks all of it: for diagnostics.
    #[must_use]
    pub fn kept(&self) -> Kept {
        let inner = self.read();
        let cells = inner.cells.values().flatten();
        let bytes = |cell: &Cell| cell.data_subjects.bytes() + cell.accesses.bytes();
        Kept {
            size: inner.size,
            identity_days: inner.cells.len(),
            cells: inner.cells.values().map(Vec::len).sum(),
            bitmap_bytes: cells.map(bytes).sum(),
            block_bytes: inner.blocks.bytes(),
        }
    }
}

impl View for ScopeView {
    fn apply(&mut self, at: Position, record: &Record) {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        inner.apply(at, record);
    }

    fn needs_issuances_from(&self) -> LeafIndex {
        LeafIndex::NEVER
    }

    fn pass(&mut self, at: Position) {
        self.inner.write().unwrap_or_else(PoisonError::into_inner).pass(at);
    }
}

impl Inner {
    fn pass(&mut self, at: Position) {
        self.size = TreeSize(at.index.0.saturating_add(1));
        self.blocks.push(at, None);
    }

    fn apply(&mut self, at: Position, record: &Record) {
        self.size = TreeSize(at.index.0.saturating_add(1));
        let mut names = None;
        match record {
            Record::AccessRow(row) => names = self.access_row(at, row),
            Record::AccessIntended(intent) => self.intended(at, intent),
            Record::IntentClosed(closed) => self.closed(closed),
            _ => {}
        }
        self.blocks.push(at, names);
    }

    fn access_row(&mut self, at: Position, row: &AccessRow) -> Option<i64> {
        self.pending.remove(&row.access);
        let key = counted(row)?;
        let day = at.time.day();
        self.days.insert(day);
        let identities = [
            By::Principal(row.principal),
            By::Key(row.key),
            By::ApiKey(row.api_key),
            By::Route(row.route),
        ];
        for identity in identities.into_iter().filter(|it| !it.is_nothing()) {
            let cells = self.cells.entry((identity, day)).or_default();
            let found = cells.binary_search_by(|cell| cell.key.cmp(&key));
            let place = found.unwrap_or_else(|place| {
                cells.insert(place, Cell::new(key, at.time));
                place
            });
            if let Some(cell) = cells.get_mut(place) {
                cell.count(at, row);
            }
        }
        (!row.data_subject.is_none()).then_some(row.data_subject.0)
    }

    fn intended(&mut self, at: Position, intent: &AccessIntended) {
        self.pending.insert(intent.access, Undecided::new(at.time, intent));
    }

    fn closed(&mut self, closed: &IntentClosed) {
        let Some(intent) = self.pending.remove(&closed.access) else { return };
        if closed.outcome == Outcome::Unknown {
            self.unknown.push(Undecided { closed: true, ..intent });
        }
    }
}
