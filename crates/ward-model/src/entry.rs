//! What the journal takes: entries, each a group of rows that stand or fall together.

use crate::id::LeafIndex;
use crate::limits::{PAYLOAD_BYTES_MAX, ROWS_MAX};
use crate::record::{Record, Row};
use crate::time::UnixMillis;
use crate::words;

words! {
    /// The lanes of the journal. A higher lane keeps space when a lower one is full.
    Lane {
        /// Refusals and noise.
        Refusal = 1 "refusal",
        /// Permitted reads.
        Access = 2 "access",
        /// Issuance of tokens and keys.
        Issuance = 3 "issuance",
        /// Revocation and operators' acts: these always fit.
        Priority = 4 "priority",
    }
}

/// Where a record stands: its leaf and the journal's time there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The leaf.
    pub index: LeafIndex,
    /// Journal time: never before that of an earlier leaf.
    pub time: UnixMillis,
}

/// Something that can be recorded: one or more rows, appended as one.
pub trait Entry {
    /// The lane it takes.
    fn lane(&self) -> Lane;
    /// Writes its rows; MUST write at least one.
    fn rows(&self, rows: &mut Rows);
}

/// Encoded payloads of one entry: `kind u16 LE | columns` each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    overflow: bool,
}

impl Rows {
    /// No rows yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends one row. A row or a group over its bound marks the whole group as too large.
    pub fn push<R: Row>(&mut self, row: &R) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&R::KIND.to_le_bytes());
        row.put(&mut self.bytes);
        if self.bytes.len() - start > PAYLOAD_BYTES_MAX || self.ends.len() >= ROWS_MAX {
            self.overflow = true;
            self.bytes.truncate(start);
            return;
        }
        self.ends.push(self.bytes.len());
    }

    /// One row that is encoded already, as it was read from a journal.
    #[must_use]
    pub fn of_payload(payload: &[u8]) -> Self {
        Self { bytes: payload.to_vec(), ends: vec![payload.len()], overflow: false }
    }

    /// Whether something did not fit: the journal refuses such a group whole.
    #[must_use]
    pub const fn is_too_large(&self) -> bool {
        self.overflow
    }

    /// How many rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes of all payloads.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        self.bytes.len()
    }

    /// The payloads in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = core::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).filter_map(|(start, &end)| self.bytes.get(start..end))
    }
}

/// Something kept in memory that is rebuilt from records and from nothing else.
///
/// The journal calls [`View::apply`] for every leaf in order: on replay at start, and live right
/// after the record is durable and before its append is acknowledged. MUST NOT block or fail.
pub trait View: Send {
    /// Takes in the record at `at`. Called once per leaf, in order, by one thread at a time.
    fn apply(&mut self, at: Position, record: &Record);

    /// The leaf from which on replay must hand this view records of issuances (`TokenIssued`,
    /// `TokenEntered`). Below it [`View::pass`] may be called for them instead of [`View::apply`].
    /// WHY: a large journal holds little else, and decoding them is most of what a start costs. One
    /// that never looks at them says [`LeafIndex::NEVER`].
    fn needs_issuances_from(&self) -> LeafIndex {
        LeafIndex(0)
    }

    /// At `at` stands an issuance, below [`View::needs_issuances_from`]. MUST do what `apply` would.
    fn pass(&mut self, at: Position) {
        let _nothing_hangs_on_it = at;
    }
}

impl<T: Entry + ?Sized> Entry for Box<T> {
    fn lane(&self) -> Lane {
        (**self).lane()
    }
    fn rows(&self, rows: &mut Rows) {
        (**self).rows(rows);
    }
}

/// A list of entries recorded as one group, in the highest lane among them.
impl<T: Entry> Entry for Vec<T> {
    fn lane(&self) -> Lane {
        self.iter().map(Entry::lane).max().unwrap_or(Lane::Refusal)
    }
    fn rows(&self, rows: &mut Rows) {
        for entry in self {
            entry.rows(rows);
        }
    }
}
