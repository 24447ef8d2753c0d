//! A first catalogue from an OpenAPI file: `ward init --openapi FILE`.
//!
//! What it is: OpenAPI 3.0 or 3.1, JSON or YAML, to the text of a catalogue that declares every
//! property of every answer, all routes in `observe`, with guessed data classes and data subjects
//! and proposed masks as comments. What it must never do: decide. What a person must decide is in
//! the notes and marked in the text. Specification: OpenAPI 3.1.0 §4.8.
//! Best test: `openapi/tests.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::Value;

use crate::catalogue::{Body, Method};
use crate::limits::{NAMESPACE_OWN_FIRST, OPENAPI_BYTES_MAX};
use crate::path::template;

mod guess;
mod schema;

use schema::{Found, Schemas};

/// A catalogue begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// The text of `catalogue.toml`.
    pub toml: String,
    /// What a person must decide or look at, most important first.
    pub notes: Vec<String>,
    /// How many routes it declares.
    pub routes: usize,
    /// How many fields.
    pub fields: usize,
}

/// Why no catalogue could be begun.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenapiError {
    /// Larger than 16 MiB.
    #[error("the file is larger than 16 MiB")]
    TooLarge,
    /// Neither JSON nor YAML.
    #[error("neither json nor yaml: {0}")]
    Unreadable(String),
    /// Not OpenAPI 3.0 or 3.1.
    #[error("not openapi 3.0 or 3.1: give the file that begins with `openapi: 3.`")]
    Version,
    /// It describes no path that can be declared.
    #[error("it describes no path that can be declared")]
    NoPaths,
}

/// Begins a catalogue for one service. `host` is its name in the catalogue, `upstream` where it
/// is (`http://address:port`).
///
/// # Errors
/// [`OpenapiError`]: the file is not one that can be read.
pub fn from_openapi(text: &str, host: &str, upstream: &str) -> Result<Begun, OpenapiError> {
    if text.len() > OPENAPI_BYTES_MAX {
        return Err(OpenapiError::TooLarge);
    }
    let mut root: Value = if text.trim_start().starts_with('{') {
        serde_json::from_str(text).map_err(|error| OpenapiError::Unreadable(error.to_string()))?
    } else {
        serde_norway::from_str(text).map_err(|error| OpenapiError::Unreadable(error.to_string()))?
    };
    // WHY: whether members keep the order of the file hangs on what else is built; names do not.
    root.sort_all_objects();
    let version = root.get("openapi").and_then(Value::as_str).unwrap_or_default();
    if !version.starts_with("3.0") && !version.starts_with("3.1") {
        return Err(OpenapiError::Version);
    }
    let mut notes = Notes::default();
    let base = base_path(&root, &mut notes);
    let mut routes = read_routes(&root, &base, &mut notes);
    if routes.is_empty() {
        return Err(OpenapiError::NoPaths);
    }
    drop_ambiguous(&mut routes, &mut notes);
    notes.decide(&routes);
    let toml = write_catalogue(host, upstream, &routes);
    let fields = routes.iter().map(|route| route.found.fields.len()).sum();
    Ok(Begun { toml, notes: notes.0, routes: routes.len(), fields })
}

#[derive(Default)]
struct Notes(Vec<String>);

impl Notes {
    fn add(&mut self, note: String) {
        if !self.0.contains(&note) {
            self.0.push(note);
        }
    }

    /// The decisions that no file can make come first.
    fn decide(&mut self, routes: &[RouteDraft]) {
        let mut first = vec![
            "kinds: every route lists all kinds of principals; take out who has no business there"
                .to_owned(),
            "data classes, data subjects and masks are guessed from names; look at each".to_owned(),
        ];
        let silent = routes.iter().filter(|route| {
            route.subject.is_none()
                && route.found.fields.iter().all(|field| field.subject.is_none())
                && route.found.fields.iter().any(|field| field.class.is_some())
        });
        for route in silent {
            first.push(format!(
                "route {}: personal fields but nothing says whose; add subject to the route or to \
                 the field that holds the id",
                route.name
            ));
        }
        first.append(&mut self.0);
        self.0 = first;
    }
}

struct RouteDraft {
    name: String,
    method: Method,
    path: String,
    subject: Option<String>,
    body: Body,
    found: Found,
    list: bool,
}

fn base_path(root: &Value, notes: &mut Notes) -> String {
    let servers = root.get("servers").and_then(Value::as_array);
    let urls: Vec<&str> =
        servers.into_iter().flatten().filter_map(|s| s.get("url")?.as_str()).collect();
    let Some(first) = urls.first() else { return String::new() };
    let path_of = |url: &str| {
        let after = url.split_once("://").map_or(url, |(_, rest)| rest);
        let path = if url.contains("://") {
            after.split_once('/').map_or("", |(_, path)| path)
        } else {
            after.trim_start_matches('/')
        };
        path.trim_end_matches('/').to_owned()
    };
    let path = path_of(first);
    if urls.iter().any(|url| path_of(url) != path) || path.contains('{') {
        notes.add(format!("servers: paths differ or hold variables; /{path} was taken"));
    }
    if path.is_empty() { path } else { format!("/{path}") }
}

fn read_routes(root: &Value, base: &str, notes: &mut Notes) -> Vec<RouteDraft> {
    let mut routes: Vec<RouteDraft> = Vec::new();
    let mut names = BTreeSet::new();
    let paths = root.get("paths").and_then(Value::as_object);
    for (path, item) in paths.into_iter().flatten() {
        let mut schemas = Schemas::new(root);
        let item = schemas.resolve(item).unwrap_or(item);
        let full = clean_path(&format!("{base}{path}"));
        if let Err(why) = template(&full) {
            notes.add(format!("path {path} was left out: it {why}"));
            continue;
        }
        for method in Method::ALL {
            let Some(operation) = item.get(method.as_str().to_lowercase()) else { continue };
            let name = unique_name(operation, method, path, &mut names);
            let (body, found) = read_answers(&mut schemas, operation, &name, notes);
            let list = found.fields.iter().any(|field| {
                field.subject.is_some() && (field.path.contains("[]") || field.path.contains('*'))
            });
            let subject = guess::route_subject(&full);
            routes.push(RouteDraft {
                name,
                method,
                path: full.clone(),
                subject,
                body,
                found,
                list,
            });
        }
        for other in ["head", "options", "trace"] {
            if item.get(other).is_some() {
                notes.add(format!(
                    "{other} {path} was left out: HEAD follows GET, the rest is not declared"
                ));
            }
        }
    }
    routes
}

/// Parameters to `{name}` of letters, digits and `_`.
fn clean_path(path: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let segment = |raw: &str| match raw.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        Some(name) => {
            let clean: String = name.chars().map(|c| if fits(c) { c } else { '_' }).collect();
            format!("{{{clean}}}")
        }
        None => raw.to_owned(),
    };
    let path: Vec<String> = path.split('/').map(segment).collect();
    let path = path.join("/");
    if path.len() > 1 { path.trim_end_matches('/').to_owned() } else { path }
}

fn unique_name(
    operation: &Value,
    method: Method,
    path: &str,
    names: &mut BTreeSet<String>,
) -> String {
    let given = operation.get("operationId").and_then(Value::as_str).map(guess::words);
    let words = given.filter(|words| !words.is_empty()).unwrap_or_else(|| {
        let mut words = guess::words(path);
        words.insert(0, method.as_str().to_lowercase());
        words
    });
    let mut name: String = words.join("-").chars().take(56).collect();
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        name = format!("route-{name}");
    }
    let mut unique = name.clone();
    let mut count = 2;
    while !names.insert(unique.clone()) {
        unique = format!("{name}-{count}");
        count += 1;
    }
    unique
}

fn read_answers<'r>(
    schemas: &mut Schemas<'r>,
    operation: &'r Value,
    name: &str,
    notes: &mut Notes,
) -> (Body, Found) {
    let mut found = Found::default();
    let mut body = Body::None;
    let answers = operation.get("responses").and_then(Value::as_object);
    for (status, answer) in answers.into_iter().flatten() {
        if !status.starts_with('2') && status != "default" {
            continue;
        }
        let answer = schemas.resolve(answer).unwrap_or(answer);
        let content = answer.get("content").and_then(Value::as_object);
        for (media, content) in content.into_iter().flatten() {
            let media = media.split(';').next().unwrap_or_default().trim().to_lowercase();
            let kind = match media.as_str() {
                "application/x-ndjson" | "application/jsonl" | "application/json-seq" => {
                    Body::Ndjson
                }
                "*/*" | "application/*" => Body::Json,
                json if json == "application/json" || json.ends_with("+json") => Body::Json,
                _ => Body::Uninspectable,
            };
            if kind == Body::Uninspectable {
                notes.add(format!("route {name} answers {media}, which cannot be looked into"));
            }
            // `default` is mostly the shape of errors: it counts only when nothing else does.
            let later = status == "default" && body != Body::None;
            if later || (kind == Body::Uninspectable && matches!(body, Body::Json | Body::Ndjson)) {
                continue;
            }
            body = kind;
            if let Some(schema) = content.get("schema").filter(|_| kind != Body::Uninspectable) {
                schemas.walk(schema, &mut found);
            }
        }
    }
    for note in found.finish() {
        notes.add(format!("route {name}: {note}"));
    }
    if matches!(body, Body::Json | Body::Ndjson) && found.fields.is_empty() {
        notes.add(format!("route {name} answers JSON without saying what is in it: declare it"));
    }
    if body == Body::Uninspectable {
        found.fields.clear();
    }
    (body, found)
}

/// Templates that a path could match alike are a mistake in a catalogue: the later one goes.
fn drop_ambiguous(routes: &mut Vec<RouteDraft>, notes: &mut Notes) {
    let mut kept: Vec<RouteDraft> = Vec::new();
    for route in routes.drain(..) {
        let segments = template(&route.path).unwrap_or_default();
        let clash = kept.iter().find(|other| {
            let others = template(&other.path).unwrap_or_default();
            other.method == route.method
                && others.len() == segments.len()
                && crate::path::overlap(&others, &segments) == crate::path::Overlap::Ambiguous
        });
        match clash {
            Some(other) => notes.add(format!(
                "route {} was left out: its path can be taken for that of {}",
                route.name, other.name
            )),
            None => kept.push(route),
        }
    }
    *routes = kept;
}

fn write_catalogue(host: &str, upstream: &str, routes: &[RouteDraft]) -> String {
    let mut classes: BTreeMap<u8, &str> = BTreeMap::new();
    let mut own: BTreeSet<&str> = BTreeSet::new();
    for route in routes {
        for field in &route.found.fields {
            classes.extend(field.class.map(|class| (class.number, class.name)));
            own.extend(field.subject.as_deref());
        }
        own.extend(route.subject.as_deref().and_then(|it| Some(it.split_once(':')?.0)));
    }
    let mut out = String::new();
    out.push_str(
        "# Begun from an OpenAPI file. Lines marked `guessed` are for a person to decide.\n",
    );
    let _infallible = write!(
        out,
        "version = 1\n\n[hosts.{host}]\nupstream = {upstream:?}\nundeclared = \"observe\"\n"
    );
    if !classes.is_empty() {
        out.push_str("\n# Numbers are never reused.\n[classes]\n");
        for (number, name) in &classes {
            let _infallible = writeln!(out, "{name} = {number}");
        }
    }
    let own: Vec<&str> = own.into_iter().filter(|name| !guess::is_given(name)).collect();
    if !own.is_empty() {
        out.push_str("\n# Namespaces of data subjects. Numbers are never reused.\n[namespaces]\n");
        for (name, number) in own.iter().zip(NAMESPACE_OWN_FIRST..) {
            let _infallible = writeln!(out, "{name} = {number}");
        }
    }
    out.push_str(
        "\n# guessed: no person should need more people than this in a day\n\
         [budgets.person-day]\nkinds = [\"person\"]\nsubjects = 200\nwindow = \"1d\"\n",
    );
    for (route, number) in routes.iter().zip(1_u32..) {
        write_route(&mut out, host, route, number);
    }
    out
}

fn write_route(out: &mut String, host: &str, route: &RouteDraft, number: u32) {
    let body = match route.body {
        Body::Json => "json",
        Body::Ndjson => "ndjson",
        Body::None => "none",
        Body::Uninspectable => "uninspectable",
    };
    let _infallible = write!(
        out,
        "\n[[routes]]\nnumber = {number}\nname = {:?}\nhost = {host:?}\nmethod = {:?}\n\
         path = {:?}\nmode = \"observe\"\n\
         kinds = [\"customer\", \"seller\", \"rider\", \"person\", \"service\"]  # guessed\n\
         purpose = \"optional\"\n",
        route.name,
        route.method.as_str(),
        route.path,
    );
    if let Some(subject) = &route.subject {
        let _infallible = writeln!(out, "subject = {subject:?}  # guessed");
    }
    let most = if route.list { 50 } else { 1 };
    let _infallible = writeln!(out, "subjects_max = {most}\nbody = \"{body}\"");
    for (field, slot) in route.found.fields.iter().zip(0_u8..) {
        let path = field.path.replace('\\', "\\\\").replace('"', "\\\"");
        let _infallible = write!(out, "[[routes.fields]]\nslot = {slot}\npath = \"{path}\"\n");
        if let Some(class) = field.class {
            let _infallible = writeln!(out, "class = \"{}\"  # guessed", class.name);
            if let Some(mask) = class.mask {
                let _infallible = writeln!(out, "# mask = \"{mask}\"");
            }
        }
        if let Some(subject) = &field.subject {
            let _infallible = writeln!(out, "subject = \"{subject}\"  # guessed");
        }
    }
}

#[cfg(test)]
mod tests;
