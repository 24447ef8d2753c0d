//! A page of the operators' record: out of memory as far as it reaches, then out of the journal.
//!
//! Each call reads a bounded number of leaves and says where it stopped. Best test: `tests.rs`.

use ward_journal::{Journal, ReadError};
use ward_model::{ApiKeyId, LeafIndex, UnixMillis};

use super::{Entry, SharedHistory, Wanted, entry};
use crate::limits::{LISTED_LEAVES_MAX, READ_BLOCK_LEAVES, SEARCH_LEAVES_MAX};

/// A page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Newest first.
    pub entries: Vec<Entry>,
    /// Where the next page begins (a [`Wanted::before`]); `None` when there is nothing older.
    pub next: Option<LeafIndex>,
    /// How far back was looked, when the search stopped before its page was full.
    pub searched_to: Option<UnixMillis>,
}

/// Entries that are wanted, newest first. Reads at most 262,144 leaves. Blocks.
///
/// # Errors
/// [`ReadError`].
pub fn page(
    journal: &Journal,
    history: &SharedHistory,
    wanted: &Wanted,
) -> Result<Page, ReadError> {
    page_within(journal, history, wanted, SEARCH_LEAVES_MAX)
}

pub(super) fn page_within(
    journal: &Journal,
    history: &SharedHistory,
    wanted: &Wanted,
    leaves_max: i64,
) -> Result<Page, ReadError> {
    // One more than the page holds says whether there is another.
    let more = Wanted { limit: wanted.limit.saturating_add(1), ..wanted.clone() };
    let found = history.read(|it| it.search(&more));
    let mut page = Page { entries: found.entries, ..Page::default() };
    if page.entries.len() < more.limit && found.floor > LeafIndex(0) {
        let mut below = more.before.unwrap_or(found.floor).min(found.floor);
        if let Some(to) = more.to {
            below = below.min(journal.first_at(to)?);
        }
        older(journal, history, &more, below, leaves_max, &mut page)?;
    }
    if page.entries.len() > wanted.limit {
        page.entries.truncate(wanted.limit);
        page.next = page.entries.last().map(|it| it.index);
        page.searched_to = None;
    }
    Ok(page)
}

/// Searches backwards from leaf `below` on.
fn older(
    journal: &Journal,
    history: &SharedHistory,
    wanted: &Wanted,
    below: LeafIndex,
    leaves_max: i64,
    page: &mut Page,
) -> Result<(), ReadError> {
    let is_operators = |api_key: ApiKeyId| history.read(|it| it.is_operators(api_key));
    let floor = below.0.saturating_sub(leaves_max).max(0);
    let mut end = below.0;
    while end > floor {
        let start = end.saturating_sub(READ_BLOCK_LEAVES).max(floor);
        for (at, record) in journal.between(start, end)?.into_iter().rev() {
            if wanted.from.is_some_and(|from| at.time < from) {
                (page.next, page.searched_to) = (None, None);
                return Ok(());
            }
            if start > 0 {
                (page.next, page.searched_to) = (Some(at.index), Some(at.time));
            }
            let found = entry(at, &record, is_operators).filter(|it| wanted.takes(it));
            page.entries.extend(found);
            if page.entries.len() >= wanted.limit {
                return Ok(());
            }
        }
        end = start;
    }
    if floor == 0 {
        (page.next, page.searched_to) = (None, None);
    }
    Ok(())
}

/// Leaves of the record from leaf `at` on that lie in a time, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// At most as many as were asked for.
    pub leaves: Vec<LeafIndex>,
    /// Where to go on; `None` at the end.
    pub next: Option<LeafIndex>,
}

/// The leaves of the record from leaf `at` and moment `from` on, before moment `to`, at most `max`.
/// Reads at most 4,194,304 leaves. Blocks.
///
/// # Errors
/// [`ReadError`].
pub fn listed(
    journal: &Journal,
    history: &SharedHistory,
    at: LeafIndex,
    (from, to): (Option<UnixMillis>, Option<UnixMillis>),
    max: usize,
) -> Result<Listed, ReadError> {
    let start = from.map_or(Ok(LeafIndex(0)), |from| journal.first_at(from))?.max(at);
    let head = LeafIndex(journal.head().borrow().0);
    let end = to.map_or(Ok(head), |to| journal.first_at(to))?.min(head);
    let in_memory = history.read(|it| {
        (start >= it.floor())
            .then(|| it.leaves(start).map(|at| at.index).take_while(|at| *at < end).collect())
    });
    let (mut leaves, reached) = match in_memory {
        Some(leaves) => (leaves, end),
        None => scanned(journal, history, start, end, max)?,
    };
    let mut next = Some(reached).filter(|reached| *reached < end);
    if let Some(left_out) = leaves.get(max) {
        next = Some(*left_out);
    }
    leaves.truncate(max);
    Ok(Listed { leaves, next })
}

/// Leaves of the record in `start..end` by reading the journal, and the leaf it read up to.
fn scanned(
    journal: &Journal,
    history: &SharedHistory,
    start: LeafIndex,
    end: LeafIndex,
    max: usize,
) -> Result<(Vec<LeafIndex>, LeafIndex), ReadError> {
    let is_operators = |api_key: ApiKeyId| history.read(|it| it.is_operators(api_key));
    let stop = end.0.min(start.0.saturating_add(LISTED_LEAVES_MAX));
    let (mut from, mut leaves) = (start.0, Vec::new());
    while from < stop && leaves.len() <= max {
        let until = stop.min(from.saturating_add(READ_BLOCK_LEAVES));
        let told = journal
            .between(from, until)?
            .into_iter()
            .filter_map(|(at, record)| entry(at, &record, is_operators).map(|it| it.index));
        leaves.extend(told);
        from = until;
    }
    Ok((leaves, LeafIndex(from)))
}
