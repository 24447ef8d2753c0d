//! Ward's own reads: whose call it is, what for, and how many data subjects its answer names.
//!
//! Every answer that names data subjects or people passes [`let_out`] (a page: [`of_page`]), which
//! records it before it leaves, or says why it does not leave. The rules are in `ward-operators`.
//! Best tests: `reads/tests.rs`, and `ward-operators/src/reads/desk/tests.rs`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, MatchedPath, Request, State};
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri};
use axum::middleware::Next;
use serde_json::Value;
use ward_console::FactsError;
use ward_model::{Caller, Problem, ProblemKind, Reason};
use ward_operators::limits::PURPOSE_BYTES_MAX;
use ward_operators::{Naming, ReadDesk, ReadError};

use crate::api::{Answer, finish};
use crate::app::App;
use crate::outside::Approving;

/// A stated purpose of a read.
const PURPOSE: &str = "ward-purpose";

/// A call that asks for data subjects or people.
pub struct Asked {
    caller: Caller,
    purpose: i64,
    exact: Vec<u8>,
}

impl Asked {
    /// Of a request to the API.
    ///
    /// # Errors
    /// The problem `no_purpose`: none is stated and the rules ask for one. `input`: what is stated
    /// is not one plain text.
    pub fn new(app: &App, caller: Caller, headers: &HeaderMap, uri: &Uri) -> Result<Self, Problem> {
        let told = purpose(headers);
        let purpose = told.map_or(0, |text| (app.purpose_hash)(text));
        ReadDesk::<Approving>::purpose(&app.read_rules, purpose)
            .map_err(|error| problem(&error))?;
        if told.is_none() && headers.contains_key(PURPOSE) {
            let wanted = "Ward-Purpose is one text of 1 to 256 bytes without control characters";
            return Err(ProblemKind::Input.problem(wanted, None));
        }
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        Ok(Self { caller, purpose, exact: format!("GET {path}").into_bytes() })
    }
}

/// The stated purpose, if there is one plain one.
fn purpose(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(PURPOSE).iter();
    let text = std::str::from_utf8(values.next()?.as_bytes()).ok()?.trim();
    let plain = values.next().is_none()
        && !text.is_empty()
        && text.len() <= PURPOSE_BYTES_MAX
        && !text.chars().any(char::is_control);
    plain.then_some(text)
}

/// What an answer names.
#[derive(Clone, Copy)]
pub struct Named<'a> {
    /// What was read: a noun.
    pub what: &'a str,
    /// About what, without personal data; may be empty.
    pub about: &'a str,
    /// How many distinct data subjects.
    pub data_subjects: usize,
}

/// Lets an answer out once its record is durable; otherwise the proposal that waits, or why not.
///
/// # Errors
/// `no_purpose`, `budget_spent`, or the journal does not answer.
pub async fn let_out(app: &App, asked: &Asked, named: Named<'_>, answer: Value) -> Answer {
    match admit(app, asked, named).await {
        Ok(None) => Ok(answer),
        Ok(Some(held)) => Ok(held),
        Err(error) => Err(problem(&error)),
    }
}

async fn admit(app: &App, asked: &Asked, named: Named<'_>) -> Result<Option<Value>, ReadError> {
    let naming = Naming {
        what: named.what,
        about: named.about,
        exact: &asked.exact,
        purpose: asked.purpose,
        data_subjects: u64::try_from(named.data_subjects).unwrap_or(u64::MAX),
    };
    let desk = app.reads.desk();
    match app.reads.let_out(&app.read_rules, &asked.caller, naming).await? {
        Ok(()) => Ok(None),
        Err(held) => Ok(Some(ward_operators::api::held(desk, held))),
    }
}

/// Records what a page of the console is about to show. Blocks: not for the async threads.
///
/// WHY no purpose: a page is looked at by a person in his session, and its link holds none.
///
/// # Errors
/// [`FactsError`]: the page must not be shown.
pub fn of_page(app: &App, caller: Caller, named: Named<'_>) -> Result<(), FactsError> {
    let exact = format!("console {} {}", named.what, named.about).into_bytes();
    let rules = ward_operators::ReadRules { purpose_required: false, ..app.read_rules };
    let naming = Naming {
        what: named.what,
        about: named.about,
        exact: &exact,
        purpose: 0,
        data_subjects: u64::try_from(named.data_subjects).unwrap_or(u64::MAX),
    };
    let work = app.reads.let_out(&rules, &caller, naming);
    match tokio::runtime::Handle::current().block_on(work) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(held)) => Err(FactsError::Held { approval: held.approval }),
        Err(ReadError::Spent { .. }) => Err(FactsError::Spent),
        Err(_) => Err(FactsError::Unavailable { what: "the journal" }),
    }
}

/// Around the routes of people: the answer of one person is a read.
pub async fn person(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    request: Request,
    next: Next,
) -> Response<Body> {
    let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    if request.method() != Method::GET || path != Some(PERSON) {
        return next.run(request).await;
    }
    let asked = match Asked::new(&app, caller, request.headers(), request.uri()) {
        Ok(asked) => asked,
        Err(problem) => return finish(Err(problem)),
    };
    let response = next.run(request).await;
    if response.status() != StatusCode::OK {
        return response;
    }
    let named = Named { what: "person", about: "", data_subjects: 0 };
    match admit(&app, &asked, named).await {
        Ok(None) => response,
        Ok(Some(held)) => finish(Ok(held)),
        Err(error) => finish(Err(problem(&error))),
    }
}

/// The route of one person, as its room declares it.
const PERSON: &str = "/api/people/{id}";

fn problem(error: &ReadError) -> Problem {
    let kind = match error {
        ReadError::NoPurpose => ProblemKind::Refused(Reason::NoPurpose),
        ReadError::Spent { .. } => ProblemKind::Refused(Reason::BudgetSpent),
        ReadError::Desk(error) => return ward_operators::api::problem(*error),
    };
    kind.problem(error.to_string(), None)
}

#[cfg(test)]
mod tests;
