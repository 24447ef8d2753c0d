//! From what was read to the compiled catalogue: what must be unique, what must not overlap, the
//! plans, the index, the digest.

use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use ward_model::PrincipalKind;
use ward_scan::{Action, Mask, Plan, PlanErrorKind, Role};

use super::Words;
use super::route::Draft;
use crate::catalogue::{
    Budget, Catalogue, Field, Holder, Host, Mode, Route, RouteSubject, Segment,
};
use crate::mistake::Mistakes;
use crate::path::{Overlap, overlap};

pub(super) fn compile(
    mistakes: &mut Mistakes<'_>,
    words: &mut Words,
    budgets: Vec<Budget>,
    mut drafts: Vec<Draft>,
) -> Catalogue {
    check_unique(mistakes, &drafts);
    check_overlaps(mistakes, &drafts);
    for draft in &mut drafts {
        compile_plans(mistakes, draft);
        draft.route.fields.sort_by_key(|field| field.slot);
    }
    let mut routes: Vec<Route> = drafts.into_iter().map(|draft| draft.route).collect();
    routes.sort_by_key(|route| route.number);
    let mut hosts: Vec<Host> = std::mem::take(&mut words.hosts).into_values().collect();
    for (index, host) in hosts.iter_mut().enumerate() {
        host.index = index;
        let own = |route: &Route| route.host == host.name && route.mode == Mode::Enforce;
        host.enforces = routes.iter().any(own);
    }
    let mut catalogue = Catalogue {
        index: index(&hosts, &routes),
        hosts,
        classes: words.class_list(),
        namespaces: words.namespace_list(),
        budgets,
        routes,
        digest: [0; 32],
    };
    catalogue.digest = digest(&catalogue);
    catalogue
}

fn check_unique(mistakes: &mut Mistakes<'_>, drafts: &[Draft]) {
    for (index, draft) in drafts.iter().enumerate() {
        for earlier in drafts.iter().take(index) {
            let (one, other) = (&draft.route, &earlier.route);
            if one.number == other.number && !one.number.is_none() {
                let message = format!("number {} is that of route {}", one.number, other.name);
                mistakes.add(&draft.number_at, message, "give it one that was never used");
            }
            if one.name == other.name && !one.name.is_empty() {
                let message = format!("there are two routes {:?}", one.name);
                mistakes.add(&draft.name_at, message, "give it another name");
            }
        }
    }
}

fn check_overlaps(mistakes: &mut Mistakes<'_>, drafts: &[Draft]) {
    for (index, draft) in drafts.iter().enumerate() {
        for earlier in drafts.iter().take(index) {
            let (one, other) = (&draft.route, &earlier.route);
            let together = one.host == other.host
                && one.method == other.method
                && one.segments.len() == other.segments.len()
                && !one.path.is_empty()
                && !other.path.is_empty();
            if together && overlap(&one.segments, &other.segments) == Overlap::Ambiguous {
                let message = format!(
                    "path {} can be taken for {} of route {}",
                    one.path, other.path, other.name
                );
                mistakes.add(&draft.path_at, message, "make one of them the more specific");
            }
        }
    }
}

/// A field's mask for a kind of principal.
fn action(field: &Field, kind: PrincipalKind) -> Action {
    match field.mask {
        Some(mask) if field.mask_for.is_empty() || field.mask_for.contains(&kind) => {
            Action::Mask(mask)
        }
        _ => Action::Keep,
    }
}

fn plan_fields(route: &Route, kind: PrincipalKind) -> Vec<ward_scan::Field> {
    let field = |field: &Field| ward_scan::Field {
        path: field.path.clone(),
        slot: field.slot,
        action: action(field, kind),
        role: match (field.subject, field.tenant) {
            (Some(number), _) => {
                Role::DataSubject { namespace: u16::try_from(number.0).unwrap_or_default() }
            }
            (None, true) => Role::Tenant,
            (None, false) => Role::Plain,
        },
    };
    route.fields.iter().map(field).collect()
}

fn compile_plans(mistakes: &mut Mistakes<'_>, draft: &mut Draft) {
    let mut plans: Vec<(Vec<ward_scan::Field>, Arc<Plan>)> = Vec::new();
    let mut by_kind = Vec::new();
    for (nth, kind) in PrincipalKind::ALL.iter().enumerate() {
        let fields = plan_fields(&draft.route, *kind);
        if let Some((_, plan)) = plans.iter().find(|(known, _)| *known == fields) {
            by_kind.push(Arc::clone(plan));
            continue;
        }
        match Plan::new(&fields) {
            Ok(plan) => {
                let plan = Arc::new(plan);
                by_kind.push(Arc::clone(&plan));
                plans.push((fields, plan));
            }
            // The same for every kind: masks do not matter.
            Err(errors) if nth == 0 => {
                for error in errors {
                    plan_mistake(mistakes, draft, &fields, &error);
                }
                return;
            }
            Err(_) => return,
        }
    }
    draft.route.plans = by_kind;
}

fn plan_mistake(
    mistakes: &mut Mistakes<'_>,
    draft: &Draft,
    fields: &[ward_scan::Field],
    error: &ward_scan::PlanError,
) {
    let Some(field) = fields.get(error.field) else { return };
    // A path or slot that is missing or out of bounds was a mistake already.
    if field.path.is_empty() || error.kind == PlanErrorKind::SlotTooHigh {
        return;
    }
    let remedy = match error.kind {
        PlanErrorKind::SlotTwice => "give it a slot that was never used in this route",
        PlanErrorKind::PathTwice => "declare each path once",
        PlanErrorKind::ValueAndContainer => "declare only the values inside it",
        _ => "write it like orders[].buyer.phone",
    };
    let places = match error.kind {
        PlanErrorKind::SlotTwice => &draft.field_slots,
        _ => &draft.field_paths,
    };
    if let Some(at) = places.get(error.field) {
        let message = format!("field {} of route {}: {}", field.path, draft.route.name, error.kind);
        mistakes.add(at, message, remedy);
    }
}

type Index = BTreeMap<(usize, crate::catalogue::Method, usize), Vec<usize>>;

fn index(hosts: &[Host], routes: &[Route]) -> Index {
    let mut index = Index::new();
    for (at, route) in routes.iter().enumerate() {
        if let Some(host) = hosts.iter().find(|host| host.name == route.host) {
            index.entry((host.index, route.method, route.segments.len())).or_default().push(at);
        }
    }
    // INVARIANT: of two templates that match one path the one with more literals is the more
    // specific, for they are ordered (anything else was a mistake).
    for bucket in index.values_mut() {
        bucket.sort_by_key(|at| {
            let segments = routes.get(*at).map_or(&[][..], |route| route.segments.as_slice());
            segments.iter().filter(|segment| matches!(segment, Segment::Parameter(_))).count()
        });
    }
    index
}

/// Length-prefixed words in a fixed order: no two catalogues that differ are written alike.
struct Canonical(Sha256);

impl Canonical {
    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.update(text.as_bytes());
    }

    fn number(&mut self, number: u64) {
        self.0.update(number.to_le_bytes());
    }

    fn kinds(&mut self, kinds: &[PrincipalKind]) {
        self.number(kinds.len() as u64);
        kinds.iter().for_each(|kind| self.number(u64::from(kind.byte())));
    }
}

fn digest(catalogue: &Catalogue) -> [u8; 32] {
    let mut out = Canonical(Sha256::new());
    out.text("ward-catalogue1");
    out.number(catalogue.hosts.len() as u64);
    for host in &catalogue.hosts {
        out.text(&host.name);
        out.text(&host.upstream);
        out.text(&format!("{:?} {} {:?}", host.undeclared, host.max_body_bytes, host.names));
    }
    out.number(catalogue.classes.len() as u64);
    for class in &catalogue.classes {
        out.number(u64::from(class.number));
        out.text(&class.name);
    }
    out.number(catalogue.namespaces.len() as u64);
    for namespace in &catalogue.namespaces {
        out.text(&format!("{} {}", namespace.number, namespace.name));
    }
    out.number(catalogue.budgets.len() as u64);
    for budget in &catalogue.budgets {
        out.text(&budget.name);
        out.kinds(&budget.kinds);
        out.text(&format!("{} {}", budget.subjects_max, budget.window_ms));
    }
    out.number(catalogue.routes.len() as u64);
    for route in &catalogue.routes {
        digest_route(&mut out, route);
    }
    out.0.finalize().into()
}

fn digest_route(out: &mut Canonical, route: &Route) {
    out.text(&route.number.to_string());
    for text in [&route.name, &route.host, &route.path] {
        out.text(text);
    }
    out.text(route.method.as_str());
    out.kinds(&route.kinds);
    let subject = match route.subject {
        None => "-".to_owned(),
        Some(RouteSubject::Principal) => "principal".to_owned(),
        Some(RouteSubject::Parameter { namespace, index }) => format!("{namespace}:{index}"),
    };
    out.text(&format!(
        "{:?} {:?} {:?} {subject} {} {} {}",
        route.mode, route.purpose, route.body, route.self_only, route.tenant, route.subjects_max
    ));
    if route.holder == Holder::Bound {
        out.text("bound");
    }
    // WHY only then: a catalogue that says nothing of logins keeps the digest it had.
    if route.login_required {
        out.text("login");
    }
    out.number(route.fields.len() as u64);
    for field in &route.fields {
        out.number(u64::from(field.slot));
        out.text(&field.path);
        out.kinds(&field.mask_for);
        let mask = match field.mask {
            None => "keep".to_owned(),
            Some(Mask::All) => "all".to_owned(),
            Some(Mask::Email) => "email".to_owned(),
            Some(Mask::Null) => "null".to_owned(),
            Some(Mask::KeepFirst(count)) => format!("first{count}"),
            Some(Mask::KeepLast(count)) => format!("last{count}"),
        };
        let subject = field.subject.map_or(0, |number| number.0);
        out.text(&format!("{:?} {mask} {subject} {}", field.class, field.tenant));
    }
}
