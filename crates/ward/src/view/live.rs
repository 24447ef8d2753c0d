//! How many tokens under a key are alive, by the minute they end: what a preview counts before a
//! key is declared to be in other hands.
//!
//! Exact as to what was issued and what has ended; a token that was taken back is counted until it
//! would have ended, and how many those can be is said beside it. Audiences are those of registered
//! clients; a token of anybody else is counted under none. Cost: a map entry for each key, audience
//! and minute of the longest life. Best test: the table below.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use ward_model::{KeyNumber, Position, PrincipalKey, Record, UnixMillis, View};

/// Bucket of ends, milliseconds.
const BUCKET_MS: i64 = 60_000;
/// Most audiences told apart; those of later clients are counted under none.
const AUDIENCES_MAX: usize = 4096;

/// What a preview shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alive {
    /// Tokens issued under the key that have not ended: an upper bound of the live ones.
    pub unexpired: u64,
    /// At most so many of them were taken back one by one, whatever their key.
    pub revoked_at_most: u64,
    /// Principals, clients or keys all of whose tokens were taken back while these were issued.
    pub cut_at_most: u64,
    /// The unexpired by audience; the empty name: issued to nobody registered.
    pub by_audience: BTreeMap<String, u64>,
}

/// Counts shared between the journal's writer and readers.
#[derive(Clone, Default)]
pub struct Live(Arc<RwLock<Counts>>);

#[derive(Default)]
struct Counts {
    /// Number 0 is "no registered client".
    audiences: Vec<String>,
    by_client: HashMap<PrincipalKey, u16>,
    /// (key, audience) to the minutes their tokens end in.
    ends: HashMap<(KeyNumber, u16), BTreeMap<i64, u64>>,
    /// Minutes in which tokens were taken back one by one, and in which all of somebody's were.
    revoked: BTreeMap<i64, u64>,
    cut: BTreeMap<i64, u64>,
    /// Longest life seen, milliseconds.
    life_ms: i64,
}

impl Live {
    /// The write side: give it to the journal at open.
    #[must_use]
    pub fn view(&self) -> impl View + use<> {
        LiveView(self.clone())
    }

    /// What is alive under a key at `now`.
    #[must_use]
    pub fn under(&self, key: KeyNumber, now: UnixMillis) -> Alive {
        let counts = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut alive = Alive::default();
        let of_key = counts.ends.iter().filter(|((number, _), _)| *number == key);
        for ((_, audience), ends) in of_key {
            let sum: u64 = ends.range(bucket(now)..).map(|(_, count)| count).sum();
            if sum > 0 {
                let name = counts.audiences.get(usize::from(*audience)).cloned();
                *alive.by_audience.entry(name.unwrap_or_default()).or_default() += sum;
                alive.unexpired += sum;
            }
        }
        // Whoever was taken back before the longest life ago has ended since.
        let from = bucket(now.plus_ms(-counts.life_ms));
        let since = |map: &BTreeMap<i64, u64>| map.range(from..).map(|(_, count)| count).sum();
        alive.revoked_at_most = u64::min(since(&counts.revoked), alive.unexpired);
        alive.cut_at_most = since(&counts.cut);
        alive
    }
}

/// The minute a moment lies in; a token counts as alive until its minute is over.
fn bucket(at: UnixMillis) -> i64 {
    at.ms().div_euclid(BUCKET_MS)
}

impl Counts {
    fn take(&mut self, now: UnixMillis, record: &Record) {
        match record {
            Record::ClientRegistered(row) => self.register(row.client_key, row.audience.as_str()),
            Record::TokenIssued(row) => {
                self.life_ms = self.life_ms.max(row.expires_at.since(row.issued_at));
                self.enter(row.key, row.client_key, row.expires_at, now);
            }
            Record::TokenEntered(row) => {
                self.life_ms = self.life_ms.max(row.expires_at.since(row.issued_at));
                self.enter(row.key, row.client_key, row.expires_at, now);
            }
            Record::TokenPinned(row) => {
                self.enter(row.key, PrincipalKey::default(), row.expires_at, now);
            }
            Record::TokenRevoked(_) | Record::PinRevoked(_) | Record::EnteredRevoked(_) => {
                *self.revoked.entry(bucket(now)).or_default() += 1;
            }
            Record::PrincipalRevoked(_)
            | Record::ClientRevoked(_)
            | Record::KeyTokensRevoked(_)
            | Record::PrincipalSuspended(_) => *self.cut.entry(bucket(now)).or_default() += 1,
            _ => {}
        }
    }

    fn register(&mut self, client: PrincipalKey, audience: &str) {
        if self.audiences.is_empty() {
            self.audiences.push(String::new());
        }
        let known = self.audiences.iter().position(|name| name == audience);
        let at = known.unwrap_or_else(|| {
            if self.audiences.len() >= AUDIENCES_MAX {
                return 0;
            }
            self.audiences.push(audience.to_owned());
            self.audiences.len() - 1
        });
        self.by_client.insert(client, u16::try_from(at).unwrap_or(0));
    }

    fn enter(&mut self, key: KeyNumber, client: PrincipalKey, ends: UnixMillis, now: UnixMillis) {
        let audience = self.by_client.get(&client).copied().unwrap_or(0);
        let minutes = self.ends.entry((key, audience)).or_default();
        *minutes.entry(bucket(ends)).or_default() += 1;
        // Minutes that are over go when a new one comes: the map stays as long as the longest life.
        while minutes.first_key_value().is_some_and(|(first, _)| *first < bucket(now)) {
            minutes.pop_first();
        }
        let gone = bucket(now.plus_ms(-self.life_ms));
        for map in [&mut self.revoked, &mut self.cut] {
            while map.first_key_value().is_some_and(|(first, _)| *first < gone) {
                map.pop_first();
            }
        }
    }
}

struct LiveView(Live);

impl View for LiveView {
    fn apply(&mut self, at: Position, record: &Record) {
        let mut counts = self.0.0.write().unwrap_or_else(PoisonError::into_inner);
        counts.take(at.time, record);
    }
}

#[cfg(test)]
mod tests {
    use ward_model::record::{ClientRegistered, TokenIssued, TokenRevoked};
    use ward_model::word::Cause;
    use ward_model::{LeafIndex, Origin, PersonId, PrincipalNumber, Sequence, Text};

    use super::*;

    const NOW: UnixMillis = UnixMillis::from_seconds(1_800_000_000);

    fn issued(key: i32, client: u8, at_s: i64, life_s: i64) -> (UnixMillis, Record) {
        let at = NOW.plus_ms(at_s * 1000);
        let row = TokenIssued {
            origin: Origin(1),
            sequence: Sequence(1),
            low_water: Sequence(0),
            fingerprint: 1,
            key: KeyNumber(key),
            principal: PrincipalNumber(1),
            principal_key: PrincipalKey([1; 16]),
            client_key: PrincipalKey([client; 16]),
            issued_at: at,
            expires_at: at.plus_ms(life_s * 1000),
            revocations_seen: 0,
            login_proven: true,
        };
        (at, row.into())
    }

    fn client(client: u8, audience: &str) -> (UnixMillis, Record) {
        let row = ClientRegistered {
            client_id: Text::new(format!("c{client}")).unwrap(),
            client_key: PrincipalKey([client; 16]),
            secret_hash: [0; 32],
            owner: PersonId([1; 16]),
            owner_key: PrincipalKey([1; 16]),
            audience: Text::new(audience).unwrap(),
            scope: Text::new("").unwrap(),
            life_ms_max: 1000,
            expires_at: NOW,
        };
        (NOW, row.into())
    }

    fn revoked(at_s: i64) -> (UnixMillis, Record) {
        let (origin, sequence, cause) = (Origin(1), Sequence(1), Cause::Operator);
        (NOW.plus_ms(at_s * 1000), TokenRevoked { origin, sequence, cause }.into())
    }

    #[test]
    fn what_is_alive_is_counted_by_key_audience_and_end() {
        let records = [
            client(7, "partner"),
            issued(1, 7, 0, 3600),
            issued(1, 7, 0, 120),
            issued(1, 0, 1, 600),
            issued(2, 7, 2, 3600),
            revoked(3),
        ];
        let live = Live::default();
        let mut view = live.view();
        for (at, record) in &records {
            let position = Position { index: LeafIndex(0), time: *at };
            view.apply(position, record);
        }
        struct Case {
            name: &'static str,
            key: i32,
            after_s: i64,
            want: (u64, u64),
            audiences: &'static [(&'static str, u64)],
        }
        let cases = [
            Case {
                name: "now",
                key: 1,
                after_s: 5,
                want: (3, 1),
                audiences: &[("", 1), ("partner", 2)],
            },
            Case {
                name: "later",
                key: 1,
                after_s: 300,
                want: (2, 1),
                audiences: &[("", 1), ("partner", 1)],
            },
            Case {
                name: "near the end",
                key: 1,
                after_s: 3599,
                want: (1, 1),
                audiences: &[("partner", 1)],
            },
            Case { name: "over", key: 1, after_s: 3700, want: (0, 0), audiences: &[] },
            Case {
                name: "another",
                key: 2,
                after_s: 5,
                want: (1, 1),
                audiences: &[("partner", 1)],
            },
            Case { name: "none", key: 3, after_s: 5, want: (0, 0), audiences: &[] },
        ];
        for case in cases {
            let alive = live.under(KeyNumber(case.key), NOW.plus_ms(case.after_s * 1000));
            assert_eq!((alive.unexpired, alive.revoked_at_most), case.want, "{}", case.name);
            let audiences: Vec<(&str, u64)> =
                alive.by_audience.iter().map(|(name, count)| (name.as_str(), *count)).collect();
            assert_eq!(audiences, case.audiences, "{}", case.name);
        }
        assert!(live.0.read().unwrap().ends.values().all(|minutes| minutes.len() <= 3));
    }
}
