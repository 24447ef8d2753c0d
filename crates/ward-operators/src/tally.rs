//! Refused sign-ins, counted by whom, how, from where, and minute. Pure.
//!
//! What it must never do: lose a refusal it was told of, or grow. A minute's counts become records
//! when the minute is over. Best test: at the end of this file.

use std::collections::BTreeMap;

use ward_model::record::SignInsRefused;
use ward_model::word::SignInMethod;
use ward_model::{PersonId, Record, UnixMillis};

use crate::limits::TALLIES_MAX;

const MINUTE_MS: i64 = 60_000;

type Key = (i64, PersonId, SignInMethod, [u8; 16]);

/// Counts that wait for their minute to end.
#[derive(Debug, Default)]
pub struct Tally(BTreeMap<Key, i64>);

impl Tally {
    /// One more refusal. Past the bound it counts as nobody's, from nowhere.
    pub fn refused(
        &mut self,
        person: PersonId,
        how: SignInMethod,
        prefix: [u8; 16],
        now: UnixMillis,
    ) {
        let minute = now.ms().div_euclid(MINUTE_MS);
        let full = self.0.len() >= TALLIES_MAX;
        let mut key = (minute, person, how, prefix);
        if full && !self.0.contains_key(&key) {
            key = (minute, PersonId::default(), how, [0; 16]);
        }
        let count = self.0.entry(key).or_default();
        *count = count.saturating_add(1);
    }

    /// Records of the minutes that are over at `now`; `all` also of the one that runs.
    pub fn take(&mut self, now: UnixMillis, all: bool) -> Vec<Record> {
        let minute = now.ms().div_euclid(MINUTE_MS);
        let mut records = Vec::new();
        self.0.retain(|(of, person, how, prefix), count| {
            let is_over = all || *of != minute;
            if is_over {
                let (person, how, prefix, count) = (*person, *how, *prefix, *count);
                records.push(SignInsRefused { person, how, prefix, count }.into());
            }
            !is_over
        });
        records
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_is_in_one_record() {
        let (mut tally, now) = (Tally::default(), UnixMillis::new(1_700_000_000_000));
        let how = SignInMethod::Passkey;
        for number in 0..3 * TALLIES_MAX {
            let mut prefix = [1; 16];
            prefix[..8].copy_from_slice(&(number / 2).to_be_bytes());
            tally.refused(PersonId([1; 16]), how, prefix, now);
        }
        assert!(tally.0.len() <= TALLIES_MAX + 1);
        assert_eq!(tally.take(now, false), [], "the minute runs");
        let sum = |records: Vec<Record>| {
            let count = |record| match record {
                Record::SignInsRefused(it) => it.count,
                other => panic!("{other:?}"),
            };
            records.into_iter().map(count).sum::<i64>()
        };
        let all = i64::try_from(3 * TALLIES_MAX).unwrap();
        assert_eq!(sum(tally.take(now.plus_ms(MINUTE_MS), false)), all);
        tally.refused(PersonId::default(), how, [0; 16], now);
        assert_eq!(sum(tally.take(now, true)), 1);
    }
}
