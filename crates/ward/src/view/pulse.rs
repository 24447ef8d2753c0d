//! The pulse: reads, refusals by reason, distinct people read today, the latest alerts.
//!
//! Exact and in memory; rebuilt from records. Kept per UTC day and per second of the last minute.
//! It must never answer from the wall clock alone: a day turns when a record or the asker says so.
//! Refusals that were counted as noise have no second of their own: their minute is told when it
//! has passed, and they stand in "the last minute" for 60 seconds from then.
//! Best test: `pulse/tests.rs`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ward_model::record::{AccessRow, AlertRaised, RefusalsCounted};
use ward_model::word::IncidentEntryKind;
use ward_model::{AlertId, IncidentId, LeafIndex, Position, Reason, Record, UnixMillis, View};

/// Seconds kept for rates.
const SECONDS: i64 = 60;
/// Latest alerts kept.
const ALERTS_MAX: usize = 64;
/// Seconds of which the first leaf is kept, to say when a leaf was recorded.
const LEAVES_MAX: usize = 3600;

/// The pulse. Cheap to clone.
#[derive(Clone, Default)]
pub struct Pulse(Arc<Mutex<Beat>>);

#[derive(Default)]
struct Beat {
    head: UnixMillis,
    reads: u64,
    refusals: BTreeMap<Reason, u64>,
    day: i32,
    people_today: roaring::RoaringTreemap,
    reads_today: u64,
    ungated_today: u64,
    refusals_today: BTreeMap<Reason, u64>,
    alerts_today: u64,
    seconds: VecDeque<Second>,
    leaves: VecDeque<Position>,
    alerts: VecDeque<AlertSeen>,
    alerts_known: roaring::RoaringTreemap,
    incidents_open: BTreeSet<IncidentId>,
}

/// One second in which something happened.
#[derive(Default)]
struct Second {
    second: i64,
    reads: u64,
    refusals: BTreeMap<Reason, u64>,
    noise: BTreeMap<Reason, u64>,
}

/// An alert and the incident it was put on.
#[derive(Clone, Debug)]
pub struct AlertSeen {
    /// Where it was raised.
    pub at: Position,
    /// What was raised.
    pub alert: AlertRaised,
    /// Its incident; `NONE` when none, or not yet.
    pub incident: IncidentId,
}

/// The pulse at a moment.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Now {
    /// Reads released since the journal began.
    pub reads: u64,
    /// Reads released today (UTC).
    pub reads_today: u64,
    /// Requests that passed on routes nobody declared, today (UTC).
    pub ungated_today: u64,
    /// Reads released in the last 60 seconds, the running one included.
    pub reads_last_minute: u64,
    /// Reads released in the last whole second.
    pub reads_last_second: u64,
    /// Reads released in each of the last 60 whole seconds, oldest first.
    pub reads_by_second: Vec<u64>,
    /// Refusals in each of them, those counted as noise left out.
    pub refusals_by_second: Vec<u64>,
    /// Distinct data subjects read today (UTC), exact.
    pub people_today: u64,
    /// Refusals since the journal began, by reason.
    pub refusals: BTreeMap<String, u64>,
    /// Refusals of today, by reason.
    pub refusals_now: Vec<Refusals>,
    /// Alerts raised today.
    pub alerts_today: u64,
    /// Incidents not closed.
    pub incidents_open: u64,
}

/// Refusals for one reason, noise included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Refusals {
    /// Why.
    pub reason: Reason,
    /// In the last 60 seconds.
    pub last_minute: u64,
    /// Today.
    pub today: u64,
}

impl Pulse {
    /// The write side.
    #[must_use]
    pub fn view(&self) -> impl View + use<> {
        PulseView(self.clone())
    }

    /// The pulse at `now`, or at the last record if that is later.
    #[must_use]
    pub fn at(&self, now: UnixMillis) -> Now {
        let beat = self.lock();
        let now = now.max(beat.head);
        let mut pulse = Now {
            reads: beat.reads,
            refusals: beat.refusals.iter().map(|(why, n)| (why.as_str().to_owned(), *n)).collect(),
            incidents_open: count(beat.incidents_open.len()),
            ..Now::default()
        };
        let mut reasons = BTreeMap::new();
        if beat.day == now.day() {
            pulse.reads_today = beat.reads_today;
            pulse.ungated_today = beat.ungated_today;
            pulse.people_today = beat.people_today.len();
            pulse.alerts_today = beat.alerts_today;
            let today = beat.refusals_today.iter();
            reasons.extend(today.map(|(why, today)| (*why, (0, *today))));
        }
        beat.minute(now.seconds(), &mut pulse, &mut reasons);
        let refusals = |(reason, (last_minute, today))| Refusals { reason, last_minute, today };
        pulse.refusals_now = reasons.into_iter().map(refusals).collect();
        pulse
    }

    /// The latest alerts, newest first, at most `max` and at most 64.
    #[must_use]
    pub fn alerts(&self, max: usize) -> Vec<AlertSeen> {
        self.lock().alerts.iter().rev().take(max).cloned().collect()
    }

    /// When a leaf was recorded, to the second; `None` when that is further back than what is kept
    /// here (3600 seconds with records in them).
    #[must_use]
    pub fn time_of(&self, leaf: LeafIndex) -> Option<UnixMillis> {
        let beat = self.lock();
        let after = beat.leaves.partition_point(|first| first.index <= leaf);
        beat.leaves.get(after.checked_sub(1)?).map(|first| first.time)
    }

    fn lock(&self) -> MutexGuard<'_, Beat> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Beat {
    /// Puts in what the last seconds hold; `running` is the second that is not over yet.
    fn minute(&self, running: i64, now: &mut Now, reasons: &mut BTreeMap<Reason, (u64, u64)>) {
        let length = usize::try_from(SECONDS).unwrap_or(0);
        now.reads_by_second = vec![0; length];
        now.refusals_by_second = vec![0; length];
        for one in &self.seconds {
            let place = usize::try_from(one.second - (running - SECONDS)).ok();
            if let Some(reads) = place.and_then(|place| now.reads_by_second.get_mut(place)) {
                *reads = one.reads;
            }
            if let Some(all) = place.and_then(|place| now.refusals_by_second.get_mut(place)) {
                *all = one.refusals.values().sum();
            }
            if one.second > running - SECONDS {
                now.reads_last_minute += one.reads;
                for (reason, refused) in one.refusals.iter().chain(&one.noise) {
                    let (last_minute, _) = reasons.entry(*reason).or_default();
                    *last_minute = last_minute.saturating_add(*refused);
                }
            }
        }
        now.reads_last_second = now.reads_by_second.last().copied().unwrap_or(0);
    }

    fn turn(&mut self, at: Position) {
        self.head = at.time;
        if at.time.day() > self.day {
            self.day = at.time.day();
            self.people_today.clear();
            self.refusals_today.clear();
            (self.reads_today, self.ungated_today, self.alerts_today) = (0, 0, 0);
        }
        let from = at.time.seconds() - SECONDS;
        while self.seconds.front().is_some_and(|one| one.second < from) {
            self.seconds.pop_front();
        }
        if self.leaves.back().is_none_or(|last| last.time.seconds() < at.time.seconds()) {
            self.leaves.push_back(at);
            if self.leaves.len() > LEAVES_MAX {
                self.leaves.pop_front();
            }
        }
    }

    /// The second of a record; journal time never runs back.
    fn second(&mut self, at: UnixMillis) -> Option<&mut Second> {
        if self.seconds.back().is_none_or(|last| last.second != at.seconds()) {
            self.seconds.push_back(Second { second: at.seconds(), ..Second::default() });
        }
        self.seconds.back_mut()
    }

    fn access(&mut self, at: UnixMillis, row: &AccessRow) {
        if row.released
            && let Ok(number) = u64::try_from(row.data_subject.0)
            && number > 0
        {
            self.people_today.insert(number);
        }
        if row.row != 0 {
            return;
        }
        let reason = row.verdict.reason();
        if let Some(reason) = reason {
            *self.refusals.entry(reason).or_default() += 1;
            *self.refusals_today.entry(reason).or_default() += 1;
        }
        if row.released {
            self.reads += 1;
            self.reads_today += 1;
            self.ungated_today += u64::from(row.route.is_none());
        }
        let Some(second) = self.second(at) else { return };
        second.reads += u64::from(row.released);
        if let Some(reason) = reason {
            *second.refusals.entry(reason).or_default() += 1;
        }
    }

    fn noise(&mut self, at: UnixMillis, counted: &RefusalsCounted) {
        let refused = u64::try_from(counted.count).unwrap_or(0);
        let add = |counts: &mut BTreeMap<Reason, u64>| {
            let sum = counts.entry(counted.reason).or_default();
            *sum = sum.saturating_add(refused);
        };
        add(&mut self.refusals);
        if counted.minute.day() == self.day {
            add(&mut self.refusals_today);
        }
        if let Some(second) = self.second(at) {
            add(&mut second.noise);
        }
    }

    fn alert(&mut self, at: Position, alert: &AlertRaised) {
        let number = u64::try_from(alert.alert.0).unwrap_or(0);
        // WHY: a detector that was stopped may raise the same alert again.
        if !self.alerts_known.insert(number) {
            return;
        }
        self.alerts_today += 1;
        self.alerts.push_back(AlertSeen { at, alert: alert.clone(), incident: IncidentId::NONE });
        if self.alerts.len() > ALERTS_MAX {
            self.alerts.pop_front();
        }
    }

    fn joined(&mut self, alert: AlertId, incident: IncidentId) {
        if let Some(seen) = self.alerts.iter_mut().rev().find(|seen| seen.alert.alert == alert) {
            seen.incident = incident;
        }
    }
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

struct PulseView(Pulse);

impl View for PulseView {
    fn apply(&mut self, at: Position, record: &Record) {
        let mut beat = self.0.lock();
        beat.turn(at);
        match record {
            Record::AccessRow(row) => beat.access(at.time, row),
            Record::RefusalsCounted(counted) => beat.noise(at.time, counted),
            Record::AlertRaised(alert) => beat.alert(at, alert),
            Record::IncidentOpened(it) => {
                beat.incidents_open.insert(it.incident);
            }
            Record::IncidentNoted(it) if it.kind == IncidentEntryKind::Alert => {
                beat.joined(it.alert, it.incident);
            }
            Record::IncidentClosed(it) => {
                beat.incidents_open.remove(&it.incident);
            }
            _ => {}
        }
    }

    fn needs_issuances_from(&self) -> LeafIndex {
        LeafIndex::NEVER
    }

    fn pass(&mut self, at: Position) {
        self.0.lock().turn(at);
    }
}

#[cfg(test)]
mod tests;
