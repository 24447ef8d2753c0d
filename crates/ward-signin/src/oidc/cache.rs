//! When something the provider publishes is asked for again. Pure.
//!
//! INVARIANT: nobody outside can make us ask more often than these pauses, whatever he sends.

use std::sync::Arc;

use ward_model::UnixMillis;

use super::limits::FAILED_PAUSE_MS;

/// The last good answer and the last attempt.
pub(super) struct Cached<T> {
    held: Option<(UnixMillis, Arc<T>)>,
    failed_at: Option<UnixMillis>,
}

/// What to do.
pub(super) enum Step<T> {
    /// Use what is held.
    Use(Arc<T>),
    /// Ask the provider.
    Fetch,
    /// It failed a moment ago: answer without asking.
    Rest,
}

impl<T> Cached<T> {
    pub(super) const fn new() -> Self {
        Self { held: None, failed_at: None }
    }

    /// What to do when something not older than `age_max_ms` is wanted.
    pub(super) fn step(&self, age_max_ms: i64, now: UnixMillis) -> Step<T> {
        match (&self.held, self.failed_at) {
            (Some((at, it)), _) if now.since(*at) < age_max_ms => Step::Use(Arc::clone(it)),
            (_, Some(at)) if now.since(at) < FAILED_PAUSE_MS => Step::Rest,
            _ => Step::Fetch,
        }
    }

    /// The provider answered well.
    pub(super) fn keep(&mut self, it: T, now: UnixMillis) -> Arc<T> {
        let it = Arc::new(it);
        (self.held, self.failed_at) = (Some((now, Arc::clone(&it))), None);
        it
    }

    /// It did not.
    pub(super) const fn fail(&mut self, now: UnixMillis) {
        self.failed_at = Some(now);
    }
}
