//! Rotation: by hand, by schedule, and what is published meanwhile.

use super::*;
use crate::rotation::*;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
const SCHEDULE: Schedule = Schedule { every_ms: 90 * DAY, overlap_ms: DAY };

fn standing(number: i32, state: KeyState, since_ms: i64) -> Standing {
    Standing {
        number: KeyNumber(number),
        purpose: KeyPurpose::Token,
        issuer: ISSUER.into(),
        source: KeySource::Generated,
        state,
        since: NOW.plus_ms(since_ms),
    }
}

#[test]
fn what_is_due_is_said_once_it_is() {
    use KeyState::*;
    struct Case {
        name: &'static str,
        given: Vec<Standing>,
        at_ms: i64,
        want: Vec<Due>,
    }
    let one = |state, since| vec![standing(1, state, since)];
    let two = |next_since| vec![standing(1, Active, 0), standing(2, Next, next_since)];
    let imported = Standing { source: KeySource::Imported, ..standing(1, Active, 0) };
    let announce = || vec![Due::Announce(KeyNumber(1))];
    let promote = || vec![Due::Promote(KeyNumber(2))];
    let due = 90 * DAY;
    let cases = [
        Case { name: "no keys", given: vec![], at_ms: due, want: vec![] },
        Case { name: "young", given: one(Active, 0), at_ms: DAY, want: vec![] },
        Case {
            name: "before the overlap",
            given: one(Active, 0),
            at_ms: due - DAY - 1,
            want: vec![],
        },
        Case { name: "the overlap", given: one(Active, 0), at_ms: due - DAY, want: announce() },
        Case { name: "long overdue", given: one(Active, 0), at_ms: 900 * DAY, want: announce() },
        Case { name: "published", given: two(due - DAY), at_ms: due - 1, want: vec![] },
        Case { name: "its time", given: two(due - DAY), at_ms: due, want: promote() },
        Case { name: "published late", given: two(due), at_ms: due + DAY - 1, want: vec![] },
        Case { name: "the overlap is kept", given: two(due), at_ms: due + DAY, want: promote() },
        Case { name: "published by hand", given: two(0), at_ms: 2 * DAY, want: vec![] },
        Case { name: "retired", given: one(Retired, 0), at_ms: due, want: vec![] },
        Case { name: "compromised", given: one(Compromised, 0), at_ms: due, want: vec![] },
        Case { name: "somebody else's", given: vec![imported.clone()], at_ms: due, want: vec![] },
        Case {
            name: "an imported one signs",
            given: vec![standing(1, Active, 0), Standing { number: KeyNumber(2), ..imported }],
            at_ms: due,
            want: vec![],
        },
        Case {
            name: "each issuer and purpose of its own",
            given: vec![
                standing(1, Active, 0),
                Standing { issuer: "other".into(), ..standing(2, Next, 0) },
                Standing { purpose: KeyPurpose::Transaction, ..standing(3, Next, 0) },
            ],
            at_ms: due,
            want: announce(),
        },
    ];
    for case in cases {
        let got = step(&case.given, SCHEDULE, NOW.plus_ms(case.at_ms));
        assert_eq!(got, case.want, "{}", case.name);
    }
}

fn kids(published: &serde_json::Value) -> Vec<String> {
    let keys = published["keys"].as_array().unwrap();
    keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

impl World {
    fn standings(&self) -> Vec<Standing> {
        self.ledger.keys().iter().map(|key| Standing::of(key)).collect()
    }

    /// Does what is due at a moment, recorded at that moment; how much it was.
    fn carry_out(&self, schedule: Schedule, now: UnixMillis) -> usize {
        let due = step(&self.standings(), schedule, now);
        for one in &due {
            let change = match one {
                Due::Announce(key) => self.store.announce(*key, &self.ledger, now),
                Due::Promote(key) => self.store.promote(*key, Cause::Rotation, &self.ledger, now),
            };
            let change = change.unwrap();
            self.journal.append_blocking(change, now).unwrap();
        }
        due.len()
    }
}

/// A year, hour by hour, with a week in which nobody was there: always one key signs, whoever
/// fetched the published keys an overlap ago has it, and no token is without its key.
#[test]
fn a_year_of_rotation_loses_nobody() {
    let world = World::new();
    world.generate(KeyPurpose::Token, Algorithm::Es256);
    world.generate(KeyPurpose::Transaction, Algorithm::EdDsa);
    let schedule = Schedule { every_ms: 30 * DAY, overlap_ms: DAY };
    let life = HOUR;
    let mut copies: Vec<(UnixMillis, Vec<String>)> = Vec::new();
    let mut signed: Vec<(UnixMillis, String)> = Vec::new();
    let (mut at, mut changes) = (NOW, 0);
    while at < NOW.plus_ms(370 * DAY) {
        let away = (100 * DAY..107 * DAY).contains(&at.since(NOW));
        if !away {
            changes += world.carry_out(schedule, at);
        }
        let published = kids(&jwks_at(&world.ledger, at, life));
        let signs = world.active().record().kid.clone();
        let old: Vec<_> = copies.iter().filter(|(then, _)| at.since(*then) == DAY).collect();
        for (_, copy) in old {
            assert!(copy.contains(&signs), "who looked a day ago knows the key that signs");
        }
        signed.retain(|(ends, _)| *ends > at);
        for (_, kid) in &signed {
            assert!(published.contains(kid), "a live token's key is published");
        }
        assert!(published.len() <= 6, "{}", published.len());
        signed.push((at.plus_ms(life), signs));
        copies.retain(|(then, _)| at.since(*then) < DAY);
        copies.push((at, published));
        at = at.plus_ms(HOUR);
    }
    // Each of the two keys: published and promoted, twelve times or one less.
    assert!((44..=48).contains(&changes), "{changes}");
    let active = |purpose| {
        let keys = world.standings();
        keys.iter().filter(|it| it.state == KeyState::Active && it.purpose == purpose).count()
    };
    assert_eq!((active(KeyPurpose::Token), active(KeyPurpose::Transaction)), (1, 1));
}

#[test]
fn by_hand_a_key_is_published_promoted_and_retired() {
    let world = World::new();
    let first = world.generate(KeyPurpose::Token, Algorithm::EdDsa);
    let (store, ledger) = (&world.store, &world.ledger);
    let state = |key| ledger.key(key).unwrap().state;
    let conflict = |made: Result<KeyChange, KeyError>| {
        assert!(matches!(made, Err(KeyError::Conflict { .. })), "{made:?}");
    };
    conflict(store.retire(first, Cause::Operator, ledger, NOW));
    conflict(store.promote(first, Cause::Operator, ledger, NOW));
    let next = world.record(store.announce(first, ledger, NOW).unwrap()).into_inner().key;
    assert_eq!((state(first), state(next)), (KeyState::Active, KeyState::Next));
    conflict(store.announce(first, ledger, NOW));
    conflict(store.rotate(next, Cause::Operator, ledger, NOW));
    // Rotation takes the key that is published.
    let signs = world.record(store.rotate(first, Cause::Operator, ledger, NOW).unwrap());
    assert_eq!(signs.into_inner().key, next);
    assert_eq!((state(first), state(next)), (KeyState::Retired, KeyState::Active));
    conflict(store.retire(first, Cause::Operator, ledger, NOW));
    let third = world.record(store.announce(next, ledger, NOW).unwrap()).into_inner().key;
    let _ = world.record(store.promote(third, Cause::Operator, ledger, NOW).unwrap());
    assert_eq!((state(next), state(third)), (KeyState::Retired, KeyState::Active));
    let fourth = world.record(store.announce(third, ledger, NOW).unwrap()).into_inner().key;
    // A key in other hands is never followed by the one kept beside it.
    let change = store.compromise(third, NOW, Cause::Compromise, ledger, NOW).unwrap();
    let fifth = world.record(change).into_inner().key;
    assert_ne!(fifth, fourth);
    assert_eq!(
        (state(third), state(fourth), state(fifth)),
        (KeyState::Compromised, KeyState::Next, KeyState::Active)
    );
    let _ = world.record(store.retire(fourth, Cause::Operator, ledger, NOW).unwrap());
    assert_eq!(state(fourth), KeyState::Retired);
    let later = store.compromise(fourth, NOW.plus_ms(1), Cause::Compromise, ledger, NOW);
    assert!(matches!(later, Err(KeyError::Input { .. })), "since a moment that was");
    let unknown = store.promote(KeyNumber(99), Cause::Operator, ledger, NOW);
    assert!(matches!(unknown, Err(KeyError::Unknown)));
}

#[test]
fn a_retired_key_leaves_the_published_set_once_no_token_under_it_can_live() {
    let world = World::new();
    let first = world.generate(KeyPurpose::Token, Algorithm::EdDsa);
    let change = world.store.rotate(first, Cause::Operator, &world.ledger, NOW).unwrap();
    let _ = world.record(change);
    let published = |after: i64| jwks_at(&world.ledger, NOW.plus_ms(after), HOUR);
    let count = |after: i64| kids(&published(after)).len();
    assert_eq!((count(0), count(HOUR), count(HOUR + 6 * 60_000)), (2, 2, 1));
    assert_eq!(kids(&jwks(&world.ledger)).len(), 2);
}

#[test]
fn who_can_read_keys_by_how_they_are_kept_is_declared_for_those_made_before() {
    let mut world = World::with_storage(vec![holder(9)]);
    let first = world.generate(KeyPurpose::Token, Algorithm::EdDsa);
    assert!(world.store.undeclared(&world.ledger, NOW).is_empty());
    world
        .store
        .keep(vec![(holder(9), CustodyEvidence::Storage), (holder(7), CustodyEvidence::Unsealer)]);
    let records = world.store.undeclared(&world.ledger, NOW);
    assert_eq!(records.len(), 1);
    let _ = world.record(records);
    let held: Vec<(u8, CustodyEvidence)> = world
        .ledger
        .key(first)
        .unwrap()
        .holders
        .iter()
        .map(|holder| (holder.person.0[0], holder.evidence))
        .collect();
    assert_eq!(held, [(9, CustodyEvidence::Storage), (7, CustodyEvidence::Unsealer)]);
}
