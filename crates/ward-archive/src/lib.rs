//! Exactly whose data, in two independent ways that must agree.
//!
//! What it is: the first way is [`ScopeView`], exact roaring bitmaps per (identity, day, route,
//! fields) kept while records are appended, so that the answer needs no scan. The second way is
//! [`Scan`], which reads records one by one and keeps sorted lists. They share the record type and
//! the shape of the answer, and no code that decides. [`compare`] says whether they agree.
//! What it must never do: call anything exact that was not `measured`; count an answer that did
//! not leave; guess at a bound that falls inside a day (the rows of that day are read instead).
//! Where it sits: floor 2. The view is given to the journal; the program asks `scope` and
//! `who_read` and reads leaves through [`Leaves`].
//! What comes: sealing to Parquet, bitmaps kept on disk (today they are rebuilt by replay).
//! Best test: `tests.rs`, random journals and queries, both ways against a naive model.

mod answer;
mod block;
mod compare;
mod leaves;
pub mod limits;
mod query;
mod scan;
mod set;
mod view;

pub use answer::AnswerError;
pub use compare::{Agreement, Difference, compare, compare_readers};
pub use leaves::Leaves;
pub use query::{By, FieldFilter, Part, Query, Reader, Readers, Scope, Undecided};
pub use scan::{Scan, ScanReaders};
pub use view::{Kept, ScopeView};

#[cfg(test)]
mod tests;
