//! Prints what a new decision and a kept one cost.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measuring program: it reads the clock, prints, and stops on any failure"
)]

use std::time::Instant;

use ward_model::word::{PersonState, Task};
use ward_model::{PrincipalKind, RouteNumber};
use ward_policy::{Ask, DEFAULTS, Policies};

fn main() {
    let start = Instant::now();
    let policies = Policies::load(DEFAULTS).unwrap();
    println!("load: {:?}", start.elapsed());
    let ask = |number: i32| Ask {
        kind: PrincipalKind::Person,
        state: PersonState::Active,
        tenant: false,
        scopes: "orders report",
        route: RouteNumber(number),
        route_name: "staff_customer",
        route_kinds: &[PrincipalKind::Person],
        self_only: false,
        is_self: false,
        purpose_required: true,
        purpose_stated: true,
        task: Task::View,
    };
    let start = Instant::now();
    let new = 2000;
    for number in 0..new {
        let _decided = policies.decide(&ask(number));
    }
    println!("new decision: {:.1} us", start.elapsed().as_secs_f64() * 1e6 / f64::from(new));
    let start = Instant::now();
    let kept = 2_000_000;
    for number in 0..kept {
        let _decided = policies.decide(&ask(number % new));
    }
    println!("kept decision: {:.0} ns", start.elapsed().as_secs_f64() * 1e9 / f64::from(kept));
}
