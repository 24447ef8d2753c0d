//! The templates' shapes: each page is a struct, its file under `templates/`.
//!
//! What it must never do: build markup from text. Every value passes askama's escaping; the two
//! exceptions are [`Help::html`], escaped where it is made, and numbers drawn in SVG.
//! Best test: `pages/tests.rs` (snapshots, hostile strings).

mod credentials;
mod draw;
mod operators;
mod query;
mod record;
mod words;

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use ward_model::Reason;
use ward_model::word::{AlertKind, RouteMode};

use crate::facts::{
    AccessDetail, AccessPage, FactsError, IncidentDetail, IncidentPage, Now, PeoplePage, RouteState,
};
use crate::help::{self, Help};
use crate::limits::{RECENT_ALERTS_MAX, RECENT_REFUSALS_MAX, ROUTES_SHOWN_MAX, SUBJECTS_SHOWN_MAX};
use crate::say::{Grouped as _, Moment as _, Short as _};

pub use credentials::{
    CredentialQuery, Shown, api_key, credential, credentials, new_api_key, waits,
};
use draw::{Bar, Strip};
pub use operators::{Door, approval, approvals, confirm, enrol, link, operators, sign_in};
pub use query::{AccessQuery, Filter};
pub use record::{RecordQuery, record};
use words::{Badge, Gone as _, Mood, Plain as _};

/// Said when a one-time link opens nothing.
pub const SPENT_LINK: &str =
    "That link opens nothing: it was used already, or is older than 15 minutes.";

/// Which item of the navigation is here.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Here {
    Now,
    Accesses,
    Incidents,
    People,
    Credentials,
    Approvals,
    Operators,
    Elsewhere,
}

impl Here {
    const ITEMS: [(Self, &'static str, &'static str); 7] = [
        (Self::Now, "/", "Now"),
        (Self::Accesses, "/console/accesses", "Accesses"),
        (Self::Incidents, "/console/incidents", "Incidents"),
        (Self::People, "/console/people", "People"),
        (Self::Credentials, "/console/credentials", "Credentials"),
        (Self::Approvals, "/console/approvals", "Approvals"),
        (Self::Operators, "/console/operators", "Operators"),
    ];
}

#[derive(Template)]
#[template(path = "now.html")]
struct NowPage<'a> {
    here: Here,
    live: Live<'a>,
}

#[derive(Template)]
#[template(path = "live.html")]
struct Live<'a> {
    now: &'a Now,
    mood: Mood,
    strip: Strip,
    refused_today: u64,
    refused_last_minute: u64,
    undrawn: u64,
    reasons: Vec<Bar>,
    observed: usize,
    routes_left_out: usize,
    waiting: usize,
}

impl<'a> Live<'a> {
    fn of(now: &'a Now, waiting: usize) -> Self {
        let sum = |of: fn(&crate::facts::ReasonCount) -> u64| {
            now.refusals.iter().map(of).fold(0, u64::saturating_add)
        };
        let (refused_today, refused_last_minute) = (sum(|it| it.today), sum(|it| it.last_minute));
        let drawn = now.refusals_by_second.iter().copied().fold(0, u64::saturating_add);
        Self {
            now,
            waiting,
            mood: Mood::of(now, refused_last_minute),
            strip: Strip::of(&now.reads_by_second, &now.refusals_by_second),
            refused_today,
            refused_last_minute,
            undrawn: refused_last_minute.saturating_sub(drawn),
            reasons: Bar::of(&now.refusals),
            observed: now.routes.iter().filter(|it| it.mode == RouteMode::Observe).count(),
            routes_left_out: now.routes.len().saturating_sub(ROUTES_SHOWN_MAX),
        }
    }
}

#[derive(Template)]
#[template(path = "accesses.html")]
struct AccessesPage<'a> {
    here: Here,
    filter: &'a Filter,
    routes: &'a [RouteState],
    page: AccessPage,
}

#[derive(Template)]
#[template(path = "access.html")]
struct AccessOnePage<'a> {
    here: Here,
    it: &'a AccessDetail,
    meaning: String,
    subjects_left_out: u64,
}

#[derive(Template)]
#[template(path = "no_access.html")]
struct NoAccessPage<'a> {
    here: Here,
    id: &'a str,
}

#[derive(Template)]
#[template(path = "incidents.html")]
struct IncidentsPage<'a> {
    here: Here,
    is_later: bool,
    page: &'a IncidentPage,
}

#[derive(Template)]
#[template(path = "incident.html")]
struct IncidentOnePage<'a> {
    here: Here,
    it: &'a IncidentDetail,
    meaning: String,
    scope: String,
}

#[derive(Template)]
#[template(path = "people.html")]
struct PeopleListPage<'a> {
    here: Here,
    is_later: bool,
    page: &'a PeoplePage,
}

#[derive(Template)]
#[template(path = "help.html")]
struct HelpPage<'a> {
    here: Here,
    up: Option<Up>,
    help: &'a Help,
}

#[derive(Template)]
#[template(path = "fault.html")]
struct FaultPage<'a> {
    here: Here,
    status: StatusCode,
    what: &'a str,
    remedy: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "welcome.html")]
struct WelcomePage<'a> {
    next: &'a str,
}

/// What stands above an operating page: where its cases are listed, and its name in plain words.
struct Up {
    to: String,
    name: &'static str,
    plain: &'static str,
}

impl Up {
    /// For the page of a reason (`refusals`) or of an alert kind (`alerts`).
    fn of(list: &str, name: &str) -> Option<Self> {
        if list == "alerts" {
            let plain = AlertKind::from_name(name)?.plain();
            return Some(Self { to: String::from("/console/incidents"), name: "Incidents", plain });
        }
        let reason = Reason::from_name(name)?;
        let to = format!("/console/accesses?reason={reason}");
        Some(Self { to, name: "Accesses with this reason", plain: reason.plain() })
    }
}

/// *Now*; `waiting` proposals need a second person.
pub fn now(now: &Now, waiting: usize) -> Response {
    page(StatusCode::OK, &NowPage { here: Here::Now, live: Live::of(now, waiting) })
}

/// The live part of *Now*, as the stream sends it.
pub fn live(now: &Now, waiting: usize) -> String {
    Live::of(now, waiting).render().unwrap_or_default()
}

/// *Accesses*; no page when the filter is wrong.
pub fn accesses(filter: &Filter, routes: &[RouteState], found: Option<AccessPage>) -> Response {
    let status = if found.is_some() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    let found = found.unwrap_or_default();
    page(status, &AccessesPage { here: Here::Accesses, filter, routes, page: found })
}

/// One access.
pub fn access(it: &AccessDetail) -> Response {
    let meaning = it.row.verdict.reason().map(|reason| help::meaning("refusals", reason.as_str()));
    let shown = u64::try_from(it.data_subjects.len().min(SUBJECTS_SHOWN_MAX)).unwrap_or(u64::MAX);
    let view = AccessOnePage {
        here: Here::Accesses,
        it,
        meaning: meaning.unwrap_or_default(),
        subjects_left_out: it.row.data_subjects.saturating_sub(shown),
    };
    page(StatusCode::OK, &view)
}

/// No record names this request.
pub fn no_access(id: &str) -> Response {
    page(StatusCode::NOT_FOUND, &NoAccessPage { here: Here::Accesses, id })
}

/// *Incidents*.
pub fn incidents(is_later: bool, found: &IncidentPage) -> Response {
    page(StatusCode::OK, &IncidentsPage { here: Here::Incidents, is_later, page: found })
}

/// One incident.
pub fn incident(it: &IncidentDetail) -> Response {
    let meaning = help::meaning("alerts", it.row.kind.as_str());
    let scope = format!("ward scope --incident {}", it.row.id);
    page(StatusCode::OK, &IncidentOnePage { here: Here::Incidents, it, meaning, scope })
}

/// *People*.
pub fn people(is_later: bool, found: &PeoplePage) -> Response {
    page(StatusCode::OK, &PeopleListPage { here: Here::People, is_later, page: found })
}

/// The page of a reason or an alert kind.
pub fn operate(list: &str, name: &str, help: &Help) -> Response {
    let up = Up::of(list, name);
    page(StatusCode::OK, &HelpPage { here: Here::Elsewhere, up, help })
}

/// The list of problem types.
pub fn help(help: &Help) -> Response {
    page(StatusCode::OK, &HelpPage { here: Here::Elsewhere, up: None, help })
}

/// Something else than the page asked for.
pub fn fault(status: StatusCode, what: &str, remedy: Option<&str>) -> Response {
    page(status, &FaultPage { here: Here::Elsewhere, status, what, remedy })
}

/// The facts did not come.
pub fn of_error(why: &FactsError) -> Response {
    let (status, remedy) = match why {
        FactsError::Unavailable { .. } => (
            StatusCode::SERVICE_UNAVAILABLE,
            "Try again in a moment; /readyz says what is missing.",
        ),
        FactsError::Held { .. } => (
            StatusCode::ACCEPTED,
            "Nothing was shown. When another operator has consented, open this page again.",
        ),
        FactsError::Spent => (
            StatusCode::TOO_MANY_REQUESTS,
            "It begins anew at midnight UTC. Who needs more asks for less at once, or another operator.",
        ),
        FactsError::Corrupt { .. } => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "Do not restart: copy the data directory, then run `ward journal verify`.",
        ),
    };
    let what = why.to_string();
    let mut letters = what.chars();
    let what: String =
        letters.next().map(|it| it.to_ascii_uppercase()).into_iter().chain(letters).collect();
    fault(status, &format!("{what}."), Some(remedy))
}

/// The one page between another site, or a one-time link, and `next`, a path of this site. WHY not a
/// redirect: a browser that came from another site would not send a strict cookie along with it.
pub fn welcome(cookie: Option<HeaderValue>, next: &str) -> Response {
    let mut response = page(StatusCode::OK, &WelcomePage { next });
    if let Some(cookie) = cookie {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

fn page(status: StatusCode, view: &impl Template) -> Response {
    match view.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[cfg(test)]
mod tests;
