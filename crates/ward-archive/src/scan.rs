//! The second way: every record read one by one, no index, no bitmap.
//!
//! What it is: the check on the bitmaps. Shares the record type and the answer's shape with them,
//! and nothing that decides; it does not rely on the order of times either.
//! Cost: reads the whole journal; 16 bytes at most for each distinct data subject found.

use std::collections::HashMap;

use ward_model::record::AccessRow;
use ward_model::word::{Outcome, Provenance};
use ward_model::{AccessId, DataSubjectNumber, Position, Record, TreeSize, UnixMillis};

use crate::query::{By, Part, Query, Reader, Readers, Scope, Undecided, WhoRead};

/// Distinct numbers as a sorted list and what came since.
#[derive(Default)]
struct Distinct {
    sorted: Vec<DataSubjectNumber>,
    fresh: Vec<DataSubjectNumber>,
}

impl Distinct {
    const FRESH_MIN: usize = 1 << 16;

    fn add(&mut self, number: DataSubjectNumber) {
        self.fresh.push(number);
        if self.fresh.len() >= self.sorted.len().max(Self::FRESH_MIN) {
            self.settle();
        }
    }

    fn settle(&mut self) {
        self.fresh.sort_unstable();
        self.fresh.dedup();
        self.sorted.append(&mut self.fresh);
        // Two sorted runs: the stable sort joins them in one pass.
        self.sorted.sort();
        self.sorted.dedup();
    }
}

#[derive(Default)]
struct Tally {
    part: Part<()>,
    people: Distinct,
    latest: Option<(AccessId, i64)>,
}

impl Tally {
    fn row(&mut self, at: Position, row: &AccessRow) {
        if row.data_subject == DataSubjectNumber::NONE {
            self.part.unnamed += 1;
        } else {
            self.part.rows += 1;
            self.people.add(row.data_subject);
        }
        // The rows of one release stand next to each other and count up from 0.
        let release = (row.access, at.index.0 - i64::from(row.row));
        if self.latest != Some(release) {
            self.latest = Some(release);
            self.part.accesses += 1;
        }
        *self.part.fields.entry(row.route).or_insert(0) |= row.fields;
        let first = self.part.first.get_or_insert(at.time);
        *first = at.time.min(*first);
        let last = self.part.last.get_or_insert(at.time);
        *last = at.time.max(*last);
    }

    fn finish(mut self) -> Part<Vec<DataSubjectNumber>> {
        self.people.settle();
        let Part { rows, unnamed, accesses, fields, first, last, .. } = self.part;
        let data_subjects = self.people.sorted;
        Part { data_subjects, rows, unnamed, accesses, fields, first, last }
    }
}

/// Intents of which nothing is known, or known to be unknown.
#[derive(Default)]
struct Intents {
    left: HashMap<AccessId, Undecided>,
}

impl Intents {
    fn see(&mut self, at: Position, record: &Record) {
        match record {
            Record::AccessIntended(intent) => {
                self.left.insert(intent.access, Undecided::new(at.time, intent));
            }
            Record::IntentClosed(end) if end.outcome == Outcome::Unknown => {
                self.left.entry(end.access).and_modify(|intent| intent.closed = true);
            }
            Record::IntentClosed(end) => self.decided(end.access),
            Record::AccessRow(row) => self.decided(row.access),
            _ => {}
        }
    }

    /// What was closed as unknown stays so, whatever comes later.
    fn decided(&mut self, access: AccessId) {
        if self.left.get(&access).is_some_and(|intent| !intent.closed) {
            self.left.remove(&access);
        }
    }

    fn finish(self, from: UnixMillis, to: UnixMillis, by: Option<By>) -> Vec<Undecided> {
        let mut left = Vec::new();
        for intent in self.left.into_values() {
            let asked = match by {
                None => true,
                Some(By::Principal(principal)) => intent.principal == principal,
                Some(By::Route(route)) => !route.is_none() && intent.route == route,
                Some(By::Key(key)) => !key.is_none() && intent.key == key,
                Some(By::ApiKey(key)) => !key.is_none() && intent.api_key == key,
            };
            if asked && from <= intent.time && intent.time < to {
                left.push(intent);
            }
        }
        left.sort_unstable();
        left
    }
}

/// A scan under way: show it every record from leaf 0 on, in order, then [`Scan::finish`].
pub struct Scan {
    query: Query,
    below: TreeSize,
    size: TreeSize,
    exact: Tally,
    declared: Tally,
    reported: Tally,
    intents: Intents,
}

impl Scan {
    /// A scan of the leaves below `below` (a view's answer says how far it has seen).
    #[must_use]
    pub fn new(query: Query, below: TreeSize) -> Self {
        Self {
            query,
            below,
            size: TreeSize(0),
            exact: Tally::default(),
            declared: Tally::default(),
            reported: Tally::default(),
            intents: Intents::default(),
        }
    }

    /// Takes in one record.
    pub fn see(&mut self, at: Position, record: &Record) {
        if at.index.0 >= self.below.0 {
            return;
        }
        self.size = TreeSize(at.index.0 + 1);
        self.intents.see(at, record);
        let Record::AccessRow(row) = record else { return };
        if !row.released || at.time < self.query.from || at.time >= self.query.to {
            return;
        }
        let asked = match self.query.by {
            By::Principal(principal) => row.principal == principal,
            By::Key(key) => key.0 != 0 && row.key == key,
            By::ApiKey(key) => key.0 != 0 && row.api_key == key,
            By::Route(route) => route.0 != 0 && row.route == route,
        };
        let holds = self.query.fields.as_ref().is_none_or(|filter| {
            filter.iter().any(|(route, mask)| *route == row.route && row.fields & mask != 0)
        });
        if asked && holds {
            let named = row.data_subject.0 != 0;
            match (row.provenance, named) {
                (Provenance::Measured | Provenance::None, false) => {}
                (Provenance::Measured, true) => self.exact.row(at, row),
                (Provenance::Reported, _) => self.reported.row(at, row),
                (Provenance::Declared, _) | (Provenance::None, true) => self.declared.row(at, row),
            }
        }
    }

    /// What was found, data subjects as sorted lists.
    #[must_use]
    pub fn finish(self) -> Scope<Vec<DataSubjectNumber>> {
        Scope {
            size: self.size,
            exact: self.exact.finish(),
            declared: self.declared.finish(),
            reported: self.reported.finish(),
            undecided: self.intents.finish(self.query.from, self.query.to, Some(self.query.by)),
        }
    }
}

/// A scan for the readers of one data subject: every record from leaf 0 on, in order.
pub struct ScanReaders {
    asked: WhoRead,
    below: TreeSize,
    size: TreeSize,
    rows: Vec<Reader>,
    intents: Intents,
}

impl ScanReaders {
    /// A scan of the leaves below `below`, for who read `data_subject` in `from..to`.
    #[must_use]
    pub fn new(
        data_subject: DataSubjectNumber,
        from: UnixMillis,
        to: UnixMillis,
        below: TreeSize,
    ) -> Self {
        Self {
            asked: WhoRead { data_subject, from, to },
            below,
            size: TreeSize(0),
            rows: Vec::new(),
            intents: Intents::default(),
        }
    }

    /// Takes in one record.
    pub fn see(&mut self, at: Position, record: &Record) {
        if at.index.0 >= self.below.0 {
            return;
        }
        self.size = TreeSize(at.index.0 + 1);
        self.intents.see(at, record);
        let Record::AccessRow(row) = record else { return };
        let WhoRead { data_subject, from, to } = self.asked;
        let named = row.data_subject == data_subject && row.data_subject.0 != 0;
        if named && row.released && (from..to).contains(&at.time) {
            let provenance = match row.provenance {
                Provenance::None => Provenance::Declared,
                other => other,
            };
            self.rows.push(Reader {
                principal: row.principal,
                principal_kind: row.principal_kind,
                api_key: row.api_key,
                key: row.key,
                route: row.route,
                provenance,
                fields: row.fields,
                rows: 1,
                first: at.time,
                last: at.time,
            });
        }
    }

    /// Who was found.
    #[must_use]
    pub fn finish(mut self) -> Readers {
        self.rows.sort_unstable();
        let mut readers: Vec<Reader> = Vec::new();
        for row in self.rows {
            match readers.last_mut() {
                Some(last) if same_way(last, &row) => {
                    last.fields |= row.fields;
                    last.rows += row.rows;
                    last.first = last.first.min(row.first);
                    last.last = last.last.max(row.last);
                }
                _ => readers.push(row),
            }
        }
        let undecided = self.intents.finish(self.asked.from, self.asked.to, None);
        Readers { size: self.size, readers, undecided }
    }
}

fn same_way(a: &Reader, b: &Reader) -> bool {
    a.principal == b.principal
        && a.principal_kind == b.principal_kind
        && a.api_key == b.api_key
        && a.key == b.key
        && a.route == b.route
        && a.provenance == b.provenance
}
