//! Properties of the diff over random declarations.

use proptest::prelude::*;

use super::model::{Model, model};
use super::*;

fn judged(old: &Model, new: &Model) -> Judgement {
    diff(&old.declarations(), &new.declarations())
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        cases: 32,
        ..ProptestConfig::default()
    })]

    /// Taking any one defence out is weaker, whatever else is declared.
    #[test]
    fn a_defence_less_is_weaker(whole in model()) {
        let before = whole.declarations();
        for (name, less) in whole.weakened() {
            let judgement = diff(&before, &less.declarations());
            prop_assert!(
                judgement.is_weaker(), "{}: {:?}\n{}\n{}", name, judgement, whole.text(), less.text()
            );
        }
    }

    #[test]
    fn what_stays_is_the_same(one in model()) {
        prop_assert_eq!(judged(&one, &one), Judgement::Same);
        let (a, b) = (one.declarations(), one.declarations());
        prop_assert_eq!(digest(&a), digest(&b));
    }

    /// Spaces, comments and the order of tables in the file mean nothing.
    #[test]
    fn how_it_is_written_means_nothing(one in model()) {
        let (before, mut after) = (one.declarations(), one.declarations());
        let text = one.text();
        let (head, routes) = text.split_at(text.find("[[routes]]").unwrap_or(text.len()));
        let mut parts: Vec<&str> = routes.split("[[routes]]").skip(1).collect();
        parts.reverse();
        let turned: String = parts.iter().map(|it| format!("[[routes]] # one\n\n{it}")).collect();
        after.catalogue = catalogue(&format!("# what follows\n{head}{turned}"));
        after.policies.reverse();
        prop_assert_eq!(diff(&before, &after), Judgement::Same);
        prop_assert_eq!(digest(&before), digest(&after));
    }

    /// Any two are judged; and what is stronger one way is weaker the other.
    #[test]
    fn stronger_there_is_weaker_back(one in model(), other in model()) {
        let (there, back) = (judged(&one, &other), judged(&other, &one));
        for (there, back) in [(&there, &back), (&back, &there)] {
            if !there.is_weaker() && *there != Judgement::Same {
                prop_assert!(back.is_weaker(), "{:?} {:?}", there, back);
            }
            let is_silent = there.stronger().is_empty() && there.weaker().is_empty();
            prop_assert_eq!(is_silent, *there == Judgement::Same);
        }
    }

    /// Two steps neither of which is weaker are not weaker together.
    #[test]
    fn steps_add_up(whole in model(), picks in prop::collection::vec(any::<prop::sample::Index>(), 3)) {
        let mut chain = vec![whole];
        for pick in picks {
            let all = chain.last().unwrap().weakened();
            let next = all.get(pick.index(all.len())).map(|(_, less)| less.clone());
            chain.extend(next);
        }
        chain.reverse();
        for (at, first) in chain.iter().enumerate() {
            for (nth, second) in chain.iter().enumerate().skip(at + 1) {
                for third in chain.iter().skip(nth + 1) {
                    let (one, two) = (judged(first, second), judged(second, third));
                    if !one.is_weaker() && !two.is_weaker() {
                        let both = judged(first, third);
                        prop_assert!(!both.is_weaker(), "{:?}\n{:?}\n{:?}\n{}\n{}\n{}", one, two,
                            both, first.text(), second.text(), third.text());
                    }
                }
            }
        }
    }
}
