//! The matrix of who may use what, and broken policy files.

use std::fmt::Write as _;

use ward_model::PrincipalKind as Kind;
use ward_model::RouteNumber;
use ward_model::word::{PersonState, Task};

use super::*;

fn ask<'a>(kind: Kind) -> Ask<'a> {
    Ask {
        kind,
        state: PersonState::Active,
        tenant: false,
        scopes: "",
        route: RouteNumber(1),
        route_name: "me",
        route_kinds: &[Kind::Customer],
        self_only: false,
        is_self: false,
        purpose_required: false,
        purpose_stated: false,
        task: Task::View,
    }
}

struct Asker {
    name: &'static str,
    kind: Kind,
    state: PersonState,
    scopes: &'static str,
}

const ASKERS: [Asker; 9] = {
    const fn plain(name: &'static str, kind: Kind) -> Asker {
        Asker { name, kind, state: PersonState::Active, scopes: "" }
    }
    const fn staff(name: &'static str, state: PersonState) -> Asker {
        Asker { name, kind: Kind::Person, state, scopes: "" }
    }
    [
        plain("unknown", Kind::Unknown),
        plain("customer", Kind::Customer),
        plain("seller", Kind::Seller),
        plain("rider", Kind::Rider),
        staff("person active", PersonState::Active),
        staff("person leaving", PersonState::Leaving),
        staff("person left", PersonState::Left),
        plain("service", Kind::Service),
        Asker {
            name: "service with scopes",
            kind: Kind::Service,
            state: PersonState::Active,
            scopes: "orders report",
        },
    ]
};

struct On {
    name: &'static str,
    kinds: &'static [Kind],
    self_only: bool,
    purpose: bool,
}

const ROUTES: [On; 9] = {
    const fn on(name: &'static str, kinds: &'static [Kind]) -> On {
        On { name, kinds, self_only: false, purpose: false }
    }
    [
        On { self_only: true, ..on("me", &[Kind::Customer]) },
        on("seller_orders", &[Kind::Seller]),
        on("rider_jobs", &[Kind::Rider]),
        on("staff_customer", &[Kind::Person]),
        On { purpose: true, ..on("staff_list", &[Kind::Person]) },
        on("report", &[Kind::Service]),
        on("dump", &[Kind::Service]),
        on("shared", &[Kind::Customer, Kind::Person]),
        on("nobody", &[]),
    ]
};

fn matrix(policies: &Policies) -> String {
    let mut text = String::from(
        "# Who may use what. Columns: is the data subject himself / states a purpose.\n",
    );
    let columns = [("self+purpose", true, true), ("self", true, false)];
    let columns = [columns, [("other+purpose", false, true), ("other", false, false)]].concat();
    for on in ROUTES {
        let kinds: Vec<&str> = on.kinds.iter().map(|kind| kind.as_str()).collect();
        let about = if on.self_only { ", oneself only" } else { "" };
        let purpose = if on.purpose { ", purpose required" } else { "" };
        writeln!(text, "\nroute {} for [{}]{about}{purpose}", on.name, kinds.join(" ")).unwrap();
        write!(text, "  {:20}", "").unwrap();
        columns.iter().for_each(|(name, ..)| write!(text, " {name:13}").unwrap());
        text = text.trim_end().to_owned() + "\n";
        for asker in ASKERS {
            write!(text, "  {:20}", asker.name).unwrap();
            for &(_, is_self, purpose_stated) in &columns {
                let ask = Ask {
                    state: asker.state,
                    scopes: asker.scopes,
                    route_name: on.name,
                    route_kinds: on.kinds,
                    self_only: on.self_only,
                    purpose_required: on.purpose,
                    is_self,
                    purpose_stated,
                    ..ask(asker.kind)
                };
                let word = match policies.decide(&ask).verdict() {
                    Verdict::Permit => "permit",
                    Verdict::Refuse(Reason::Policy) => "-",
                    Verdict::Refuse(reason) => reason.as_str(),
                };
                write!(text, " {word:13}").unwrap();
            }
            text = text.trim_end().to_owned() + "\n";
        }
    }
    text
}

#[test]
fn the_matrix_is_as_reviewed() {
    let policies = Policies::load(DEFAULTS).unwrap();
    let now = matrix(&policies);
    let reviewed = include_str!("../tests/matrix.txt");
    assert!(now == reviewed, "the matrix is now:\n{now}");
    let decisions = policies.rules.load().cache.len();
    assert_eq!(decisions, ASKERS.len() * ROUTES.len() * 4);
    assert_eq!(matrix(&policies), reviewed, "kept decisions");
    assert_eq!(policies.rules.load().cache.len(), decisions, "no decision was made twice");
}

#[test]
fn the_deciding_policies_are_named() {
    let policies = Policies::load(DEFAULTS).unwrap();
    assert_eq!(policies.decide(&ask(Kind::Customer)).by(), ["outside_kinds"]);
    assert!(policies.decide(&ask(Kind::Seller)).by().is_empty());
    let not_own = Ask { self_only: true, ..ask(Kind::Customer) };
    assert_eq!(policies.decide(&not_own).by(), ["own_only"]);
}

#[test]
fn every_mistake_is_told_with_its_line() {
    let policy = |id: &str, when: &str| {
        format!(
            "// first line\n@id(\"{id}\")\npermit (principal, action == Action::\"access\", resource)\nwhen {{\n  {when}\n}};\n"
        )
    };
    struct Case {
        name: &'static str,
        text: String,
        line: usize,
        says: &'static str,
    }
    let case = |name, text, line, says| Case { name, text, line, says };
    let cases = [
        case("syntax", policy("a", "principal.kind = \"x\""), 5, "'=' is not a valid operator"),
        case("unknown attribute", policy("a", "principal.knid == \"x\""), 5, "`knid`"),
        case("wrong type", policy("a", "resource.number == \"x\""), 5, "type"),
        case("unknown action", policy("a", "true").replace("access", "acess"), 3, "acess"),
        case("never applies", policy("a", "context has nothing"), 2, "impossible"),
        case("no id", policy("a", "true").replace("@id(\"a\")", ""), 3, "no id"),
        case("two of one id", policy("a", "true") + &policy("a", "false || true"), 8, "the id a"),
        case(
            "unknown reason",
            policy("a", "true").replace("@id", "@reason(\"whim\")\n@id"),
            2,
            "@reason",
        ),
        case(
            "template",
            policy("a", "true").replace("(principal,", "(principal == ?principal,"),
            1,
            "templates",
        ),
        case("nothing", String::new(), 1, "no policy"),
    ];
    let mut failed = Vec::new();
    for case in cases {
        let Err(mistakes) = Policies::load(&[("odd.cedar", &case.text)]) else {
            panic!("{}: loaded", case.name);
        };
        let found =
            mistakes.iter().any(|it| it.line == case.line && it.message.contains(case.says));
        if !found {
            failed.push(format!("{}: {mistakes:#?}", case.name));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    let good = policy("good", "true");
    let (one, two) = (policy("a", "principal.knid == \"x\""), policy("b", "))"));
    let sources = [("c.cedar", good.as_str()), ("a.cedar", &one), ("b.cedar", &two)];
    let Err(mistakes) = Policies::load(&sources) else { panic!("loaded") };
    let files: Vec<&str> = mistakes.iter().map(|it| it.file.as_str()).collect();
    assert_eq!(files, ["a.cedar", "b.cedar"], "all files, at once");
}

#[test]
fn a_failing_policy_never_lets_in() {
    let overflow = "@id(\"all\") permit (principal, action, resource);
        @id(\"odd\") forbid (principal, action, resource)
        when { resource.number + 9223372036854775807 == 0 };";
    let policies = Policies::load(&[("odd.cedar", overflow)]).unwrap();
    let decided = policies.decide(&ask(Kind::Customer));
    assert_eq!(decided.verdict(), Verdict::Refuse(Reason::Policy));
}

#[test]
fn a_reload_is_whole_or_not_at_all() {
    let policies = Policies::load(DEFAULTS).unwrap();
    let (before, customer) = (policies.digest(), ask(Kind::Customer));
    assert_eq!(policies.decide(&customer).verdict(), Verdict::Permit);
    policies.reload(&[("odd.cedar", "permit")]).unwrap_err();
    assert_eq!(policies.digest(), before);
    assert_eq!(policies.decide(&customer).verdict(), Verdict::Permit);
    let closed = "@id(\"closed\") forbid (principal, action, resource);";
    policies.reload(&[("closed.cedar", closed)]).unwrap();
    assert_ne!(policies.digest(), before);
    assert_eq!(policies.decide(&customer).verdict(), Verdict::Refuse(Reason::Policy));
    let reordered: Vec<_> = DEFAULTS.iter().rev().copied().collect();
    policies.reload(&reordered).unwrap();
    assert_eq!(policies.digest(), before, "the order of files means nothing");
}

#[test]
fn the_cache_is_bounded() {
    let policies = Policies::load(DEFAULTS).unwrap();
    let most = limits::SHARDS * limits::SHARD_DECISIONS_MAX;
    let rules = policies.rules.load();
    for number in 0..i32::try_from(most + 5000).unwrap() {
        let ask = Ask { route: RouteNumber(number), ..ask(Kind::Customer) };
        let decide = || Decided::refuse(Reason::Policy, Vec::new());
        let _decided = rules.cache.get_or(&ask, decide);
    }
    assert!(rules.cache.len() <= most);
}
