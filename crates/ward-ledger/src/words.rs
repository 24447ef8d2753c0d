//! Memory for slots: runs of words on huge pages where the system has them.
//!
//! A slot is found anywhere in hundreds of megabytes, so on pages of 4 KiB nearly every check would
//! walk the page tables before it can miss the cache. Runs of [`POOLED_MIN`] words or more are cut
//! from regions that are asked for huge pages; a run that is dropped is kept and handed out again,
//! because a ledger at rest drops a segment for each it makes. Regions are never given back.
//! Best test: `tests` below.

use std::sync::{Mutex, PoisonError};

use zerocopy::FromBytes as _;

use core::sync::atomic::{AtomicU64, Ordering};

/// Fewest words of a run that lies in a region.
const POOLED_MIN: usize = 1 << 12;
/// Bytes of a huge page, to which runs are aligned.
const HUGE_BYTES: usize = 2 << 20;
/// Bytes asked for at once; they cost memory only when they are written.
const REGION_BYTES: usize = 32 << 20;

/// Atomic words, all 0 when made. Shared by reference, so a run lives as long as its readers.
pub(crate) enum Words {
    Own(Box<[AtomicU64]>),
    Pooled(&'static [AtomicU64]),
}

/// Runs that nobody uses, and what is left of regions.
struct Pool {
    free: Vec<&'static [AtomicU64]>,
    rests: Vec<&'static [AtomicU64]>,
}

static POOL: Mutex<Pool> = Mutex::new(Pool { free: Vec::new(), rests: Vec::new() });

impl Words {
    pub(crate) fn zeros(count: usize) -> Self {
        let pooled = if count < POOLED_MIN { None } else { pooled(count) };
        pooled.map_or_else(
            || Self::Own((0..count).map(|_| AtomicU64::new(0)).collect()),
            Self::Pooled,
        )
    }
}

impl core::ops::Deref for Words {
    type Target = [AtomicU64];

    #[inline]
    fn deref(&self) -> &[AtomicU64] {
        match self {
            Self::Own(words) => words,
            Self::Pooled(words) => words,
        }
    }
}

impl Drop for Words {
    fn drop(&mut self) {
        if let Self::Pooled(words) = self {
            POOL.lock().unwrap_or_else(PoisonError::into_inner).free.push(words);
        }
    }
}

/// A run of zeros out of the pool; `None` if it is larger than a region, or there is no memory.
fn pooled(count: usize) -> Option<&'static [AtomicU64]> {
    let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(at) = pool.free.iter().rposition(|run| run.len() == count) {
        let run = pool.free.swap_remove(at);
        drop(pool);
        // INVARIANT: its last holder is gone, so nobody reads it.
        run.iter().for_each(|word| word.store(0, Ordering::Relaxed));
        return Some(run);
    }
    // WHY the smallest that will do: short runs then fill what long ones leave over.
    let fits = pool.rests.iter().enumerate().filter(|(_, rest)| rest.len() >= count);
    let at = fits.min_by_key(|(_, rest)| rest.len()).map(|(at, _)| at);
    let rest = match at {
        Some(at) => pool.rests.swap_remove(at),
        None => region(count)?,
    };
    let (run, rest) = rest.split_at_checked(count)?;
    if !rest.is_empty() {
        pool.rests.push(rest);
    }
    Some(run)
}

/// Fresh memory for a run, aligned to a huge page.
fn region(count: usize) -> Option<&'static [AtomicU64]> {
    let bytes = REGION_BYTES.max(count.checked_mul(8)?);
    let map = memmap2::MmapMut::map_anon(bytes.checked_add(HUGE_BYTES)?).ok()?;
    // A system without huge pages says no, and serves small ones.
    #[cfg(target_os = "linux")]
    let _asked = map.advise(memmap2::Advice::HugePage);
    let map = Box::leak(Box::new(map));
    let past = map.as_ptr().align_offset(HUGE_BYTES);
    let aligned = map.get_mut(past..past.checked_add(bytes)?)?;
    <[AtomicU64]>::mut_from_bytes(aligned).ok().map(|words| &*words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_zeros_and_its_own_again_and_again() {
        for count in [1, 64, POOLED_MIN - 1, POOLED_MIN, 1 << 18, (REGION_BYTES / 8) + 1] {
            for _ in 0..3 {
                let (one, other) = (Words::zeros(count), Words::zeros(count));
                for run in [&one, &other] {
                    assert_eq!(run.len(), count);
                    assert!(run.iter().all(|word| word.load(Ordering::Relaxed) == 0));
                }
                one.iter().for_each(|word| word.store(7, Ordering::Relaxed));
                assert!(other.iter().all(|word| word.load(Ordering::Relaxed) == 0));
            }
        }
    }

    #[test]
    fn a_dropped_run_is_handed_out_again() {
        // A size of its own, because tests run side by side.
        let count = POOLED_MIN + 8;
        let first = Words::zeros(count).as_ptr();
        assert_eq!(Words::zeros(count).as_ptr(), first);
    }
}
