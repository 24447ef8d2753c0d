//! Worlds of people, keys, clients and API keys: wherever a leave is cut off, it ends the same.

use std::collections::BTreeMap;

use proptest::prelude::*;
use ward_model::record::*;
use ward_model::word::*;
use ward_model::*;

use super::*;
use crate::person::id_from_random;
use crate::testing::principal_of;

fn person(number: u8) -> PersonId {
    id_from_random([number; 16])
}

fn joined(number: u8, state: PersonState) -> Record {
    let (principal, principal_key) = principal_of(person(number));
    let person = person(number);
    PersonPut { person, principal, principal_key, state, row_digest: [number; 32] }.into()
}

fn key(number: i32, state: KeyState) -> Record {
    KeyAdded {
        key: KeyNumber(number),
        kid: Text::cut(&format!("k{number}")),
        algorithm: Algorithm::Es256,
        purpose: KeyPurpose::Token,
        source: KeySource::Imported,
        issuer: Text::cut("https://login"),
        public_key: ward_model::column::Octets::default(),
        state,
    }
    .into()
}

fn holder(key: i32, number: u8, since: i64) -> Record {
    let evidence = CustodyEvidence::Declared;
    let (since, key) = (UnixMillis::new(since), KeyNumber(key));
    let (_, person_key) = principal_of(person(number));
    KeyHolderDeclared { key, person: person(number), person_key, since, evidence }.into()
}

fn api_key(id: i64, number: u8) -> Record {
    let (owner, owner_key) = principal_of(person(number));
    ApiKeyIssued {
        api_key: ApiKeyId(id),
        kind: ApiKeyKind::Person,
        hash: [0; 32],
        owner_kind: PrincipalKind::Person,
        owner,
        owner_key,
        expires_at: UnixMillis::new(i64::MAX),
    }
    .into()
}

fn client(id: u8, number: u8) -> Record {
    ClientRegistered {
        client_id: Text::cut(&format!("client-{id}")),
        client_key: PrincipalKey([id; 16]),
        secret_hash: [0; 32],
        owner: person(number),
        owner_key: principal_of(person(number)).1,
        audience: Text::default(),
        scope: Text::default(),
        life_ms_max: 1,
        expires_at: UnixMillis::new(i64::MAX),
    }
    .into()
}

fn grandfathering(key: i32) -> Record {
    let moment = UnixMillis::new(0);
    let key = KeyNumber(key);
    GrandfatheringOpened { key, cut_over: moment, life_ms_max: 1, closes_at: moment }.into()
}

fn replay(records: &[Record]) -> Holdings {
    let mut view = Holdings::default();
    for (at, record) in (1..).zip(records) {
        view.take_in(UnixMillis::new(at), record);
    }
    view
}

/// Lets everyone's cascade run to its end over a rebuilt view each time.
/// Returns where each group ended.
fn finish(records: &mut Vec<Record>, signals: &[u8]) -> Vec<usize> {
    let mut ends = vec![records.len()];
    loop {
        let view = replay(records);
        let signalled = signals.iter().filter(|number| {
            view.person(person(**number)).is_some_and(|held| held.state != PersonState::Left)
        });
        let mut asked: Vec<_> = signalled
            .map(|number| next(&view, person(*number), Some(UnixMillis::new(77))))
            .collect();
        asked.extend(view.people_after(None).map(|(person, _)| next(&view, person, None)));
        let Some(group) = asked.into_iter().flatten().next() else { return ends };
        assert!(!group.is_empty());
        records.extend(group);
        ends.push(records.len());
        assert!(ends.len() < 200, "the cascade does not end: {records:?}");
    }
}

/// What must not stand twice: each record by what it says, without its moment.
fn assert_nothing_doubled(records: &[Record]) {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for record in records {
        let counted = matches!(
            record,
            Record::PrincipalSuspended(_)
                | Record::PrincipalRevoked(_)
                | Record::ApiKeyRevoked(_)
                | Record::ClientRevoked(_)
                | Record::KeyStateChanged(_)
                | Record::GrandfatheringClosed(_)
                | Record::CascadeStarted(_)
                | Record::CascadeStep(_)
                | Record::CascadeFinished(_)
        );
        if counted {
            *seen.entry(format!("{record:?}")).or_default() += 1;
        }
    }
    assert!(seen.values().all(|count| *count == 1), "{seen:#?}");
}

fn kinds(records: &[Record]) -> Vec<&'static str> {
    records.iter().map(Record::kind_name).collect()
}

#[test]
fn the_suspension_is_the_first_record_and_the_first_group_cuts_him_whole() {
    let records = [joined(1, PersonState::Active), key(1, KeyState::Active), holder(1, 1, 5)];
    let first = next(&replay(&records), person(1), Some(UnixMillis::new(9))).unwrap();
    assert_eq!(
        kinds(&first),
        ["PrincipalSuspended", "PersonPut", "PrincipalRevoked", "CascadeStarted", "CascadeStep"]
    );
    assert!(first.iter().all(|record| record.lane() == Lane::Priority));
}

#[test]
fn everything_he_held_is_taken_back_in_order() {
    let mut records = vec![
        joined(1, PersonState::Active),
        joined(2, PersonState::Active),
        key(1, KeyState::Active),
        key(2, KeyState::Retired),
        key(3, KeyState::Active),
        holder(1, 1, 5),
        holder(2, 1, 6),
        holder(3, 2, 1),
        grandfathering(1),
        api_key(11, 1),
        api_key(12, 2),
        client(7, 1),
    ];
    // Key 3 signs for the same issuer and nobody who left could read it: key 1 is replaced by it.
    finish(&mut records, &[1]);
    let done: Vec<_> =
        records[17..].iter().filter(|it| !matches!(it, Record::CascadeStep(_))).collect();
    let k = |number, since| {
        let (key, state, cause) = (KeyNumber(number), KeyState::Compromised, Cause::Left);
        Record::from(KeyStateChanged { key, state, since: UnixMillis::new(since), cause })
    };
    let cause = Cause::Left;
    let want = [
        GrandfatheringClosed { key: KeyNumber(1), cause }.into(),
        k(1, 5),
        k(2, 6),
        ClientRevoked { client_key: PrincipalKey([7; 16]), cause }.into(),
        ApiKeyRevoked { api_key: ApiKeyId(11), cause }.into(),
        CascadeFinished { cascade: CascadeId(1), open: 0 }.into(),
    ];
    assert_eq!(done, want.iter().collect::<Vec<_>>());
    assert_nothing_doubled(&records);
}

#[test]
fn a_rotation_stays_open_until_the_new_key_signs() {
    let mut records =
        vec![joined(1, PersonState::Active), key(1, KeyState::Active), holder(1, 1, 5)];
    finish(&mut records, &[1]);
    assert_eq!(records.last(), Some(&CascadeFinished { cascade: CascadeId(1), open: 1 }.into()));
    let own = [key(2, KeyState::Active), holder(2, 1, 9)];
    let view = replay(&[records.clone(), own.to_vec()].concat());
    assert!(!view.is_replaced(KeyNumber(1)), "a key he can read replaces nothing");
    records.push(key(3, KeyState::Next));
    finish(&mut records, &[]);
    assert_eq!(records.last(), Some(&key(3, KeyState::Next)));
    let (key, cause) = (KeyNumber(3), Cause::Rotation);
    let state = KeyState::Active;
    records.push(KeyStateChanged { key, state, since: UnixMillis::new(1), cause }.into());
    finish(&mut records, &[]);
    let Some(Record::CascadeStep(step)) = records.last() else { panic!("{records:?}") };
    assert_eq!((step.target, step.outcome), (1, StepOutcome::Done));
    assert_eq!(replay(&records).runs_of(person(1)).next().unwrap().1.open().count(), 0);
}

#[test]
fn two_leavers_of_one_key_both_name_it_and_it_is_compromised_since_the_earlier() {
    let base = vec![
        joined(1, PersonState::Active),
        joined(2, PersonState::Active),
        key(1, KeyState::Active),
        holder(1, 1, 50),
        holder(1, 2, 20),
    ];
    for order in [[1, 2], [2, 1]] {
        let mut records = base.clone();
        finish(&mut records, &order);
        let view = replay(&records);
        assert_eq!(view.key(KeyNumber(1)).unwrap().since, UnixMillis::new(20));
        for number in order {
            let (_, run) = view.runs_of(person(number)).next().unwrap();
            assert!(run.has(CascadeStepKind::SigningKey, 1), "{number}");
        }
        assert_nothing_doubled(&records);
    }
}

#[test]
fn a_repeated_signal_finds_nothing_to_do() {
    let mut records = vec![joined(1, PersonState::Active), api_key(11, 1)];
    finish(&mut records, &[1]);
    let view = replay(&records);
    assert_eq!(next(&view, person(1), Some(UnixMillis::new(99))), None);
    assert_eq!(next(&view, person(2), Some(UnixMillis::new(99))), None, "nobody");
}

#[test]
fn what_is_learned_late_is_taken_back_too() {
    let mut records = vec![joined(1, PersonState::Active), key(1, KeyState::Active)];
    finish(&mut records, &[1]);
    let late = records.len();
    records.extend([holder(1, 1, 3), api_key(11, 1), grandfathering(1)]);
    finish(&mut records, &[]);
    let names = kinds(&records[late..]);
    for name in ["KeyStateChanged", "ApiKeyRevoked", "GrandfatheringClosed"] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    assert!(!names.contains(&"PrincipalSuspended"));
    assert_nothing_doubled(&records);
}

#[test]
fn a_return_opens_only_what_the_cascade_blocked() {
    let mut records = vec![
        joined(1, PersonState::Active),
        key(1, KeyState::Active),
        holder(1, 1, 5),
        api_key(11, 1),
    ];
    finish(&mut records, &[1]);
    let group = back(&replay(&records), person(1)).unwrap();
    assert_eq!(kinds(&group), ["PrincipalRestored", "PersonPut"]);
    records.extend(group);
    let view = replay(&records);
    let (_, principal_key) = principal_of(person(1));
    assert!(!view.is_out(person(1)));
    assert!(view.api_keys_of(principal_key).all(|(_, it)| it.revoked));
    assert_eq!(view.key(KeyNumber(1)).unwrap().state, KeyState::Compromised);
    assert_eq!(next(&view, person(1), None), None);
    assert_eq!(back(&view, person(1)), None, "he is here");
    // He leaves again the same day: suspended and his newer tokens revoked again.
    let again = records.len();
    finish(&mut records, &[1]);
    let names = kinds(&records[again..]);
    assert_eq!(
        names[..4],
        ["PrincipalSuspended", "PersonPut", "PrincipalRevoked", "CascadeStarted"]
    );
}

#[test]
fn another_suspension_survives_a_return() {
    let mut records = vec![joined(1, PersonState::Active)];
    let (principal, principal_key) = principal_of(person(1));
    let cause = Cause::Compromise;
    records.push(PrincipalSuspended { principal, principal_key, cause }.into());
    finish(&mut records, &[1]);
    assert_eq!(back(&replay(&records), person(1)), None);
    // An operator's restore does not bring a leaver back: he is suspended again, as a leaver.
    let cause = Cause::Operator;
    records.push(PrincipalRestored { principal, principal_key, cause }.into());
    finish(&mut records, &[]);
    let view = replay(&records);
    assert!(view.is_suspended_as_leaver(principal_key));
    assert!(back(&view, person(1)).is_some());
}

#[test]
fn an_operators_earlier_revocation_does_not_spare_newer_tokens() {
    let (principal, principal_key) = principal_of(person(1));
    let cause = Cause::Operator;
    let records = [
        joined(1, PersonState::Active),
        PrincipalRevoked { principal, principal_key, cause }.into(),
    ];
    let first = next(&replay(&records), person(1), Some(UnixMillis::new(9))).unwrap();
    assert!(kinds(&first).contains(&"PrincipalRevoked"));
}

#[test]
fn a_later_finding_does_not_move_a_compromise_forward() {
    let mut records =
        vec![joined(1, PersonState::Active), key(1, KeyState::Active), holder(1, 1, 5)];
    finish(&mut records, &[1]);
    let (key, state, cause) = (KeyNumber(1), KeyState::Compromised, Cause::Compromise);
    records.push(KeyStateChanged { key, state, since: UnixMillis::new(90), cause }.into());
    let (key, state, cause) = (KeyNumber(1), KeyState::Active, Cause::Rotation);
    records.push(KeyStateChanged { key, state, since: UnixMillis::new(95), cause }.into());
    let view = replay(&records);
    let it = view.key(KeyNumber(1)).unwrap();
    assert_eq!((it.state, it.since), (KeyState::Compromised, UnixMillis::new(5)));
}

#[test]
fn a_row_written_late_does_not_bring_a_leaver_back() {
    let mut records = vec![joined(1, PersonState::Active)];
    finish(&mut records, &[1]);
    records.push(joined(1, PersonState::Active));
    let view = replay(&records);
    assert_eq!(view.person(person(1)).unwrap().state, PersonState::Left);
    assert_eq!(next(&view, person(1), None), None);
}

fn any_record() -> impl Strategy<Value = Record> {
    prop_oneof![
        (1..3i32, prop::bool::ANY).prop_map(|(it, old)| {
            key(it, if old { KeyState::Retired } else { KeyState::Active })
        }),
        (1..3i32, 1..4u8, 1..50i64).prop_map(|(it, who, since)| holder(it, who, since)),
        (1..3i32).prop_map(grandfathering),
        (1..6i64, 1..4u8).prop_map(|(id, who)| api_key(id * 10 + i64::from(who), who)),
        (1..4u8, 1..4u8).prop_map(|(id, who)| client(id * 10 + who, who)),
    ]
}

/// What a world looks like once all is done, without moments and run numbers.
/// `certificate`: with the steps each run lists.
fn end_state(view: &Holdings, leavers: &[u8], certificate: bool) -> String {
    let mut out = String::new();
    for &number in leavers {
        let held = view.person(person(number)).unwrap();
        let key = held.principal_key;
        let runs: Vec<_> = view
            .runs_of(person(number))
            .map(|(_, run)| {
                let mut steps: Vec<_> =
                    run.steps.iter().map(|it| (it.step, it.target, it.outcome)).collect();
                steps.sort();
                steps.retain(|_| certificate);
                (run.finished_at.is_some(), steps)
            })
            .collect();
        let cut = (held.state, view.is_suspended_as_leaver(key), held.tokens_revoked);
        let api: Vec<_> = view.api_keys_of(key).map(|(id, it)| (id, it.revoked)).collect();
        let clients: Vec<_> = view.clients_of(person(number)).map(|it| it.1.revoked).collect();
        let keys: Vec<_> = view
            .keys_of(person(number))
            .map(|(id, it, _)| (id, it.state, it.since, view.grandfathers(id)))
            .collect();
        out.push_str(&format!("{number} {cut:?} {api:?} {clients:?} {keys:?} {runs:?}\n"));
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// CRASH at each group, with the same certificate; and at each record, which the journal
    /// rules out: even then what was taken back is the same and nothing is doubled.
    #[test]
    fn cut_off_anywhere_it_ends_the_same(
        world in prop::collection::vec(any_record(), 0..14),
        leavers in prop::sample::subsequence(vec![1u8, 2, 3], 1..=2),
    ) {
        let people = [1, 2, 3].map(|number| joined(number, PersonState::Active));
        let start: Vec<Record> = people.into_iter().chain(world).collect();
        let mut whole = start.clone();
        let ends = finish(&mut whole, &leavers);
        assert_nothing_doubled(&whole[start.len()..]);
        for &number in &leavers {
            prop_assert!(plan(&replay(&whole), person(number), false).is_empty());
        }
        for cut in start.len()..=whole.len() {
            let mut again = whole[..cut].to_vec();
            finish(&mut again, &leavers);
            assert_nothing_doubled(&again[start.len()..]);
            let certificate = ends.contains(&cut);
            let want = end_state(&replay(&whole), &leavers, certificate);
            let got = end_state(&replay(&again), &leavers, certificate);
            prop_assert_eq!(got, want, "cut at {}", cut);
        }
    }
}

#[test]
fn a_key_nobody_can_say_the_holders_of_goes_with_any_leaver() {
    let unknown = |key: i32, since: i64| -> Record {
        let (key, since) = (KeyNumber(key), UnixMillis::new(since));
        ward_model::record::KeyHoldersUnknown { key, since }.into()
    };
    let here = |number| joined(number, PersonState::Active);
    struct Case {
        name: &'static str,
        given: Vec<Record>,
        leaves: u8,
        want: &'static [i32],
    }
    let active = || key(1, KeyState::Active);
    let cases = [
        Case { name: "known", given: vec![here(1), active()], leaves: 1, want: &[] },
        Case {
            name: "unknown",
            given: vec![here(1), here(2), active(), unknown(1, 3)],
            leaves: 2,
            want: &[1],
        },
        Case {
            name: "only that key",
            given: vec![here(1), active(), key(2, KeyState::Active), unknown(2, 3)],
            leaves: 1,
            want: &[2],
        },
        Case {
            name: "he left before it came",
            given: vec![joined(1, PersonState::Left), active(), unknown(1, 3)],
            leaves: 1,
            want: &[],
        },
    ];
    for case in cases {
        let view = replay(&case.given);
        let mut keys: Vec<i32> = Vec::new();
        for step in plan(&view, person(case.leaves), true) {
            if let Step::SigningKey { key, .. } = step {
                keys.push(key.0);
            }
        }
        assert_eq!(keys, case.want, "{}", case.name);
    }
}
