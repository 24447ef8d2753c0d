//! How fast a rule may have tokens signed: a bucket that fills evenly. Pure but for its lock.
//!
//! A bucket holds one minute's worth and is known by the rule's name, so a reload that changes a
//! rule's rate does not fill it. After a start every bucket is full: the bound is a minute's worth
//! more per start. The virtual-scheduling form of GCRA (ITU-T I.371 annex A). Best test: below.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use ward_model::UnixMillis;

/// One minute, in the unit of account: microseconds.
const MINUTE_US: i64 = 60_000_000;

/// The buckets, by rule.
#[derive(Default)]
pub(crate) struct Rates(Mutex<BTreeMap<String, i64>>);

impl Rates {
    /// Takes `count` tokens of a rule all at once, or none.
    ///
    /// # Errors
    /// Seconds until so many are there; `None` when they never are: more than a minute's worth.
    pub(crate) fn take(
        &self,
        rule: &str,
        per_minute: u32,
        count: usize,
        now: UnixMillis,
    ) -> Result<(), Option<i64>> {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let empty_at = buckets.get(rule).copied().unwrap_or(i64::MIN);
        let empty_at = take(empty_at, per_minute, count, now.ms().saturating_mul(1000))?;
        buckets.insert(rule.to_owned(), empty_at);
        Ok(())
    }
}

/// When the bucket is full again after taking `count`, microseconds.
fn take(full_at: i64, per_minute: u32, count: usize, now: i64) -> Result<i64, Option<i64>> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let per_minute = i64::from(per_minute.max(1));
    if count > per_minute {
        return Err(None);
    }
    // Rounded up, so that never more than the rate is given.
    let cost = count.saturating_mul(MINUTE_US).div_euclid(per_minute) + i64::from(count > 0);
    let after = full_at.max(now).saturating_add(cost);
    let over = after.saturating_sub(now) - MINUTE_US - per_minute;
    if over > 0 {
        // Whole seconds, rounded up from milliseconds: the microseconds are rounding's own.
        return Err(Some(over.div_euclid(1000).saturating_add(999).div_euclid(1000).max(1)));
    }
    Ok(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_a_minutes_worth_and_fills_evenly() {
        let rates = Rates::default();
        let at = |ms: i64| UnixMillis::new(1_000_000 + ms);
        for _ in 0..60 {
            assert_eq!(rates.take("a", 60, 1, at(0)), Ok(()));
        }
        assert_eq!(rates.take("a", 60, 1, at(0)), Err(Some(1)));
        assert_eq!(rates.take("b", 60, 60, at(0)), Ok(()), "each rule has its own");
        assert_eq!(rates.take("a", 60, 1, at(1001)), Ok(()));
        assert_eq!(rates.take("a", 60, 30, at(1001)), Err(Some(30)));
        assert_eq!(rates.take("a", 60, 1, at(1001)), Err(Some(1)), "a refusal takes nothing");
        assert_eq!(rates.take("a", 60, 60, at(120_000)), Ok(()));
        assert_eq!(rates.take("a", 60, 61, at(999_000)), Err(None));
        assert_eq!(rates.take("a", 60, 0, at(120_000)), Ok(()));
    }

    #[test]
    fn over_an_hour_it_is_the_rate_and_one_bucket() {
        for per_minute in [1u32, 7, 60, 1000, 4_000_000_000] {
            let (mut full_at, mut given) = (i64::MIN, 0u64);
            for ms in 0..3_600 {
                if let Ok(after) = take(full_at, per_minute, 1, ms * 1_000_000) {
                    (full_at, given) = (after, given + 1);
                }
            }
            assert!(given <= u64::from(per_minute) * 61, "{per_minute}: {given}");
            assert!(given >= (u64::from(per_minute) * 59).min(3_000), "{per_minute}: {given}");
        }
    }
}
