//! A hash table whose readers never wait: principals' and clients' cut-offs, pinned tokens.
//!
//! Keys are 128 bits of a keyed hash already, so they are their own hash. Each of the shards is
//! open-addressed cells of atomics behind a swapped pointer; one writer at a time (the view)
//! inserts in place and, when a shard fills, publishes a larger copy. Nothing is ever removed.
//! Cost of a look-up: one pointer load and, as a rule, one cache line. Best test: `tests` below.

use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use arc_swap::ArcSwap;

const SHARDS: usize = 64;
const CELLS_MIN: usize = 8;

/// 128-bit keys to two words.
pub(crate) struct Table {
    shards: Vec<ArcSwap<Shard>>,
    len: AtomicUsize,
}

/// The two words of an entry. What they mean is the user's.
pub(crate) type Words = [u64; 2];

struct Shard {
    cells: Box<[Cell]>,
    used: AtomicUsize,
}

#[derive(Default)]
struct Cell {
    /// 0: empty. Stored last, with release, so that who sees it sees the rest.
    low: AtomicU64,
    high: AtomicU64,
    words: [AtomicU64; 2],
}

impl Table {
    pub(crate) fn new() -> Self {
        let shards = (0..SHARDS).map(|_| ArcSwap::from_pointee(Shard::of(CELLS_MIN))).collect();
        Self { shards, len: AtomicUsize::new(0) }
    }

    /// Whether nothing was ever inserted.
    pub(crate) fn is_empty(&self) -> bool {
        self.len.load(Ordering::Acquire) == 0
    }

    /// The words of a key.
    pub(crate) fn find(&self, key: [u8; 16]) -> Option<Words> {
        if self.is_empty() {
            return None;
        }
        let (low, high) = split(key);
        let shard = self.shard(low)?.load();
        let cell = shard.probe(low, high)?;
        (cell.low.load(Ordering::Acquire) == low).then(|| cell.read())
    }

    /// Changes the words of a key, which start at 0. MUST be called by one thread at a time.
    pub(crate) fn update(&self, key: [u8; 16], change: impl FnOnce(&mut Words)) {
        let (low, high) = split(key);
        let Some(slot) = self.shard(low) else { return };
        let mut shard = slot.load_full();
        if shard.is_full() {
            shard = std::sync::Arc::new(shard.grown());
            slot.store(std::sync::Arc::clone(&shard));
        }
        let Some(cell) = shard.probe(low, high) else { return };
        let fresh = cell.low.load(Ordering::Relaxed) == 0;
        let mut words = cell.read();
        change(&mut words);
        cell.write(high, words);
        if fresh {
            cell.low.store(low, Ordering::Release);
            shard.used.fetch_add(1, Ordering::Relaxed);
            self.len.fetch_add(1, Ordering::Release);
        }
    }

    /// Entries.
    pub(crate) fn count(&self) -> usize {
        self.len.load(Ordering::Acquire)
    }

    /// Every entry, in no order. MUST be called by the writer's thread, so that each is whole.
    pub(crate) fn each(&self, mut see: impl FnMut([u8; 16], Words)) {
        for shard in &self.shards {
            for cell in &shard.load().cells {
                let low = cell.low.load(Ordering::Acquire);
                if low != 0 {
                    let high = cell.high.load(Ordering::Relaxed);
                    let key = u128::from(low) | u128::from(high) << 64;
                    see(key.to_le_bytes(), cell.read());
                }
            }
        }
    }

    fn shard(&self, low: u64) -> Option<&ArcSwap<Shard>> {
        self.shards.get(usize::try_from(low >> 58).ok()?)
    }
}

impl Shard {
    fn of(cells: usize) -> Self {
        let cells = (0..cells).map(|_| Cell::default()).collect();
        Self { cells, used: AtomicUsize::new(0) }
    }

    fn is_full(&self) -> bool {
        self.used.load(Ordering::Relaxed) * 4 >= self.cells.len() * 3
    }

    fn grown(&self) -> Self {
        let larger = Self::of(self.cells.len() * 2);
        let filled = self.cells.iter().filter(|cell| cell.low.load(Ordering::Relaxed) != 0);
        for cell in filled {
            let low = cell.low.load(Ordering::Relaxed);
            let high = cell.high.load(Ordering::Relaxed);
            if let Some(new) = larger.probe(low, high) {
                new.write(high, cell.read());
                new.low.store(low, Ordering::Relaxed);
            }
        }
        larger.used.store(self.used.load(Ordering::Relaxed), Ordering::Relaxed);
        larger
    }

    /// The cell of a key, or the empty one where it belongs. INVARIANT: never full, so it ends.
    fn probe(&self, low: u64, high: u64) -> Option<&Cell> {
        let mask = self.cells.len() - 1;
        let start = usize::try_from(low & 0xffff_ffff).ok()?;
        (0..self.cells.len()).filter_map(|step| self.cells.get((start + step) & mask)).find(
            |cell| match cell.low.load(Ordering::Acquire) {
                0 => true,
                found => found == low && cell.high.load(Ordering::Relaxed) == high,
            },
        )
    }
}

impl Cell {
    fn read(&self) -> Words {
        let [first, second] = &self.words;
        [first.load(Ordering::Acquire), second.load(Ordering::Acquire)]
    }

    fn write(&self, high: u64, [new_first, new_second]: Words) {
        let [first, second] = &self.words;
        self.high.store(high, Ordering::Relaxed);
        first.store(new_first, Ordering::Release);
        second.store(new_second, Ordering::Release);
    }
}

fn split(key: [u8; 16]) -> (u64, u64) {
    let number = u128::from_le_bytes(key);
    let low = u64::try_from(number & u128::from(u64::MAX)).unwrap_or(0);
    let high = u64::try_from(number >> 64).unwrap_or(0);
    (low.max(1), high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn key(number: u64) -> [u8; 16] {
        // Few distinct low halves, so that probing is exercised.
        let low = (number % 97 + 1).wrapping_mul(0x0400_0000_0000_0001);
        (u128::from(low) | u128::from(number) << 64).to_le_bytes()
    }

    #[test]
    fn it_holds_what_a_map_holds() {
        let table = Table::new();
        let mut model: HashMap<[u8; 16], Words> = HashMap::new();
        assert!(table.is_empty());
        for number in 0..20_000u64 {
            let key = key(number % 7_000);
            table.update(key, |words| words[usize::from(number % 3 == 0)] += number);
            model.entry(key).or_default()[usize::from(number % 3 == 0)] += number;
        }
        for (key, words) in &model {
            assert_eq!(table.find(*key), Some(*words));
        }
        assert_eq!(table.find([0xee; 16]), None);
    }

    #[test]
    fn readers_see_whole_entries_while_it_grows() {
        let table = Table::new();
        const LAST: u64 = 5_000;
        let done = AtomicU64::new(0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for number in 1..LAST {
                    table.update(key(number), |words| *words = [number, number]);
                    done.store(number, Ordering::Release);
                }
            });
            for _ in 0..2 {
                scope.spawn(|| {
                    let mut seen = 0;
                    // Bounded, so that a writer that fails fails the test.
                    for _ in 0..1_000_000 {
                        seen = done.load(Ordering::Acquire).max(seen);
                        for number in seen.saturating_sub(20).max(1)..=seen {
                            assert_eq!(table.find(key(number)), Some([number, number]));
                        }
                        if seen == LAST - 1 {
                            return;
                        }
                        std::thread::yield_now();
                    }
                });
            }
        });
    }
}
