//! The latest accesses, whole, newest first: for pages and for `GET /api/accesses/{id}`.
//!
//! Bounded; what has left this memory is still in the journal and is found there by time or by
//! searching back from [`Lines::floor`]. Rebuilt from access rows like every view.
//! Best test: at the end of this file.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ward_model::record::{AccessRow, Touch};
use ward_model::{AccessId, LeafIndex, Position, Record, View};

/// How many accesses are kept.
const ACCESSES_MAX: usize = 50_000;
/// How many data subjects of all kept accesses together.
const TOUCHES_MAX: usize = 2_000_000;
/// How many of the latest refusals can be had without a search.
const REFUSED_MAX: usize = 64;

/// One access as it was recorded.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Where its first row stands.
    pub at: Position,
    /// The columns its rows share.
    pub row: AccessRow,
    /// Everyone touched.
    pub touches: Vec<Touch>,
}

/// One access as a line of a list: its first row.
#[derive(Clone, Debug)]
pub struct Line {
    /// Where its first row stands.
    pub at: Position,
    /// Its first row.
    pub row: AccessRow,
}

impl Line {
    /// How many data subjects the access touched: it has one row for each, or one row for nobody.
    #[must_use]
    pub fn data_subjects(&self) -> u64 {
        match self.row.data_subject.is_none() {
            true => 0,
            false => u64::try_from(self.row.rows).unwrap_or(0),
        }
    }
}

/// Lines of a list.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    /// Newest first.
    pub rows: Vec<Line>,
    /// Every access that begins at this leaf or later is in this memory; earlier ones are not.
    pub floor: LeafIndex,
}

/// The latest accesses. Cheap to clone.
#[derive(Clone, Default)]
pub struct Recent(Arc<Mutex<Book>>);

#[derive(Default)]
struct Book {
    by_id: HashMap<AccessId, Seen>,
    /// By first leaf, ascending.
    order: VecDeque<(LeafIndex, AccessId)>,
    touches: usize,
    floor: LeafIndex,
    refused: VecDeque<Line>,
}

impl Book {
    /// What is kept before leaf `before`, newest first.
    fn newest(&self, before: Option<i64>) -> impl Iterator<Item = &Seen> {
        let end = before.map_or(self.order.len(), |before| {
            self.order.partition_point(|(leaf, _)| leaf.0 < before)
        });
        self.order.range(..end).rev().filter_map(|(_, id)| self.by_id.get(id))
    }
}

/// What a listing asks for.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Only those whose verdict word is this: `permit` or `refuse`.
    pub verdict: Option<String>,
    /// Only those refused for this reason.
    pub reason: Option<String>,
    /// Only this principal's.
    pub principal: Option<i64>,
    /// Only on this route.
    pub route: Option<i32>,
    /// Only those before this leaf.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: usize,
}

impl Wanted {
    /// Whether an access that begins at `at` with `row` is asked for.
    pub fn takes(&self, at: Position, row: &AccessRow) -> bool {
        let reason = row.verdict.reason().map(ward_model::Reason::as_str);
        self.verdict.as_deref().is_none_or(|word| row.verdict.as_str() == word)
            && self.reason.as_deref().is_none_or(|word| reason == Some(word))
            && self.principal.is_none_or(|number| row.principal.0 == number)
            && self.route.is_none_or(|number| row.route.0 == number)
            && self.before.is_none_or(|index| at.index.0 < index)
    }
}

impl Recent {
    /// The write side.
    #[must_use]
    pub fn view(&self) -> impl View + use<> {
        RecentView(self.clone())
    }

    /// One access, if it is recent.
    #[must_use]
    pub fn one(&self, access: AccessId) -> Option<Seen> {
        self.lock().by_id.get(&access).cloned()
    }

    /// Accesses that match, newest first.
    #[must_use]
    pub fn list(&self, wanted: &Wanted) -> Vec<Seen> {
        let book = self.lock();
        let newest = book.newest(wanted.before);
        newest.filter(|seen| wanted.takes(seen.at, &seen.row)).take(wanted.limit).cloned().collect()
    }

    /// As [`Recent::list`], without anybody's numbers.
    #[must_use]
    pub fn lines(&self, wanted: &Wanted) -> Lines {
        let book = self.lock();
        let newest = book.newest(wanted.before);
        let taken = newest.filter(|seen| wanted.takes(seen.at, &seen.row)).take(wanted.limit);
        let rows = taken.map(|seen| Line { at: seen.at, row: seen.row.clone() }).collect();
        Lines { rows, floor: book.floor }
    }

    /// The latest refusals, newest first, at most `max` and at most 64; cheap.
    #[must_use]
    pub fn refusals(&self, max: usize) -> Vec<Line> {
        self.lock().refused.iter().rev().take(max).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Folds rows of one access into a whole; used for the journal's own rows too.
pub fn fold(rows: impl IntoIterator<Item = (Position, AccessRow)>) -> Option<Seen> {
    let mut seen: Option<Seen> = None;
    for (at, row) in rows {
        let touch = Touch { data_subject: row.data_subject, fields: row.fields };
        let seen = seen.get_or_insert_with(|| Seen { at, row, touches: Vec::new() });
        if !touch.data_subject.is_none() {
            seen.touches.push(touch);
        }
    }
    seen
}

struct RecentView(Recent);

impl View for RecentView {
    fn apply(&mut self, at: Position, record: &Record) {
        let Record::AccessRow(row) = record else { return };
        let mut book = self.0.lock();
        let touch = Touch { data_subject: row.data_subject, fields: row.fields };
        let Book { by_id, order, touches, floor, refused } = &mut *book;
        if row.row == 0 && row.verdict.reason().is_some() {
            refused.push_back(Line { at, row: row.clone() });
            if refused.len() > REFUSED_MAX {
                refused.pop_front();
            }
        }
        let seen = by_id.entry(row.access).or_insert_with(|| {
            order.push_back((at.index, row.access));
            Seen { at, row: row.clone(), touches: Vec::new() }
        });
        if !touch.data_subject.is_none() {
            seen.touches.push(touch);
            *touches += 1;
        }
        while (order.len() > ACCESSES_MAX || *touches > TOUCHES_MAX) && order.len() > 1 {
            let Some((_, oldest)) = order.pop_front() else { break };
            if let Some(gone) = by_id.remove(&oldest) {
                *touches -= gone.touches.len();
            }
            if let Some((first, _)) = order.front() {
                *floor = *first;
            }
        }
    }

    fn needs_issuances_from(&self) -> LeafIndex {
        LeafIndex::NEVER
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use ward_model::word::{Provenance, RouteMode, Task};
    use ward_model::*;

    pub(crate) fn row(n: u32, data_subject: i64, verdict: Verdict) -> AccessRow {
        let mut access = [0; 16];
        access[..4].copy_from_slice(&n.to_le_bytes());
        AccessRow {
            access: AccessId(access),
            row: 0,
            rows: 1,
            principal_kind: PrincipalKind::Person,
            principal: PrincipalNumber(1),
            principal_key: PrincipalKey::default(),
            api_key: ApiKeyId(0),
            origin: Origin(0),
            sequence: Sequence(0),
            key: KeyNumber(0),
            route: RouteNumber(1),
            task: Task::View,
            source: [0; 16],
            tenant: TenantNumber(0),
            purpose: 0,
            verdict,
            released: verdict == Verdict::Permit,
            mode: RouteMode::Enforce,
            provenance: Provenance::Measured,
            data_subject: DataSubjectNumber(data_subject),
            fields: 1,
            status: 200,
        }
    }

    #[test]
    fn rows_of_one_access_are_one_and_the_oldest_leave() {
        let recent = Recent::default();
        let mut view = recent.view();
        let mut index = 0;
        for n in 0..u32::try_from(ACCESSES_MAX).unwrap() + 10 {
            for data_subject in [1, 2] {
                let at = Position { index: LeafIndex(index), time: UnixMillis::new(0) };
                view.apply(at, &row(n, data_subject, Verdict::Permit).into());
                index += 1;
            }
        }
        assert!(recent.one(row(0, 1, Verdict::Permit).access).is_none());
        let kept = recent.one(row(20, 1, Verdict::Permit).access).unwrap();
        assert_eq!(kept.touches.len(), 2);
        let page = recent.list(&Wanted { limit: 3, ..Wanted::default() });
        assert_eq!(page.len(), 3);
        let next = Wanted { limit: 1, before: Some(page[2].at.index.0), ..Wanted::default() };
        assert!(recent.list(&next)[0].at < page[2].at);
        let refused = Wanted { verdict: Some("refuse".into()), limit: 9, ..Wanted::default() };
        assert!(recent.list(&refused).is_empty());
    }

    #[test]
    fn lines_say_how_far_back_they_reach() {
        let recent = Recent::default();
        let mut view = recent.view();
        let mut apply = |index, row: AccessRow| {
            let at = Position { index: LeafIndex(index), time: UnixMillis::new(0) };
            view.apply(at, &row.into());
        };
        let refused = Verdict::Refuse(Reason::Policy);
        for n in 0..100u32 {
            let (first, verdict) =
                (i64::from(n) * 2, if n < 80 { refused } else { Verdict::Permit });
            apply(first, AccessRow { rows: 2, ..row(n, 1, verdict) });
            apply(first + 1, AccessRow { row: 1, rows: 2, ..row(n, 2, verdict) });
        }
        struct Case {
            name: &'static str,
            given: Wanted,
            want: Vec<i64>,
        }
        let (verdict, three) =
            (Some("refuse".to_owned()), Wanted { limit: 3, ..Wanted::default() });
        let cases = [
            Case { name: "newest", given: three.clone(), want: vec![198, 196, 194] },
            Case {
                name: "inside an access",
                given: Wanted { before: Some(11), ..three.clone() },
                want: vec![10, 8, 6],
            },
            Case {
                name: "at its first leaf",
                given: Wanted { before: Some(4), ..three.clone() },
                want: vec![2, 0],
            },
            Case { name: "refused", given: Wanted { verdict, ..three }, want: vec![158, 156, 154] },
        ];
        for case in cases {
            let got = recent.lines(&case.given);
            let leaves: Vec<i64> = got.rows.iter().map(|line| line.at.index.0).collect();
            assert_eq!((leaves, got.floor), (case.want, LeafIndex(0)), "{}", case.name);
            assert!(got.rows.iter().all(|line| line.data_subjects() == 2), "{}", case.name);
        }
        let latest = recent.refusals(2);
        let latest: Vec<i64> = latest.iter().map(|line| line.at.index.0).collect();
        assert_eq!(latest, [158, 156]);
        assert_eq!(recent.refusals(999).len(), REFUSED_MAX);
        for n in 100..u32::try_from(ACCESSES_MAX).unwrap() + 1 {
            apply(i64::from(n) * 2, row(n, 1, Verdict::Permit));
        }
        // The first access had to leave: the second begins at leaf 2.
        let oldest = Wanted { limit: 9, before: Some(5), ..Wanted::default() };
        let got = recent.lines(&oldest);
        assert_eq!((got.rows.len(), got.floor), (2, LeafIndex(2)));
        assert_eq!(recent.refusals(999).len(), REFUSED_MAX);
    }

    #[test]
    fn an_access_that_touched_nobody_counts_nobody() {
        let at = Position { index: LeafIndex(0), time: UnixMillis::new(0) };
        let line = Line { at, row: row(1, 0, Verdict::Permit) };
        assert_eq!(line.data_subjects(), 0);
    }
}
