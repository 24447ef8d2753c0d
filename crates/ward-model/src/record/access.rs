//! An access as the gate speaks of it: one decision, any number of data subjects.
//!
//! In the journal it becomes one [`AccessRow`] per data subject, each complete in itself, so that
//! the inclusion proof of a single row says who read whom. An access that touched nobody is one
//! row with data subject 0.

use super::{AccessRow, Entry, Lane, Rows, Verdict};
use crate::id::DataSubjectNumber;

/// One data subject in an answer, and which of the route's fields about him it held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Touch {
    /// Whose record.
    pub data_subject: DataSubjectNumber,
    /// A bit per slot of the route.
    pub fields: i64,
}

/// A decided read with everyone it touched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// The columns all rows share; its `row`, `rows`, `data_subject`, `fields` are set here.
    pub shared: AccessRow,
    /// Everyone touched, without repeats.
    pub touches: Vec<Touch>,
}

impl Access {
    /// The rows of this access, in order.
    pub fn to_rows(&self) -> impl Iterator<Item = AccessRow> + '_ {
        const NOBODY: &[Touch] = &[Touch { data_subject: DataSubjectNumber::NONE, fields: 0 }];
        let touches = if self.touches.is_empty() { NOBODY } else { &self.touches };
        let rows = i32::try_from(touches.len()).unwrap_or(i32::MAX);
        touches.iter().zip(0i32..).map(move |(touch, row)| AccessRow {
            row,
            rows,
            data_subject: touch.data_subject,
            fields: touch.fields,
            ..self.shared.clone()
        })
    }
}

impl Entry for Access {
    fn lane(&self) -> Lane {
        match self.shared.verdict {
            Verdict::Refuse(_) if !self.shared.released => Lane::Refusal,
            _ => Lane::Access,
        }
    }

    fn rows(&self, rows: &mut Rows) {
        for row in self.to_rows() {
            rows.push(&row);
        }
    }
}
