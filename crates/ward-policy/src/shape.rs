//! The shape of policies: what two sets of them can be held against each other by.
//!
//! What it is: each policy as its effect, its scope and its conditions, in one form whatever the
//! spaces, the comments, the files and the order of the conditions; and what it reads of a route.
//! Pure. What it must never do: give two policies that can decide differently one shape.
//! Where it sits: the weakening diff of `ward-operators` compares shapes; nothing decides by them.
//! Spec: the JSON form of Cedar policies (`cedar-policy` 4, `Policy::to_json`).
//! Best test: `shape/tests.rs`.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::{Effect as CedarEffect, Policy};
use serde_json::Value;

use crate::load::{self, PolicyMistake};

/// What a policy does where it applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// It permits, unless something forbids.
    Permit,
    /// It forbids, whatever permits.
    Forbid,
}

impl Effect {
    /// As in a policy's text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Permit => "permit",
            Self::Forbid => "forbid",
        }
    }
}

/// Which way a policy leans on what it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sense {
    /// It applies no less often when the attribute is true, or holds more.
    More,
    /// It applies no more often then.
    Less,
    /// Neither can be shown.
    Either,
}

impl Sense {
    const fn turned(self) -> Self {
        match self {
            Self::More => Self::Less,
            Self::Less => Self::More,
            Self::Either => Self::Either,
        }
    }
}

/// An attribute that a policy reads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Read {
    /// `resource.kinds`, `context.is_self`; `resource.*` and `context.*` for any of them.
    pub what: String,
    /// Which way.
    pub sense: Sense,
}

/// One policy, without what means nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyShape {
    /// Its `@id`.
    pub id: String,
    /// What it does.
    pub effect: Effect,
    /// Its scope in canonical JSON: principal, action, resource.
    pub scope: String,
    /// What must all hold for it to apply: `when` and `unless` parts in canonical JSON, taken
    /// apart at every outer `&&` (in `unless`: `||`). Sorted, each once, unless
    /// [`Self::may_fail`].
    pub conditions: Vec<String>,
    /// An evaluation may fail (it computes, or looks into an entity other than the request's own).
    /// Ward refuses then, so such a policy guards by failing, and the order of its parts matters.
    pub may_fail: bool,
    /// It applies to routes only that are about oneself: `resource.self_only` is one of its parts.
    pub self_only_routes: bool,
    /// What it reads of the route and of the request, sorted, each once.
    pub reads: Vec<Read>,
    /// Every annotation but `@id`, by name.
    pub annotations: BTreeMap<String, String>,
}

impl PolicyShape {
    /// The shapes of policies: file names and texts, as [`crate::Policies::load`] takes them. In
    /// the order of their ids. Cost: that of loading them.
    ///
    /// # Errors
    /// Every mistake, as from [`crate::Policies::load`]: what would not load has no shape.
    pub fn of(sources: &[(&str, &str)]) -> Result<Vec<Self>, Vec<PolicyMistake>> {
        let rules = load::load(sources)?;
        let mut shapes = Vec::new();
        for policy in rules.set.policies() {
            shapes.push(Self::of_one(policy).ok_or_else(|| {
                vec![PolicyMistake {
                    file: "policies".to_owned(),
                    line: 1,
                    message: format!("policy {} has no JSON form", policy.id()),
                    remedy: "write it without templates".to_owned(),
                }]
            })?);
        }
        shapes.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(shapes)
    }

    fn of_one(policy: &Policy) -> Option<Self> {
        let json = policy.to_json().ok()?;
        let scope = ["principal", "action", "resource"].map(|part| json.get(part));
        let mut parts = Vec::new();
        for clause in json.get("conditions")?.as_array()? {
            let part = match clause.get("kind")?.as_str()? {
                "when" => Part { unless: false, body: clause.get("body")? },
                "unless" => Part { unless: true, body: clause.get("body")? },
                _ => return None,
            };
            part.take_apart(&mut parts);
        }
        let may_fail = !parts.iter().all(|part| is_sure(part.body));
        let mut conditions: Vec<String> = parts.iter().map(Part::text).collect();
        if !may_fail {
            conditions.sort_unstable();
            conditions.dedup();
        }
        let mut reads = BTreeSet::new();
        for part in &parts {
            let sense = if part.unless { Sense::Less } else { Sense::More };
            read(part.body, sense, &mut reads);
        }
        let own = |part: &Part<'_>| {
            !part.unless && attribute(part.body).as_deref() == Some("resource.self_only")
        };
        let annotations = policy.annotations().filter(|(name, _)| *name != "id");
        Some(Self {
            id: policy.id().to_string(),
            effect: match policy.effect() {
                CedarEffect::Permit => Effect::Permit,
                CedarEffect::Forbid => Effect::Forbid,
            },
            scope: scope.map(|part| part.map_or_else(String::new, canonical)).join(" "),
            conditions,
            may_fail,
            self_only_routes: parts.iter().any(own),
            reads: reads.into_iter().collect(),
            annotations: annotations
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        })
    }
}

/// One of the parts that must all hold.
struct Part<'j> {
    unless: bool,
    body: &'j Value,
}

impl<'j> Part<'j> {
    /// `when { a && b }` is `when { a } when { b }`, and `unless { a || b }` likewise.
    fn take_apart(self, parts: &mut Vec<Self>) {
        let mut open = vec![self];
        while let Some(part) = open.pop() {
            let operator = if part.unless { "||" } else { "&&" };
            match operation(part.body) {
                Some((name, arguments)) if name == operator => {
                    let side = |side: &str| arguments.get(side);
                    // The left one is looked at next: order is kept.
                    for body in [side("right"), side("left")].into_iter().flatten() {
                        open.push(Part { unless: part.unless, body });
                    }
                }
                _ => parts.push(part),
            }
        }
    }

    fn text(&self) -> String {
        format!("{} {}", if self.unless { "unless" } else { "when" }, canonical(self.body))
    }
}

/// An expression's operator and what it works on.
fn operation(expression: &Value) -> Option<(&str, &Value)> {
    let object = expression.as_object().filter(|object| object.len() == 1)?;
    object.iter().next().map(|(name, arguments)| (name.as_str(), arguments))
}

/// JSON with the elements of sets in one order, for a set has none, and keys in theirs.
fn canonical(value: &Value) -> String {
    let list = |open: char, mut all: Vec<String>, sort: bool, close: char| {
        if sort {
            all.sort_unstable();
        }
        format!("{open}{}{close}", all.join(","))
    };
    match value {
        Value::Array(all) => list('[', all.iter().map(canonical).collect(), false, ']'),
        Value::Object(all) => {
            let entry = |(key, value): (&String, &Value)| {
                let value = match value {
                    // Arguments are objects, so an array under this key is a set's elements.
                    Value::Array(all) if key == "Set" => {
                        list('[', all.iter().map(canonical).collect(), true, ']')
                    }
                    other => canonical(other),
                };
                format!("{}:{value}", Value::from(key.as_str()))
            };
            list('{', all.iter().map(entry).collect(), true, '}')
        }
        scalar => scalar.to_string(),
    }
}

/// `resource.kinds`, when that is what the expression is.
fn attribute(expression: &Value) -> Option<String> {
    let (".", arguments) = operation(expression)? else { return None };
    let variable = arguments.get("left")?.get("Var")?.as_str()?;
    Some(format!("{variable}.{}", arguments.get("attr")?.as_str()?))
}

/// Notes what an expression in the place of a truth value reads of the route and the request.
fn read(expression: &Value, sense: Sense, reads: &mut BTreeSet<Read>) {
    let mut note = |what: String, sense| {
        reads.insert(Read { what, sense });
    };
    if let Some(what) = attribute(expression) {
        // Of the principal nothing is declared.
        if !what.starts_with("principal.") {
            note(what, sense);
        }
        return;
    }
    let Some((operator, arguments)) = operation(expression) else {
        return read_within(expression, reads);
    };
    let side = |name: &str| arguments.get(name).unwrap_or(&Value::Null);
    match operator {
        "&&" | "||" => {
            read(side("left"), sense, reads);
            read(side("right"), sense, reads);
        }
        "!" | "isEmpty" => read(side("arg"), sense.turned(), reads),
        "if-then-else" => {
            read(side("if"), Sense::Either, reads);
            read(side("then"), sense, reads);
            read(side("else"), sense, reads);
        }
        // A set that holds more contains no less.
        "contains" | "containsAll" | "containsAny" if attribute(side("left")).is_some() => {
            read(side("left"), sense, reads);
            read(side("right"), Sense::Either, reads);
        }
        // An attribute of what only turns out to be the route, or the request's context.
        "." => {
            let name = side("attr").as_str().unwrap_or("*");
            note(format!("resource.{name}"), Sense::Either);
            note(format!("context.{name}"), Sense::Either);
            read(side("left"), Sense::Either, reads);
        }
        "Var" if arguments == "context" => note("context.*".to_owned(), Sense::Either),
        // The route as a whole is its name, which no other route has.
        "Var" | "Value" => {}
        _ => read_within(arguments, reads),
    }
}

fn read_within(value: &Value, reads: &mut BTreeSet<Read>) {
    match value {
        Value::Array(all) => all.iter().for_each(|it| read(it, Sense::Either, reads)),
        Value::Object(all) => all.values().for_each(|it| read(it, Sense::Either, reads)),
        _ => {}
    }
}

/// Whether an evaluation of a policy that passed the strict check cannot fail. What is not known
/// here may.
fn is_sure(expression: &Value) -> bool {
    let Some((operator, arguments)) = operation(expression) else { return false };
    let sure = |side: &str| arguments.get(side).is_some_and(is_sure);
    match operator {
        "Value" | "Var" => true,
        "." => attribute(expression).is_some() || (of_variable(arguments) && sure("left")),
        "!" | "isEmpty" => sure("arg"),
        "has" | "like" => sure("left"),
        "is" => sure("left") && arguments.get("in").is_none_or(is_sure),
        "if-then-else" => sure("if") && sure("then") && sure("else"),
        "==" | "!=" | "in" | "<" | "<=" | ">" | ">=" | "&&" | "||" | "contains" | "containsAll"
        | "containsAny" => sure("left") && sure("right"),
        "Set" => arguments.as_array().is_some_and(|all| all.iter().all(is_sure)),
        _ => false,
    }
}

/// A chain of attributes that begins at one of the request's own variables.
fn of_variable(arguments: &Value) -> bool {
    let mut at = arguments;
    while let Some(left) = at.get("left") {
        match operation(left) {
            Some(("Var", _)) => return true,
            Some((".", inner)) => at = inner,
            _ => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests;
