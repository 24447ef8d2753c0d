//! The proof that something was recorded.

use ward_model::{LeafIndex, UnixMillis};

use crate::queue::Ack;

/// A value whose record is durable and applied to every view.
///
/// Only [`crate::Journal::append`] makes one: whoever holds it may act on it. Not `Clone`: one
/// record opens one door.
#[derive(Debug)]
pub struct Recorded<T> {
    value: T,
    first: LeafIndex,
    count: u32,
    time: UnixMillis,
}

impl<T> Recorded<T> {
    pub(crate) fn new(value: T, ack: Ack) -> Self {
        Self { value, first: ack.first, count: ack.count, time: ack.time }
    }

    /// The value.
    pub const fn get(&self) -> &T {
        &self.value
    }

    /// The value itself; the proof is spent.
    pub fn into_inner(self) -> T {
        self.value
    }

    /// First leaf of its rows.
    pub const fn first(&self) -> LeafIndex {
        self.first
    }

    /// How many rows: leaves `first .. first + count`.
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// Journal time of its rows.
    pub const fn time(&self) -> UnixMillis {
        self.time
    }
}
