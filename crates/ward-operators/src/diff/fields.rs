//! The rules for the declared fields of a route.
//!
//! On an enforced route a field that is not declared does not leave; on an observed one it leaves
//! and is only counted. So one field more is weaker there and stronger here. A field that two
//! paths reach follows the one with the earlier named key (`ward-scan`, `plan.rs`).

use core::fmt;
use std::collections::HashMap;

use ward_catalogue::{Field, Mode, Route};
use ward_model::PrincipalKind;
use ward_scan::Mask;

use super::routes::Named;
use super::why::{Findings, Kind, word};

/// A field as a reason names it.
struct At<'r>(&'r Route, &'r Field);

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, field {}", Named(self.0), word(&self.1.path))
    }
}

/// Compares the fields of a route.
pub(super) fn compare(old: &Route, new: &Route, f: &mut Findings) {
    let (before, after) = (paths(old), paths(new));
    for (path, field) in &before {
        match after.get(path) {
            Some(now) => {
                let place = &At(new, now);
                let (was, is) = (field.slot, now.slot);
                if was != is {
                    let what = format_args!("records know it by slot {was}, now by slot {is}");
                    f.weaker(Kind::FieldSlot, place, &what);
                }
                rules(place, field, now, f);
            }
            None => removed((old, new), (path, field), [&before, &after], f),
        }
    }
    for (path, field) in &after {
        if !before.contains_key(path) {
            added((old, new), (path, field), [&before, &after], f);
        }
    }
}

type Paths<'r> = HashMap<Path, &'r Field>;

fn paths(route: &Route) -> Paths<'_> {
    route.fields.iter().map(|field| (Path::of(&field.path), field)).collect()
}

fn removed(
    (old, new): (&Route, &Route),
    (path, field): (&Path, &Field),
    [before, after]: [&Paths<'_>; 2],
    f: &mut Findings,
) {
    let mut is_covered = false;
    for (its, taker) in after.iter().filter(|(its, _)| its.shares(path)) {
        if !before.contains_key(its) || !its.comes_before(path) {
            is_covered |= its.covers(path);
            rules(&At(new, taker), field, taker, f);
        }
    }
    if is_covered {
        return;
    }
    let place = &At(old, field);
    match new.mode {
        Mode::Enforce => {
            if field.subject.is_some() {
                f.weaker(Kind::FieldSubject, place, &"whom it names is not counted any more");
            }
            if field.tenant {
                f.weaker(Kind::FieldTenant, place, &"the tenant it names is not checked any more");
            }
            if old.mode == Mode::Enforce {
                f.stronger(Kind::Field, place, &"it does not leave any more");
            }
        }
        Mode::Observe => f.weaker(Kind::Field, place, &"nobody sees any more that it is read"),
    }
}

fn added(
    (old, new): (&Route, &Route),
    (path, field): (&Path, &Field),
    [before, after]: [&Paths<'_>; 2],
    f: &mut Findings,
) {
    let place = &At(new, field);
    if let Some(other) = old.fields.iter().find(|other| other.slot == field.slot) {
        let what = format_args!("its slot is that of another field, {}", word(&other.path));
        f.weaker(Kind::FieldSlot, place, &what);
    }
    let mut is_covered = false;
    for (its, giver) in before.iter().filter(|(its, _)| its.shares(path)) {
        is_covered |= its.covers(path);
        // One that is gone was compared in `removed`.
        if after.contains_key(its) && !its.comes_before(path) {
            rules(place, giver, field, f);
        }
    }
    if is_covered {
        return;
    }
    match (old.mode, new.mode) {
        (Mode::Enforce, Mode::Enforce) => {
            f.weaker(Kind::Field, place, &"it was held back and leaves");
        }
        (Mode::Observe, Mode::Observe) => {
            f.stronger(Kind::Field, place, &"it is seen when it is read");
        }
        // The mode says all: what leaves now left before, or everything leaves now.
        (Mode::Observe, Mode::Enforce) | (Mode::Enforce, Mode::Observe) => {}
    }
}

/// What is done with a value, and what it says.
fn rules(place: &dyn fmt::Display, old: &Field, new: &Field, f: &mut Findings) {
    // The slot is compared by whoever calls.
    let Field { slot: _, path: _, class, mask: _, mask_for: _, subject, tenant } = old;
    match (*class, new.class) {
        (None, Some(_)) => f.stronger(Kind::FieldClass, place, &"it counts as personal"),
        (Some(_), None) => f.weaker(Kind::FieldClass, place, &"it does not count as personal"),
        (old, new) => {
            f.unordered(Kind::FieldClass, place, "it is of another data class", &old, &new);
        }
    }
    compare_masks(place, old, new, f);
    match (*subject, new.subject) {
        (None, Some(_)) => f.stronger(Kind::FieldSubject, place, &"whom it names is counted"),
        (Some(_), None) => f.weaker(Kind::FieldSubject, place, &"whom it names is not counted"),
        (old, new) => {
            f.unordered(Kind::FieldSubject, place, "it names somebody else", &old, &new);
        }
    }
    if *tenant != new.tenant {
        let what = if *tenant { "the tenant is not checked" } else { "the tenant is checked" };
        f.either(*tenant, Kind::FieldTenant, place, &what);
    }
}

/// The mask that a kind of principal sees; an empty list of kinds is all of them.
fn mask(field: &Field, kind: PrincipalKind) -> Option<Mask> {
    field.mask.filter(|_| field.mask_for.is_empty() || field.mask_for.contains(&kind))
}

fn compare_masks(place: &dyn fmt::Display, old: &Field, new: &Field, f: &mut Findings) {
    let (mut more, mut less) = (Vec::new(), Vec::new());
    for kind in PrincipalKind::ALL {
        let (was, is) = (mask(old, *kind), mask(new, *kind));
        match (is == was, shows_no_more(is, was)) {
            (true, _) => {}
            (false, true) => less.push(kind.as_str()),
            (false, false) => more.push(kind.as_str()),
        }
    }
    let told =
        [(more, true, "more of it may be seen by"), (less, false, "less of it may be seen by")];
    for (kinds, is_weaker, what) in told {
        if !kinds.is_empty() {
            let what = format_args!("{what}: {}", kinds.join(", "));
            f.either(is_weaker, Kind::FieldMask, place, &what);
        }
    }
}

/// Whether what `one` leaves of any value could be told from what `other` leaves of it.
///
/// In order: nothing at all; whether it is a text; a part; the whole. Two masks that show a part
/// are not ordered, and that is so for two lengths of one mask as well: `last4` stars a value of
/// four characters whole, `last3` shows three of them.
const fn shows_no_more(one: Option<Mask>, other: Option<Mask>) -> bool {
    match (one, other) {
        (Some(Mask::Null), _) | (_, None) => true,
        (_, Some(Mask::Null)) | (None, Some(_)) => false,
        (Some(Mask::All), _) => true,
        (_, Some(Mask::All)) => false,
        (Some(Mask::KeepFirst(a)), Some(Mask::KeepFirst(b)))
        | (Some(Mask::KeepLast(a)), Some(Mask::KeepLast(b))) => a == b,
        (Some(Mask::Email), Some(Mask::Email)) => true,
        (Some(Mask::KeepFirst(_) | Mask::KeepLast(_) | Mask::Email), Some(_)) => false,
    }
}

/// A declared path taken apart (the grammar of `ward_scan::Plan`), so that two spellings of one
/// are one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Path(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Step {
    Key(String),
    AnyKey,
    Element,
}

impl Path {
    /// Of a path that a catalogue has checked.
    fn of(text: &str) -> Self {
        let mut steps = Vec::new();
        let mut chars = text.chars().peekable();
        while let Some(first) = chars.next() {
            match first {
                '.' | ']' => {}
                '[' => steps.push(Step::Element),
                '*' => steps.push(Step::AnyKey),
                _ => {
                    let mut key = String::new();
                    let mut next = Some(first);
                    while let Some(c) = next {
                        // What follows a backslash is taken as it is.
                        key.extend(if c == '\\' { chars.next() } else { Some(c) });
                        next = chars.next_if(|c| *c != '.' && *c != '[');
                    }
                    steps.push(Step::Key(key));
                }
            }
        }
        Self(steps)
    }

    /// Whether a value can be reached by both.
    fn shares(&self, other: &Self) -> bool {
        self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(|(a, b)| a.shares(b))
    }

    /// Whether whatever `other` reaches is reached by this one.
    fn covers(&self, other: &Self) -> bool {
        let covers = |(a, b): (&Step, &Step)| a == b || (*a == Step::AnyKey && a.shares(b));
        self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(covers)
    }

    /// Whether it decides about the values it shares with `other`: the earliest named key does.
    fn comes_before(&self, other: &Self) -> bool {
        let wild =
            |path: &Self| path.0.iter().map(|step| *step == Step::AnyKey).collect::<Vec<bool>>();
        wild(self) < wild(other)
    }
}

impl Step {
    fn shares(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Element, Self::Element) => true,
            (Self::Element, _) | (_, Self::Element) => false,
            (Self::Key(one), Self::Key(other)) => one == other,
            (Self::AnyKey, _) | (_, Self::AnyKey) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_spellings_of_one_path_are_one() {
        let key = |text: &str| Step::Key(text.to_owned());
        let cases = [
            (
                "orders[].buyer.phone",
                vec![key("orders"), Step::Element, key("buyer"), key("phone")],
            ),
            ("[].a", vec![Step::Element, key("a")]),
            ("a[][]", vec![key("a"), Step::Element, Step::Element]),
            ("a.*.b", vec![key("a"), Step::AnyKey, key("b")]),
            ("*", vec![Step::AnyKey]),
            (r"\*", vec![key("*")]),
            (r"a\.b", vec![key("a.b")]),
            (r"\a\b.\[", vec![key("ab"), key("[")]),
        ];
        for (text, want) in cases {
            assert_eq!(Path::of(text).0, want, "{text}");
        }
    }

    #[test]
    fn masks_have_a_partial_order() {
        let whole = None;
        let parts =
            [Mask::KeepFirst(1), Mask::KeepFirst(2), Mask::KeepLast(4), Mask::Email].map(Some);
        let (all, null) = (Some(Mask::All), Some(Mask::Null));
        for one in parts {
            assert!(shows_no_more(one, whole) && !shows_no_more(whole, one));
            assert!(shows_no_more(all, one) && !shows_no_more(one, all));
            for other in parts {
                assert_eq!(shows_no_more(one, other), one == other, "{one:?} {other:?}");
            }
        }
        assert!(shows_no_more(null, all) && !shows_no_more(all, null));
        assert!(shows_no_more(whole, whole));
    }
}
