//! The view and what is set aside, against a model of twenty lines.

use std::collections::BTreeMap;

use proptest::prelude::*;
use ward_model::record::{ApprovalEnded, ApprovalProposed};
use ward_model::{Roles, SessionId, Text, time::DAY_MS};

use super::*;

const PER_DAY: u64 = 100;

fn read(number: u8, data_subjects: u64) -> Record {
    OperatorRead {
        person: PersonId([number; 16]),
        api_key: ApiKeyId::NONE,
        session: SessionId::NONE,
        what: Text::cut("scope"),
        purpose: 1,
        data_subjects: i64::try_from(data_subjects).unwrap(),
    }
    .into()
}

#[derive(Clone, Debug)]
enum Step {
    /// A request of this person that names so many.
    Ask(u8, u64),
    /// The record of a request under way becomes durable.
    Record(usize),
    /// It does not.
    Fail(usize),
    /// Midnight.
    NextDay,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..3_u8, 0..60_u64).prop_map(|(who, named)| Step::Ask(who, named)),
        4 => (0..8_usize).prop_map(Step::Record),
        2 => (0..8_usize).prop_map(Step::Fail),
        1 => Just(Step::NextDay),
    ]
}

/// What a day comes to, counted by hand.
#[derive(Default)]
struct Model {
    day: i64,
    recorded: BTreeMap<(i64, u8), u64>,
}

proptest! {
    #[test]
    fn nobody_is_named_more_than_a_day_allows(steps in prop::collection::vec(step(), 1..80)) {
        let (shared, mut model, mut index) = (SharedReads::new(), Model::default(), 0);
        let mut view = shared.view();
        let mut under_way: Vec<(u8, u64, Aside)> = Vec::new();
        let mut records = Vec::new();
        for step in steps {
            let now = UnixMillis::new(model.day * DAY_MS + 5);
            match step {
                Step::Ask(who, named) => {
                    let reader = Reader::Person(PersonId([who; 16]));
                    let today = model.recorded.get(&(model.day, who)).copied().unwrap_or(0);
                    let aside: u64 =
                        under_way.iter().filter(|it| it.0 == who).map(|it| it.1).sum();
                    let left = PER_DAY.saturating_sub(today + aside);
                    match shared.set_aside(reader, named, PER_DAY, now) {
                        Ok(aside) => {
                            prop_assert!(named <= left);
                            under_way.push((who, named, aside));
                        }
                        Err(spent) => {
                            prop_assert!(named > left);
                            prop_assert_eq!(spent.left, left);
                        }
                    }
                }
                Step::Record(nth) if nth < under_way.len() => {
                    let (who, named, aside) = under_way.remove(nth);
                    let at = Position { index: LeafIndex(index), time: now };
                    index += 1;
                    view.apply(at, &read(who, named));
                    records.push((at, read(who, named)));
                    drop(aside);
                    *model.recorded.entry((model.day, who)).or_insert(0) += named;
                }
                Step::Fail(nth) if nth < under_way.len() => drop(under_way.remove(nth)),
                Step::Record(_) | Step::Fail(_) => {}
                Step::NextDay => model.day += 1,
            }
        }
        for ((day, who), recorded) in &model.recorded {
            prop_assert!(*recorded <= PER_DAY, "{} on day {}: {}", who, day, recorded);
        }
        // A restart remembers today.
        let again = SharedReads::new();
        let mut view = again.view();
        records.iter().for_each(|(at, record)| view.apply(*at, record));
        let now = UnixMillis::new(model.day * DAY_MS + 5);
        for who in 1..3 {
            let today = model.recorded.get(&(model.day, who)).copied().unwrap_or(0);
            prop_assert_eq!(again.spent(Reader::Person(PersonId([who; 16])), now), today);
        }
    }
}

#[test]
fn a_clock_set_back_gives_no_second_day() {
    let mut reads = Reads::default();
    let at = Position { index: LeafIndex(0), time: UnixMillis::new(5 * DAY_MS) };
    reads.take_in(at, &read(1, 70));
    let reader = Reader::Person(PersonId([1; 16]));
    assert_eq!(reads.spent(reader, UnixMillis::new(4 * DAY_MS)), 70);
    assert_eq!(reads.spent(reader, UnixMillis::new(6 * DAY_MS)), 0);
}

#[test]
fn whose_budget_it_is() {
    let caller = |person: u8, api_key| Caller {
        person: PersonId([person; 16]),
        api_key: ApiKeyId(api_key),
        ..Caller::WARD
    };
    for (person, api_key, want) in [
        (1, 0, Reader::Person(PersonId([1; 16]))),
        (1, 7, Reader::Person(PersonId([1; 16]))),
        (0, 7, Reader::Machine(ApiKeyId(7))),
        (0, 0, Reader::Nobody),
    ] {
        assert_eq!(Reader::of(&caller(person, api_key)), want);
    }
}

fn proposed(approval: i64, act: ActKind) -> Record {
    ApprovalProposed {
        approval: ApprovalId(approval),
        act: Text::cut(act.as_str()),
        target: Text::default(),
        digest: [0; 32],
        effect: Text::default(),
        proposer: PersonId::default(),
        api_key: ApiKeyId::NONE,
        session: SessionId::NONE,
        consents: 1,
        from_roles: Roles::NONE,
        expires_at: UnixMillis::new(DAY_MS),
        alone_from: UnixMillis::new(0),
    }
    .into()
}

fn ended(approval: i64, how: ApprovalEnd) -> Record {
    let (person, api_key, session) = (PersonId::default(), ApiKeyId::NONE, SessionId::NONE);
    ApprovalEnded { approval: ApprovalId(approval), how, person, api_key, session }.into()
}

#[test]
fn only_what_a_second_person_allowed_is_not_charged() {
    let (many, other) = (proposed(1, ActKind::ReadMany), proposed(1, ActKind::ImportKey));
    let applied = || ended(1, ApprovalEnd::Applied);
    let cases = [
        ("allowed", vec![many.clone(), applied(), read(1, 50)], 0),
        ("allowed once", vec![many.clone(), applied(), read(1, 50), read(1, 20)], 20),
        ("refused", vec![many.clone(), ended(1, ApprovalEnd::Refused), read(1, 50)], 50),
        ("another act", vec![other.clone(), applied(), read(1, 50)], 50),
        ("not right after", vec![many, applied(), other, read(1, 50)], 50),
        ("never proposed", vec![applied(), read(1, 50)], 50),
    ];
    for (name, records, want) in cases {
        let mut reads = Reads::default();
        for (index, record) in (0..).zip(&records) {
            let at = Position { index: LeafIndex(index), time: UnixMillis::new(7) };
            reads.take_in(at, record);
        }
        let reader = Reader::Person(PersonId([1; 16]));
        assert_eq!(reads.spent(reader, UnixMillis::new(7)), want, "{name}");
    }
}
