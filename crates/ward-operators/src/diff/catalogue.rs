//! The rules for what a catalogue says outside its routes: hosts, numbers, exposure budgets.

use std::collections::{BTreeMap, BTreeSet};

use ward_catalogue::{Budget, Catalogue, DataClass, Host, Namespace, Undeclared};

use super::why::{Findings, Kind, word};

/// Compares hosts, data classes, namespaces and budgets.
pub(super) fn compare(old: &Catalogue, new: &Catalogue, f: &mut Findings) {
    compare_hosts(old, new, f);
    let class = |it: &DataClass| {
        let DataClass { number, name } = it;
        (i64::from(*number), name.clone())
    };
    compare_numbers(
        (Kind::DataClass, "data class"),
        &old.classes().iter().map(class).collect(),
        &new.classes().iter().map(class).collect(),
        f,
    );
    let namespace = |it: &Namespace| {
        let Namespace { number, name } = it;
        (i64::from(number.0), name.clone())
    };
    compare_numbers(
        (Kind::Namespace, "namespace"),
        &old.namespaces().iter().map(namespace).collect(),
        &new.namespaces().iter().map(namespace).collect(),
        f,
    );
    compare_budgets(old.budgets(), new.budgets(), f);
}

/// By the name that each has for itself.
pub(super) fn by_name<T>(all: &[T], name: impl Fn(&T) -> String) -> BTreeMap<String, &T> {
    all.iter().map(|one| (name(one), one)).collect()
}

fn compare_hosts(old: &Catalogue, new: &Catalogue, f: &mut Findings) {
    let name = |host: &Host| host.name.clone();
    let (before, after) = (by_name(old.hosts(), name), by_name(new.hosts(), name));
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for name in names {
        let place = format_args!("catalogue: host {}", word(name));
        match (before.get(name), after.get(name)) {
            (Some(before), Some(after)) => compare_host(&place, before, after, f),
            // One that refuses what is undeclared opens nothing but its routes, and these say so.
            (None, Some(host)) if host.undeclared == Undeclared::Observe => {
                f.weaker(Kind::Host, &place, &"everything behind it can be reached");
            }
            (Some(host), None) if host.undeclared == Undeclared::Observe => {
                f.stronger(Kind::Host, &place, &"nothing behind it can be reached");
            }
            _ => {}
        }
    }
}

fn compare_host(place: &dyn core::fmt::Display, old: &Host, new: &Host, f: &mut Findings) {
    // `enforces` follows from the routes, and a private index from the order of names.
    let Host { name: _, names, upstream, undeclared, max_body_bytes, enforces: _, .. } = old;
    compare_names(place, names, &new.names, f);
    if !is_same_upstream(upstream, &new.upstream) {
        f.weaker(Kind::Upstream, place, &"requests are sent elsewhere");
    }
    match (undeclared, new.undeclared) {
        (Undeclared::Refuse, Undeclared::Observe) => {
            f.weaker(Kind::Undeclared, place, &"requests that match no route pass");
        }
        (Undeclared::Observe, Undeclared::Refuse) => {
            f.stronger(Kind::Undeclared, place, &"requests that match no route are refused");
        }
        (Undeclared::Observe, Undeclared::Observe) | (Undeclared::Refuse, Undeclared::Refuse) => {}
    }
    // A larger answer than this is refused on enforced routes.
    f.cap(
        Kind::BodyBytes,
        place,
        ["an answer may hold", "bytes"],
        Some(*max_body_bytes),
        Some(new.max_body_bytes),
    );
}

/// No name at all answers to every name.
fn compare_names(place: &dyn core::fmt::Display, old: &[String], new: &[String], f: &mut Findings) {
    match (old.is_empty(), new.is_empty()) {
        (true, true) => {}
        (true, false) => f.stronger(Kind::HostNames, place, &"it answers to its names only"),
        (false, true) => f.weaker(Kind::HostNames, place, &"it answers to every name"),
        (false, false) => {
            let (old, new): (BTreeSet<&String>, BTreeSet<&String>) =
                (old.iter().collect(), new.iter().collect());
            for name in new.difference(&old) {
                let what = format_args!("it answers to {}", word(name));
                f.weaker(Kind::HostNames, place, &what);
            }
            for name in old.difference(&new) {
                let what = format_args!("it does not answer to {}", word(name));
                f.stronger(Kind::HostNames, place, &what);
            }
        }
    }
}

/// Whether answers come from the same place.
///
/// WHY the port of one loopback address does not matter: what listens there is started by whoever
/// runs this host, and root on it is a declared holder of every key already; a port is what a
/// service is given at its start, and the demo takes free ones. Another address is another place.
fn is_same_upstream(old: &str, new: &str) -> bool {
    let (old, new) = (address(old), address(new));
    old == new || (old.0 == new.0 && is_loopback(old.0))
}

/// Address and port of `http://address:port`, which a catalogue has checked.
fn address(upstream: &str) -> (&str, &str) {
    let rest = upstream.strip_prefix("http://").unwrap_or(upstream);
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    match rest.rsplit_once(':') {
        Some((address, port)) if !port.contains(']') => (address, port),
        _ => (rest, "80"),
    }
}

fn is_loopback(address: &str) -> bool {
    let bare = address.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or(address);
    let is_local_name = bare.eq_ignore_ascii_case("localhost");
    is_local_name || bare.parse::<std::net::IpAddr>().is_ok_and(|it| it.is_loopback())
}

/// Numbers that records hold and the names they stand for: what is recorded must go on meaning
/// what it meant. New ones change nothing.
fn compare_numbers(
    (kind, what): (Kind, &str),
    old: &BTreeMap<i64, String>,
    new: &BTreeMap<i64, String>,
    f: &mut Findings,
) {
    for (number, name) in old {
        let place = format_args!("catalogue: {what} {}", word(name));
        match new.get(number) {
            Some(same) if same == name => {}
            Some(other) => {
                let other = word(other);
                let told = format_args!("its number {number} stands for {other}, also in the past");
                f.weaker(kind, &place, &told);
            }
            None => {
                let told = format_args!("its number {number} stands for nothing, also in the past");
                f.weaker(kind, &place, &told);
            }
        }
    }
}

/// By name, for a budget's name is what a refusal tells.
///
/// A longer window under one cap is stronger: whoever is counted in the shorter one is counted in
/// the longer as well, but for the rounding to its panes (`ward-gate`, `exposure.rs`).
fn compare_budgets(old: &[Budget], new: &[Budget], f: &mut Findings) {
    let name = |budget: &Budget| budget.name.clone();
    let (before, after) = (by_name(old, name), by_name(new, name));
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for name in names {
        let place = format_args!("catalogue: budget {}", word(name));
        match (before.get(name), after.get(name)) {
            (Some(before), Some(after)) => compare_budget(&place, before, after, f),
            (Some(_), None) => f.weaker(Kind::Budget, &place, &"nobody is bound by it any more"),
            (None, Some(_)) => f.stronger(Kind::Budget, &place, &"its principals are bound by it"),
            (None, None) => {}
        }
    }
}

fn compare_budget(place: &dyn core::fmt::Display, old: &Budget, new: &Budget, f: &mut Findings) {
    let Budget { name: _, kinds, subjects_max, window_ms } = old;
    f.cap(
        Kind::Budget,
        place,
        ["it lets a principal read", "data subjects"],
        Some(*subjects_max),
        Some(new.subjects_max),
    );
    f.floor(
        Kind::Budget,
        place,
        ["it counts over", "milliseconds"],
        Some(window_ms.unsigned_abs()),
        Some(new.window_ms.unsigned_abs()),
    );
    for kind in kinds.iter().filter(|kind| !new.kinds.contains(kind)) {
        f.weaker(Kind::Budget, place, &format_args!("{kind} is not bound by it"));
    }
    for kind in new.kinds.iter().filter(|kind| !kinds.contains(kind)) {
        f.stronger(Kind::Budget, place, &format_args!("{kind} is bound by it"));
    }
}
