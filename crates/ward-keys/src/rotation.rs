//! Scheduled rotation: a key is published ahead, then signs, then is retired. Nobody is logged out.
//!
//! Pure: what the records say of keys in, what to do now out. A driver that was away does late what
//! was due, in the same order, and never skips the overlap: whoever verifies offline has had the
//! new key for at least that long before the first token under it.
//! Best test: `tests/rotation.rs` (a year, second by second where it matters).

use ward_ledger::Key;
use ward_model::word::{KeyPurpose, KeySource, KeyState};
use ward_model::{KeyNumber, UnixMillis};

/// How often, and how long ahead the next key is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// How long a key signs, milliseconds.
    pub every_ms: i64,
    /// How long its successor is published before it signs, milliseconds; at most half of `every`.
    pub overlap_ms: i64,
}

/// What the records say of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its number: the order in which keys came.
    pub number: KeyNumber,
    /// What it may sign.
    pub purpose: KeyPurpose,
    /// `iss` of its tokens.
    pub issuer: String,
    /// Where it came from.
    pub source: KeySource,
    /// What it may do.
    pub state: KeyState,
    /// Since when.
    pub since: UnixMillis,
}

impl Standing {
    /// That of a key.
    #[must_use]
    pub fn of(key: &Key) -> Self {
        Self {
            number: key.number,
            purpose: key.purpose,
            issuer: key.issuer.clone(),
            source: key.source,
            state: key.state,
            since: key.since,
        }
    }
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Publish the successor of this key.
    Announce(KeyNumber),
    /// Let this published key sign.
    Promote(KeyNumber),
}

/// What is due now, one thing for each issuer and purpose.
///
/// A key that was brought in is left alone: whoever else signs with it does not follow a schedule
/// of ours, and retiring it would refuse what he signs.
#[must_use]
pub fn step(keys: &[Standing], schedule: Schedule, now: UnixMillis) -> Vec<Due> {
    let mut due = Vec::new();
    for key in keys {
        let newest = |state: KeyState| {
            let same = |it: &&Standing| {
                it.state == state && it.purpose == key.purpose && it.issuer == key.issuer
            };
            keys.iter().filter(same).max_by_key(|it| it.number)
        };
        let signs = newest(KeyState::Active);
        if signs.is_none_or(|it| it.number != key.number) || key.source == KeySource::Imported {
            continue;
        }
        let ends = key.since.plus_ms(schedule.every_ms);
        match newest(KeyState::Next) {
            Some(next) => {
                let published = next.since.plus_ms(schedule.overlap_ms);
                if now >= ends.max(published) {
                    due.push(Due::Promote(next.number));
                }
            }
            None if now >= ends.plus_ms(-schedule.overlap_ms) => {
                due.push(Due::Announce(key.number));
            }
            None => {}
        }
    }
    due
}
