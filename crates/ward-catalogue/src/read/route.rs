//! Reading one route and its fields.

use ward_model::RouteNumber;
use ward_scan::{Mask, SLOT_MAX};

use super::table::{At, Table};
use super::{Words, name_mistakes, read_kinds};
use crate::catalogue::{Body, Field, Holder, Method, Mode, Purpose, Route, RouteSubject, Segment};
use crate::limits::{MASK_KEEP_MAX, ROUTES_MAX, SUBJECTS_MAX};
use crate::mistake::Mistakes;
use crate::path::template;

const MODES: [(&str, Mode); 2] = [("observe", Mode::Observe), ("enforce", Mode::Enforce)];

const PURPOSES: [(&str, Purpose); 3] =
    [("required", Purpose::Required), ("optional", Purpose::Optional), ("none", Purpose::None)];

const HOLDERS: [(&str, Holder); 2] = [("any", Holder::Any), ("bound", Holder::Bound)];

const LOGINS: [(&str, bool); 2] = [("required", true), ("optional", false)];

const BODIES: [(&str, Body); 4] = [
    ("json", Body::Json),
    ("ndjson", Body::Ndjson),
    ("none", Body::None),
    ("uninspectable", Body::Uninspectable),
];

/// A route with the places of what is checked later.
pub(super) struct Draft {
    pub(super) route: Route,
    pub(super) number_at: At,
    pub(super) name_at: At,
    pub(super) path_at: At,
    pub(super) field_paths: Vec<At>,
    pub(super) field_slots: Vec<At>,
}

pub(super) fn read_routes(
    mistakes: &mut Mistakes<'_>,
    top: &mut Table<'_>,
    words: &Words,
) -> Vec<Draft> {
    let tables = top.tables(mistakes, "routes", |index| format!("route {}", index + 1));
    if tables.len() > ROUTES_MAX {
        mistakes.add(&top.at("routes"), "more than 2000 routes".into(), "split the services");
    }
    tables.into_iter().take(ROUTES_MAX).map(|table| read_route(mistakes, table, words)).collect()
}

fn read_route(mistakes: &mut Mistakes<'_>, mut table: Table<'_>, words: &Words) -> Draft {
    let number = table.integer(mistakes, "number", 1, i64::from(i32::MAX));
    if number.is_none() {
        table.missing(mistakes, "number", "add number = N, one that was never used");
    }
    let name = table.string(mistakes, "name");
    match &name {
        Some((name, at)) => {
            name_mistakes(mistakes, name, at);
            table.rename(format!("route {name}"));
        }
        None => table.missing(mistakes, "name", "add name = \"...\""),
    }
    let host = read_host(mistakes, &mut table, words);
    let methods = Method::ALL.map(|method| (method.as_str(), method));
    let method = table.word(mistakes, "method", &methods);
    if method.is_none() {
        table.missing(mistakes, "method", "add method = \"GET\"; HEAD follows it");
    }
    let (path, segments) = read_path(mistakes, &mut table);
    let mode = table.word(mistakes, "mode", &MODES);
    if mode.is_none() {
        table.missing(mistakes, "mode", "add mode = \"observe\" to begin with");
    }
    let kinds = read_kinds(mistakes, &mut table, "kinds");
    if kinds.is_none() {
        table.missing(mistakes, "kinds", "add kinds = [...], who may call it at all");
    }
    let purpose = table.word(mistakes, "purpose", &PURPOSES);
    let subject = read_subject(mistakes, &mut table, words, &segments);
    let self_only = table.boolean(mistakes, "self_only");
    let tenant = table.word(mistakes, "tenant", &[("principal", ())]);
    let login = table.word(mistakes, "login", &LOGINS);
    let holder = table.word(mistakes, "holder", &HOLDERS);
    let subjects_max = table.integer(mistakes, "subjects_max", 1, SUBJECTS_MAX);
    let body = table.word(mistakes, "body", &BODIES);
    if body.is_none() {
        table.missing(mistakes, "body", "add body = \"json\"");
    }
    let mut draft = Draft {
        number_at: table.at("number"),
        name_at: table.at("name"),
        path_at: table.at("path"),
        field_paths: Vec::new(),
        field_slots: Vec::new(),
        route: Route {
            number: RouteNumber(number.map_or(0, |(it, _)| i32::try_from(it).unwrap_or(0))),
            name: name.map_or_else(String::new, |(it, _)| it),
            host,
            method: method.map_or(Method::Get, |(it, _)| it),
            path,
            mode: mode.map_or(Mode::Observe, |(it, _)| it),
            kinds: kinds.map_or_else(Vec::new, |(it, _)| it),
            purpose: purpose.map_or(Purpose::Optional, |(it, _)| it),
            subject,
            self_only: self_only.is_some_and(|(it, _)| it),
            tenant: tenant.is_some(),
            holder: holder.map_or(Holder::Any, |(it, _)| it),
            login_required: login.is_some_and(|(required, _)| required),
            subjects_max: subjects_max.map_or(1, |(it, _)| it.unsigned_abs()),
            body: body.map_or(Body::Json, |(it, _)| it),
            fields: Vec::new(),
            segments,
            plans: Vec::new(),
        },
    };
    read_fields(mistakes, &mut table, words, &mut draft);
    check_route(mistakes, &table, &draft.route);
    table.finish(mistakes);
    draft
}

fn read_host(mistakes: &mut Mistakes<'_>, table: &mut Table<'_>, words: &Words) -> String {
    let Some((host, at)) = table.string(mistakes, "host") else {
        table.missing(mistakes, "host", "add host = \"...\", a name under [hosts]");
        return String::new();
    };
    if !words.hosts.contains_key(&host) {
        mistakes.add(&at, format!("there is no host {host:?}"), format!("add [hosts.{host}]"));
    }
    host
}

fn read_path(mistakes: &mut Mistakes<'_>, table: &mut Table<'_>) -> (String, Vec<Segment>) {
    let Some((path, at)) = table.string(mistakes, "path") else {
        table.missing(mistakes, "path", "add path = \"/...\"");
        return (String::new(), Vec::new());
    };
    let segments = template(&path).unwrap_or_else(|why| {
        mistakes.add(&at, format!("path {path:?} {why}"), "write it like /orders/{id}");
        Vec::new()
    });
    let mut names: Vec<&Segment> =
        segments.iter().filter(|segment| matches!(segment, Segment::Parameter(_))).collect();
    names.sort();
    if names.windows(2).any(|pair| pair.first() == pair.last()) {
        let message = format!("path {path:?} has a parameter twice");
        mistakes.add(&at, message, "give each parameter its own name");
    }
    (path, segments)
}

fn read_subject(
    mistakes: &mut Mistakes<'_>,
    table: &mut Table<'_>,
    words: &Words,
    segments: &[Segment],
) -> Option<RouteSubject> {
    let (text, at) = table.string(mistakes, "subject")?;
    if text == "principal" {
        return Some(RouteSubject::Principal);
    }
    let remedy = "use \"principal\" or \"<namespace>:{parameter}\"";
    let parts = text.split_once(':').and_then(|(namespace, rest)| {
        Some((namespace, rest.strip_prefix('{')?.strip_suffix('}')?))
    });
    let Some((namespace, parameter)) = parts else {
        mistakes.add(&at, format!("{text:?} names no data subject"), remedy);
        return None;
    };
    let number = words.namespaces.get(namespace).copied();
    if number.is_none() {
        let message = format!("there is no namespace {namespace:?}");
        mistakes.add(&at, message, format!("add {namespace} = N (from 32) under [namespaces]"));
    }
    let parameters = segments.iter().filter(|segment| matches!(segment, Segment::Parameter(_)));
    let wanted = Segment::Parameter(parameter.to_owned());
    let index = parameters.clone().position(|segment| *segment == wanted);
    if index.is_none() {
        mistakes.add(&at, format!("the path has no parameter {{{parameter}}}"), remedy);
    }
    Some(RouteSubject::Parameter { namespace: number?, index: index? })
}

fn read_fields(
    mistakes: &mut Mistakes<'_>,
    table: &mut Table<'_>,
    words: &Words,
    draft: &mut Draft,
) {
    let what = table.what().to_owned();
    for mut field in table.tables(mistakes, "fields", |n| format!("field {} of {what}", n + 1)) {
        let path = field.string(mistakes, "path");
        match &path {
            Some((path, _)) => field.rename(format!("field {path} of {what}")),
            None => field.missing(mistakes, "path", "add path = \"...\""),
        }
        let slot = field.integer(mistakes, "slot", 0, i64::from(SLOT_MAX));
        if slot.is_none() {
            field.missing(mistakes, "slot", "add slot = N (0 to 62), never used in this route");
        }
        let class = field.string(mistakes, "class").and_then(|(class, at)| {
            let number = words.classes.get(&class);
            if number.is_none() {
                let message = format!("there is no data class {class:?}");
                mistakes.add(&at, message, format!("add {class} = N under [classes]"));
            }
            u8::try_from(*number?).ok()
        });
        let mask = field.string(mistakes, "mask").and_then(|(word, at)| {
            let mask = parse_mask(&word);
            if mask.is_none() {
                let remedy = "use all, first1 to first16, last1 to last16, email or null";
                mistakes.add(&at, format!("there is no mask {word:?}"), remedy);
            }
            mask
        });
        let mask_for = read_kinds(mistakes, &mut field, "mask_for");
        if let Some((_, at)) = &mask_for
            && !field.has("mask")
        {
            mistakes.add(at, "mask_for without a mask".into(), "add mask = \"...\"");
        }
        let subject = field.string(mistakes, "subject").and_then(|(name, at)| {
            let number = words.namespaces.get(&name).copied();
            if number.is_none() {
                let message = format!("there is no namespace {name:?}");
                mistakes.add(&at, message, format!("add {name} = N (from 32) under [namespaces]"));
            }
            number
        });
        let tenant = field.boolean(mistakes, "tenant").is_some_and(|(it, _)| it);
        if tenant && subject.is_some() {
            let message = format!("{} is both a data subject and a tenant", field.what());
            mistakes.add(&field.at("tenant"), message, "decide for one");
        }
        draft.field_paths.push(field.at("path"));
        draft.field_slots.push(field.at("slot"));
        draft.route.fields.push(Field {
            slot: slot.map_or(u8::MAX, |(it, _)| u8::try_from(it).unwrap_or(u8::MAX)),
            path: path.map_or_else(String::new, |(it, _)| it),
            class,
            mask,
            mask_for: mask_for.map_or_else(Vec::new, |(it, _)| it),
            subject,
            tenant,
        });
        field.finish(mistakes);
    }
}

fn parse_mask(word: &str) -> Option<Mask> {
    let keep = |text: &str| {
        let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
        text.parse::<u8>().ok().filter(|keep| plain && *keep <= MASK_KEEP_MAX)
    };
    match word {
        "all" => Some(Mask::All),
        "email" => Some(Mask::Email),
        "null" => Some(Mask::Null),
        _ => match (word.strip_prefix("first"), word.strip_prefix("last")) {
            (Some(count), _) => keep(count).map(Mask::KeepFirst),
            (_, Some(count)) => keep(count).map(Mask::KeepLast),
            _ => None,
        },
    }
}

/// What a route says in several places must fit together.
fn check_route(mistakes: &mut Mistakes<'_>, table: &Table<'_>, route: &Route) {
    if !table.is_whole() {
        return;
    }
    let what = table.what();
    let looked_into = matches!(route.body, Body::Json | Body::Ndjson);
    let tenants = route.fields.iter().any(|field| field.tenant);
    if route.self_only && !table.has("subject") {
        let message = format!("self_only in {what} needs a subject");
        let remedy = "add subject = \"principal\" or \"<namespace>:{parameter}\"";
        mistakes.add(&table.at("self_only"), message, remedy);
    }
    if !looked_into && !route.fields.is_empty() {
        let message = format!("{what} has fields but a body that is not looked into");
        mistakes.add(&table.at("fields"), message, "use body = \"json\", or take the fields out");
    }
    if looked_into && route.fields.is_empty() && route.mode == Mode::Enforce {
        let message =
            format!("{what} is enforced and declares no field: its answers would be empty");
        mistakes.add(&table.at("mode"), message, "declare its fields, or use mode = \"observe\"");
    }
    if route.tenant && !tenants && looked_into {
        let message = format!("{what} checks the tenant but no field is one");
        mistakes.add(&table.at("tenant"), message, "add tenant = true to the field that names it");
    }
    if tenants && !route.tenant {
        let message = format!("{what} has a tenant field that nothing checks");
        let remedy = "add tenant = \"principal\" to the route, or take tenant = true out";
        mistakes.add(&table.at("fields"), message, remedy);
    }
}
