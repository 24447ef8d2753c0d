//! Exposure budgets: how many distinct data subjects a principal may read in a window.
//!
//! Pure, and exact: a hard cap. Parallel requests cannot overspend, because a charge is pending
//! from the moment it is granted until its record is applied or it is dropped; a restart forgets
//! nothing, because the view is rebuilt from access rows. The window slides by panes (window / 24),
//! so a data subject counts for at most one pane longer than the window, never shorter.
//! Best test: `exposure/tests.rs`, a property test against a plain list of reads.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ward_model::record::AccessRow;
use ward_model::{
    DataSubjectNumber, LeafIndex, Position, PrincipalKind, PrincipalNumber, Record, UnixMillis,
    View,
};

use crate::limits::PANES;

/// A cap on distinct data subjects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Its name in the catalogue.
    pub name: String,
    /// Kinds of principals it applies to.
    pub kinds: Vec<PrincipalKind>,
    /// Most distinct data subjects in the window.
    pub subjects_max: u64,
    /// The window, milliseconds, > 0.
    pub window_ms: i64,
}

/// A budget would be overspent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spent {
    /// Which budget.
    pub budget: String,
    /// Its cap.
    pub subjects_max: u64,
    /// Distinct data subjects already counted in the window.
    pub counted: u64,
}

/// How far a principal is into a budget.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Standing {
    /// The budget.
    pub budget: String,
    /// Its cap.
    pub subjects_max: u64,
    /// Distinct data subjects counted in the window.
    pub counted: u64,
}

/// All budgets and what has been read under them. Cheap to clone.
#[derive(Clone)]
pub struct Exposures(Arc<Mutex<Book>>);

struct Book {
    budgets: Vec<Budget>,
    /// Per budget (same order) and principal.
    windows: Vec<HashMap<PrincipalNumber, Window>>,
}

/// One principal under one budget.
#[derive(Default)]
struct Window {
    /// The last pane in which each data subject was read.
    last_pane: HashMap<DataSubjectNumber, i64>,
    /// The data subjects whose last pane this may be.
    panes: BTreeMap<i64, Vec<DataSubjectNumber>>,
    /// Granted, not yet recorded: how many charges hold each data subject.
    pending: HashMap<DataSubjectNumber, u32>,
}

/// A granted charge. Dropping it without its record gives the budget back.
pub struct Charge {
    book: Arc<Mutex<Book>>,
    principal: PrincipalNumber,
    data_subjects: Vec<DataSubjectNumber>,
}

impl Exposures {
    /// Empty books for these budgets.
    #[must_use]
    pub fn new(budgets: Vec<Budget>) -> Self {
        let windows = budgets.iter().map(|_| HashMap::new()).collect();
        Self(Arc::new(Mutex::new(Book { budgets, windows })))
    }

    /// The write side: rebuilt from access rows.
    #[must_use]
    pub fn view(&self) -> impl View + use<> {
        ExposureView(self.clone())
    }

    /// Grants a read of `data_subjects` (without repeats) or says which budget forbids it.
    /// All budgets of the principal's kind must allow it; nothing is charged when one does not.
    ///
    /// # Errors
    /// [`Spent`]: the first budget that would be overspent.
    pub fn charge(
        &self,
        kind: PrincipalKind,
        principal: PrincipalNumber,
        data_subjects: Vec<DataSubjectNumber>,
        now: UnixMillis,
    ) -> Result<Charge, Spent> {
        let mut book = lock(&self.0);
        let Book { budgets, windows } = &mut *book;
        for (budget, window) in budgets.iter().zip(windows.iter_mut()) {
            if !budget.kinds.contains(&kind) {
                continue;
            }
            let window = window.entry(principal).or_default();
            window.expire(budget, now);
            let new = data_subjects.iter().filter(|one| !window.counts(**one)).count();
            let counted = window.counted();
            if counted + u64::try_from(new).unwrap_or(u64::MAX) > budget.subjects_max && new > 0 {
                return Err(Spent {
                    budget: budget.name.clone(),
                    subjects_max: budget.subjects_max,
                    counted,
                });
            }
        }
        for window in windows.iter_mut() {
            let pending = &mut window.entry(principal).or_default().pending;
            for one in &data_subjects {
                *pending.entry(*one).or_default() += 1;
            }
        }
        drop(book);
        Ok(Charge { book: Arc::clone(&self.0), principal, data_subjects })
    }

    /// How a principal stands in each budget of its kind.
    #[must_use]
    pub fn standing(
        &self,
        kind: PrincipalKind,
        principal: PrincipalNumber,
        now: UnixMillis,
    ) -> Vec<Standing> {
        let mut book = lock(&self.0);
        let Book { budgets, windows } = &mut *book;
        let mut all = Vec::new();
        for (budget, window) in budgets.iter().zip(windows.iter_mut()) {
            if budget.kinds.contains(&kind) {
                let window = window.entry(principal).or_default();
                window.expire(budget, now);
                all.push(Standing {
                    budget: budget.name.clone(),
                    subjects_max: budget.subjects_max,
                    counted: window.counted(),
                });
            }
        }
        all
    }
}

impl Drop for Charge {
    // WHY on every path: the view has counted the record by the time the charge is dropped after
    // an append, so giving the pending count back is right with and without a record.
    fn drop(&mut self) {
        let mut book = lock(&self.book);
        for window in &mut book.windows {
            let Some(window) = window.get_mut(&self.principal) else { continue };
            for one in &self.data_subjects {
                if let Some(count) = window.pending.get_mut(one) {
                    *count -= 1;
                    if *count == 0 {
                        window.pending.remove(one);
                    }
                }
            }
        }
    }
}

struct ExposureView(Exposures);

impl View for ExposureView {
    fn apply(&mut self, at: Position, record: &Record) {
        let Record::AccessRow(row) = record else { return };
        if !counts(row) {
            return;
        }
        let mut book = lock(&self.0.0);
        let Book { budgets, windows } = &mut *book;
        for (budget, window) in budgets.iter().zip(windows.iter_mut()) {
            if budget.kinds.contains(&row.principal_kind) {
                let window = window.entry(row.principal).or_default();
                window.expire(budget, at.time);
                window.read(row.data_subject, pane(budget, at.time));
            }
        }
    }

    fn needs_issuances_from(&self) -> LeafIndex {
        LeafIndex::NEVER
    }
}

/// Whether a row is an exposure: somebody's record left to somebody known.
fn counts(row: &AccessRow) -> bool {
    row.released && !row.data_subject.is_none() && !row.principal.is_none()
}

impl Window {
    fn counts(&self, one: DataSubjectNumber) -> bool {
        self.last_pane.contains_key(&one) || self.pending.contains_key(&one)
    }

    fn counted(&self) -> u64 {
        let pending: HashSet<_> =
            self.pending.keys().filter(|one| !self.last_pane.contains_key(one)).collect();
        u64::try_from(self.last_pane.len() + pending.len()).unwrap_or(u64::MAX)
    }

    fn read(&mut self, one: DataSubjectNumber, pane: i64) {
        // A later pane replaces an earlier one; journal time never runs backwards.
        if self.last_pane.insert(one, pane) != Some(pane) {
            self.panes.entry(pane).or_default().push(one);
        }
    }

    /// Forgets data subjects last read in a pane that lies wholly before the window.
    fn expire(&mut self, budget: &Budget, now: UnixMillis) {
        let oldest = pane(budget, now.plus_ms(-budget.window_ms));
        while let Some(entry) = self.panes.first_entry() {
            if *entry.key() >= oldest {
                break;
            }
            let (pane, members) = entry.remove_entry();
            for one in members {
                if self.last_pane.get(&one) == Some(&pane) {
                    self.last_pane.remove(&one);
                }
            }
        }
    }
}

fn pane(budget: &Budget, at: UnixMillis) -> i64 {
    at.ms().div_euclid((budget.window_ms / PANES).max(1))
}

fn lock(book: &Mutex<Book>) -> MutexGuard<'_, Book> {
    // A panic while the books were open would have ended the process; counts stay usable.
    book.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
