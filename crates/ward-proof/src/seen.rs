//! What was used already: a bounded memory in two periods, which refuses when it is full.
//!
//! Each part keeps keyed hashes of this period and the one before, so that an entry is remembered
//! for one to three periods and nothing is ever swept. Keyed, so that nobody chooses collisions; in
//! parts by holder, so that one who floods fills his own part. Best test: `tests` below.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use highway::{HighwayHash as _, HighwayHasher, Key};
use ward_model::UnixMillis;

use crate::limits::SHARDS;

/// What became of an attempt to use something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It was not used before, and is remembered from now on.
    Fresh,
    /// It was used before.
    Again,
    /// There is no room to remember it: refuse.
    Full,
}

/// The memory. `take` locks one of its parts.
pub struct Seen {
    key: [u64; 4],
    period_ms: i64,
    shard_max: usize,
    shards: Vec<Mutex<Shard>>,
}

#[derive(Default)]
struct Shard {
    /// When this period began, milliseconds.
    began: i64,
    now: HashSet<[u64; 2]>,
    before: HashSet<[u64; 2]>,
}

impl Seen {
    /// Remembers everything for at least `period_ms`, `shard_max` entries a part and period.
    /// `secret` MUST be random.
    #[must_use]
    pub fn new(secret: &[u8; 32], period_ms: i64, shard_max: usize) -> Self {
        let mut key = [0; 4];
        for (to, from) in key.iter_mut().zip(secret.as_chunks::<8>().0) {
            *to = u64::from_le_bytes(*from);
        }
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { key, period_ms, shard_max, shards }
    }

    /// Uses what `holder` calls `name`, at `now`.
    #[must_use]
    pub fn take(&self, holder: &[u8], name: &[u8], now: UnixMillis) -> Taken {
        let [part, _] = self.hash(&[holder]);
        let part = usize::try_from(part).unwrap_or(0) & (SHARDS - 1);
        let Some(shard) = self.shards.get(part) else { return Taken::Full };
        let entry = self.hash(&[holder, &[0], name]);
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        shard.turn(now.ms(), self.period_ms);
        if shard.now.contains(&entry) || shard.before.contains(&entry) {
            return Taken::Again;
        }
        if shard.now.len() >= self.shard_max {
            return Taken::Full;
        }
        shard.now.insert(entry);
        Taken::Fresh
    }

    fn hash(&self, parts: &[&[u8]]) -> [u64; 2] {
        let mut hasher = HighwayHasher::new(Key(self.key));
        parts.iter().for_each(|part| hasher.append(part));
        hasher.finalize128()
    }
}

impl Shard {
    /// WHY a clock that went back turns nothing: forgetting early is the one fault this must not
    /// have.
    fn turn(&mut self, now: i64, period_ms: i64) {
        let passed = now.saturating_sub(self.began);
        if passed < period_ms {
            return;
        }
        let last = core::mem::take(&mut self.now);
        self.before = if passed < period_ms.saturating_mul(2) { last } else { HashSet::new() };
        self.began = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const START: UnixMillis = UnixMillis::new(1_800_000_000_000);

    fn seen(shard_max: usize) -> Seen {
        Seen::new(&[3; 32], 1000, shard_max)
    }

    #[test]
    fn one_holder_who_floods_shuts_out_himself() {
        let seen = seen(4);
        for name in 0..4u8 {
            assert_eq!(seen.take(b"flood", &[name], START), Taken::Fresh);
        }
        assert_eq!(seen.take(b"flood", b"more", START), Taken::Full);
        assert_eq!(seen.take(b"flood", &[0], START), Taken::Again, "what is known stays known");
        let others = (0..64u8).filter(|it| seen.take(&[*it], b"x", START) == Taken::Fresh);
        assert!(others.count() > 55);
        assert_eq!(seen.take(b"flood", b"more", START.plus_ms(1000)), Taken::Fresh);
    }

    #[test]
    fn holder_and_name_do_not_run_together() {
        let seen = seen(4);
        assert_eq!(seen.take(b"ab", b"c", START), Taken::Fresh);
        assert_eq!(seen.take(b"a", b"bc", START), Taken::Fresh);
    }

    proptest! {
        /// Against a map of when each was used: never forgotten within a period.
        #[test]
        fn nothing_is_forgotten_too_early(
            steps in proptest::collection::vec((0u8..8, 0i64..700), 1..200),
        ) {
            let (seen, mut now) = (seen(1000), START);
            let mut used = std::collections::HashMap::new();
            for (name, ms) in steps {
                now = now.plus_ms(ms);
                let taken = seen.take(b"h", &[name], now);
                let last = used.get(&name).map(|at: &UnixMillis| now.since(*at));
                match last {
                    Some(since) if since < 1000 => prop_assert_eq!(taken, Taken::Again),
                    Some(since) if since >= 3000 => prop_assert_eq!(taken, Taken::Fresh),
                    None => prop_assert_eq!(taken, Taken::Fresh),
                    Some(_) => {}
                }
                if taken == Taken::Fresh {
                    used.insert(name, now);
                }
            }
        }
    }
}
