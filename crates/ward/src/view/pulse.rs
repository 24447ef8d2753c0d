//! The pulse: how many reads, refusals by reason, and distinct people read today.
//!
//! Exact, rebuilt from records; kept per UTC day and per second of the last minute.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ward_model::record::AccessRow;
use ward_model::{Position, Reason, Record, UnixMillis, View};

/// Seconds kept for the rate.
const SECONDS: i64 = 60;

/// The pulse. Cheap to clone.
#[derive(Clone, Default)]
pub struct Pulse(Arc<Mutex<Beat>>);

#[derive(Default)]
struct Beat {
    reads: u64,
    refusals: BTreeMap<Reason, u64>,
    day: i32,
    people_today: roaring::RoaringTreemap,
    reads_today: u64,
    seconds: VecDeque<(i64, u64)>,
}

/// The pulse at a moment.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Now {
    /// Reads released since the journal began.
    pub reads: u64,
    /// Reads released today (UTC).
    pub reads_today: u64,
    /// Reads released in the last full minute.
    pub reads_last_minute: u64,
    /// Distinct data subjects read today (UTC), exact.
    pub people_today: u64,
    /// Refusals since the journal began, by reason.
    pub refusals: BTreeMap<String, u64>,
}

impl Pulse {
    /// The write side.
    #[must_use]
    pub fn view(&self) -> impl View + use<> {
        PulseView(self.clone())
    }

    /// The pulse at `now`.
    #[must_use]
    pub fn at(&self, now: UnixMillis) -> Now {
        let mut beat = self.lock();
        beat.turn(now);
        let from = now.seconds() - SECONDS;
        let minute = beat.seconds.iter().filter(|(second, _)| *second >= from);
        Now {
            reads: beat.reads,
            reads_today: beat.reads_today,
            reads_last_minute: minute.map(|(_, count)| count).sum(),
            people_today: beat.people_today.len(),
            refusals: beat
                .refusals
                .iter()
                .map(|(reason, count)| (reason.as_str().to_owned(), *count))
                .collect(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Beat> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Beat {
    fn turn(&mut self, now: UnixMillis) {
        if now.day() > self.day {
            self.day = now.day();
            self.people_today.clear();
            self.reads_today = 0;
        }
        while self.seconds.front().is_some_and(|(second, _)| *second < now.seconds() - SECONDS) {
            self.seconds.pop_front();
        }
    }

    fn access(&mut self, at: UnixMillis, row: &AccessRow) {
        self.turn(at);
        if row.released
            && let Ok(number) = u64::try_from(row.data_subject.0)
            && number > 0
        {
            self.people_today.insert(number);
        }
        if row.row != 0 {
            return;
        }
        if let Some(reason) = row.verdict.reason() {
            *self.refusals.entry(reason).or_default() += 1;
        }
        if row.released {
            self.reads += 1;
            self.reads_today += 1;
            match self.seconds.back_mut() {
                Some((second, count)) if *second == at.seconds() => *count += 1,
                _ => self.seconds.push_back((at.seconds(), 1)),
            }
        }
    }
}

struct PulseView(Pulse);

impl View for PulseView {
    fn apply(&mut self, at: Position, record: &Record) {
        let mut beat = self.0.lock();
        match record {
            Record::AccessRow(row) => beat.access(at.time, row),
            Record::RefusalsCounted(counted) => {
                let count = u64::try_from(counted.count).unwrap_or(0);
                *beat.refusals.entry(counted.reason).or_default() += count;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::recent::tests::row;
    use super::*;
    use ward_model::{LeafIndex, Verdict};

    #[test]
    fn people_are_counted_once_a_day_and_rates_by_the_minute() {
        let pulse = Pulse::default();
        let mut view = pulse.view();
        let day = 86_400_000;
        let mut apply = |n, who, ms, verdict| {
            let at = Position { index: LeafIndex(0), time: UnixMillis::new(ms) };
            view.apply(at, &row(n, who, verdict).into());
        };
        apply(1, 7, day, Verdict::Permit);
        apply(2, 7, day + 1, Verdict::Permit);
        apply(3, 8, day + 2, Verdict::Permit);
        apply(4, 9, day + 3, Verdict::Refuse(Reason::Policy));
        let now = pulse.at(UnixMillis::new(day + 1000));
        assert_eq!((now.reads_today, now.people_today, now.reads_last_minute), (3, 2, 3));
        assert_eq!(now.refusals.get("policy"), Some(&1));
        let later = pulse.at(UnixMillis::new(2 * day));
        assert_eq!((later.reads, later.people_today, later.reads_last_minute), (3, 0, 0));
    }
}
