//! A small house to change: settings, a catalogue, policies.

mod keys;
mod laws;
mod model;
mod rules;
mod shapes;
mod signing;
mod stored;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use ward_catalogue::Catalogue;
use ward_model::Roles;
use ward_model::word::{IssuerMode, Role};
use ward_policy::PolicyShape;

use super::*;

/// Four routes: enforced and observed, on a host that refuses and on one that observes.
const CATALOGUE: &str = r#"
version = 1
[hosts.shop]
upstream = "http://127.0.0.1:9000"
undeclared = "refuse"
names = ["api.example", "shop.example"]
max_body_bytes = 1000
[hosts.open]
upstream = "http://10.0.0.7"
undeclared = "observe"
names = ["open.example"]
[classes]
name = 1
phone = 2
[namespaces]
courier = 40
[budgets.staff-day]
kinds = ["person", "service"]
subjects = 200
window = "1d"
[[routes]]
number = 1
name = "staff"
host = "shop"
method = "GET"
path = "/staff/{id}"
mode = "enforce"
kinds = ["person", "service"]
purpose = "optional"
subject = "customer:{id}"
tenant = "principal"
subjects_max = 5
body = "json"
fields = [
  { slot = 0, path = "buyer.id", subject = "customer" },
  { slot = 1, path = "buyer.phone", class = "phone", mask = "last4", mask_for = ["person", "rider"] },
  { slot = 2, path = "shop", tenant = true },
  { slot = 3, path = "extra.*", class = "name", mask = "all" },
  { slot = 4, path = "total" },
]
[[routes]]
number = 2
name = "list"
host = "shop"
method = "GET"
path = "/lists/{id}"
mode = "observe"
kinds = ["person"]
body = "json"
fields = [{ slot = 0, path = "name", class = "name" }]
[[routes]]
number = 3
name = "item"
host = "open"
method = "GET"
path = "/items/{id}"
mode = "enforce"
kinds = ["customer"]
subject = "principal"
self_only = true
body = "json"
fields = [{ slot = 0, path = "name", class = "name" }]
[[routes]]
number = 4
name = "note"
host = "open"
method = "GET"
path = "/notes/{id}"
mode = "observe"
kinds = ["customer"]
body = "none"
"#;

/// A policy of each kind beside those every house starts with.
const POLICIES: &str = r#"
@id("extra") permit (principal, action == Action::"access", resource)
when { principal.kind == "service" } when { context.purpose_stated };
@id("guard") forbid (principal, action == Action::"access", resource)
when { context.task == "delete" && principal.kind == "rider" };
@id("odd") forbid (principal, action == Action::"access", resource)
when { resource.number + 9223372036854775807 > 0 };
"#;

fn roles(roles: &[Role]) -> RoleSet {
    RoleSet(Roles::of(roles))
}

fn settings() -> Settings {
    let text = |text: &str| text.to_owned();
    Settings {
        data: text("data"),
        log_name: text("ward.example/log"),
        listen_control: ([127, 0, 0, 1], 7780).into(),
        listen_gate: ([10, 0, 0, 1], 7781).into(),
        issuer: Issuer {
            url: text("https://ward.example"),
            audience: text("shop"),
            life_seconds_max: 3600,
            mode: IssuerMode::Enforcing,
        },
        custody: Custody {
            kind: text("file"),
            place: text("key"),
            root_on_hosts: BTreeSet::from([text("kim"), text("lee")]),
        },
        segment_bytes: 1 << 25,
        retention_days: BTreeMap::from([(text("journal"), 400)]),
        operators: Operators {
            session_idle_minutes: 15,
            session_minutes_max: 480,
            step_up_minutes: 5,
            provider: Some(Provider {
                issuer: text("https://id.example"),
                client_id: text("ward"),
                groups: BTreeMap::from([(text("sec"), roles(&[Role::Keys, Role::Audit]))]),
                allow_passkey: false,
            }),
            read_subjects_max: Some(100),
        },
        approvals: ApprovalRules {
            life_minutes: 1440,
            alone_after_minutes: Some(4320),
            default: ApprovalRule { consents: 1, from_roles: roles(&[]) },
            rules: BTreeMap::from([(
                text("set operator"),
                ApprovalRule { consents: 2, from_roles: roles(&[Role::Operators, Role::Audit]) },
            )]),
        },
        mutes: BTreeSet::from([text("clock_jumped")]),
        notifications: BTreeMap::from([(text("team"), Target::of("e-mail", &["a@b.example"]))]),
        signing: BTreeMap::new(),
        others: BTreeMap::from([(text("witness"), text("w.example"))]),
    }
}

fn catalogue(text: &str) -> Arc<Catalogue> {
    match Catalogue::parse("catalogue.toml", text) {
        Ok(catalogue) => Arc::new(catalogue),
        Err(mistakes) => {
            let told: String = mistakes.iter().map(|it| format!("{it}\n")).collect();
            panic!("{told}\n{text}")
        }
    }
}

fn policies(text: &str) -> Vec<PolicyShape> {
    let mut sources = ward_policy::DEFAULTS.to_vec();
    sources.push(("house.cedar", text));
    PolicyShape::of(&sources).unwrap()
}

fn house() -> Declarations {
    // Read once: the strict check of policies is slow in a debug build.
    static HOUSE: LazyLock<Declarations> = LazyLock::new(|| Declarations {
        settings: settings(),
        catalogue: catalogue(CATALOGUE),
        policies: policies(POLICIES),
    });
    HOUSE.clone()
}

/// The verdict and the kinds of its reasons: `weaker: route_mode`.
fn told(judgement: &Judgement) -> String {
    let reasons = match judgement {
        Judgement::Weaker { weaker, .. } => weaker,
        Judgement::Same => &Vec::new(),
        Judgement::Stronger(stronger) => stronger,
    };
    let mut kinds: Vec<&str> = reasons.iter().map(|why| why.kind.as_str()).collect();
    kinds.dedup();
    format!("{}: {}", judgement.as_str(), kinds.join(" ")).trim_end_matches([':', ' ']).to_owned()
}
