//! Random declarations small enough to write out, and every way to take one defence out of them.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;

const KINDS: [&str; 5] = ["customer", "seller", "rider", "person", "service"];
const MASKS: [&str; 6] = ["all", "null", "email", "first1", "last2", "last4"];
/// No two of one length cross.
const PATHS: [&str; 6] = ["/a", "/{p}", "/a/{x}", "/a/me", "/b/{x}/c", "/b/z/c"];
/// Some reach what others reach.
const FIELDS: [&str; 5] = ["id", "m.*", "m.x", "l[].y", "l[].*"];
const PURPOSES: [&str; 3] = ["none", "optional", "required"];
const BODIES: [&str; 4] = ["json", "ndjson", "none", "uninspectable"];

/// A field; `mask_for` is a set of [`KINDS`] by bit, 0 for all.
#[derive(Clone, Debug)]
pub struct FieldModel {
    class: Option<u8>,
    mask: Option<usize>,
    mask_for: u8,
    subject: bool,
    tenant: bool,
}

/// A route; its number and name follow from its place.
#[derive(Clone, Debug)]
pub struct RouteModel {
    enforce: bool,
    kinds: u8,
    purpose: usize,
    subject: bool,
    self_only: bool,
    tenant: bool,
    subjects_max: u8,
    body: usize,
    fields: BTreeMap<usize, FieldModel>,
}

/// A host.
#[derive(Clone, Debug)]
pub struct HostModel {
    refuse: bool,
    body_bytes: u16,
    routes: BTreeMap<usize, RouteModel>,
}

/// A budget.
#[derive(Clone, Debug)]
pub struct BudgetModel {
    kinds: u8,
    subjects: u8,
    hours: u8,
}

/// Everything.
#[derive(Clone, Debug)]
pub struct Model {
    settings: Settings,
    hosts: [HostModel; 2],
    budgets: BTreeMap<u8, BudgetModel>,
    /// Of [`POOL`], with how many of their conditions: permits, then forbids.
    policies: BTreeMap<usize, usize>,
}

const CONDITIONS: [&str; 4] = [
    "principal.kind == \"person\"",
    "resource.kinds.contains(principal.kind)",
    "context.purpose_stated",
    "!principal.tenant",
];

/// Every policy a model can have: two permits and two forbids with 0 to 4 conditions each.
static POOL: LazyLock<Vec<Vec<PolicyShape>>> = LazyLock::new(|| {
    let one = |id: usize, count: usize| {
        let effect = if id < 2 { "permit" } else { "forbid" };
        let mut text = format!("@id(\"p{id}\") {effect} (principal, action, resource)");
        CONDITIONS.iter().cycle().skip(id).take(count).for_each(|condition| {
            let _written = write!(text, " when {{ {condition} }}");
        });
        text.push(';');
        PolicyShape::of(&[("p.cedar", &text)]).unwrap().remove(0)
    };
    (0..4).map(|id| (0..=4).map(|count| one(id, count)).collect()).collect()
});

fn names(kinds: u8) -> String {
    let named = KINDS.iter().enumerate().filter(|(bit, _)| kinds >> bit & 1 == 1);
    named.map(|(_, name)| format!("\"{name}\",")).collect()
}

impl FieldModel {
    fn write(&self, slot: usize, path: &str) -> String {
        let mut text = format!("{{ slot = {slot}, path = \"{path}\"");
        if let Some(class) = self.class {
            let _written = write!(text, ", class = \"c{class}\"");
        }
        if let Some(mask) = self.mask {
            let _written = write!(text, ", mask = \"{}\"", MASKS[mask]);
            if self.mask_for != 0 {
                let _written = write!(text, ", mask_for = [{}]", names(self.mask_for));
            }
        }
        if self.subject {
            text.push_str(", subject = \"customer\"");
        } else if self.tenant {
            text.push_str(", tenant = true");
        }
        text + " },\n"
    }
}

impl RouteModel {
    fn looked_into(&self) -> bool {
        self.body < 2
    }

    /// The nearest route that a catalogue takes.
    fn tidied(mut self) -> Self {
        self.subject |= self.self_only;
        if !self.looked_into() {
            self.fields.clear();
            return self;
        }
        if self.fields.is_empty() && (self.enforce || self.tenant) {
            let plain =
                FieldModel { class: None, mask: None, mask_for: 0, subject: false, tenant: false };
            self.fields.insert(0, plain);
        }
        let tenants = self.fields.values().any(|it| it.tenant && !it.subject);
        if self.tenant && !tenants {
            let first = self.fields.values_mut().next().unwrap();
            (first.tenant, first.subject) = (true, false);
        }
        self.tenant |= tenants;
        self
    }

    fn write(&self, host: usize, place: usize) -> String {
        let path = PATHS[place];
        let mut text = format!(
            "[[routes]]\nnumber = {}\nname = \"r{host}-{place}\"\nhost = \"h{host}\"\n\
             method = \"GET\"\npath = \"{path}\"\nmode = \"{}\"\nkinds = [{}]\npurpose = \"{}\"\n\
             subjects_max = {}\nbody = \"{}\"\n",
            host * 10 + place + 1,
            if self.enforce { "enforce" } else { "observe" },
            names(self.kinds),
            PURPOSES[self.purpose],
            self.subjects_max,
            BODIES[self.body],
        );
        if self.subject {
            text.push_str("subject = \"principal\"\n");
        }
        if self.self_only {
            text.push_str("self_only = true\n");
        }
        if self.tenant {
            text.push_str("tenant = \"principal\"\n");
        }
        let fields: String =
            self.fields.iter().map(|(slot, field)| field.write(*slot, FIELDS[*slot])).collect();
        if fields.is_empty() { text } else { format!("{text}fields = [\n{fields}]\n") }
    }
}

impl Model {
    /// As `catalogue.toml` says it.
    pub fn text(&self) -> String {
        let mut text = "version = 1\n[classes]\nc0 = 0\nc1 = 1\n".to_owned();
        for (index, host) in self.hosts.iter().enumerate() {
            let undeclared = if host.refuse { "refuse" } else { "observe" };
            let _written = writeln!(
                text,
                "[hosts.h{index}]\nupstream = \"http://127.0.0.1:1\"\nnames = [\"h{index}\"]\n\
                 undeclared = \"{undeclared}\"\nmax_body_bytes = {}",
                host.body_bytes
            );
        }
        for (name, BudgetModel { kinds, subjects, hours }) in &self.budgets {
            let kinds = names(*kinds);
            let _written = writeln!(
                text,
                "[budgets.b{name}]\nkinds = [{kinds}]\nsubjects = {subjects}\nwindow = \"{hours}h\""
            );
        }
        for (index, host) in self.hosts.iter().enumerate() {
            host.routes.iter().for_each(|(place, it)| text.push_str(&it.write(index, *place)));
        }
        text
    }

    pub fn declarations(&self) -> Declarations {
        let policies = self.policies.iter().map(|(id, count)| POOL[*id][*count].clone());
        Declarations {
            settings: self.settings.clone(),
            catalogue: catalogue(&self.text()),
            policies: policies.collect(),
        }
    }

    fn with(&self, change: impl FnOnce(&mut Self)) -> Self {
        let mut changed = self.clone();
        change(&mut changed);
        changed
    }

    /// Everything that is weaker by one defence, each with its name.
    pub fn weakened(&self) -> Vec<(String, Self)> {
        let mut all = Vec::new();
        self.settings_weakened(&mut all);
        self.budgets_weakened(&mut all);
        for host in 0..2 {
            self.host_weakened(host, &mut all);
            for place in self.hosts[host].routes.keys() {
                self.route_weakened(host, *place, &mut all);
            }
        }
        for id in 0..4 {
            let change = |name: &str, count: Option<usize>| {
                let changed = self.with(|it| {
                    match count {
                        Some(count) => it.policies.insert(id, count),
                        None => it.policies.remove(&id),
                    };
                });
                (format!("policy {id} {name}"), changed)
            };
            match (id < 2, self.policies.get(&id).copied()) {
                (true, None) => all.push(change("permit added", Some(2))),
                (true, Some(count @ 1..)) => all.push(change("permit wider", Some(count - 1))),
                (false, Some(count)) => {
                    all.push(change("forbid removed", None));
                    if count < 4 {
                        all.push(change("forbid narrower", Some(count + 1)));
                    }
                }
                (true, Some(0)) | (false, None) => {}
            }
        }
        all
    }

    fn settings_weakened(&self, all: &mut Vec<(String, Self)>) {
        type Change = fn(&mut Settings);
        let changes: [(&str, Change); 12] = [
            ("life", |s| s.issuer.life_seconds_max += 1),
            ("mode", |s| s.issuer.mode = IssuerMode::Learning),
            ("holders", |s| drop(s.custody.root_on_hosts.pop_first())),
            ("retention", |s| {
                s.retention_days.values_mut().for_each(|it| *it -= 1);
            }),
            ("idle", |s| s.operators.session_idle_minutes += 1),
            ("step-up", |s| s.operators.step_up_minutes += 1),
            ("reads", |s| s.operators.read_subjects_max = None),
            ("groups", |s| {
                if let Some(provider) = &mut s.operators.provider {
                    provider.groups.insert("more".to_owned(), roles(&[Role::Keys]));
                }
            }),
            ("life of a proposal", |s| s.approvals.life_minutes += 1),
            ("consents", |s| {
                s.approvals
                    .rules
                    .values_mut()
                    .for_each(|it| it.consents = it.consents.saturating_sub(1));
            }),
            ("mutes", |s| {
                s.mutes.insert("more".to_owned());
            }),
            ("notifications", |s| drop(s.notifications.pop_first())),
        ];
        for (name, change) in changes {
            let changed = self.with(|it| change(&mut it.settings));
            if changed.settings != self.settings {
                all.push((format!("settings {name}"), changed));
            }
        }
    }

    fn budgets_weakened(&self, all: &mut Vec<(String, Self)>) {
        for (name, budget) in &self.budgets {
            let mut push = |what: &str, change: &dyn Fn(&mut BudgetModel)| {
                let changed = self.with(|it| change(it.budgets.get_mut(name).unwrap()));
                all.push((format!("budget {name} {what}"), changed));
            };
            push("cap", &|it| it.subjects += 1);
            if budget.hours > 1 {
                push("window", &|it| it.hours -= 1);
            }
            let fewer = budget.kinds & (budget.kinds - 1);
            if fewer != 0 {
                push("kinds", &|it| it.kinds = fewer);
            }
            let changed = self.with(|it| it.budgets.retain(|one, _| one != name));
            all.push((format!("budget {name} removed"), changed));
        }
    }

    fn host_weakened(&self, host: usize, all: &mut Vec<(String, Self)>) {
        let it = &self.hosts[host];
        let larger = self.with(|it| it.hosts[host].body_bytes += 1);
        all.push((format!("host {host} body"), larger));
        if it.refuse {
            let opened = self.with(|it| it.hosts[host].refuse = false);
            all.push((format!("host {host} opened"), opened));
        }
        for (place, route) in &it.routes {
            // Of a measured one its requests may be measured as well by another.
            let removed = self.with(|it| drop(it.hosts[host].routes.remove(place)));
            if !it.refuse && (route.enforce || it.routes.len() == 1) {
                all.push((format!("host {host} route {place} removed"), removed));
            }
        }
        let free = (0..PATHS.len()).find(|place| !it.routes.contains_key(place));
        if let (true, Some(place)) = (it.refuse && it.routes.is_empty(), free) {
            let route = RouteModel {
                enforce: true,
                kinds: 1,
                purpose: 2,
                subject: true,
                self_only: true,
                tenant: false,
                subjects_max: 1,
                body: 2,
                fields: BTreeMap::new(),
            };
            let added = self.with(|it| drop(it.hosts[host].routes.insert(place, route)));
            all.push((format!("host {host} route added"), added));
        }
    }

    fn route_weakened(&self, host: usize, place: usize, all: &mut Vec<(String, Self)>) {
        let route = &self.hosts[host].routes[&place];
        let mut push = |what: &str, change: &dyn Fn(&mut RouteModel)| {
            let changed = self.with(|it| change(it.hosts[host].routes.get_mut(&place).unwrap()));
            all.push((format!("route {host}-{place} {what}"), changed));
        };
        if route.enforce {
            push("observed", &|it| it.enforce = false);
        }
        if route.kinds != 31 {
            push("kinds", &|it| it.kinds |= it.kinds + 1);
        }
        if route.purpose > 0 {
            push("purpose", &|it| it.purpose -= 1);
        }
        if route.self_only {
            push("for others", &|it| it.self_only = false);
        } else if route.subject {
            push("no subject", &|it| it.subject = false);
        }
        push("subjects", &|it| it.subjects_max += 1);
        if route.tenant {
            push("no tenant", &|it| {
                it.tenant = false;
                it.fields.values_mut().for_each(|field| field.tenant = false);
            });
        }
        if !route.looked_into() {
            return;
        }
        let free = (0..FIELDS.len()).find(|slot| !route.fields.contains_key(slot));
        if let (true, Some(0 | 1)) = (route.enforce, free) {
            let plain =
                FieldModel { class: None, mask: None, mask_for: 0, subject: false, tenant: false };
            push("field added", &|it| it.fields.extend(free.map(|free| (free, plain.clone()))));
        }
        for (slot, field) in &route.fields {
            let mut push = |what: &str, change: &dyn Fn(&mut FieldModel)| {
                push(&format!("field {slot} {what}"), &|it| {
                    change(it.fields.get_mut(slot).unwrap());
                });
            };
            if field.class.is_some() {
                push("no class", &|it| it.class = None);
            }
            if field.mask.is_some() {
                push("no mask", &|it| it.mask = None);
                let fewer = field.mask_for & field.mask_for.wrapping_sub(1);
                if field.mask_for == 0 {
                    push("mask for some", &|it| it.mask_for = 3);
                } else if fewer != 0 {
                    push("mask for fewer", &|it| it.mask_for = fewer);
                }
            }
            if field.subject {
                push("no person", &|it| it.subject = false);
            }
        }
    }
}

fn field() -> impl Strategy<Value = FieldModel> {
    let mask = prop::option::of(0..MASKS.len());
    (prop::option::of(0_u8..2), mask, 0_u8..32, any::<bool>(), any::<bool>()).prop_map(
        |(class, mask, mask_for, subject, tenant)| FieldModel {
            class,
            mask,
            mask_for,
            subject: subject && !tenant,
            tenant,
        },
    )
}

fn route() -> impl Strategy<Value = RouteModel> {
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    let fields = prop::collection::btree_map(0..FIELDS.len(), field(), 0..4);
    (flags, 1_u8..32, 0_usize..3, 1_u8..4, 0_usize..4, fields).prop_map(
        |((enforce, subject, self_only, tenant), kinds, purpose, subjects_max, body, fields)| {
            let body = if body == 1 { 0 } else { body };
            RouteModel {
                enforce,
                kinds,
                purpose,
                subject,
                self_only,
                tenant,
                subjects_max,
                body,
                fields,
            }
            .tidied()
        },
    )
}

fn host() -> impl Strategy<Value = HostModel> {
    let routes = prop::collection::btree_map(0..PATHS.len(), route(), 0..4);
    (any::<bool>(), 1_u16..4, routes).prop_map(|(refuse, body_bytes, routes)| HostModel {
        refuse,
        body_bytes,
        routes,
    })
}

fn budget() -> impl Strategy<Value = BudgetModel> {
    (1_u8..32, 1_u8..4, 1_u8..4).prop_map(|(kinds, subjects, hours)| BudgetModel {
        kinds,
        subjects,
        hours,
    })
}

/// Any declarations.
pub fn model() -> impl Strategy<Value = Model> {
    let budgets = prop::collection::btree_map(0_u8..3, budget(), 0..3);
    let policies = prop::collection::btree_map(0_usize..4, 0_usize..5, 0..4);
    let flags = (any::<bool>(), any::<bool>());
    ([host(), host()], budgets, policies, flags).prop_map(
        |(hosts, budgets, policies, (provider, capped))| {
            let mut settings = settings();
            if !provider {
                settings.operators.provider = None;
            }
            if !capped {
                settings.operators.read_subjects_max = None;
            }
            Model { settings, hosts, budgets, policies }
        },
    )
}
