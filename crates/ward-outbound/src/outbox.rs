//! What waits to be told to whom, and when it is tried next.
//!
//! Pure: time and chance are arguments. Each target has a lane of its own with at most one attempt
//! under way, so that a dead receiver holds up nobody else. It must never lose a delivery without a
//! [`Report`]: when too much waits, the oldest gives way, is reported and counted.
//! The driver is [`crate::notify::run`]. Best test: `outbox/tests.rs`.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use ward_model::UnixMillis;

use crate::limits::WAITING_MAX;
use crate::notice::{Notice, NoticeId};

/// When a failed delivery is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Wait after the first failure, milliseconds; each wait is four times the one before.
    pub first_ms: i64,
    /// Longest wait, milliseconds.
    pub longest_ms: i64,
    /// Attempts in all; after these it is given up.
    pub attempts_max: u32,
}

impl Default for Plan {
    /// 5 s, 20 s, 80 s, ... at most 4 h apart, 13 attempts: given up after some 26 hours.
    fn default() -> Self {
        Self { first_ms: 5_000, longest_ms: 4 * 3_600_000, attempts_max: 13 }
    }
}

impl Plan {
    /// When to try again after `attempts` failures, the last of them `now`; `None`: give up.
    /// `jitter` is any random number: it moves the wait by up to a quarter either way, so that
    /// receivers that came back are not met by everyone at once.
    #[must_use]
    pub fn next_attempt(&self, attempts: u32, now: UnixMillis, jitter: u64) -> Option<UnixMillis> {
        if attempts >= self.attempts_max {
            return None;
        }
        let grown = 4_i64.saturating_pow(attempts.saturating_sub(1));
        let wait = self.first_ms.saturating_mul(grown).clamp(0, self.longest_ms.max(0));
        let span = u64::try_from(wait / 2).unwrap_or_default().saturating_add(1);
        let moved = i64::try_from(jitter % span).unwrap_or_default();
        Some(now.plus_ms((wait - wait / 4).saturating_add(moved)))
    }
}

/// What came of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// The receiver has it.
    Delivered,
    /// Not now, in words: a later attempt may succeed.
    Failed(String),
    /// Never, in words.
    Refused(String),
}

/// What became of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The receiver has it.
    Delivered,
    /// It failed and is tried again.
    WillRetry {
        /// When.
        next: UnixMillis,
        /// What failed, in words.
        why: String,
    },
    /// It is not tried again.
    GaveUp {
        /// What failed, in words.
        why: String,
    },
    /// It gave way to newer ones: more than [`WAITING_MAX`] were waiting.
    Dropped,
}

/// One line of what happened, for the console, the metrics and the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Which notice.
    pub notice: NoticeId,
    /// The target's name.
    pub target: Arc<str>,
    /// Attempts made.
    pub attempts: u32,
    /// What became of it.
    pub fate: Fate,
}

/// How many deliveries came to which end since start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Arrived.
    pub delivered: u64,
    /// Attempts that failed and were, or are to be, repeated.
    pub retried: u64,
    /// Given up.
    pub gave_up: u64,
    /// Gave way to newer ones.
    pub dropped: u64,
    /// Waiting, or under way.
    pub waiting: u64,
}

/// An attempt to make.
#[derive(Clone, Debug)]
pub struct Job {
    /// The target's place in the list given to [`Outbox::new`].
    pub target: usize,
    /// What to tell.
    pub notice: Arc<Notice>,
}

/// Every delivery that is not over.
#[derive(Debug)]
pub struct Outbox {
    plan: Plan,
    waiting_max: usize,
    lanes: Vec<Lane>,
    /// Everything that waits, by the order in which it was offered.
    waiting: BTreeMap<u64, Delivery>,
    /// Notice and lane of everything that is not over.
    known: HashSet<(NoticeId, usize)>,
    next: u64,
    counts: Counts,
}

#[derive(Debug)]
struct Lane {
    name: Arc<str>,
    due: BTreeSet<(UnixMillis, u64)>,
    under_way: Option<(u64, Delivery)>,
}

#[derive(Clone, Debug)]
struct Delivery {
    notice: Arc<Notice>,
    lane: usize,
    attempts: u32,
    due: UnixMillis,
}

impl Outbox {
    /// An empty outbox for these targets.
    #[must_use]
    pub fn new(targets: impl IntoIterator<Item = Arc<str>>, plan: Plan) -> Self {
        let lane = |name| Lane { name, due: BTreeSet::new(), under_way: None };
        Self {
            plan,
            waiting_max: WAITING_MAX,
            lanes: targets.into_iter().map(lane).collect(),
            waiting: BTreeMap::new(),
            known: HashSet::new(),
            next: 0,
            counts: Counts::default(),
        }
    }

    /// Takes a notice for every target; one that is already on its way there is not taken again.
    /// Returns what had to give way.
    pub fn offer(&mut self, notice: Notice, now: UnixMillis) -> Vec<Report> {
        self.offer_to(|_| true, notice, now)
    }

    /// Takes a notice for one target, named by its place: after a restart, for those that have it
    /// not yet. Otherwise as [`Self::offer`].
    pub fn offer_one(&mut self, target: usize, notice: Notice, now: UnixMillis) -> Vec<Report> {
        self.offer_to(|lane| lane == target, notice, now)
    }

    fn offer_to(
        &mut self,
        wanted: impl Fn(usize) -> bool,
        notice: Notice,
        now: UnixMillis,
    ) -> Vec<Report> {
        let notice = Arc::new(notice);
        for lane in (0..self.lanes.len()).filter(|lane| wanted(*lane)) {
            if self.known.insert((notice.id().clone(), lane)) {
                let order = self.next;
                self.next = order.saturating_add(1);
                let notice = Arc::clone(&notice);
                self.wait(order, Delivery { notice, lane, attempts: 0, due: now });
            }
        }
        self.make_room()
    }

    /// The next attempt to make, if one is due; its lane is taken until [`Self::settle`].
    pub fn take(&mut self, now: UnixMillis) -> Option<Job> {
        for (target, lane) in self.lanes.iter_mut().enumerate() {
            let first = lane.due.first().copied().filter(|(due, _)| *due <= now);
            let (None, Some((due, order))) = (&lane.under_way, first) else { continue };
            lane.due.remove(&(due, order));
            if let Some(mut delivery) = self.waiting.remove(&order) {
                delivery.attempts = delivery.attempts.saturating_add(1);
                let notice = Arc::clone(&delivery.notice);
                lane.under_way = Some((order, delivery));
                return Some(Job { target, notice });
            }
        }
        None
    }

    /// When [`Self::take`] has something next; `None`: only after [`Self::settle`] or an offer.
    #[must_use]
    pub fn next_due(&self) -> Option<UnixMillis> {
        let idle = self.lanes.iter().filter(|lane| lane.under_way.is_none());
        idle.filter_map(|lane| lane.due.first()).map(|(due, _)| *due).min()
    }

    /// Ends the attempt under way to a target; `None`: there was none. `jitter` as in
    /// [`Plan::next_attempt`].
    pub fn settle(
        &mut self,
        target: usize,
        attempt: Attempt,
        now: UnixMillis,
        jitter: u64,
    ) -> Option<Report> {
        let lane = self.lanes.get_mut(target)?;
        let (order, mut delivery) = lane.under_way.take()?;
        let (name, attempts) = (Arc::clone(&lane.name), delivery.attempts);
        let next = self.plan.next_attempt(attempts, now, jitter);
        let fate = match (attempt, next) {
            (Attempt::Delivered, _) => Fate::Delivered,
            (Attempt::Failed(why), Some(next)) => Fate::WillRetry { next, why },
            (Attempt::Failed(why), None) => {
                Fate::GaveUp { why: format!("{why} ({attempts} attempts)") }
            }
            (Attempt::Refused(why), _) => Fate::GaveUp { why },
        };
        let notice = delivery.notice.id().clone();
        self.count(&fate);
        if let Fate::WillRetry { next, .. } = fate {
            delivery.due = next;
            self.wait(order, delivery);
        } else {
            self.known.remove(&(notice.clone(), target));
        }
        Some(Report { notice, target: name, attempts, fate })
    }

    /// How much came to which end, and how much waits.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let under_way = self.lanes.iter().filter(|lane| lane.under_way.is_some()).count();
        let waiting = self.waiting.len().saturating_add(under_way);
        Counts { waiting: u64::try_from(waiting).unwrap_or(u64::MAX), ..self.counts }
    }

    fn wait(&mut self, order: u64, delivery: Delivery) {
        if let Some(lane) = self.lanes.get_mut(delivery.lane) {
            lane.due.insert((delivery.due, order));
            self.waiting.insert(order, delivery);
        }
    }

    /// Lets the oldest give way until the rest fits.
    fn make_room(&mut self) -> Vec<Report> {
        let mut reports = Vec::new();
        while self.waiting.len() > self.waiting_max
            && let Some((order, delivery)) = self.waiting.pop_first()
            && let Some(lane) = self.lanes.get_mut(delivery.lane)
        {
            lane.due.remove(&(delivery.due, order));
            let target = Arc::clone(&lane.name);
            let notice = delivery.notice.id().clone();
            self.known.remove(&(notice.clone(), delivery.lane));
            self.count(&Fate::Dropped);
            reports.push(Report {
                notice,
                target,
                attempts: delivery.attempts,
                fate: Fate::Dropped,
            });
        }
        reports
    }

    const fn count(&mut self, fate: &Fate) {
        let counter = match fate {
            Fate::Delivered => &mut self.counts.delivered,
            Fate::WillRetry { .. } => &mut self.counts.retried,
            Fate::GaveUp { .. } => &mut self.counts.gave_up,
            Fate::Dropped => &mut self.counts.dropped,
        };
        *counter = counter.saturating_add(1);
    }
}

#[cfg(test)]
mod tests;
