//! Reading `catalogue.toml`: every mistake at once, each with its place and its remedy.
//!
//! What it is: the file to the compiled [`Catalogue`], or the list of everything wrong with it.
//! What it must never do: stop at the first mistake, guess a default for a key that is misspelt,
//! or give a catalogue that has a mistake. Best test: `read/tests.rs`.

use std::collections::BTreeMap;
use std::ops::Range;

use ward_model::{NamespaceNumber, PrincipalKind};

use crate::catalogue::{Budget, Catalogue, DataClass, Host, Namespace, Undeclared};
use crate::limits::{
    BODY_BYTES_DEFAULT, BODY_BYTES_MAX, CATALOGUE_BYTES_MAX, CLASS_NUMBER_MAX, NAMESPACE_LAST,
    NAMESPACE_OWN_FIRST, WINDOW_MS_MAX, WINDOW_MS_MIN,
};
use crate::mistake::{Mistake, Mistakes};

mod compile;
mod route;
mod table;

use table::{Table, is_name};

/// The namespaces that are there without being declared: the kinds of principals and two for
/// people who have no id.
const GIVEN: [(&str, i32); 7] = [
    ("customer", 1),
    ("seller", 2),
    ("rider", 3),
    ("person", 4),
    ("service", 5),
    ("phone", 16),
    ("email", 17),
];

impl Catalogue {
    /// Reads a catalogue. `file` is only named in mistakes.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of the file (at most 200 mistakes).
    pub fn parse(file: &str, text: &str) -> Result<Self, Vec<Mistake>> {
        let mut mistakes = Mistakes::new(file, text);
        if text.len() > CATALOGUE_BYTES_MAX {
            mistakes.add(&(0..0), "the file is larger than 8 MiB".into(), "split the services");
            return Err(mistakes.into_list());
        }
        let (root, errors) = toml::de::DeTable::parse_recoverable(text);
        for error in &errors {
            let at = error.span().unwrap_or(0..0);
            mistakes.add(&at, format!("not TOML: {}", error.message()), "correct the line");
        }
        let whole = errors.is_empty();
        let mut top = Table::new(root.get_ref(), 0..0, "the catalogue", whole);
        match top.integer(&mut mistakes, "version", 1, i64::MAX) {
            Some((1, _)) => {}
            Some((_, at)) => mistakes.add(
                &at,
                "this version of Ward reads version 1 of the catalogue".into(),
                "use a newer Ward, or write version = 1",
            ),
            None => top.missing(&mut mistakes, "version", "add version = 1"),
        }
        let mut words = Words {
            classes: read_numbers(&mut mistakes, &mut top, "classes", 0, CLASS_NUMBER_MAX),
            namespaces: read_namespaces(&mut mistakes, &mut top),
            hosts: read_hosts(&mut mistakes, &mut top),
        };
        let budgets = read_budgets(&mut mistakes, &mut top);
        let routes = route::read_routes(&mut mistakes, &mut top, &words);
        top.finish(&mut mistakes);
        let catalogue = compile::compile(&mut mistakes, &mut words, budgets, routes);
        if !whole {
            // WHY: what was guessed in a broken line is no mistake of its own.
            let lines = errors.iter().filter_map(|error| Some(error.span()?.start));
            mistakes.keep_apart_from(&lines.collect::<Vec<_>>(), "not TOML");
        }
        if mistakes.none() { Ok(catalogue) } else { Err(mistakes.into_list()) }
    }
}

/// What routes may refer to.
struct Words {
    classes: BTreeMap<String, u32>,
    namespaces: BTreeMap<String, NamespaceNumber>,
    hosts: BTreeMap<String, Host>,
}

impl Words {
    fn class_list(&self) -> Vec<DataClass> {
        let class = |(name, number): (&String, &u32)| {
            Some(DataClass { number: u8::try_from(*number).ok()?, name: name.clone() })
        };
        let mut list: Vec<DataClass> = self.classes.iter().filter_map(class).collect();
        list.sort_by_key(|class| class.number);
        list
    }

    fn namespace_list(&self) -> Vec<Namespace> {
        let one = |(name, number): (&String, &NamespaceNumber)| Namespace {
            number: *number,
            name: name.clone(),
        };
        let mut list: Vec<Namespace> = self.namespaces.iter().map(one).collect();
        list.sort_by_key(|namespace| namespace.number);
        list
    }
}

/// A table of names with numbers, each once.
fn read_numbers(
    mistakes: &mut Mistakes<'_>,
    top: &mut Table<'_>,
    key: &str,
    first: i64,
    last: i64,
) -> BTreeMap<String, u32> {
    let mut numbers: BTreeMap<String, u32> = BTreeMap::new();
    let Some(mut table) = top.table(mistakes, key) else { return numbers };
    for (name, at) in table.names() {
        name_mistakes(mistakes, &name, &at);
        let Some((number, at)) = table.integer(mistakes, &name, first, last) else { continue };
        let Ok(number) = u32::try_from(number) else { continue };
        if let Some((other, _)) = numbers.iter().find(|(_, known)| **known == number) {
            mistakes.add(
                &at,
                format!("{key}.{name} has the number of {key}.{other}"),
                "give it a number that was never used",
            );
        }
        numbers.insert(name, number);
    }
    numbers
}

fn name_mistakes(mistakes: &mut Mistakes<'_>, name: &str, at: &Range<usize>) {
    if !is_name(name) {
        mistakes.add(
            at,
            "not a name".into(),
            "use 1 to 64 of a-z, 0-9, `-` and `_`, beginning with a letter",
        );
    }
}

fn read_namespaces(
    mistakes: &mut Mistakes<'_>,
    top: &mut Table<'_>,
) -> BTreeMap<String, NamespaceNumber> {
    let (first, last) = (NAMESPACE_OWN_FIRST, NAMESPACE_LAST);
    let at = top.at("namespaces");
    let own = read_numbers(mistakes, top, "namespaces", first, last);
    let mut all: BTreeMap<String, NamespaceNumber> =
        GIVEN.iter().map(|(name, number)| ((*name).to_owned(), NamespaceNumber(*number))).collect();
    for (name, number) in own {
        if all.contains_key(&name) {
            let message = format!("namespace {name} is there already");
            mistakes.add(&at, message, "leave it out, or choose another name");
            continue;
        }
        all.insert(name, NamespaceNumber(i32::try_from(number).unwrap_or_default()));
    }
    all
}

fn read_hosts(mistakes: &mut Mistakes<'_>, top: &mut Table<'_>) -> BTreeMap<String, Host> {
    let mut hosts = BTreeMap::new();
    let Some(mut table) = top.table(mistakes, "hosts") else {
        top.missing(mistakes, "hosts", "add [hosts.NAME] with upstream = \"http://address:port\"");
        return hosts;
    };
    let mut seen: Vec<String> = Vec::new();
    for (name, at) in table.names() {
        name_mistakes(mistakes, &name, &at);
        let Some(mut host) = table.table(mistakes, &name) else { continue };
        let upstream = match host.string(mistakes, "upstream") {
            Some((url, at)) => {
                if let Err(why) = check_upstream(&url) {
                    mistakes.add(&at, format!("upstream {why}"), "write http://address:port");
                }
                url
            }
            None => {
                host.missing(mistakes, "upstream", "add upstream = \"http://address:port\"");
                String::new()
            }
        };
        let undeclared = [("observe", Undeclared::Observe), ("refuse", Undeclared::Refuse)];
        let undeclared = host.word(mistakes, "undeclared", &undeclared);
        let bytes = host.integer(mistakes, "max_body_bytes", 1, BODY_BYTES_MAX);
        let bytes = bytes.map_or(BODY_BYTES_DEFAULT, |(bytes, _)| bytes);
        let names = host.strings(mistakes, "names").unwrap_or_default();
        for (one, at) in &names {
            if one.is_empty() || one.contains([':', '/', ' ']) || *one != one.to_lowercase() {
                mistakes.add(at, "not a host name".into(), "write it lower case, without a port");
            }
            if seen.contains(one) {
                mistakes.add(at, format!("host name {one} is given twice"), "give it once");
            }
            seen.push(one.clone());
        }
        host.finish(mistakes);
        let mut names: Vec<String> = names.into_iter().map(|(name, _)| name).collect();
        // Their order means nothing, so the digest must not know it.
        names.sort_unstable();
        hosts.insert(
            name.clone(),
            Host {
                name,
                names,
                upstream,
                undeclared: undeclared.map_or(Undeclared::Observe, |(word, _)| word),
                max_body_bytes: bytes.unsigned_abs(),
                enforces: false,
                index: 0,
            },
        );
    }
    if hosts.len() > 1 && hosts.values().any(|host| host.names.is_empty()) {
        let at = top.at("hosts");
        mistakes.add(
            &at,
            "with several hosts each must say which names it answers to".into(),
            "add names = [\"api.example.com\"] to each host",
        );
    }
    hosts
}

/// WHY: no path, query or user in it: the gate sends the request's own path, and nothing secret
/// belongs into a catalogue. TLS to upstreams is not offered.
fn check_upstream(url: &str) -> Result<(), &'static str> {
    let rest = url.strip_prefix("http://").ok_or("must begin with http://")?;
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (address, port) = match rest.rsplit_once(':') {
        Some((address, port)) if !port.contains(']') => (address, Some(port)),
        _ => (rest, None),
    };
    if port.is_some_and(|port| port.parse::<u16>().map_or(true, |port| port == 0)) {
        return Err("has no valid port");
    }
    let bare = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let fits = match bare {
        Some(bare) => bare.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
            !address.is_empty() && address.bytes().all(fits)
        }
    };
    if fits { Ok(()) } else { Err("has no valid address") }
}

fn read_budgets(mistakes: &mut Mistakes<'_>, top: &mut Table<'_>) -> Vec<Budget> {
    let mut budgets = Vec::new();
    let Some(mut table) = top.table(mistakes, "budgets") else { return budgets };
    for (name, at) in table.names() {
        name_mistakes(mistakes, &name, &at);
        let Some(mut budget) = table.table(mistakes, &name) else { continue };
        let kinds = match read_kinds(mistakes, &mut budget, "kinds") {
            Some((kinds, _)) => kinds,
            None => {
                budget.missing(mistakes, "kinds", "add kinds = [\"person\"]");
                Vec::new()
            }
        };
        let subjects = budget.integer(mistakes, "subjects", 1, i64::MAX);
        if subjects.is_none() {
            budget.missing(mistakes, "subjects", "add subjects = N, the most people in a window");
        }
        let window_ms = match budget.string(mistakes, "window") {
            Some((window, at)) => parse_window(&window).unwrap_or_else(|| {
                let message = format!("{window:?} is no window of 1 minute to 366 days");
                mistakes.add(&at, message, "write for example \"1d\", \"12h\" or \"30m\"");
                0
            }),
            None => {
                budget.missing(mistakes, "window", "add window = \"1d\"");
                0
            }
        };
        budget.finish(mistakes);
        let subjects_max = subjects.map_or(0, |(subjects, _)| subjects.unsigned_abs());
        budgets.push(Budget { name, kinds, subjects_max, window_ms });
    }
    budgets.sort_by(|a, b| a.name.cmp(&b.name));
    budgets
}

fn parse_window(text: &str) -> Option<i64> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let unit_ms = match unit {
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let window = number.parse::<i64>().ok()?.checked_mul(unit_ms)?;
    (WINDOW_MS_MIN..=WINDOW_MS_MAX).contains(&window).then_some(window)
}

/// Kinds of principals, each once, at least one.
fn read_kinds(
    mistakes: &mut Mistakes<'_>,
    table: &mut Table<'_>,
    key: &str,
) -> Option<(Vec<PrincipalKind>, Range<usize>)> {
    let words = table.strings(mistakes, key)?;
    let at = table.at(key);
    let mut kinds = Vec::new();
    for (word, at) in words {
        match PrincipalKind::from_name(&word).filter(|kind| *kind != PrincipalKind::Unknown) {
            Some(kind) if kinds.contains(&kind) => {
                mistakes.add(&at, format!("{word} is given twice"), "give it once");
            }
            Some(kind) => kinds.push(kind),
            None => mistakes.add(
                &at,
                format!("{word:?} is no kind of principal"),
                "use customer, seller, rider, person or service",
            ),
        }
    }
    if kinds.is_empty() {
        mistakes.add(&at, format!("{key} names nobody"), "name at least one kind of principal");
    }
    kinds.sort();
    Some((kinds, at))
}

#[cfg(test)]
mod tests;
