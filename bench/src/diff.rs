//! The weakening diff over the largest catalogue there can be, beside SHA-256 of the same texts.
//!
//! Two houses of 2,000 routes and 500 policies. Once they differ in every route, every policy and
//! many places, so that every rule has work and routes take requests from one another; once they
//! say the same. Texts are read before: a reload reads them anyway. What comes out is looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::hint::black_box;
use std::net::Ipv4Addr;

use anyhow::{Result, anyhow, ensure};
use aws_lc_rs::digest::{SHA256, digest};
use ward_model::word::IssuerMode;
use ward_operators::diff::{
    ApprovalRule, ApprovalRules, Custody, Declarations, Issuer, Judgement, Operators, RoleSet,
    Settings, Snapshot, diff,
};

use crate::Effort;
use crate::paired::paired;
use crate::table::Row;

/// Most milliseconds a diff may take.
const GOAL_MS: f64 = 50.0;
/// Fields of a route.
const FIELDS: usize = 8;
/// Policies in a file.
const POLICIES_IN_A_FILE: usize = 25;

/// Measures.
///
/// # Errors
/// A text was not taken, or a judgement was not the right one.
pub fn rows(effort: Effort) -> Result<Vec<Row>> {
    let (routes, policies) = (effort.of(2_000, 40), effort.of(500, 10));
    let (one, other) = (House::new(routes, policies, false)?, House::new(routes, policies, true)?);
    ensure!(one.declarations.catalogue.routes().len() == routes, "routes are missing");
    ensure!(one.declarations.policies.len() == policies, "policies are missing");
    let judged = |new: &House| diff(black_box(&one.declarations), black_box(&new.declarations));
    ensure!(judged(&other).is_weaker(), "what is weaker was not seen");
    ensure!(judged(&one) == Judgement::Same, "what is the same was taken for a change");

    let rounds = effort.of(15, 2);
    let hash = || {
        for text in [&one.text, &other.text] {
            black_box(digest(&SHA256, black_box(text.as_bytes())));
        }
        1
    };
    let compare = |new: &House| {
        black_box(judged(new));
        1
    };
    let changed = paired(rounds, || compare(&other), hash);
    let unchanged = paired(rounds, || compare(&one), hash);
    let bytes = one.text.len() + other.text.len();
    let row = |what: String, it: crate::paired::Paired, hard| {
        let ms = it.thing_ns / 1e6;
        Row {
            what,
            ours: format!("{ms:.2} ms"),
            peer: format!("SHA-256 of their {bytes} bytes {:.2} ms", it.peer_ns / 1e6),
            ratio: format!("{:.1}x the floor", 1.0 / it.ratio),
            goal: format!("< {GOAL_MS:.0} ms"),
            met: ms < GOAL_MS,
            hard,
        }
    };
    let size = format!("{routes} routes and {policies} policies");
    Ok(vec![
        row(format!("weakening diff, {size}, every one of them changed"), changed, true),
        row(format!("the same, {size}, nothing changed"), unchanged, false),
    ])
}

/// Declarations, and every text of them.
struct House {
    declarations: Declarations,
    text: String,
}

impl House {
    fn new(routes: usize, policies: usize, other: bool) -> Result<Self> {
        let catalogue_text = catalogue(routes, other);
        let policy_sources = policy_files(policies, other);
        let mut text = catalogue_text.clone();
        policy_sources.values().for_each(|it| text.push_str(it));
        let snapshot = Snapshot { settings: settings(), catalogue_text, policy_sources };
        let declarations =
            snapshot.declarations("catalogue.toml").map_err(|why| anyhow!("{why:?}"))?;
        Ok(Self { declarations, text })
    }
}

fn catalogue(routes: usize, other: bool) -> String {
    let mut text = String::from(
        "version = 1\n[hosts.shop]\nupstream = \"http://127.0.0.1:9000\"\nundeclared = \"observe\"\n\
         [classes]\nname = 1\nphone = 2\n[budgets.day]\nkinds = [\"person\"]\nsubjects = 200\n\
         window = \"1d\"\n",
    );
    let (mode, kinds) =
        if other { ("observe", "\"person\", \"rider\"") } else { ("enforce", "\"person\"") };
    for at in 0..routes {
        // One in ten is elsewhere in the other house, and beside it the one that covers it.
        let place = match (at % 10, other) {
            (0, false) => format!("/api/v1/area{}/thing/{{id}}", at / 10),
            (0, true) => format!("/api/v1/area{}/thing/me", at / 10),
            _ => format!("/api/v1/area{}/thing{at}/{{id}}", at / 10),
        };
        let _written = writeln!(
            text,
            "[[routes]]\nnumber = {}\nname = \"route-{at}\"\nhost = \"shop\"\nmethod = \"GET\"\n\
             path = \"{place}\"\nmode = \"{mode}\"\nkinds = [{kinds}]\npurpose = \"required\"\n\
             subjects_max = 100\nbody = \"json\"\nfields = [",
            at + 1
        );
        for field in 0..FIELDS {
            let mask = if other && field % 2 == 0 { "last4" } else { "all" };
            let path = if other && field == 0 { "*" } else { "buyer" };
            let _written = writeln!(
                text,
                "{{ slot = {field}, path = \"orders[].{path}.field{field}\", class = \"phone\", \
                 mask = \"{mask}\" }},"
            );
        }
        text.push_str("]\n");
    }
    text
}

fn policy_files(policies: usize, other: bool) -> BTreeMap<String, String> {
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for at in 0..policies {
        let effect = if at % 2 == 0 { "permit" } else { "forbid" };
        let also = if other { " && context.purpose_stated" } else { "" };
        let file = files.entry(format!("{:03}.cedar", at / POLICIES_IN_A_FILE)).or_default();
        let _written = writeln!(
            file,
            "@id(\"policy-{at}\") {effect} (principal, action == Action::\"access\", resource)\n\
             when {{ resource.number == {at} && principal.kind == \"person\"{also} }}\n\
             unless {{ resource.kinds.contains(\"rider\") }};"
        );
    }
    files
}

fn settings() -> Settings {
    let address = |port| (Ipv4Addr::LOCALHOST, port).into();
    Settings {
        data: "data".into(),
        log_name: "ward.example/log".into(),
        listen_control: address(7780),
        listen_gate: address(7781),
        issuer: Issuer {
            url: "https://login.example".into(),
            audience: "shop".into(),
            life_seconds_max: 3600,
            mode: IssuerMode::Enforcing,
        },
        custody: Custody {
            kind: "file".into(),
            place: "key".into(),
            root_on_hosts: BTreeSet::new(),
        },
        segment_bytes: 32 << 20,
        retention_days: BTreeMap::new(),
        operators: Operators {
            session_idle_minutes: 15,
            session_minutes_max: 480,
            step_up_minutes: 5,
            provider: None,
            read_subjects_max: None,
        },
        approvals: ApprovalRules {
            life_minutes: 1440,
            alone_after_minutes: None,
            default: ApprovalRule { consents: 1, from_roles: RoleSet::default() },
            rules: BTreeMap::new(),
        },
        mutes: BTreeSet::new(),
        signing: BTreeMap::new(),
        notifications: BTreeMap::new(),
        others: BTreeMap::new(),
    }
}
