//! Whether the two ways agree, and if not, on what.
//!
//! A disagreement is evidence of a fault in Ward or of records changed behind its back: neither
//! answer may be used until it is explained.

use core::cmp::Ordering;

use roaring::RoaringTreemap;
use ward_model::{DataSubjectNumber, TreeSize};

use crate::limits::SHOWN_MAX;
use crate::query::{Part, Readers, Scope};

/// What two answers to one question say of each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Agreement {
    /// The same, over the same records.
    Agree {
        /// The records both have seen.
        size: TreeSize,
    },
    /// They have not seen the same records: scan up to the view's size and compare again.
    NotComparable {
        /// What the view has seen.
        view: TreeSize,
        /// What the scan has seen.
        scan: TreeSize,
    },
    /// They differ.
    Differ(Vec<Difference>),
}

/// One thing they differ on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// `exact`, `declared`, `reported`, `undecided` or `readers`.
    pub part: &'static str,
    /// Which column.
    pub what: &'static str,
    /// Data subjects only one of them has: at most 16, sorted.
    pub shown: Vec<DataSubjectNumber>,
}

/// Compares the answer of the bitmaps with that of the scan.
#[must_use]
pub fn compare(view: &Scope, scan: &Scope<Vec<DataSubjectNumber>>) -> Agreement {
    let mut differences = Vec::new();
    parts("exact", &view.exact, &scan.exact, &mut differences);
    parts("declared", &view.declared, &scan.declared, &mut differences);
    parts("reported", &view.reported, &scan.reported, &mut differences);
    note(view.undecided != scan.undecided, "undecided", "intents", &mut differences);
    judge(view.size, scan.size, differences)
}

/// Compares two lists of readers.
#[must_use]
pub fn compare_readers(view: &Readers, scan: &Readers) -> Agreement {
    let mut differences = Vec::new();
    note(view.readers != scan.readers, "readers", "readers", &mut differences);
    note(view.undecided != scan.undecided, "undecided", "intents", &mut differences);
    judge(view.size, scan.size, differences)
}

fn judge(view: TreeSize, scan: TreeSize, differences: Vec<Difference>) -> Agreement {
    if view != scan {
        Agreement::NotComparable { view, scan }
    } else if differences.is_empty() {
        Agreement::Agree { size: view }
    } else {
        Agreement::Differ(differences)
    }
}

fn note(differs: bool, part: &'static str, what: &'static str, to: &mut Vec<Difference>) {
    if differs {
        to.push(Difference { part, what, shown: Vec::new() });
    }
}

fn parts(
    name: &'static str,
    view: &Part<RoaringTreemap>,
    scan: &Part<Vec<DataSubjectNumber>>,
    to: &mut Vec<Difference>,
) {
    let shown = only_in_one(&view.data_subjects, &scan.data_subjects);
    if !shown.is_empty() {
        to.push(Difference { part: name, what: "data_subjects", shown });
    }
    note(view.rows != scan.rows, name, "rows", to);
    note(view.unnamed != scan.unnamed, name, "unnamed", to);
    note(view.accesses != scan.accesses, name, "accesses", to);
    note(view.fields != scan.fields, name, "fields", to);
    note(view.first != scan.first, name, "first", to);
    note(view.last != scan.last, name, "last", to);
}

/// The first numbers that stand on one side only. Both sides rise.
fn only_in_one(view: &RoaringTreemap, scan: &[DataSubjectNumber]) -> Vec<DataSubjectNumber> {
    let mut left = view.iter().map(u64::cast_signed).peekable();
    let mut right = scan.iter().map(|number| number.0).peekable();
    let mut shown = Vec::new();
    while shown.len() < SHOWN_MAX {
        let (only, from_left) = match (left.peek(), right.peek()) {
            (None, None) => break,
            (Some(&a), None) => (Some(a), Some(true)),
            (None, Some(&b)) => (Some(b), Some(false)),
            (Some(&a), Some(&b)) => match a.cmp(&b) {
                Ordering::Equal => (None, None),
                Ordering::Less => (Some(a), Some(true)),
                Ordering::Greater => (Some(b), Some(false)),
            },
        };
        if from_left != Some(false) {
            left.next();
        }
        if from_left != Some(true) {
            right.next();
        }
        shown.extend(only.map(DataSubjectNumber));
    }
    shown
}
