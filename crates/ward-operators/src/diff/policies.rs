//! The rules for policies, and what policies make of a change in the catalogue.
//!
//! Nothing permits by default and a forbid beats every permit, so fewer permits and more forbids
//! are stronger. A policy whose evaluation may fail refuses everything when it does; what is lost
//! with it has no order.

use std::collections::{BTreeMap, BTreeSet};

use ward_policy::{Effect, PolicyShape, Read, Sense};

use super::catalogue::by_name;
use super::why::{Findings, Kind, word};

/// Compares policies by their ids.
pub(super) fn compare(old: &[PolicyShape], new: &[PolicyShape], f: &mut Findings) {
    if old == new {
        return;
    }
    let id = |policy: &PolicyShape| policy.id.clone();
    let (before, after) = (by_name(old, id), by_name(new, id));
    let ids: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for id in ids {
        match (before.get(id), after.get(id)) {
            (Some(was), Some(is)) if was.effect == is.effect => changed(was, is, f),
            (was, is) => {
                was.into_iter().for_each(|it| removed(it, f));
                is.into_iter().for_each(|it| added(it, f));
            }
        }
    }
}

const fn kind(policy: &PolicyShape) -> Kind {
    match policy.effect {
        Effect::Permit => Kind::Permit,
        Effect::Forbid => Kind::Forbid,
    }
}

fn place(policy: &PolicyShape) -> String {
    format!("policies: {} {}", policy.effect.as_str(), word(&policy.id))
}

fn added(policy: &PolicyShape, f: &mut Findings) {
    let (is_weaker, what) = match policy.effect {
        Effect::Permit => (true, "it permits what nothing did"),
        Effect::Forbid => (false, "it forbids what nothing did"),
    };
    f.either(is_weaker, kind(policy), &place(policy), &what);
}

fn removed(policy: &PolicyShape, f: &mut Findings) {
    let (is_weaker, what) = match policy.effect {
        _ if policy.may_fail => (true, "what was refused when it failed can be permitted"),
        Effect::Permit => (false, "it permits nothing any more"),
        Effect::Forbid => (true, "it forbids nothing any more"),
    };
    f.either(is_weaker, kind(policy), &place(policy), &what);
}

/// Of two with one effect.
fn changed(old: &PolicyShape, new: &PolicyShape, f: &mut Findings) {
    let PolicyShape {
        id: _,
        effect,
        scope,
        conditions,
        may_fail,
        // What is read follows from the conditions.
        self_only_routes: _,
        reads: _,
        annotations,
    } = old;
    // Other annotations mean nothing to Ward.
    let reason = |all: &BTreeMap<String, String>| {
        all.get("reason").map_or_else(|| "policy".to_owned(), Clone::clone)
    };
    let what = "its refusals are recorded under another reason";
    let (was, is) = (reason(annotations), reason(&new.annotations));
    f.unordered(Kind::PolicyReason, &place(new), what, &was, &is);
    if scope == &new.scope && conditions == &new.conditions && *may_fail == new.may_fail {
        return;
    }
    let (fewer, more) = match effect {
        Effect::Permit => (conditions, &new.conditions),
        Effect::Forbid => (&new.conditions, conditions),
    };
    let is_stronger = !may_fail && scope == &new.scope && holds_all(more, fewer);
    let what = match (is_stronger, effect) {
        (true, Effect::Permit) => "it permits under more conditions",
        (true, Effect::Forbid) => "it forbids under fewer conditions",
        (false, Effect::Permit) => "it may permit what it did not",
        (false, Effect::Forbid) => "it may not forbid what it did",
    };
    f.either(!is_stronger, kind(new), &place(new), &what);
}

/// Whether `more` holds everything that `fewer` holds, as often.
fn holds_all(more: &[String], fewer: &[String]) -> bool {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for one in more {
        *counts.entry(one).or_default() += 1;
    }
    fewer.iter().all(|one| match counts.get_mut(one.as_str()) {
        Some(count) if *count > 0 => {
            *count -= 1;
            true
        }
        _ => false,
    })
}

/// Which policy could permit more by a change of a route that tightens it elsewhere: policies read
/// these attributes as they please.
///
/// INVARIANT: it is enough that the old or the new policies read an attribute the safe way. If the
/// old do, the route tightens under them, and then the policies are compared for themselves; if
/// the new do, the other way round.
#[derive(Debug)]
pub(super) struct Openings {
    fewer_kinds: Option<String>,
    self_only: Option<String>,
    purpose_required: Option<String>,
    is_self: Option<String>,
    task: Option<String>,
}

/// What becomes of an attribute.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    Grows,
    Shrinks,
    Differs,
}

impl Openings {
    pub(super) fn of(old: &[PolicyShape], new: &[PolicyShape]) -> Self {
        let any = |_: &PolicyShape| true;
        let both = |what, change, wanted: fn(&PolicyShape) -> bool| {
            opening(old, what, change, wanted)?;
            opening(new, what, change, wanted).map(str::to_owned)
        };
        Self {
            fewer_kinds: both("resource.kinds", Change::Shrinks, any),
            self_only: both("resource.self_only", Change::Grows, any),
            purpose_required: both("resource.purpose_required", Change::Grows, any),
            // A route without a subject was not about oneself only, so what asks for that did not
            // apply to it.
            is_self: both("context.is_self", Change::Grows, |it| !it.self_only_routes),
            task: both("context.task", Change::Differs, any),
        }
    }

    /// By fewer kinds of principals on a route.
    pub(super) fn fewer_kinds(&self) -> Option<&str> {
        self.fewer_kinds.as_deref()
    }

    /// By a route's becoming one about oneself only.
    pub(super) fn self_only(&self) -> Option<&str> {
        self.self_only.as_deref()
    }

    /// By a purpose's being asked for.
    pub(super) fn purpose_required(&self) -> Option<&str> {
        self.purpose_required.as_deref()
    }

    /// By a route's being about somebody.
    pub(super) fn is_self(&self) -> Option<&str> {
        self.is_self.as_deref()
    }

    /// By another task.
    pub(super) fn task(&self) -> Option<&str> {
        self.task.as_deref()
    }
}

fn opening<'p>(
    policies: &'p [PolicyShape],
    what: &str,
    change: Change,
    wanted: fn(&PolicyShape) -> bool,
) -> Option<&'p str> {
    let reads = |policy: &PolicyShape, read: &Read| {
        let is_any = read.what.strip_suffix('*').is_some_and(|start| what.starts_with(start));
        (is_any || read.what == what) && opens(policy, read.sense, change)
    };
    let opens = |policy: &&PolicyShape| policy.reads.iter().any(|read| reads(policy, read));
    policies.iter().filter(|policy| wanted(policy)).find(opens).map(|policy| policy.id.as_str())
}

/// Whether a permit may apply more often, or a forbid less often.
fn opens(policy: &PolicyShape, sense: Sense, change: Change) -> bool {
    // More of it makes the policy apply more, or not less.
    let rises = match (sense, change) {
        _ if policy.may_fail => None,
        (Sense::More, Change::Grows) | (Sense::Less, Change::Shrinks) => Some(true),
        (Sense::More, Change::Shrinks) | (Sense::Less, Change::Grows) => Some(false),
        (Sense::Either, _) | (_, Change::Differs) => None,
    };
    match policy.effect {
        Effect::Permit => rises != Some(false),
        Effect::Forbid => rises != Some(true),
    }
}
