//! Bypasses: enforced routes that one person opened in an emergency, and who looked at it since.
//!
//! Pure, and rebuilt from records alone, so a bypass is in force only once its record is durable
//! and a restart changes nothing. Every bound is kept twice: [`Bypasses::may_open`] says no before
//! a record is made, and a record that should not be there opens nothing. It ends by journal time:
//! a clock that is set back keeps no route open. What a bypass opens, and what it never does, is in
//! `emergency.rs`. Break-glass sessions wait here for the same second person.
//! Best test: `bypass/tests.rs`, a property test against a plain list of what happened.

pub mod desk;

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use ward_model::record::{BypassOpened, EmergencyReviewed, SessionOpened};
use ward_model::time::DAY_MS;
use ward_model::word::SignInMethod;
use ward_model::{
    BypassId, LeafIndex, PersonId, Position, Record, RouteNumber, SessionId, Text, UnixMillis, View,
};

use crate::limits::{
    BYPASS_DAY_MINUTES_MAX, BYPASS_KEPT_MAX, BYPASS_MINUTES_MAX, BYPASS_UNREVIEWED_MAX, MINUTE_MS,
    SESSIONS_KEPT_MAX,
};

/// A bypass as the records tell of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bypass {
    /// Its number.
    pub bypass: BypassId,
    /// The route it opened.
    pub route: RouteNumber,
    /// Since when.
    pub opened_at: UnixMillis,
    /// The first moment at which it is open no more, planned or since it was ended.
    pub until: UnixMillis,
    /// Who opened it.
    pub person: PersonId,
    /// Why.
    pub note: Text,
    /// Who ended it before its time; the nobody of a machine's API key counts as somebody here.
    pub ended_by: Option<PersonId>,
    /// Who looked at it afterwards.
    pub review: Option<Review>,
}

/// A session that passed by the identity provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreakGlass {
    /// The session.
    pub session: SessionId,
    /// Whose.
    pub person: PersonId,
    /// When it was opened.
    pub opened_at: UnixMillis,
    /// Who looked at it afterwards.
    pub review: Option<Review>,
}

/// The word of the second person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    /// When.
    pub at: UnixMillis,
    /// Who.
    pub person: PersonId,
    /// What he found.
    pub note: Text,
}

/// What a second person looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emergency {
    /// A route that was opened.
    Bypass(BypassId),
    /// A session that passed by the identity provider.
    Session(SessionId),
}

/// Why a route is not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotOpened {
    /// Not from 1 to 30 minutes. Blame: input.
    #[error("a bypass lasts from 1 to {BYPASS_MINUTES_MAX} minutes")]
    Minutes,
    /// It is open already. Blame: conflict.
    #[error("the route is open already")]
    Open {
        /// By this bypass.
        bypass: BypassId,
        /// Until then.
        until: UnixMillis,
    },
    /// The route was open too long today, or nobody looked at it since. Blame: conflict.
    #[error(
        "a route is open at most {BYPASS_DAY_MINUTES_MAX} minutes in 24 hours, and what no second \
         person has looked at counts until he does; {left_minutes} are left"
    )]
    Spent {
        /// What is left, whole minutes.
        left_minutes: i64,
    },
    /// Too many wait for a second person. Blame: conflict.
    #[error("{BYPASS_UNREVIEWED_MAX} bypasses wait for a second person to look at them")]
    Unreviewed,
    /// The bound of what is kept in memory. Blame: conflict, until some are a day old.
    #[error("more than {BYPASS_KEPT_MAX} bypasses in one day")]
    TooMany,
}

/// Why a bypass is not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotEnded {
    /// No such bypass is known, or it is over and was reviewed long ago.
    #[error("no such bypass")]
    NotFound,
    /// It is over. Blame: conflict.
    #[error("the bypass is over already")]
    Over,
}

/// Why an emergency is not put down as reviewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotReviewed {
    /// No such emergency is known, or it was reviewed long ago.
    #[error("no such emergency")]
    NotFound,
    /// It takes another person than the one whose emergency it was, and a person at all.
    #[error("it takes another person than the one whose emergency it was")]
    SecondPerson,
    /// Nobody can say what was done while it still goes on. Blame: conflict.
    #[error("the bypass is still open: end it first")]
    StillOpen,
    /// Blame: conflict.
    #[error("someone has looked at it already")]
    Reviewed,
}

/// All bypasses. Cheap to clone; [`Bypasses::is_open`] takes one read lock.
#[derive(Clone, Default)]
pub struct Bypasses(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// Journal time of the last record, milliseconds.
    head: AtomicI64,
    book: RwLock<Book>,
}

/// Proof that a route was found open: made here only.
pub(crate) struct Bypassed {
    bypasses: Bypasses,
    bypass: BypassId,
    route: RouteNumber,
}

impl Bypassed {
    /// Whether the very bypass is still in force.
    pub(crate) fn holds(&self, now: UnixMillis) -> bool {
        self.bypasses.is_open(self.route, now) == Some(self.bypass)
    }
}

#[derive(Default)]
struct Book {
    /// What may be in force: the one bypass of a route, and its end.
    open: HashMap<RouteNumber, (BypassId, UnixMillis)>,
    /// Oldest first: all that nobody looked at, and those of the last day.
    bypasses: VecDeque<Bypass>,
    /// Oldest first.
    sessions: VecDeque<BreakGlass>,
    /// Break-glass sessions past the bound of what is kept: nobody has looked at them.
    sessions_untold: u64,
}

impl Bypasses {
    /// The write side.
    #[must_use]
    pub fn view(&self) -> impl View + use<> {
        BypassView(self.clone())
    }

    /// The bypass that holds a route open at `now`, or at the last record if that is later.
    #[must_use]
    pub fn is_open(&self, route: RouteNumber, now: UnixMillis) -> Option<BypassId> {
        let (book, now) = (self.book(), self.journal_time(now));
        book.open.get(&route).filter(|(_, until)| now < *until).map(|(bypass, _)| *bypass)
    }

    pub(crate) fn bypassed(&self, route: RouteNumber, now: UnixMillis) -> Option<Bypassed> {
        let bypass = self.is_open(route, now)?;
        Some(Bypassed { bypasses: self.clone(), bypass, route })
    }

    /// The end that a bypass of `route` for `minutes` would have, if it may be opened.
    ///
    /// INVARIANT: whoever asks and then appends does both under one lock; a second record loses.
    ///
    /// # Errors
    /// [`NotOpened`].
    pub fn may_open(
        &self,
        route: RouteNumber,
        minutes: i64,
        now: UnixMillis,
    ) -> Result<UnixMillis, NotOpened> {
        if !(1..=BYPASS_MINUTES_MAX).contains(&minutes) {
            return Err(NotOpened::Minutes);
        }
        let (book, now) = (self.book(), self.journal_time(now));
        let wanted_ms = minutes * MINUTE_MS;
        book.forbids(route, wanted_ms, now).map_or(Ok(now.plus_ms(wanted_ms)), Err)
    }

    /// Whether a bypass can be ended.
    ///
    /// # Errors
    /// [`NotEnded`].
    pub fn may_end(&self, bypass: BypassId, now: UnixMillis) -> Result<(), NotEnded> {
        let book = self.book();
        let found = book.find(bypass).ok_or(NotEnded::NotFound)?;
        if self.journal_time(now) < found.until { Ok(()) } else { Err(NotEnded::Over) }
    }

    /// Whether `person` can say that he looked at an emergency.
    ///
    /// # Errors
    /// [`NotReviewed`].
    pub fn may_review(
        &self,
        emergency: Emergency,
        person: PersonId,
        now: UnixMillis,
    ) -> Result<(), NotReviewed> {
        let book = self.book();
        let (whose, until, review) = match emergency {
            Emergency::Bypass(bypass) => {
                let found = book.find(bypass).ok_or(NotReviewed::NotFound)?;
                (found.person, found.until, &found.review)
            }
            Emergency::Session(session) => {
                let found = book.sessions.iter().find(|it| it.session == session);
                let found = found.ok_or(NotReviewed::NotFound)?;
                (found.person, UnixMillis::default(), &found.review)
            }
        };
        if review.is_some() {
            return Err(NotReviewed::Reviewed);
        }
        if !is_second(person, whose) {
            return Err(NotReviewed::SecondPerson);
        }
        if self.journal_time(now) < until { Err(NotReviewed::StillOpen) } else { Ok(()) }
    }

    /// A bypass that nobody looked at yet, or one of the last day.
    #[must_use]
    pub fn bypass(&self, bypass: BypassId) -> Option<Bypass> {
        self.book().find(bypass).cloned()
    }

    /// Every bypass that is open, that nobody looked at yet, or of the last day; oldest first.
    #[must_use]
    pub fn all(&self) -> Vec<Bypass> {
        self.book().bypasses.iter().cloned().collect()
    }

    /// Those in force, oldest first.
    #[must_use]
    pub fn open(&self, now: UnixMillis) -> Vec<Bypass> {
        let (book, now) = (self.book(), self.journal_time(now));
        book.bypasses.iter().filter(|it| now < it.until).cloned().collect()
    }

    /// Emergencies nobody else has looked at, oldest first; open bypasses among them.
    #[must_use]
    pub fn unreviewed(&self) -> (Vec<Bypass>, Vec<BreakGlass>) {
        let book = self.book();
        let bypasses = book.bypasses.iter().filter(|it| it.review.is_none()).cloned().collect();
        let sessions = book.sessions.iter().filter(|it| it.review.is_none()).cloned().collect();
        (bypasses, sessions)
    }

    /// How many bypasses are open, and how many emergencies nobody else has looked at.
    #[must_use]
    pub fn counts(&self, now: UnixMillis) -> (u64, u64) {
        let (book, now) = (self.book(), self.journal_time(now));
        let open = book.bypasses.iter().filter(|it| now < it.until).count();
        let bypasses = book.bypasses.iter().filter(|it| it.review.is_none()).count();
        let sessions = book.sessions.iter().filter(|it| it.review.is_none()).count();
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        (count(open), count(bypasses + sessions).saturating_add(book.sessions_untold))
    }

    /// `now`, or the time of the last record if that is later.
    fn journal_time(&self, now: UnixMillis) -> UnixMillis {
        now.max(UnixMillis::new(self.0.head.load(Ordering::Acquire)))
    }

    fn book(&self) -> RwLockReadGuard<'_, Book> {
        self.0.book.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether someone is a person, and another one than the first.
fn is_second(person: PersonId, first: PersonId) -> bool {
    person != PersonId::default() && person != first
}

impl Book {
    fn find(&self, bypass: BypassId) -> Option<&Bypass> {
        self.bypasses.iter().find(|it| it.bypass == bypass)
    }

    fn forbids(&self, route: RouteNumber, wanted_ms: i64, now: UnixMillis) -> Option<NotOpened> {
        if let Some(&(bypass, until)) = self.open.get(&route)
            && now < until
        {
            return Some(NotOpened::Open { bypass, until });
        }
        if self.bypasses.iter().filter(|it| it.review.is_none()).count() >= BYPASS_UNREVIEWED_MAX {
            return Some(NotOpened::Unreviewed);
        }
        let left_ms = BYPASS_DAY_MINUTES_MAX * MINUTE_MS - self.spent_ms(route, now);
        if wanted_ms > left_ms {
            return Some(NotOpened::Spent { left_minutes: left_ms.max(0) / MINUTE_MS });
        }
        let kept = self.bypasses.iter().filter(|it| !it.is_past(now)).count();
        (kept >= BYPASS_KEPT_MAX).then_some(NotOpened::TooMany)
    }

    /// How long a route was open in the last day, and how long without a second person's look ever
    /// since; a minute at least each time.
    fn spent_ms(&self, route: RouteNumber, now: UnixMillis) -> i64 {
        let counted = self.bypasses.iter().filter(|it| it.route == route && !it.is_past(now));
        counted.map(|it| it.until.since(it.opened_at).max(MINUTE_MS)).sum()
    }

    fn put_bypass(&mut self, at: Position, it: &BypassOpened) {
        let now = at.time;
        if it.bypass.is_none() || self.find(it.bypass).is_some() {
            return;
        }
        let wanted_ms = it.until.since(now).clamp(0, BYPASS_MINUTES_MAX * MINUTE_MS);
        let forbidden = self.forbids(it.route, wanted_ms, now);
        self.bypasses.retain(|it| !it.is_past(now));
        // WHY also without a person: a machine opens nothing, whatever wrote its record.
        let opens = forbidden.is_none() && it.person != PersonId::default();
        let until = if opens { now.plus_ms(wanted_ms) } else { now };
        if self.bypasses.len() >= BYPASS_KEPT_MAX {
            return;
        }
        if opens {
            self.open.insert(it.route, (it.bypass, until));
        }
        self.bypasses.push_back(Bypass {
            bypass: it.bypass,
            route: it.route,
            opened_at: now,
            until,
            person: it.person,
            note: it.note.clone(),
            ended_by: None,
            review: None,
        });
    }

    fn end(&mut self, at: Position, bypass: BypassId, person: PersonId) {
        let Some(found) = self.bypasses.iter_mut().find(|it| it.bypass == bypass) else { return };
        if at.time < found.until {
            found.until = at.time;
            found.ended_by = Some(person);
            self.open.remove(&found.route);
        }
    }

    fn put_session(&mut self, at: Position, it: &SessionOpened) {
        if it.session.is_none() {
            return;
        }
        if self.sessions.len() >= SESSIONS_KEPT_MAX {
            self.sessions.retain(|it| it.review.is_none());
        }
        if self.sessions.len() >= SESSIONS_KEPT_MAX {
            self.sessions_untold = self.sessions_untold.saturating_add(1);
            return;
        }
        let (session, person, opened_at) = (it.session, it.person, at.time);
        self.sessions.push_back(BreakGlass { session, person, opened_at, review: None });
    }

    fn review(&mut self, at: Position, it: &EmergencyReviewed) {
        let review = || Review { at: at.time, person: it.person, note: it.note.clone() };
        let bypass = self.bypasses.iter_mut().find(|one| one.bypass == it.bypass);
        if let Some(found) = bypass
            && found.review.is_none()
            && found.until <= at.time
            && is_second(it.person, found.person)
        {
            found.review = Some(review());
        }
        let session = self.sessions.iter_mut().find(|one| one.session == it.session);
        if let Some(found) = session
            && found.review.is_none()
            && is_second(it.person, found.person)
        {
            found.review = Some(review());
        }
    }
}

impl Bypass {
    /// Whether it counts no more: a second person looked at it, and its day is over.
    fn is_past(&self, now: UnixMillis) -> bool {
        self.review.is_some() && now.since(self.opened_at) >= DAY_MS
    }
}

struct BypassView(Bypasses);

impl View for BypassView {
    fn apply(&mut self, at: Position, record: &Record) {
        let shared = &self.0.0;
        // WHY not under the lock: this is every record, and the gate reads on every request.
        shared.head.fetch_max(at.time.ms(), Ordering::AcqRel);
        let book = || shared.book.write().unwrap_or_else(PoisonError::into_inner);
        match record {
            Record::BypassOpened(it) => book().put_bypass(at, it),
            Record::BypassEnded(it) => book().end(at, it.bypass, it.person),
            Record::EmergencyReviewed(it) => book().review(at, it),
            Record::SessionOpened(it) if it.how == SignInMethod::BreakGlass => {
                book().put_session(at, it);
            }
            _ => {}
        }
    }

    fn needs_issuances_from(&self) -> LeafIndex {
        LeafIndex::NEVER
    }

    fn pass(&mut self, at: Position) {
        self.0.0.head.fetch_max(at.time.ms(), Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests;
