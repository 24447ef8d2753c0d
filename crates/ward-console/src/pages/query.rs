//! The filter of *Accesses*: from a query string to a question, and back into links. Pure.
//!
//! A filter that is not understood is said, never dropped: a list that silently shows something
//! else than what was asked for misleads. Best test: `pages/tests.rs`.

use serde::Deserialize;
use ward_model::{LeafIndex, PrincipalNumber, Reason, RouteNumber};

use crate::facts::{AccessesAsk, RouteState};
use crate::limits::PAGE_ROWS;

/// The query string; an empty value is no filter.
#[derive(Debug, Default, Deserialize)]
pub struct AccessQuery {
    verdict: Option<String>,
    reason: Option<String>,
    principal: Option<String>,
    route: Option<String>,
    before: Option<String>,
}

/// A filter, understood.
#[derive(Debug, Default)]
pub struct Filter {
    /// What to ask.
    pub ask: AccessesAsk,
    /// What was not understood.
    pub wrong: Option<&'static str>,
}

impl AccessQuery {
    /// Understands it; of several faults the last is named.
    pub fn parse(&self) -> Filter {
        let mut wrong = None;
        let ask = AccessesAsk {
            permitted: take(&self.verdict, &mut wrong, "verdict", |it| match it {
                "permit" => Some(true),
                "refuse" => Some(false),
                _ => None,
            }),
            reason: take(&self.reason, &mut wrong, "reason", Reason::from_name),
            principal: take(&self.principal, &mut wrong, "principal number", |it| {
                it.replace(',', "").parse().ok().map(PrincipalNumber)
            }),
            route: take(&self.route, &mut wrong, "route", |it| it.parse().ok().map(RouteNumber)),
            before: take(&self.before, &mut wrong, "page", |it| it.parse().ok().map(LeafIndex)),
            rows_max: PAGE_ROWS,
        };
        Filter { ask, wrong }
    }
}

fn take<T>(
    given: &Option<String>,
    wrong: &mut Option<&'static str>,
    what: &'static str,
    read: impl Fn(&str) -> Option<T>,
) -> Option<T> {
    let given = given.as_deref().map(str::trim).filter(|it| !it.is_empty())?;
    let read = read(given);
    if read.is_none() {
        *wrong = Some(what);
    }
    read
}

impl Filter {
    /// Whether anything is filtered, the page aside.
    pub fn is_set(&self) -> bool {
        let ask = &self.ask;
        ask.permitted.is_some()
            || ask.reason.is_some()
            || ask.principal.is_some()
            || ask.route.is_some()
    }

    /// Whether it asks for this reason.
    pub fn is_reason(&self, reason: &Reason) -> bool {
        self.ask.reason == Some(*reason)
    }

    /// Whether it asks for this route.
    pub fn is_route(&self, route: &RouteState) -> bool {
        self.ask.route == Some(route.number)
    }

    /// Whether this is the page of the newest.
    pub fn is_first(&self) -> bool {
        self.ask.before.is_none()
    }

    /// The link to the same list from `before` on; without it, to its newest page.
    pub fn link(&self, before: Option<&LeafIndex>) -> String {
        let ask = &self.ask;
        let pairs = [
            ask.permitted.map(|it| format!("verdict={}", if it { "permit" } else { "refuse" })),
            ask.reason.map(|it| format!("reason={it}")),
            ask.principal.map(|it| format!("principal={it}")),
            ask.route.map(|it| format!("route={it}")),
            before.map(|it| format!("before={}", it.0)),
        ];
        let pairs: Vec<String> = pairs.into_iter().flatten().collect();
        match pairs.is_empty() {
            true => String::from("/console/accesses"),
            false => format!("/console/accesses?{}", pairs.join("&")),
        }
    }

    /// The principal as the form shows it.
    pub fn principal(&self) -> String {
        self.ask.principal.map(|it| it.to_string()).unwrap_or_default()
    }
}
