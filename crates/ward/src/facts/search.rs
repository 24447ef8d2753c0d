//! Looking for accesses that have left memory: backwards through the journal, or by the time in a
//! request's id.

use ward_journal::{Journal, ReadError};
use ward_model::record::AccessRow;
use ward_model::{AccessId, LeafIndex, Position, Record};

use crate::clock;
use crate::view::recent::{Line, Seen, fold};

/// Leaves one search looks at before it hands back what it has.
const SEARCH_LEAVES_MAX: i64 = 1 << 18;
/// Leaves read at once.
const BLOCK_LEAVES: i64 = 1 << 13;
/// How long after its id was made an access is looked for, milliseconds.
const LATE_MS: i64 = 120_000;

/// How much one search reads.
#[derive(Clone, Copy)]
struct Bounds {
    leaves_max: i64,
    block: i64,
}

const BOUNDS: Bounds = Bounds { leaves_max: SEARCH_LEAVES_MAX, block: BLOCK_LEAVES };

/// What a search back found.
#[derive(Debug, Default)]
pub struct Older {
    /// Newest first.
    pub rows: Vec<Line>,
    /// Where it gave up; `None` when it found enough or came to the journal's start.
    pub stopped: Option<Position>,
}

/// Accesses that begin below leaf `below` and are wanted, newest first, at most `rows_max`.
///
/// Reads at most 262,144 leaves.
///
/// # Errors
/// [`ReadError`].
pub fn older(
    journal: &Journal,
    below: LeafIndex,
    rows_max: usize,
    takes: impl Fn(Position, &AccessRow) -> bool,
) -> Result<Older, ReadError> {
    older_within(journal, below, rows_max, takes, BOUNDS)
}

fn older_within(
    journal: &Journal,
    below: LeafIndex,
    rows_max: usize,
    takes: impl Fn(Position, &AccessRow) -> bool,
    bounds: Bounds,
) -> Result<Older, ReadError> {
    let mut end = below.0.min(journal.head().borrow().0);
    let floor = end.saturating_sub(bounds.leaves_max).max(0);
    let mut found = Older::default();
    while end > floor {
        let start = end.saturating_sub(bounds.block).max(floor);
        let block = journal.between(start, end)?;
        let reached = block.first().map(|(at, _)| *at);
        for (at, record) in block.into_iter().rev() {
            if let Record::AccessRow(row) = record
                && row.row == 0
                && takes(at, &row)
            {
                found.rows.push(Line { at, row });
                if found.rows.len() >= rows_max {
                    found.stopped = None;
                    return Ok(found);
                }
            }
        }
        end = start;
        found.stopped = reached.filter(|_| start > 0);
    }
    Ok(found)
}

/// An access by the time in its id.
///
/// # Errors
/// [`ReadError`].
pub fn by_id(journal: &Journal, id: AccessId) -> Result<Option<Seen>, ReadError> {
    let made = clock::access_time(id);
    let end = journal.first_at(made.plus_ms(LATE_MS))?.0;
    let mut from = journal.first_at(made)?.0;
    let mut rows = Vec::new();
    while from < end {
        let until = end.min(from.saturating_add(BLOCK_LEAVES));
        let records = journal.between(from, until)?;
        rows.extend(records.into_iter().filter_map(|(at, record)| match record {
            Record::AccessRow(row) if row.access == id => Some((at, row)),
            _ => None,
        }));
        if rows.last().is_some_and(|(_, row): &(_, AccessRow)| row.row + 1 >= row.rows) {
            break;
        }
        from = until;
    }
    Ok(fold(rows))
}

#[cfg(test)]
mod tests;
