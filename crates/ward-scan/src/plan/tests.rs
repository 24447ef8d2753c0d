//! Every path that is refused, and what the accepted ones reach.

use super::{Action, Field, Hints, Plan, PlanErrorKind, Role, parse_path};
use crate::limits::PATH_SEGMENTS_MAX;

fn field(path: &str, slot: u8) -> Field {
    Field { path: path.to_owned(), slot, action: Action::Keep, role: Role::Plain }
}

fn plan(paths: &[&str]) -> Result<Plan, Vec<(usize, PlanErrorKind)>> {
    let fields: Vec<Field> = paths.iter().zip(0..).map(|(path, slot)| field(path, slot)).collect();
    let pairs = |errors: Vec<super::PlanError>| errors.into_iter().map(|e| (e.field, e.kind));
    Plan::new(&fields).map_err(|errors| pairs(errors).collect())
}

#[test]
fn malformed_paths_are_refused() {
    let bad = [
        "", ".", "a.", ".a", "a..b", "a.[]", "[", "]", "a[", "a]", "a[0]", "a[]b", "[]a", "[].",
        "a*", "*a", "a.*b", "a[]*", "\\", "a\\", "a.b.", "a[b]", "**",
    ];
    for path in bad {
        assert_eq!(parse_path(path), Err(PlanErrorKind::MalformedPath), "{path}");
    }
    let good =
        ["a", "[]", "*", "a.b", "a[]", "[][]", "a[][].b", "*.a", "a.*", "*[]", "[].*", "이름"];
    for path in
        good.into_iter().chain(["a\\.b", "\\*", "\\[x\\]", "a b", "\\[]"].into_iter().take(4))
    {
        assert!(parse_path(path).is_ok(), "{path}");
    }
    let long = vec!["a"; PATH_SEGMENTS_MAX + 1].join(".");
    assert_eq!(parse_path(&long), Err(PlanErrorKind::PathTooLong));
    assert_eq!(parse_path(&"a".repeat(1_000)), Err(PlanErrorKind::PathTooLong));
}

#[test]
fn contradictions_are_refused_all_at_once() {
    use PlanErrorKind::{MalformedPath, PathTwice, ValueAndContainer};
    assert_eq!(plan(&["a", "b", "a", "c."]).unwrap_err(), [(2, PathTwice), (3, MalformedPath)]);
    assert_eq!(
        plan(&["a", "a.b", "c", "c[]"]).unwrap_err(),
        [(0, ValueAndContainer), (2, ValueAndContainer)]
    );
    // The wildcard declares a container where a named key is a value.
    assert_eq!(plan(&["m.*.x", "m.a"]).unwrap_err(), [(1, ValueAndContainer)]);
    assert!(plan(&["m.*", "m.a", "a[].b", "a.c"]).is_ok());
    let two = [field("a", 5), field("b", 5), field("c", 63), field("d", 255)];
    let kinds: Vec<_> = Plan::new(&two).unwrap_err().into_iter().map(|e| e.kind).collect();
    assert_eq!(
        kinds,
        [PlanErrorKind::SlotTwice, PlanErrorKind::SlotTooHigh, PlanErrorKind::SlotTooHigh]
    );
}

#[test]
fn wildcards_that_multiply_are_bounded() {
    let deep: Vec<String> = (0..20)
        .map(|n: usize| {
            (0..20).map(|k| if n == k { "a" } else { "*" }).collect::<Vec<_>>().join(".")
        })
        .collect();
    let paths: Vec<&str> = deep.iter().map(String::as_str).collect();
    let errors = plan(&paths).unwrap_err();
    assert!(errors.iter().any(|(_, kind)| *kind == PlanErrorKind::TooLarge));
}

#[test]
fn many_keys_are_found_in_any_order() {
    let names: Vec<String> = (0..60).map(|n| format!("k{}", n * 37 % 61)).collect();
    let paths: Vec<&str> = names.iter().map(String::as_str).collect();
    let plan = plan(&paths).unwrap();
    let mut hints = Hints::new(&plan);
    for round in 0..3 {
        let mut follow = hints.begin(0);
        for name in names.iter().rev().chain(&names) {
            let id = plan.find(0, name.as_bytes(), &mut follow, &mut hints).unwrap();
            assert_eq!(&plan.path(id), name, "round {round}");
        }
        assert!(plan.find(0, b"k", &mut follow, &mut hints).is_none());
    }
    // What came last time is expected: the second round needs no search.
    let once: Vec<&String> = names.iter().rev().collect();
    for round in 0..2 {
        let mut follow = hints.begin(0);
        for name in &once {
            let rest = format!("{name}\":1");
            let quick = plan.expected(rest.as_bytes(), &mut follow, &hints);
            assert!(round == 0 || quick.is_some());
            if quick.is_none() {
                plan.find(0, name.as_bytes(), &mut follow, &mut hints).unwrap();
            }
        }
    }
}
