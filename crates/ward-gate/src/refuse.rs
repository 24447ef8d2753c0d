//! Refusals: values that carry what is known, are recorded too, and look alike from outside.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use ward_journal::Recorded;
use ward_model::record::Access;
use ward_model::word::{Provenance, RouteMode};
use ward_model::{AccessId, Entry, Lane, ProblemKind, Reason, Rows, Verdict};

use crate::Body;
use crate::ask::Ask;
use crate::identify::Who;
use crate::noise::Counted;
use crate::release;
use crate::upstream::REQUEST_ID;

/// Why a read is refused, and to whom, as far as that is known.
pub struct Refusal {
    pub(crate) reason: Reason,
    pub(crate) who: Option<Box<Who>>,
    /// Status of an upstream that was asked, 0 when none was.
    pub(crate) status: i32,
    /// Nothing that was issued matches, and the issuer enforces: it holds on observed routes too,
    /// whatever more could not be found out.
    pub(crate) unissued: bool,
}

/// A refusal as it is recorded: one row, nobody's data.
pub struct Refused {
    access: Access,
}

impl From<Reason> for Refusal {
    /// A refusal of nobody known.
    fn from(reason: Reason) -> Self {
        Self { reason, who: None, status: 0, unissued: false }
    }
}

impl Refusal {
    /// A refusal of somebody known, before an upstream was asked.
    pub(crate) const fn of(reason: Reason, who: Option<Box<Who>>) -> Self {
        Self { reason, who, status: 0, unissued: false }
    }

    /// Whether it is recorded one by one: somebody known, or a good signature. All else is noise.
    pub(crate) fn is_recorded(&self) -> bool {
        self.who.is_some() || matches!(self.reason, Reason::NeverIssued | Reason::UnknownRoute)
    }

    pub(crate) fn to_record(&self, ask: &Ask) -> Refused {
        let shared = release::row(
            ask,
            self.who.as_deref(),
            Verdict::Refuse(self.reason),
            false,
            RouteMode::Enforce,
            Provenance::None,
            self.status,
        );
        Refused { access: Access { shared, touches: Vec::new() } }
    }
}

impl Entry for Refused {
    fn lane(&self) -> Lane {
        Lane::Refusal
    }
    fn rows(&self, rows: &mut Rows) {
        self.access.rows(rows);
    }
}

/// The answer to a recorded refusal.
pub(crate) fn respond(recorded: Recorded<Refused>) -> Response<Body> {
    let row = recorded.into_inner().access.shared;
    let reason = row.verdict.reason().unwrap_or(Reason::Policy);
    problem(row.access, reason)
}

/// The answer to a refusal that was counted as noise.
pub(crate) fn respond_counted(_proof: Counted, access: AccessId, reason: Reason) -> Response<Body> {
    problem(access, reason)
}

/// The answer when the refusal itself could not be recorded: still a refusal.
pub(crate) fn respond_unrecorded(access: AccessId, reason: Reason) -> Response<Body> {
    let kind = if reason.is_about_credential() { reason } else { Reason::JournalUnavailable };
    problem(access, kind)
}

fn problem(access: AccessId, reason: Reason) -> Response<Body> {
    let kind = ProblemKind::of(reason);
    let body = kind.problem(detail(reason), Some(access)).to_json();
    let mut response = Response::new(Body::whole(Bytes::from(body)));
    *response.status_mut() =
        StatusCode::from_u16(kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(ward_model::Problem::MEDIA_TYPE));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let ProblemKind::Unavailable(_) = kind {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    with_id(&mut response, access);
    response
}

/// Puts the request id on an answer.
pub(crate) fn with_id(response: &mut Response<Body>, access: AccessId) {
    if let Ok(value) = HeaderValue::try_from(access.to_string()) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
}

/// What the caller can do; nothing about the credential, nobody's data.
const fn detail(reason: Reason) -> &'static str {
    match reason {
        Reason::BudgetSpent => "this principal has read as many people as its work needs",
        Reason::WrongTenant => "the answer holds records of another tenant",
        Reason::NoPurpose => "state the purpose of this read in the header Ward-Purpose",
        Reason::LoginUnproven => "this route asks for a credential with a login behind it",
        Reason::UnknownRoute => "no such route is declared",
        Reason::UpstreamUninspectable => "the upstream's answer could not be inspected",
        Reason::JournalUnavailable => "reads are refused while they cannot be recorded",
        Reason::LedgerBehind | Reason::ViewStale | Reason::Overloaded => "try again",
        Reason::UndeclaredField => "the answer holds fields that no one declared",
        Reason::UnknownDataSubject | Reason::Policy => "this principal may not do this",
        _ => "",
    }
}
