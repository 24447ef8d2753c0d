//! Emergencies as an incident needs them: what one person did, and whether another has looked.
//!
//! Rebuilt from records alone. An incident about emergencies stays open while one waits here.
//! Best test: `desk/tests.rs`.

use std::collections::BTreeMap;

use ward_model::record::EmergencyReviewed;
use ward_model::word::SignInMethod;
use ward_model::{
    AlertId, BypassId, LeafIndex, PersonId, Position, Record, RouteNumber, SessionId, Text,
    UnixMillis,
};

use crate::limits::EMERGENCIES_MAX;
use crate::report::moment_text;

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Used {
    /// A route was opened.
    Bypass(BypassId, RouteNumber),
    /// A sign-in that passed by the identity provider.
    Session(SessionId),
}

/// An emergency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emergency {
    /// What was done.
    pub used: Used,
    /// By whom.
    pub person: PersonId,
    /// When.
    pub since: Position,
    /// When it is over; at once for a sign-in.
    pub until: UnixMillis,
    /// Why.
    pub note: Text,
    /// Where it was ended before its time, and by whom.
    pub ended: Option<(Position, PersonId)>,
    /// Where a second person said that he looked, who, and what he found.
    pub review: Option<(Position, PersonId, Text)>,
}

/// All emergencies nobody else has looked at, and the latest others.
#[derive(Clone, Debug, Default)]
pub struct Emergencies {
    by_leaf: BTreeMap<LeafIndex, Emergency>,
    /// Emergencies that found no room: nobody has looked at them.
    untold: u64,
}

impl Emergencies {
    /// Takes in one record.
    pub fn take_in(&mut self, at: Position, record: &Record) {
        match record {
            Record::BypassOpened(it) => {
                let used = Used::Bypass(it.bypass, it.route);
                self.put(at, used, it.person, it.until, it.note.clone());
            }
            Record::SessionOpened(it) if it.how == SignInMethod::BreakGlass => {
                let used = Used::Session(it.session);
                self.put(at, used, it.person, at.time, Text::default());
            }
            Record::BypassEnded(it) => {
                let same = |one: &&mut Emergency| match one.used {
                    Used::Bypass(id, _) => id == it.bypass,
                    _ => false,
                };
                let found = self.by_leaf.values_mut().find(same);
                if let Some(found) = found.filter(|one| at.time < one.until) {
                    found.until = at.time;
                    found.ended = Some((at, it.person));
                }
            }
            Record::EmergencyReviewed(it) => self.review(at, it),
            _ => {}
        }
    }

    /// Whether one waits for a second person.
    #[must_use]
    pub fn any_waits(&self) -> bool {
        self.untold > 0 || self.by_leaf.values().any(|one| one.review.is_none())
    }

    /// The emergency an alert tells of. WHY by its number: the watch makes an alert's number of the
    /// leaf it saw and its kind, `leaf * 256 + kind`.
    #[must_use]
    pub fn of(&self, alert: AlertId) -> Option<&Emergency> {
        self.by_leaf.get(&LeafIndex(alert.0.div_euclid(256)))
    }

    fn put(&mut self, at: Position, used: Used, person: PersonId, until: UnixMillis, note: Text) {
        if self.by_leaf.len() >= EMERGENCIES_MAX {
            let seen = self.by_leaf.iter().find(|(_, one)| one.review.is_some());
            let Some(leaf) = seen.map(|(leaf, _)| *leaf) else {
                self.untold = self.untold.saturating_add(1);
                return;
            };
            self.by_leaf.remove(&leaf);
        }
        let (ended, review) = (None, None);
        let emergency = Emergency { used, person, since: at, until, note, ended, review };
        self.by_leaf.insert(at.index, emergency);
    }

    fn review(&mut self, at: Position, it: &EmergencyReviewed) {
        let same = |one: &&mut Emergency| match one.used {
            Used::Bypass(id, _) => !id.is_none() && id == it.bypass,
            Used::Session(id) => !id.is_none() && id == it.session,
        };
        let Some(found) = self.by_leaf.values_mut().find(same) else { return };
        // Another person, a person at all, and not while it still goes on: as the gate counts it.
        let second = it.person != found.person && it.person != PersonId::default();
        if found.review.is_none() && second && found.until <= at.time {
            found.review = Some((at, it.person, it.note.clone()));
        }
    }
}

impl Emergency {
    /// What was done, in words.
    #[must_use]
    pub fn told(&self) -> String {
        match self.used {
            Used::Bypass(bypass, route) => format!(
                "bypass {bypass} opened route {route} until {}: {}",
                moment_text(self.until),
                self.note.as_str()
            ),
            Used::Session(session) => format!("session {session} passed by the identity provider"),
        }
    }

    /// What became of it, in words, with who and where.
    pub fn later(&self) -> impl Iterator<Item = (Position, PersonId, String)> {
        let ended = self.ended.iter().map(|(at, who)| (*at, *who, "the bypass was ended".into()));
        let seen = self.review.iter().map(|(at, who, note)| {
            (*at, *who, format!("a second person looked at it: {}", note.as_str()))
        });
        ended.chain(seen)
    }
}
