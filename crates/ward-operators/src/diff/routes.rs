//! The rules for routes.
//!
//! Routes are held against each other by place. What lies between the places decides as well: a
//! request that one route took before and another takes now, or none, or for the first time.
//! Under observe nothing is refused, but what would have been is recorded and detectors go by it,
//! so the rules of an observed route count as those of an enforced one.

use core::fmt;
use std::collections::HashMap;

use ward_catalogue::{
    Body, Catalogue, Holder, Host, Mode, Purpose, Route, RouteSubject, Undeclared,
};
use ward_model::RouteNumber;

use super::fields;
use super::places::{Place, Places};
use super::policies::Openings;
use super::why::{Findings, Kind, word};

/// A route as a reason names it.
pub(super) struct Named<'r>(pub(super) &'r Route);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Route { name, method, path, .. } = self.0;
        write!(f, "catalogue: route {} ({} {})", word(name), method.as_str(), word(path))
    }
}

/// Compares routes.
pub(super) fn compare(old: &Catalogue, new: &Catalogue, openings: &Openings, f: &mut Findings) {
    let sides = Sides {
        hosts: [by_name(old), by_name(new)],
        places: [Places::of(old), Places::of(new)],
        numbers: old.routes().iter().map(|route| (route.number, route)).collect(),
        openings,
    };
    let [before, after] = &sides.places;
    for route in old.routes() {
        let place = Place::of(route);
        match after.at(&place) {
            Some(now) => sides.changed(route, now, f),
            None => sides.removed(route, &place, f),
        }
    }
    for route in new.routes() {
        let place = Place::of(route);
        if before.at(&place).is_none() {
            sides.added(route, &place, f);
        }
    }
}

fn by_name(catalogue: &Catalogue) -> HashMap<&str, &Host> {
    catalogue.hosts().iter().map(|host| (host.name.as_str(), host)).collect()
}

/// Both catalogues, the old one first.
struct Sides<'c> {
    hosts: [HashMap<&'c str, &'c Host>; 2],
    places: [Places<'c>; 2],
    numbers: HashMap<RouteNumber, &'c Route>,
    openings: &'c Openings,
}

impl<'c> Sides<'c> {
    fn changed(&self, old: &Route, new: &Route, f: &mut Findings) {
        let place = &Named(new);
        if old.number != new.number {
            let what = format_args!("records know it as {}, now as {}", old.number, new.number);
            f.weaker(Kind::RouteNumber, place, &what);
        }
        let what = "policies and scopes know it by another name";
        f.unordered(Kind::RouteName, place, what, &old.name, &new.name);
        rules(old, new, self.openings, f);
    }

    fn removed(&self, route: &'c Route, place: &Place<'c>, f: &mut Findings) {
        let [before, after] = &self.places;
        let [_, hosts] = &self.hosts;
        let named = &Named(route);
        let Some(host) = hosts.get(route.host.as_str()) else {
            f.stronger(Kind::Route, named, &"its host is not served any more");
            return;
        };
        let mut is_covered = false;
        for taker in after.sharing(place) {
            let its = Place::of(taker);
            // One that was there and came first has taken these requests all along.
            if before.at(&its).is_none() || !its.comes_before(place) {
                is_covered |= its.covers(place);
                self.taken(route, taker, f);
            }
        }
        match host.undeclared {
            _ if is_covered => {}
            Undeclared::Refuse => f.stronger(Kind::Route, named, &"requests to it are refused"),
            Undeclared::Observe => {
                f.weaker(Kind::Route, named, &"requests to it pass, and nobody measures them");
            }
        }
    }

    fn added(&self, route: &'c Route, place: &Place<'c>, f: &mut Findings) {
        let [before, after] = &self.places;
        let [old_hosts, new_hosts] = &self.hosts;
        let named = &Named(route);
        if let Some(other) = self.numbers.get(&route.number) {
            let what = format_args!("its number is that of another place, {}", Named(other));
            f.weaker(Kind::RouteNumber, named, &what);
        }
        let opens = "requests to it were refused and can pass";
        let Some(host) = old_hosts.get(route.host.as_str()) else {
            let own = new_hosts.get(route.host.as_str()).map(|host| host.undeclared);
            if own == Some(Undeclared::Refuse) {
                f.weaker(Kind::Route, named, &opens);
            }
            return;
        };
        let mut is_covered = false;
        for giver in before.sharing(place) {
            let its = Place::of(giver);
            is_covered |= its.covers(place);
            // One that is gone has given its requests away in `removed`.
            if after.at(&its).is_some() && !its.comes_before(place) {
                self.taken(giver, route, f);
            }
        }
        match host.undeclared {
            _ if is_covered => {}
            Undeclared::Refuse => f.weaker(Kind::Route, named, &opens),
            Undeclared::Observe => f.stronger(Kind::Route, named, &"requests to it are measured"),
        }
    }

    /// Requests that `from` took are taken by `to`.
    fn taken(&self, from: &Route, to: &Route, f: &mut Findings) {
        let named = &Named(to);
        if from.mode == Mode::Enforce {
            let what = format_args!("it takes requests that were decided by {}", Named(from));
            f.weaker(Kind::RouteOverlap, named, &what);
            return;
        }
        let mut scratch = Findings::default();
        rules(from, to, self.openings, &mut scratch);
        if let Some(why) = scratch.first_weaker() {
            let what =
                format_args!("it takes requests that {} measured; {}", Named(from), why.what);
            f.weaker(Kind::RouteOverlap, named, &what);
        } else if to.mode == Mode::Enforce {
            let what = format_args!("it decides about requests that {} measured", Named(from));
            f.stronger(Kind::RouteOverlap, named, &what);
        }
    }
}

/// What a route asks of a request and of its answer.
fn rules(old: &Route, new: &Route, openings: &Openings, f: &mut Findings) {
    // Number, name and place are compared by whoever calls; plans and segments follow from the
    // rest.
    let Route {
        number: _,
        name: _,
        host: _,
        method: _,
        path: _,
        mode,
        kinds,
        purpose,
        subject,
        self_only,
        tenant,
        holder: _,
        login_required: _,
        subjects_max,
        body: _,
        fields,
        ..
    } = old;
    let place = &Named(new);
    if *mode != new.mode {
        let (is_weaker, what) = match new.mode {
            Mode::Observe => (true, "it refuses, masks and holds back nothing any more"),
            Mode::Enforce => (false, "it refuses and masks"),
        };
        f.either(is_weaker, Kind::RouteMode, place, &what);
    }
    for kind in new.kinds.iter().filter(|kind| !kinds.contains(kind)) {
        f.weaker(Kind::RouteKinds, place, &format_args!("{kind} may call it"));
    }
    for kind in kinds.iter().filter(|kind| !new.kinds.contains(kind)) {
        let what = format_args!("{kind} may not call it");
        tightened(openings.fewer_kinds(), Kind::RouteKinds, place, &what, f);
    }
    compare_purpose(*purpose, new.purpose, place, openings, f);
    compare_subject(subject.as_ref(), new.subject.as_ref(), place, openings, f);
    match (self_only, new.self_only) {
        (true, false) => {
            f.weaker(Kind::RouteSelfOnly, place, &"it may be called for others as well");
        }
        (false, true) => {
            let what = &"it may be called for oneself only";
            tightened(openings.self_only(), Kind::RouteSelfOnly, place, what, f);
        }
        (false, false) | (true, true) => {}
    }
    if *tenant != new.tenant {
        let what = if *tenant { "records of other tenants pass" } else { "the tenant is checked" };
        f.either(*tenant, Kind::RouteTenant, place, &what);
    }
    compare_presenting(old, new, place, f);
    f.cap(
        Kind::RouteSubjects,
        place,
        ["an answer may be about", "data subjects"],
        Some(*subjects_max),
        Some(new.subjects_max),
    );
    compare_body(old, new, openings, f);
    // What cannot be looked into does not leave an enforced route, whatever it declares.
    if !is_closed(new) && *fields != new.fields {
        fields::compare(old, new, f);
    }
}

/// A tightening; if a policy reads the attribute the other way round, it is none.
fn tightened(
    opening: Option<&str>,
    kind: Kind,
    place: &dyn fmt::Display,
    what: &dyn fmt::Display,
    f: &mut Findings,
) {
    match opening {
        None => f.stronger(kind, place, what),
        Some(policy) => {
            let policy = word(policy);
            f.weaker(kind, place, &format_args!("{what}, but policy {policy} may permit by that"));
        }
    }
}

/// Who may present a credential, and what stands behind it.
fn compare_presenting(old: &Route, new: &Route, place: &Named<'_>, f: &mut Findings) {
    if old.holder != new.holder {
        let what = match new.holder {
            Holder::Bound => "a token is taken from the holder it is bound to alone",
            Holder::Any => "tokens that are bound to nobody pass",
        };
        f.either(old.holder == Holder::Bound, Kind::RouteHolder, place, &what);
    }
    if old.login_required != new.login_required {
        let what = match new.login_required {
            true => "nobody reads without a login behind his credential",
            false => "credentials without a login behind them pass",
        };
        f.either(old.login_required, Kind::RouteLogin, place, &what);
    }
}

fn compare_purpose(
    old: Purpose,
    new: Purpose,
    place: &dyn fmt::Display,
    openings: &Openings,
    f: &mut Findings,
) {
    let rank = |purpose| match purpose {
        Purpose::None => 0,
        Purpose::Optional => 1,
        Purpose::Required => 2,
    };
    let what = match new {
        Purpose::None => "a purpose is not recorded",
        Purpose::Optional => "a purpose is recorded if it is given",
        Purpose::Required => "nobody reads without a purpose",
    };
    match rank(old).cmp(&rank(new)) {
        core::cmp::Ordering::Equal => {}
        core::cmp::Ordering::Greater => f.weaker(Kind::RoutePurpose, place, &what),
        core::cmp::Ordering::Less => {
            let opening = openings.purpose_required().filter(|_| new == Purpose::Required);
            tightened(opening, Kind::RoutePurpose, place, &what, f);
        }
    }
}

fn compare_subject(
    old: Option<&RouteSubject>,
    new: Option<&RouteSubject>,
    place: &dyn fmt::Display,
    openings: &Openings,
    f: &mut Findings,
) {
    let kind = Kind::RouteSubject;
    match (old, new) {
        (None, Some(_)) => {
            let what = &"what names nobody is counted on whom the request names";
            tightened(openings.is_self(), kind, place, what, f);
        }
        (Some(_), None) => f.weaker(kind, place, &"what names nobody is counted on nobody"),
        (old, new) => f.unordered(kind, place, "it is about somebody else", &old, &new),
    }
}

/// Whether no answer with a body can leave.
fn is_closed(route: &Route) -> bool {
    route.mode == Mode::Enforce && !is_looked_into(route.body)
}

const fn is_looked_into(body: Body) -> bool {
    match body {
        Body::Json | Body::Ndjson => true,
        Body::None | Body::Uninspectable => false,
    }
}

/// A body that is not looked into is refused on an enforced route, and passes unmeasured on an
/// observed one.
fn compare_body(old: &Route, new: &Route, openings: &Openings, f: &mut Findings) {
    let (kind, place) = (Kind::RouteBody, &Named(new));
    if old.body == new.body {
        return;
    }
    // It makes a view a download to policies.
    let turned = (old.body == Body::Uninspectable) != (new.body == Body::Uninspectable);
    if let Some(policy) = openings.task().filter(|_| turned) {
        let policy = word(policy);
        let what = format_args!("its task changes, and policy {policy} decides by that");
        f.weaker(kind, place, &what);
    }
    let enforces = old.mode == Mode::Enforce && new.mode == Mode::Enforce;
    match (is_looked_into(old.body), is_looked_into(new.body)) {
        // Both refused, or both passed unmeasured.
        (false, false) => {}
        (true, true) => f.weaker(kind, place, &"its answers are of another kind"),
        (true, false) if enforces => f.stronger(kind, place, &"its answers are refused"),
        (false, true) if enforces => f.weaker(kind, place, &"its answers can leave"),
        (true, false) if new.mode == Mode::Observe => {
            f.weaker(kind, place, &"its answers pass, and nobody measures them");
        }
        (false, true) if old.mode == Mode::Observe => {
            f.stronger(kind, place, &"its answers are measured");
        }
        // The mode changed with it, and says all.
        (true, false) | (false, true) => {}
    }
}
