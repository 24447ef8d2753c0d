//! What the doctor says, word for word.

use super::*;

const NOW: UnixMillis = UnixMillis::from_seconds(1_800_000_000);

fn days(count: i64) -> UnixMillis {
    NOW.plus_ms(count * DAY_MS + 1000)
}

/// A house where all is well.
fn well() -> Facts {
    Facts {
        journal: Some(JournalFacts { records: 1_234_567, behind: 3, ..JournalFacts::default() }),
        snapshot: Some((
            Standing {
                records: 9,
                bytes: 270_000_000,
                taken_at: Some(days(-1)),
                ..Standing::default()
            },
            1_200,
        )),
        broken: None,
        head_time: Some(NOW.plus_ms(-400)),
        signed_at: Some(NOW.plus_ms(-1200)),
        free_bytes: Some(200_000_000_000),
        segment_bytes: 32 << 20,
        custody: Some((CustodyKind::File, false)),
        memory: Some(Memory { no_dump: true, no_swap: true }),
        root_named: 2,
        root_unknown: Some(0),
        credentials: Some(vec![Ending { name: "API key 1".to_owned(), expires_at: days(80) }]),
        keys: Some(vec![InUse { kid: "kid-of-a-new-signing-key".to_owned(), since: days(-5) }]),
        warned: Vec::new(),
        waiting: Some(0),
        operators: Some(2),
    }
}

fn ill() -> Facts {
    let ending = |name: &str, in_days| Ending { name: name.to_owned(), expires_at: days(in_days) };
    Facts {
        journal: Some(JournalFacts {
            records: 9,
            full: vec!["access".to_owned()],
            behind: 50_000,
            ..JournalFacts::default()
        }),
        head_time: Some(days(1)),
        signed_at: None,
        free_bytes: Some(90 << 20),
        memory: Some(Memory { no_dump: true, no_swap: false }),
        root_unknown: Some(1),
        credentials: Some(vec![ending("client web", 9), ending("API key 7", 1)]),
        keys: Some(vec![
            InUse { kid: "kid-of-an-old-signing-key".to_owned(), since: days(-100) },
            InUse { kid: "kid-of-an-ancient-signing-key".to_owned(), since: days(-400) },
        ]),
        snapshot: Some((
            Standing { refused: Some("it ends too soon".to_owned()), ..Standing::default() },
            9,
        )),
        warned: Vec::new(),
        waiting: Some(2),
        operators: Some(1),
        ..well()
    }
}

#[test]
fn a_house_where_all_is_well() {
    let found = judge(&well(), NOW);
    assert!(found.iter().all(|it| it.level == Level::Ok && it.remedy.is_empty()));
    insta::assert_snapshot!(words(&as_json(&found)));
}

#[test]
fn a_house_where_nothing_is() {
    let found = judge(&ill(), NOW);
    assert!(found.iter().all(|it| it.level > Level::Ok));
    insta::assert_snapshot!(words(&as_json(&found)));
    assert_eq!(as_json(&found)["worst"], "act");
}

#[test]
fn a_house_that_does_not_run() {
    let facts = Facts { broken: Some("data: no journal here".to_owned()), ..Facts::default() };
    insta::assert_snapshot!(words(&as_json(&judge(&facts, NOW))));
}

#[test]
fn what_a_journal_says_is_judged_by_its_worst() {
    let level = |change: fn(&mut JournalFacts)| {
        let mut it = JournalFacts::default();
        change(&mut it);
        journal(&Facts { journal: Some(it), ..well() }).level
    };
    assert_eq!(level(|_| ()), Level::Ok);
    assert_eq!(level(|it| it.refused = 1), Level::Look);
    assert_eq!(level(|it| it.dead = true), Level::Act);
    assert_eq!(level(|it| it.poisoned = 1), Level::Act);
    assert_eq!(level(|it| it.faults = 1), Level::Act);
    let jumped = JournalFacts { jumps: 1, ..JournalFacts::default() };
    assert_eq!(clock(&Facts { journal: Some(jumped), ..well() }, NOW).level, Level::Look);
    assert_eq!(custody(&Facts { root_named: 0, ..well() }).level, Level::Look);
}

#[test]
fn what_the_inventory_warns_of_is_one_line() {
    assert_eq!(warned(&well()), None);
    let facts = Facts { warned: vec![("unowned", 2), ("api_key_unused", 1)], ..well() };
    let found = warned(&facts).unwrap();
    assert_eq!(found.level, Level::Look);
    assert!(found.what.ends_with("2 unowned, 1 api_key_unused"), "{}", found.what);
    assert!(judge(&facts, NOW).contains(&found));
}
