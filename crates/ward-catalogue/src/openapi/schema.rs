//! Walking a schema to the leaves of the documents it describes.
//!
//! Cycles end where a schema comes back inside itself; what is left undeclared there is noted.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use ward_scan::{Plan, SLOT_MAX};

use super::guess::{self, Class};
use crate::limits::{SCHEMA_DEPTH_MAX, SCHEMA_STEPS_MAX};

/// A leaf found.
#[derive(Clone, Debug)]
pub(super) struct Leaf {
    pub(super) path: String,
    pub(super) class: Option<Class>,
    pub(super) subject: Option<String>,
}

/// What the schemas of one route's answers hold.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    pub(super) fields: Vec<Leaf>,
    notes: Vec<String>,
}

impl Found {
    fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    fn leaf(&mut self, path: &str, key: &str, parent: &str) {
        if path.is_empty() || self.fields.iter().any(|field| field.path == path) {
            return;
        }
        let subject = guess::subject_of(key, parent);
        let class = if subject.is_some() { None } else { guess::class_of(key, parent) };
        self.fields.push(Leaf { path: path.to_owned(), class, subject });
    }

    /// Takes out what a catalogue would refuse: values that are containers elsewhere, the fields
    /// past the last slot. Gives the notes.
    pub(super) fn finish(&mut self) -> Vec<String> {
        let all = std::mem::take(&mut self.fields);
        let container = |path: &str| {
            all.iter().any(|other| {
                other.path.strip_prefix(path).is_some_and(|rest| rest.starts_with(['.', '[']))
            })
        };
        let (gone, mut kept): (Vec<Leaf>, Vec<Leaf>) =
            all.iter().cloned().partition(|field| container(&field.path));
        for field in gone {
            self.note(format!("{} is a value and a container; its values go", field.path));
        }
        let most = usize::from(SLOT_MAX) + 1;
        if kept.len() > most {
            self.note(format!(
                "{} fields are more than the {most} a route can declare; what does not matter was \
                 left out",
                kept.len()
            ));
            // What is personal stays first; the order is kept.
            let plain = |field: &Leaf| field.class.is_none() && field.subject.is_none();
            while kept.len() > most {
                let Some(last) = kept.iter().rposition(plain) else { break };
                kept.remove(last);
            }
            kept.truncate(most);
        }
        self.fields = kept;
        std::mem::take(&mut self.notes)
    }
}

pub(super) struct Schemas<'r> {
    root: &'r Value,
    /// References being followed, by their text.
    open: Vec<&'r str>,
    steps: usize,
    /// Keys that could not be declared: kept so that each is noted once.
    refused: BTreeMap<String, ()>,
}

/// Where the walk is.
#[derive(Clone)]
struct Place<'p> {
    path: String,
    key: &'p str,
    /// The name of the object around: its key, or the name of its schema.
    parent: String,
    depth: usize,
}

impl<'r> Schemas<'r> {
    pub(super) const fn new(root: &'r Value) -> Self {
        Self { root, open: Vec::new(), steps: 0, refused: BTreeMap::new() }
    }

    /// What a `$ref` points to in this file; the value itself when it is none. `None` when it
    /// leads nowhere.
    pub(super) fn resolve(&self, value: &'r Value) -> Option<&'r Value> {
        let mut at = value;
        for _ in 0..16 {
            let Some(reference) = at.get("$ref").and_then(Value::as_str) else { return Some(at) };
            at = self.root.pointer(reference.strip_prefix('#')?)?;
        }
        None
    }

    pub(super) fn walk(&mut self, schema: &'r Value, found: &mut Found) {
        self.steps = 0;
        let place = Place { path: String::new(), key: "", parent: String::new(), depth: 0 };
        self.step(schema, &place, found);
    }

    fn step(&mut self, schema: &'r Value, place: &Place<'_>, found: &mut Found) {
        self.steps += 1;
        if place.depth > SCHEMA_DEPTH_MAX || self.steps > SCHEMA_STEPS_MAX {
            return found.note(format!("{} nests too deep and was left out", shown(&place.path)));
        }
        let Some(reference) = schema.get("$ref").and_then(Value::as_str) else {
            return self.inside(schema, place, found);
        };
        if self.open.contains(&reference) {
            let note = format!("{} holds itself and was left out there", shown(&place.path));
            return found.note(note);
        }
        let target = reference.strip_prefix('#').and_then(|at| self.root.pointer(at));
        let Some(target) = target else {
            return found.note(format!("{reference} is not in this file and was left out"));
        };
        self.open.push(reference);
        let mut place = place.clone();
        place.depth += 1;
        if let Some(name) = reference.rsplit('/').next() {
            name.clone_into(&mut place.parent);
        }
        self.step(target, &place, found);
        self.open.pop();
    }

    fn inside(&mut self, schema: &'r Value, place: &Place<'_>, found: &mut Found) {
        let deeper = Place { depth: place.depth + 1, ..place.clone() };
        let mut any = false;
        for key in ["allOf", "oneOf", "anyOf"] {
            for part in schema.get(key).and_then(Value::as_array).into_iter().flatten() {
                any = true;
                self.step(part, &deeper, found);
            }
        }
        if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
            any = true;
            self.properties(properties, place, found);
        }
        match schema.get("additionalProperties") {
            Some(rest @ Value::Object(more)) if !more.is_empty() => {
                any = true;
                let path = join(&place.path, "*");
                self.step(rest, &Place { path, ..deeper.clone() }, found);
            }
            Some(Value::Bool(true) | Value::Object(_)) => found.note(format!(
                "{} may hold properties that are not described: enforce drops them",
                shown(&place.path)
            )),
            _ => {}
        }
        if let Some(items) = schema.get("items").filter(|items| items.is_object()) {
            let path = format!("{}[]", place.path);
            let parent = if place.key.is_empty() { &place.parent } else { place.key };
            let parent = parent.to_owned();
            return self.step(items, &Place { path, parent, ..deeper }, found);
        }
        if any {
            return;
        }
        let is = |kind: &str| match schema.get("type") {
            Some(Value::String(it)) => it == kind,
            Some(Value::Array(all)) => all.iter().any(|it| it == kind),
            _ => false,
        };
        if is("object") || is("array") {
            let what = shown(&place.path);
            return found.note(format!("{what} is not described: declare what is in it"));
        }
        if is("null") && schema.get("type").is_some_and(Value::is_string) {
            return;
        }
        if schema.get("type").is_none() && schema.get("enum").is_none() {
            found.note(format!("{} has no type: taken for a value", shown(&place.path)));
        }
        found.leaf(&place.path, place.key, &place.parent);
    }

    fn properties(
        &mut self,
        properties: &'r Map<String, Value>,
        place: &Place<'_>,
        found: &mut Found,
    ) {
        for (key, schema) in properties {
            if schema.get("writeOnly").and_then(Value::as_bool) == Some(true) {
                continue;
            }
            let path = join(&place.path, &escaped(key));
            let probe = ward_scan::Field {
                path: path.clone(),
                slot: 0,
                action: ward_scan::Action::Keep,
                role: ward_scan::Role::Plain,
            };
            if Plan::new(&[probe]).is_err() {
                if self.refused.insert(path.clone(), ()).is_none() {
                    found.note(format!("{} cannot be declared and was left out", shown(&path)));
                }
                continue;
            }
            // An object under a key is named by the key, unless its schema has a name.
            let parent = match schema.get("properties") {
                Some(_) => key.clone(),
                None => place.parent.clone(),
            };
            self.step(schema, &Place { path, key, parent, depth: place.depth + 1 }, found);
        }
    }
}

fn join(path: &str, segment: &str) -> String {
    if path.is_empty() { segment.to_owned() } else { format!("{path}.{segment}") }
}

/// A key in the path grammar of the scanner.
fn escaped(key: &str) -> String {
    let mut out = String::with_capacity(key.len());
    for c in key.chars() {
        if matches!(c, '.' | '[' | ']' | '*' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn shown(path: &str) -> &str {
    if path.is_empty() { "the answer" } else { path }
}
