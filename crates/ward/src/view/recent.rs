//! The latest accesses, whole, newest first: for pages and for `GET /api/accesses/{id}`.
//!
//! Bounded; what has left this memory is still in the journal and is found there by time. Rebuilt
//! from access rows like every view.
//! Best test: at the end of this file.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ward_model::record::{AccessRow, Touch};
use ward_model::{AccessId, Position, Record, View};

/// How many accesses are kept.
const ACCESSES_MAX: usize = 50_000;
/// How many data subjects of all kept accesses together.
const TOUCHES_MAX: usize = 2_000_000;

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

/// The latest accesses. Cheap to clone.
#[derive(Clone, Default)]
pub struct Recent(Arc<Mutex<Book>>);

#[derive(Default)]
struct Book {
    by_id: HashMap<AccessId, Seen>,
    order: VecDeque<AccessId>,
    touches: usize,
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
    fn takes(&self, seen: &Seen) -> bool {
        let row = &seen.row;
        let reason = row.verdict.reason().map(ward_model::Reason::as_str);
        self.verdict.as_deref().is_none_or(|word| row.verdict.as_str() == word)
            && self.reason.as_deref().is_none_or(|word| reason == Some(word))
            && self.principal.is_none_or(|number| row.principal.0 == number)
            && self.route.is_none_or(|number| row.route.0 == number)
            && self.before.is_none_or(|index| seen.at.index.0 < index)
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
        let newest = book.order.iter().rev().filter_map(|id| book.by_id.get(id));
        newest.filter(|seen| wanted.takes(seen)).take(wanted.limit).cloned().collect()
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
        let Book { by_id, order, touches } = &mut *book;
        let seen = by_id.entry(row.access).or_insert_with(|| {
            order.push_back(row.access);
            Seen { at, row: row.clone(), touches: Vec::new() }
        });
        if !touch.data_subject.is_none() {
            seen.touches.push(touch);
            *touches += 1;
        }
        while (order.len() > ACCESSES_MAX || *touches > TOUCHES_MAX) && order.len() > 1 {
            let Some(oldest) = order.pop_front() else { break };
            if let Some(gone) = by_id.remove(&oldest) {
                *touches -= gone.touches.len();
            }
        }
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
}
