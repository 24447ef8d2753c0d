//! Answers of the first way: bitmaps added up; rows read only where a bound cuts a cell.
//!
//! A cell whose first and last row lie inside the time asked for counts whole. A cell that the
//! bound cuts (at most those of two days) is counted again from the rows of that part of that day,
//! read through [`Leaves`]. So the answer is exact to the millisecond, and costs a scan of at most
//! two days, and none when the bounds lie between days or between rows.

use core::ops::Range;
use std::collections::{BTreeMap, BTreeSet};

use roaring::RoaringTreemap;
use ward_model::record::AccessRow;
use ward_model::time::DAY_MS;
use ward_model::word::Provenance;
use ward_model::{DataSubjectNumber, Position, Record, UnixMillis};

use crate::block;
use crate::leaves::Leaves;
use crate::query::{By, Part, Query, Reader, Readers, Scope, Undecided};
use crate::set;
use crate::view::{Cell, CellKey, Inner, ScopeView, counted};

/// Why there is no answer. An answer that is not whole is never given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError<E> {
    /// Records could not be read: mend what the source says and ask again.
    #[error("records could not be read back")]
    Leaves(#[source] E),
    /// Fewer or other leaves came than asked for: check the journal.
    #[error("{asked} leaves were asked for and {seen} came")]
    Incomplete {
        /// How many leaves were asked for.
        asked: i64,
        /// How many of them came in order.
        seen: i64,
    },
}

/// Adds up the cells of one provenance, by day.
fn sum(cells: &[(i32, Cell)], provenance: Provenance) -> Part<RoaringTreemap> {
    let mut cells: Vec<&(i32, Cell)> =
        cells.iter().filter(|(_, cell)| cell.key.provenance == provenance).collect();
    cells.sort_by_key(|(day, _)| *day);
    let data_subjects = set::union(cells.iter().map(|(_, cell)| &cell.data_subjects));
    let mut part = Part { data_subjects, ..Part::default() };
    for (_, cell) in &cells {
        part.rows += cell.rows;
        part.unnamed += cell.unnamed;
        *part.fields.entry(cell.key.route).or_default() |= cell.key.fields;
        part.first = Some(part.first.map_or(cell.first, |it| it.min(cell.first)));
        part.last = Some(part.last.map_or(cell.last, |it| it.max(cell.last)));
    }
    part.accesses = releases(&cells);
    part
}

/// How many releases some cells hold, sorted by day.
///
/// WHY no union over all days: rows of one release stand next to each other, so of two days only
/// the last release of the one and the first of the next can be the same.
fn releases(cells: &[&(i32, Cell)]) -> i64 {
    let mut count = 0u64;
    let mut before: Option<u64> = None;
    for day in cells.chunk_by(|(a, _), (b, _)| a == b) {
        let (len, ends) = match day {
            [(_, cell)] => (cell.accesses.len(), cell.accesses.ends()),
            _ => {
                let all = set::union(day.iter().map(|(_, cell)| &cell.accesses));
                (all.len(), all.min().zip(all.max()))
            }
        };
        count += len;
        if let Some((first, last)) = ends {
            count -= u64::from(before == Some(first));
            before = Some(last);
        }
    }
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// What was taken from the view under its lock.
struct Taken {
    scope: Scope,
    whole: Vec<(i32, Cell)>,
    cut: BTreeSet<(i32, CellKey)>,
    ranges: Vec<Range<i64>>,
}

impl ScopeView {
    /// Whose data was touched. Reads leaves only when a bound of the time cuts a day's rows.
    ///
    /// # Errors
    /// [`AnswerError`]: the rows of such a day could not be read whole.
    pub fn scope<L: Leaves + ?Sized>(
        &self,
        query: &Query,
        leaves: &L,
    ) -> Result<Scope, AnswerError<L::Error>> {
        let Taken { mut scope, mut whole, cut, ranges } = self.read().take(query);
        let mut again: BTreeMap<(i32, CellKey), Cell> = BTreeMap::new();
        read_whole(leaves, ranges, |at, record| {
            let Record::AccessRow(row) = record else { return };
            let Some(key) = counted(row) else { return };
            let place = (at.time.day(), key);
            let inside = at.time >= query.from && at.time < query.to;
            if inside && is_by(query.by, row) && cut.contains(&place) {
                again.entry(place).or_insert_with(|| Cell::new(key, at.time)).count(at, row);
            }
        })?;
        whole.extend(again.into_iter().map(|((day, _), cell)| (day, cell)));
        scope.exact = sum(&whole, Provenance::Measured);
        scope.declared = sum(&whole, Provenance::Declared);
        scope.reported = sum(&whole, Provenance::Reported);
        Ok(scope)
    }

    /// Who read a data subject from `from` on and before `to`. Reads the blocks of 4,096 leaves
    /// that may name him.
    ///
    /// # Errors
    /// [`AnswerError`]: those blocks could not be read whole.
    pub fn who_read<L: Leaves + ?Sized>(
        &self,
        data_subject: DataSubjectNumber,
        from: UnixMillis,
        to: UnixMillis,
        leaves: &L,
    ) -> Result<Readers, AnswerError<L::Error>> {
        let (size, undecided, blocks) = {
            let inner = self.read();
            let undecided = inner.undecided(from, to, |_| true);
            (inner.size, undecided, inner.blocks.within(from, to))
        };
        let mut found: BTreeMap<_, Reader> = BTreeMap::new();
        let ranges = block::ranges_naming(&blocks, data_subject.0);
        read_whole(leaves, ranges, |at, record| {
            let Record::AccessRow(row) = record else { return };
            let theirs = row.data_subject == data_subject && !data_subject.is_none();
            let Some(key) = counted(row).filter(|_| theirs) else { return };
            if at.time < from || at.time >= to {
                return;
            }
            let one = Reader {
                principal: row.principal,
                principal_kind: row.principal_kind,
                api_key: row.api_key,
                key: row.key,
                route: row.route,
                provenance: key.provenance,
                fields: 0,
                rows: 0,
                first: at.time,
                last: at.time,
            };
            let who = (one.principal, one.principal_kind, one.api_key, one.key);
            let reader = found.entry((who, one.route, one.provenance)).or_insert(one);
            reader.fields |= row.fields;
            reader.rows += 1;
            reader.last = at.time;
        })?;
        Ok(Readers { size, readers: found.into_values().collect(), undecided })
    }
}

impl Inner {
    fn take(&self, query: &Query) -> Taken {
        let theirs = |it: &Undecided| match query.by {
            By::Principal(principal) => it.principal == principal,
            By::Route(route) => it.route == route,
            By::Key(key) => it.key == key,
            By::ApiKey(api_key) => it.api_key == api_key,
        };
        let nothing = query.by.is_nothing();
        let undecided = self.undecided(query.from, query.to, |it| !nothing && theirs(it));
        let scope = Scope { size: self.size, undecided, ..Scope::default() };
        let mut taken =
            Taken { scope, whole: Vec::new(), cut: BTreeSet::new(), ranges: Vec::new() };
        if nothing || query.from >= query.to {
            return taken;
        }
        for &day in self.days.range(query.from.day()..=query.to.plus_ms(-1).day()) {
            let mut cut = false;
            for cell in self.cells.get(&(query.by, day)).into_iter().flatten() {
                let outside = cell.last < query.from || cell.first >= query.to;
                if outside || !passes(query, cell.key) {
                    continue;
                }
                if cell.first >= query.from && cell.last < query.to {
                    taken.whole.push((day, cell.clone()));
                } else {
                    cut = true;
                    taken.cut.insert((day, cell.key));
                }
            }
            if cut {
                let start = UnixMillis::new(i64::from(day).saturating_mul(DAY_MS));
                let (from, to) = (start.max(query.from), start.plus_ms(DAY_MS).min(query.to));
                taken.ranges.extend(block::ranges(&self.blocks.within(from, to)));
            }
        }
        taken
    }

    fn undecided(
        &self,
        from: UnixMillis,
        to: UnixMillis,
        mine: impl Fn(&Undecided) -> bool,
    ) -> Vec<Undecided> {
        let all = self.unknown.iter().chain(self.pending.values());
        let inside = all.filter(|it| it.time >= from && it.time < to && mine(it));
        let mut undecided: Vec<Undecided> = inside.copied().collect();
        undecided.sort_unstable();
        undecided
    }
}

fn passes(query: &Query, key: CellKey) -> bool {
    let Some(filter) = &query.fields else { return true };
    filter.get(&key.route).is_some_and(|mask| mask & key.fields != 0)
}

fn is_by(by: By, row: &AccessRow) -> bool {
    match by {
        By::Principal(principal) => row.principal == principal,
        By::Key(key) => row.key == key,
        By::ApiKey(api_key) => row.api_key == api_key,
        By::Route(route) => row.route == route,
    }
}

/// Reads ranges and checks that every leaf came, once and in order. Two ranges may share a block
/// (the end of one day and the start of the next): what they share is read once.
fn read_whole<L: Leaves + ?Sized>(
    leaves: &L,
    ranges: Vec<Range<i64>>,
    mut visit: impl FnMut(Position, &Record),
) -> Result<(), AnswerError<L::Error>> {
    let mut done = i64::MIN;
    for range in ranges {
        let start = range.start.max(done);
        if start >= range.end {
            continue;
        }
        done = range.end;
        let mut next = start;
        let each = leaves.each(start..range.end, &mut |at, record| {
            if at.index.0 == next {
                next += 1;
                visit(at, record);
            }
        });
        each.map_err(AnswerError::Leaves)?;
        if next != range.end {
            return Err(AnswerError::Incomplete { asked: range.end - start, seen: next - start });
        }
    }
    Ok(())
}
