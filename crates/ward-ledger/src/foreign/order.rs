//! The order of an issuer's reports: which place is fresh, repeated, in conflict or too far ahead.
//!
//! Places are counted from 1 and each is used once. Within [`AHEAD_MAX`] of the first empty one they
//! may come in any order, because a login service answers more than one person at a time; what was
//! *completely* reported ends at the first empty one. Pure. Best test: `order/tests.rs`, which holds
//! it against a model.

use std::collections::BTreeMap;

use ward_model::UnixMillis;

/// How far past the first empty place a report may lie.
pub const AHEAD_MAX: i64 = 1024;
/// How many used places before the first empty one are remembered with what they said.
pub const REMEMBERED_MAX: i64 = 8192;

const _: () = assert!(AHEAD_MAX < REMEMBERED_MAX);

/// What a place in the sequence is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Not used yet: it may be recorded.
    Fresh,
    /// Used for exactly this: it is recorded, nothing is to be done.
    Repeat,
    /// Used for something else.
    Conflict,
    /// Used so long ago that what it said is not remembered.
    Forgotten,
    /// Past the places that may be used now.
    TooFar,
}

/// The places of one issuer, rebuilt from its records.
#[derive(Clone, Debug)]
pub struct Order {
    pub(crate) next: i64,
    /// Used places past `next`, each with the second of `iat`; none for a place without a token.
    pub(crate) ahead: BTreeMap<i64, Option<i64>>,
    pub(crate) contents: BTreeMap<i64, i64>,
    pub(crate) before: i64,
    pub(crate) gap_since: Option<UnixMillis>,
}

impl Default for Order {
    fn default() -> Self {
        let (ahead, contents) = (BTreeMap::new(), BTreeMap::new());
        Self { next: 1, ahead, contents, before: i64::MIN, gap_since: None }
    }
}

impl Order {
    /// The first place that is not used.
    #[must_use]
    pub const fn next(&self) -> i64 {
        self.next
    }

    /// The last place that is used; 0 for none.
    #[must_use]
    pub fn last(&self) -> i64 {
        self.ahead.last_key_value().map_or(self.next - 1, |(last, _)| *last)
    }

    /// The empty places before the last used one, ascending; at most [`AHEAD_MAX`].
    #[must_use]
    pub fn missing(&self) -> Vec<i64> {
        (self.next..self.last()).filter(|place| !self.ahead.contains_key(place)).collect()
    }

    /// Since when the first empty place has stood before a used one.
    #[must_use]
    pub const fn gap_since(&self) -> Option<UnixMillis> {
        self.gap_since
    }

    /// The second before which everything issued was reported; none before the first report.
    #[must_use]
    pub fn complete_before(&self) -> Option<i64> {
        (self.before != i64::MIN).then_some(self.before)
    }

    /// What `place` is, for a report that says `content`.
    #[must_use]
    pub fn judge(&self, place: i64, content: i64) -> Place {
        match self.contents.get(&place) {
            Some(said) if *said == content => Place::Repeat,
            Some(_) => Place::Conflict,
            None if place < self.next => Place::Forgotten,
            None if place >= self.next.saturating_add(AHEAD_MAX) => Place::TooFar,
            None => Place::Fresh,
        }
    }

    /// What each of a batch is, as if those before it had been recorded.
    #[must_use]
    pub fn judge_all(&self, batch: &[(i64, i64)]) -> Vec<Place> {
        let (mut next, mut new) = (self.next, BTreeMap::new());
        let mut places = Vec::with_capacity(batch.len());
        for &(place, content) in batch {
            let judged = match (new.get(&place), self.judge(place, content)) {
                (Some(said), _) if *said == content => Place::Repeat,
                (Some(_), _) => Place::Conflict,
                (None, Place::TooFar) if place < next.saturating_add(AHEAD_MAX) => Place::Fresh,
                (None, judged) => judged,
            };
            if judged == Place::Fresh {
                new.insert(place, content);
                while new.contains_key(&next) || self.ahead.contains_key(&next) {
                    next = next.saturating_add(1);
                }
            }
            places.push(judged);
        }
        places
    }

    /// Takes in a recorded report; `issued_at` is the second of `iat`, none for no token. `false`
    /// if its place was not fresh.
    pub fn take(
        &mut self,
        place: i64,
        content: i64,
        issued_at: Option<i64>,
        at: UnixMillis,
    ) -> bool {
        if self.contents.contains_key(&place) || place < self.next {
            return false;
        }
        self.contents.insert(place, content);
        self.ahead.insert(place, issued_at);
        let before = self.next;
        while let Some(issued_at) = self.ahead.remove(&self.next) {
            self.next = self.next.saturating_add(1);
            self.before = issued_at.map_or(self.before, |second| self.before.max(second));
        }
        let kept = self.contents.split_off(&self.next.saturating_sub(REMEMBERED_MAX));
        self.contents = kept;
        self.gap_since = match self.gap_since {
            _ if self.ahead.is_empty() => None,
            Some(since) if before == self.next => Some(since),
            _ => Some(at),
        };
        true
    }

    /// The issuer says that everything issued before `second` is reported. `false` while a place is
    /// empty: then it cannot know.
    pub fn complete(&mut self, second: i64) -> bool {
        if !self.ahead.is_empty() {
            return false;
        }
        self.before = self.before.max(second);
        true
    }
}

#[cfg(test)]
mod tests;
