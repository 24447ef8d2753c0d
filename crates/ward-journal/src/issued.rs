//! Where the issuance of a token stands: what an archive would be asked for a dropped segment.
//!
//! Found by halving: origins and their sequences are handed out in the order of time, so records of
//! issuances stand nearly in their order, as far apart from it as issuances were in flight at once.
//! What it must never do: say that nobody was issued a place; not found says nothing.
//! Cost: some 30 reads of a window, then at most [`SLACK_LEAVES`] on each side: milliseconds to
//! tens of them, off every hot path. Best test: `tests/issued.rs`.

use ward_model::record::TokenIssued;
use ward_model::{LeafIndex, Origin, Record, Sequence};

use crate::error::ReadError;
use crate::journal::Journal;
use crate::limits::READ_RECORDS_MAX;

/// Leaves read at a time.
const WINDOW: usize = 4_096;
/// How far from its order a record may stand.
const SLACK_LEAVES: i64 = 65_536;

impl Journal {
    /// The record of the token issued at a place; `None` if it was not found, which says nothing.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn issuance(
        &self,
        origin: Origin,
        sequence: Sequence,
    ) -> Result<Option<TokenIssued>, ReadError> {
        let head = self.head().borrow().0;
        let (mut low, mut high) = (0, head);
        while high - low > i64::try_from(WINDOW).unwrap_or(i64::MAX) {
            let middle = low + (high - low) / 2;
            let Some((at, row)) = self.next_issuance(middle)? else {
                // Nothing but other records for a long way: the place lies before them, if anywhere.
                high = middle;
                continue;
            };
            if (row.origin, row.sequence) < (origin, sequence) {
                low = at.max(middle + 1).min(high);
            } else {
                high = middle;
            }
        }
        let (mut from, to) = ((low - SLACK_LEAVES).max(0), (high + SLACK_LEAVES).min(head));
        while from < to {
            let part = self.read(LeafIndex(from), WINDOW)?;
            let Some((last, _)) = part.last() else { break };
            from = last.index.0.saturating_add(1);
            let found = part.into_iter().find_map(|(_, record)| match record {
                Record::TokenIssued(row) => {
                    Some(row).filter(|row| row.origin == origin && row.sequence == sequence)
                }
                _ => None,
            });
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The first issuance from a leaf on, looked for in one longest read.
    fn next_issuance(&self, from: i64) -> Result<Option<(i64, TokenIssued)>, ReadError> {
        for (from, most) in [(from, WINDOW), (from.saturating_add(4_096), READ_RECORDS_MAX)] {
            let part = self.read(LeafIndex(from), most)?;
            let found = part.into_iter().find_map(|(at, record)| match record {
                Record::TokenIssued(row) => Some((at.index.0, row)),
                _ => None,
            });
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }
}
