//! Looking for accesses that have left memory: backwards through the journal, or by the time in a
//! request's id.

use ward_journal::{Journal, ReadError};
use ward_model::record::AccessRow;
use ward_model::{AccessId, LeafIndex, Position, Record, UnixMillis};

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
        let block = block(journal, start, end)?;
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

/// The records of leaves `start..end`.
fn block(journal: &Journal, start: i64, end: i64) -> Result<Vec<(Position, Record)>, ReadError> {
    let mut records: Vec<(Position, Record)> = Vec::new();
    let mut from = start;
    while from < end {
        let part = journal.read(LeafIndex(from), usize::try_from(end - from).unwrap_or(0))?;
        let Some((last, _)) = part.last() else { break };
        from = last.index.0.saturating_add(1);
        records.extend(part);
    }
    Ok(records)
}

/// An access by the time in its id.
///
/// # Errors
/// [`ReadError`].
pub fn by_id(journal: &Journal, id: AccessId) -> Result<Option<Seen>, ReadError> {
    let made = clock::access_time(id);
    let end = first_at(journal, made.plus_ms(LATE_MS))?;
    let mut from = first_at(journal, made)?;
    let mut rows = Vec::new();
    while from < end {
        let until = end.min(from.saturating_add(BLOCK_LEAVES));
        let records = block(journal, from, until)?;
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

/// The first leaf of journal time `time` or later: journal time never runs back.
fn first_at(journal: &Journal, time: UnixMillis) -> Result<i64, ReadError> {
    let (mut low, mut high) = (0, journal.head().borrow().0);
    while low < high {
        let middle = low + (high - low) / 2;
        match journal.read(LeafIndex(middle), 1)?.first() {
            Some((at, _)) if at.time < time => low = middle + 1,
            _ => high = middle,
        }
    }
    Ok(low)
}

#[cfg(test)]
mod tests;
