//! What is held in memory: lookup key to number, and who exists.
//!
//! Cost: 21 bytes an entry in the table (16 key, 4 number, 1 control) over a load between 7/16 and
//! 7/8, so 24 to 48 bytes a data subject, and under a bit each for existence.
//! INVARIANT: memory never runs ahead of the file; it is changed after the commit only.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};

use roaring::RoaringBitmap;

use crate::seal::LookupKey;
use crate::{Fed, State};

/// The key is a keyed hash already: its first eight bytes are the table's hash.
#[derive(Default)]
pub(crate) struct FirstWord(u64);

impl Hasher for FirstWord {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        if let Some(word) = bytes.first_chunk::<8>() {
            self.0 = u64::from_le_bytes(*word);
        }
    }
}

impl core::hash::Hash for LookupKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(&self.0);
    }
}

/// Who exists in one namespace.
#[derive(Default)]
pub(crate) struct Namespace {
    pub(crate) fed: bool,
    pub(crate) watermark: i64,
    exists: RoaringBitmap,
    deleted: RoaringBitmap,
}

/// The whole register but the ids.
#[derive(Default)]
pub(crate) struct Memory {
    numbers: HashMap<LookupKey, u32, BuildHasherDefault<FirstWord>>,
    namespaces: BTreeMap<i32, Namespace>,
}

impl Memory {
    pub(crate) fn number(&self, key: LookupKey) -> Option<u32> {
        self.numbers.get(&key).copied()
    }

    pub(crate) fn len(&self) -> usize {
        self.numbers.len()
    }

    pub(crate) fn reserve(&mut self, more: usize) {
        self.numbers.reserve(more);
    }

    pub(crate) fn namespace(&self, namespace: i32) -> Option<&Namespace> {
        self.namespaces.get(&namespace)
    }

    pub(crate) fn feed(&mut self, namespace: i32, watermark: i64) {
        let entry = self.namespaces.entry(namespace).or_default();
        entry.fed = true;
        entry.watermark = watermark;
    }

    /// Takes in a row of the file.
    pub(crate) fn put(&mut self, key: LookupKey, number: u32, namespace: i32, state: State) {
        self.numbers.insert(key, number);
        let bitmaps = self.namespaces.entry(namespace).or_default();
        bitmaps.exists.remove(number);
        bitmaps.deleted.remove(number);
        match state {
            State::Seen | State::Erased => false,
            State::Exists => bitmaps.exists.insert(number),
            State::Deleted => bitmaps.deleted.insert(number),
        };
    }

    /// Forgets an erased number.
    pub(crate) fn erase(&mut self, key: LookupKey, number: u32, namespace: i32) {
        self.numbers.remove(&key);
        if let Some(bitmaps) = self.namespaces.get_mut(&namespace) {
            bitmaps.exists.remove(number);
            bitmaps.deleted.remove(number);
        }
    }

    /// How a namespace stands.
    pub(crate) fn fed(&self, namespace: i32) -> Fed {
        self.namespaces.get(&namespace).map_or(Fed::NOTHING, |it| Fed {
            existing: i64::try_from(it.exists.len()).unwrap_or(i64::MAX),
            tombstones: i64::try_from(it.deleted.len()).unwrap_or(i64::MAX),
            watermark: if it.fed { it.watermark } else { -1 },
        })
    }
}

impl Namespace {
    /// The state of a number, as far as a feed told.
    pub(crate) fn state(&self, number: u32) -> State {
        if self.exists.contains(number) {
            State::Exists
        } else if self.deleted.contains(number) {
            State::Deleted
        } else {
            State::Seen
        }
    }
}
