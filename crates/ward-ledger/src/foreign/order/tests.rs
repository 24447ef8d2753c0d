//! Every rule of the sequence, and the whole of it against a model that remembers everything.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const AT: UnixMillis = UnixMillis::from_seconds(1_000);

fn with(places: &[i64]) -> Order {
    let mut order = Order::default();
    for place in places {
        assert!(order.take(*place, place * 10, Some(100 + place), AT), "{place}");
    }
    order
}

#[test]
fn every_place_is_exactly_one_thing() {
    struct Case(&'static str, &'static [i64], i64, i64, Place);
    for Case(name, used, place, content, want) in [
        Case("first", &[], 1, 1, Place::Fresh),
        Case("next", &[1, 2], 3, 1, Place::Fresh),
        Case("past a gap", &[1, 2], 5, 1, Place::Fresh),
        Case("into a gap", &[1, 3], 2, 1, Place::Fresh),
        Case("again", &[1, 2], 2, 20, Place::Repeat),
        Case("again, ahead", &[1, 3], 3, 30, Place::Repeat),
        Case("for something else", &[1, 2], 2, 21, Place::Conflict),
        Case("for something else, ahead", &[1, 3], 3, 31, Place::Conflict),
        Case("the last that may be used", &[1], AHEAD_MAX + 1, 1, Place::Fresh),
        Case("one further", &[1], AHEAD_MAX + 2, 1, Place::TooFar),
        Case("the end of the numbers", &[1], i64::MAX, 1, Place::TooFar),
    ] {
        assert_eq!(with(used).judge(place, content), want, "{name}");
    }
}

#[test]
fn a_place_of_long_ago_is_forgotten_not_forgiven() {
    let all: Vec<i64> = (1..=REMEMBERED_MAX + 10).collect();
    let order = with(&all);
    assert_eq!(order.judge(1, 10), Place::Forgotten);
    assert_eq!(order.judge(REMEMBERED_MAX + 10, (REMEMBERED_MAX + 10) * 10), Place::Repeat);
}

#[test]
fn a_batch_is_judged_as_if_it_were_sent_one_by_one() {
    let order = with(&[1]);
    let batch = [(2, 5), (2, 5), (2, 6), (AHEAD_MAX + 2, 1), (AHEAD_MAX + 3, 1)];
    let want = [Place::Fresh, Place::Repeat, Place::Conflict, Place::Fresh, Place::TooFar];
    assert_eq!(order.judge_all(&batch), want);
}

#[test]
fn a_gap_holds_back_what_is_complete_and_is_timed() {
    let mut order = with(&[1, 3]);
    assert_eq!((order.next(), order.last(), order.missing()), (2, 3, vec![2]));
    assert_eq!(order.complete_before(), Some(101));
    assert_eq!(order.gap_since(), Some(AT));
    assert!(!order.complete(500), "a place is empty: it cannot know");
    assert_eq!(order.complete_before(), Some(101));
    assert!(order.take(5, 50, None, AT.plus_ms(5)));
    assert_eq!(order.gap_since(), Some(AT), "it is the same gap");
    assert!(order.take(2, 20, Some(99), AT.plus_ms(9)));
    assert_eq!(order.complete_before(), Some(103));
    assert_eq!(order.gap_since(), Some(AT.plus_ms(9)), "the next gap began now");
    assert!(order.take(4, 40, None, AT.plus_ms(10)));
    assert_eq!((order.gap_since(), order.missing()), (None, vec![]));
    assert!(order.complete(500));
    assert!(order.complete(400), "going back is no news");
    assert_eq!(order.complete_before(), Some(500));
    assert!(!order.take(2, 20, Some(1), AT), "a record twice is a fault");
}

#[derive(Clone, Debug)]
enum Step {
    Report(i64, i64, Option<i64>),
    Complete(i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (1i64..60, 0i64..3, proptest::option::of(0i64..100))
            .prop_map(|(place, content, iat)| Step::Report(place, content, iat)),
        1 => (1i64..3000, 0i64..3, Just(Some(7))).prop_map(|(a, b, c)| Step::Report(a, b, c)),
        1 => (0i64..120).prop_map(Step::Complete),
    ]
}

proptest! {
    #[test]
    fn it_says_what_a_model_says(steps in proptest::collection::vec(step(), 0..300)) {
        let mut order = Order::default();
        let mut model: BTreeMap<i64, (i64, Option<i64>)> = BTreeMap::new();
        let mut said = i64::MIN;
        for step in steps {
            let next = (1..).find(|place| !model.contains_key(place)).unwrap();
            let last = model.last_key_value().map_or(0, |(last, _)| *last);
            match step {
                Step::Report(place, content, iat) => {
                    let want = match model.get(&place) {
                        Some((known, _)) if *known == content => Place::Repeat,
                        Some(_) => Place::Conflict,
                        None if place >= next + AHEAD_MAX => Place::TooFar,
                        None => Place::Fresh,
                    };
                    prop_assert_eq!(order.judge(place, content), want);
                    prop_assert_eq!(order.judge_all(&[(place, content)])[0], want);
                    if want == Place::Fresh {
                        prop_assert!(order.take(place, content, iat, AT));
                        model.insert(place, (content, iat));
                    }
                }
                Step::Complete(second) => {
                    let whole = last < next;
                    prop_assert_eq!(order.complete(second), whole);
                    if whole { said = said.max(second); }
                }
            }
            let next = (1..).find(|place| !model.contains_key(place)).unwrap();
            let iats = model.range(..next).filter_map(|(_, (_, iat))| *iat);
            let before = iats.max().unwrap_or(i64::MIN).max(said);
            let last = model.last_key_value().map_or(0, |(last, _)| *last);
            let missing: Vec<i64> = (next..last).filter(|it| !model.contains_key(it)).collect();
            prop_assert_eq!(order.next(), next);
            prop_assert_eq!(order.last(), last);
            prop_assert_eq!(order.missing(), missing);
            prop_assert_eq!(order.complete_before(), (before != i64::MIN).then_some(before));
            prop_assert_eq!(order.gap_since().is_some(), last >= next);
        }
    }
}
