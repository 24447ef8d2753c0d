//! The view against a plain list of what happened; its bounds; what a record cannot do.

use proptest::prelude::*;
use ward_model::record::BypassEnded;
use ward_model::*;

use super::*;

const START: UnixMillis = UnixMillis::from_seconds(1_800_000_000);

fn person(number: u8) -> PersonId {
    PersonId([number; 16])
}

fn minutes(number: i64) -> UnixMillis {
    START.plus_ms(number * MINUTE_MS)
}

fn at(time: UnixMillis) -> Position {
    Position { index: LeafIndex(0), time }
}

fn opened(id: i64, route: i32, until: UnixMillis, by: u8) -> Record {
    Record::BypassOpened(BypassOpened {
        bypass: BypassId(id),
        route: RouteNumber(route),
        until,
        person: person(by),
        api_key: ApiKeyId::NONE,
        session: SessionId(1),
        note: Text::cut("pages fail"),
    })
}

fn ended(id: i64) -> Record {
    Record::BypassEnded(BypassEnded { bypass: BypassId(id), person: person(2) })
}

fn reviewed(id: i64, by: u8) -> Record {
    let (bypass, session) = (BypassId(id), SessionId::NONE);
    Record::EmergencyReviewed(EmergencyReviewed {
        bypass,
        session,
        person: person(by),
        note: Text::cut("looked at"),
    })
}

fn break_glass(id: i64, by: u8, how: SignInMethod) -> Record {
    Record::SessionOpened(SessionOpened {
        session: SessionId(id),
        person: person(by),
        how,
        passkey: PasskeyId(1),
        provider_session: [0; 32],
        expires_at: minutes(60),
        source: [0; 16],
    })
}

fn after(records: &[(i64, Record)]) -> Bypasses {
    let bypasses = Bypasses::default();
    let mut view = bypasses.view();
    for (minute, record) in records {
        view.apply(at(minutes(*minute)), record);
    }
    bypasses
}

#[test]
fn it_opens_one_route_until_its_minute_and_is_ended_earlier() {
    let bypasses = after(&[(0, opened(1, 3, minutes(10), 1))]);
    let is_open = |it: &Bypasses, route, ms| it.is_open(RouteNumber(route), START.plus_ms(ms));
    assert_eq!(is_open(&bypasses, 3, 0), Some(BypassId(1)));
    assert_eq!(is_open(&bypasses, 4, 0), None);
    assert_eq!(is_open(&bypasses, 3, 10 * MINUTE_MS - 1), Some(BypassId(1)));
    assert_eq!(is_open(&bypasses, 3, 10 * MINUTE_MS), None);
    assert_eq!(bypasses.may_end(BypassId(1), minutes(9)), Ok(()));
    assert_eq!(bypasses.may_end(BypassId(1), minutes(10)), Err(NotEnded::Over));
    assert_eq!(bypasses.may_end(BypassId(2), minutes(1)), Err(NotEnded::NotFound));
    let bypasses = after(&[(0, opened(1, 3, minutes(10), 1)), (2, ended(1))]);
    assert_eq!(is_open(&bypasses, 3, 2 * MINUTE_MS), None);
    assert_eq!(bypasses.bypass(BypassId(1)).unwrap().ended_by, Some(person(2)));
    // Ending another bypass of the route, later, changes nothing for this one.
    let bypasses =
        after(&[(0, opened(1, 3, minutes(1), 1)), (2, opened(2, 3, minutes(9), 1)), (3, ended(1))]);
    assert_eq!(is_open(&bypasses, 3, 3 * MINUTE_MS), Some(BypassId(2)));
}

#[test]
fn a_clock_that_is_set_back_keeps_nothing_open() {
    let other = Record::BypassEnded(BypassEnded { bypass: BypassId(9), person: person(1) });
    let bypasses = after(&[(0, opened(1, 3, minutes(10), 1)), (10, other)]);
    assert_eq!(bypasses.is_open(RouteNumber(3), minutes(1)), None);
    assert_eq!(bypasses.open(minutes(1)), vec![]);
    assert_eq!(bypasses.may_end(BypassId(1), minutes(1)), Err(NotEnded::Over));
}

#[test]
fn a_record_that_should_not_be_there_opens_nothing() {
    let long = after(&[(0, opened(1, 3, minutes(10_000), 1))]);
    assert_eq!(long.bypass(BypassId(1)).unwrap().until, minutes(BYPASS_MINUTES_MAX));
    let machine = after(&[(0, opened(1, 3, minutes(10), 0))]);
    assert_eq!(machine.is_open(RouteNumber(3), START), None);
    assert_eq!(machine.counts(START), (0, 1), "and somebody must look at it");
    let twice = after(&[(0, opened(1, 3, minutes(10), 1)), (5, opened(2, 3, minutes(35), 1))]);
    assert_eq!(twice.is_open(RouteNumber(3), minutes(9)), Some(BypassId(1)));
    assert_eq!(twice.is_open(RouteNumber(3), minutes(10)), None);
    let past = after(&[(10, opened(1, 3, minutes(5), 1))]);
    assert_eq!(past.is_open(RouteNumber(3), minutes(10)), None);
}

#[test]
fn a_lone_person_opens_a_route_for_an_hour_and_never_again() {
    let hour = [
        (0, opened(1, 3, minutes(30), 1)),
        (30, opened(2, 3, minutes(60), 1)),
        (60, opened(3, 3, minutes(90), 1)),
    ];
    let bypasses = after(&hour);
    assert_eq!(bypasses.is_open(RouteNumber(3), minutes(60)), None, "the third opens nothing");
    let bypasses = after(&hour[..2]);
    let ask = |it: &Bypasses, day: i64| it.may_open(RouteNumber(3), 1, minutes(60 + day * 1440));
    assert_eq!(ask(&bypasses, 0), Err(NotOpened::Spent { left_minutes: 0 }));
    assert_eq!(ask(&bypasses, 100), Err(NotOpened::Spent { left_minutes: 0 }), "no one has looked");
    assert!(bypasses.may_open(RouteNumber(4), 30, minutes(60)).is_ok(), "another route");
    let looked = [&hour[..2], &[(61, reviewed(1, 2)), (61, reviewed(2, 2))]].concat();
    let bypasses = after(&looked);
    assert_eq!(ask(&bypasses, 0), Err(NotOpened::Spent { left_minutes: 0 }), "a day is a day");
    assert!(ask(&bypasses, 1).is_ok());
    // A minute at least each time, however soon it is ended.
    let mut flood = Vec::new();
    for id in 1..=10 {
        flood.extend([(0, opened(id, 3, minutes(1), 1)), (0, ended(id))]);
    }
    let left = after(&flood).may_open(RouteNumber(3), 30, START).map(|_| ());
    assert_eq!(left, Ok(()));
    flood.push((0, opened(11, 3, minutes(25), 1)));
    let bypasses = after(&flood);
    let left = bypasses.may_open(RouteNumber(3), 26, minutes(25));
    assert_eq!(left, Err(NotOpened::Spent { left_minutes: 25 }));
}

#[test]
fn over_all_routes_only_so_many_wait_for_a_second_person() {
    let most = i32::try_from(BYPASS_UNREVIEWED_MAX).unwrap();
    let mut records: Vec<_> =
        (1..=most).map(|n| (0, opened(i64::from(n), n, minutes(1), 1))).collect();
    let bypasses = after(&records);
    assert_eq!(bypasses.may_open(RouteNumber(99), 1, minutes(2)), Err(NotOpened::Unreviewed));
    records.push((2, reviewed(1, 2)));
    assert!(after(&records).may_open(RouteNumber(99), 1, minutes(2)).is_ok());
}

#[test]
fn only_another_person_looks_at_an_emergency_and_only_afterwards() {
    let open = (0, opened(1, 3, minutes(10), 1));
    let session = (0, break_glass(7, 1, SignInMethod::BreakGlass));
    let bypasses = after(&[open.clone(), session.clone()]);
    let bypass = Emergency::Bypass(BypassId(1));
    let may = |it: &Bypasses, what, by, minute| it.may_review(what, person(by), minutes(minute));
    assert_eq!(may(&bypasses, bypass, 2, 9), Err(NotReviewed::StillOpen));
    assert_eq!(may(&bypasses, bypass, 1, 10), Err(NotReviewed::SecondPerson), "himself");
    assert_eq!(may(&bypasses, bypass, 0, 10), Err(NotReviewed::SecondPerson), "a machine");
    assert_eq!(may(&bypasses, bypass, 2, 10), Ok(()));
    let glass = Emergency::Session(SessionId(7));
    assert_eq!(may(&bypasses, glass, 1, 10), Err(NotReviewed::SecondPerson));
    assert_eq!(may(&bypasses, glass, 2, 0), Ok(()));
    let unknown = Emergency::Session(SessionId(8));
    assert_eq!(may(&bypasses, unknown, 2, 0), Err(NotReviewed::NotFound));
    assert_eq!(bypasses.counts(START), (1, 2));

    // A record of the same person, of nobody, or while it is open counts for nothing.
    let bad = [(1, reviewed(1, 2)), (11, reviewed(1, 1)), (11, reviewed(1, 0))];
    let bypasses = after(&[&[open.clone()][..], &bad].concat());
    assert_eq!(bypasses.counts(minutes(11)), (0, 1));
    let bypasses = after(&[open, session, (11, reviewed(1, 2))]);
    assert_eq!(may(&bypasses, bypass, 3, 12), Err(NotReviewed::Reviewed));
    let (left, sessions) = bypasses.unreviewed();
    assert_eq!((left.len(), sessions[0].session), (0, SessionId(7)));
    let calm = after(&[(0, break_glass(7, 1, SignInMethod::Passkey))]);
    assert_eq!(calm.counts(START), (0, 0), "an ordinary sign-in is no emergency");
}

/// What may happen, a few minutes after what happened before.
#[derive(Clone, Debug)]
enum Step {
    Open { route: i32, minutes: i64, by: u8 },
    End { nth: usize },
    Review { nth: usize, by: u8 },
}

fn steps() -> impl Strategy<Value = Vec<(i64, Step)>> {
    let step = prop_oneof![
        4 => (1..4i32, -5..70i64, 0..4u8)
            .prop_map(|(route, minutes, by)| Step::Open { route, minutes, by }),
        2 => (0..12usize).prop_map(|nth| Step::End { nth }),
        3 => (0..12usize, 0..4u8).prop_map(|(nth, by)| Step::Review { nth, by }),
    ];
    let wait = prop_oneof![5 => 0..20i64, 1 => 600..1500i64];
    proptest::collection::vec((wait, step), 0..60)
}

/// One bypass of the plain list: never forgotten.
#[derive(Clone, Debug)]
struct Plain {
    route: i32,
    from: i64,
    to: i64,
    by: u8,
    seen: bool,
}

/// The plain list, in minutes.
#[derive(Default)]
struct Model(Vec<Plain>);

impl Model {
    fn open(&mut self, now: i64, route: i32, wanted: i64, by: u8) {
        let wanted = wanted.clamp(0, 30);
        let already = self.0.iter().any(|it| it.route == route && now < it.to);
        let waiting = self.0.iter().filter(|it| !it.seen).count();
        let spent: i64 = self
            .0
            .iter()
            .filter(|it| it.route == route && (!it.seen || now - it.from < 24 * 60))
            .map(|it| (it.to - it.from).max(1))
            .sum();
        let opens = by != 0 && !already && waiting < 16 && spent + wanted <= 60;
        let to = if opens { now + wanted } else { now };
        self.0.push(Plain { route, from: now, to, by, seen: false });
    }
}

proptest! {
    #[test]
    fn the_view_says_what_a_plain_list_says(steps in steps()) {
        let bypasses = Bypasses::default();
        let (mut view, mut model, mut now) = (bypasses.view(), Model::default(), 0i64);
        for (wait, step) in steps {
            now += wait;
            let record = match step {
                Step::Open { route, minutes: wanted, by } => {
                    model.open(now, route, wanted, by);
                    let id = i64::try_from(model.0.len()).unwrap();
                    opened(id, route, minutes(now + wanted), by)
                }
                Step::End { nth } => {
                    if let Some(it) = model.0.get_mut(nth) {
                        it.to = it.to.min(now).max(it.from);
                    }
                    ended(i64::try_from(nth).unwrap() + 1)
                }
                Step::Review { nth, by } => {
                    if let Some(it) = model.0.get_mut(nth) {
                        it.seen |= by != 0 && by != it.by && it.to <= now;
                    }
                    reviewed(i64::try_from(nth).unwrap() + 1, by)
                }
            };
            view.apply(at(minutes(now)), &record);
            for route in 1..4 {
                let nth = model.0.iter().position(|it| it.route == route && now < it.to);
                let want = nth.map(|nth| BypassId(i64::try_from(nth).unwrap() + 1));
                prop_assert_eq!(bypasses.is_open(RouteNumber(route), minutes(now)), want);
            }
            let open = model.0.iter().filter(|it| now < it.to).count();
            let waiting = model.0.iter().filter(|it| !it.seen).count();
            let want = (u64::try_from(open).unwrap(), u64::try_from(waiting).unwrap());
            prop_assert_eq!(bypasses.counts(minutes(now)), want);
        }
    }
}
