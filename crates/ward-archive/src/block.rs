//! The journal cut into blocks: which leaves belong to a time, and which may name a data subject.
//!
//! INVARIANT: times never fall from leaf to leaf, so blocks are ordered by index and time alike.
//! A block keeps the low 32 bits of each number it names: it may say yes wrongly, never no. What
//! is counted in the end are the rows read.

use core::ops::Range;
use std::sync::Arc;

use ward_model::{Position, UnixMillis};

use crate::limits::BLOCK_LEAVES;

/// Some consecutive leaves.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    start: i64,
    end: i64,
    first: UnixMillis,
    last: UnixMillis,
    names: Arc<[u32]>,
}

/// All leaves so far.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    sealed: Vec<Block>,
    open: Option<Open>,
}

/// The block that still grows.
#[derive(Debug)]
struct Open {
    start: i64,
    end: i64,
    first: UnixMillis,
    last: UnixMillis,
    names: Vec<u32>,
}

fn low_bits(number: i64) -> u32 {
    u32::try_from(number & i64::from(u32::MAX)).unwrap_or(u32::MAX)
}

impl Open {
    fn seal(&self) -> Block {
        let mut names = self.names.clone();
        names.sort_unstable();
        names.dedup();
        let Self { start, end, first, last, .. } = *self;
        Block { start, end, first, last, names: names.into() }
    }
}

impl Block {
    fn may_name(&self, number: i64) -> bool {
        self.names.binary_search(&low_bits(number)).is_ok()
    }
}

impl Blocks {
    /// Takes in the next leaf, and whom it names.
    pub(crate) fn push(&mut self, at: Position, names: Option<i64>) {
        let open = self.open.get_or_insert_with(|| Open {
            start: at.index.0,
            end: at.index.0,
            first: at.time,
            last: at.time,
            names: Vec::new(),
        });
        open.end = at.index.0.saturating_add(1);
        open.last = at.time;
        open.names.extend(names.map(low_bits));
        if open.end - open.start >= BLOCK_LEAVES {
            self.sealed.push(open.seal());
            self.open = None;
        }
    }

    /// The blocks that hold leaves of `from..to`; cheap clones.
    pub(crate) fn within(&self, from: UnixMillis, to: UnixMillis) -> Vec<Block> {
        if from >= to {
            return Vec::new();
        }
        let start = self.sealed.partition_point(|block| block.last < from);
        let end = self.sealed.partition_point(|block| block.first < to).max(start);
        let mut blocks = self.sealed.get(start..end).unwrap_or_default().to_vec();
        let open = self.open.iter().filter(|open| open.last >= from && open.first < to);
        blocks.extend(open.map(Open::seal));
        blocks
    }

    /// Bytes kept.
    pub(crate) fn bytes(&self) -> usize {
        let names: usize = self.sealed.iter().map(|block| block.names.len()).sum();
        names * size_of::<u32>() + self.sealed.len() * size_of::<Block>()
    }
}

/// The leaves of some blocks, joined where they touch.
pub(crate) fn ranges(blocks: &[Block]) -> Vec<Range<i64>> {
    joined(blocks.iter())
}

/// The leaves of those blocks that may name a data subject.
pub(crate) fn ranges_naming(blocks: &[Block], data_subject: i64) -> Vec<Range<i64>> {
    joined(blocks.iter().filter(|block| block.may_name(data_subject)))
}

fn joined<'b>(blocks: impl Iterator<Item = &'b Block>) -> Vec<Range<i64>> {
    let mut ranges: Vec<Range<i64>> = Vec::new();
    for block in blocks {
        match ranges.last_mut() {
            Some(last) if last.end == block.start => last.end = block.end,
            _ => ranges.push(block.start..block.end),
        }
    }
    ranges
}
