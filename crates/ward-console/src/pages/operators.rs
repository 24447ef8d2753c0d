//! Pages of sign-in, approvals and operators.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use ward_model::word::Role;
use ward_model::{Roles, UnixMillis};
use ward_operators::approval::Standing;
use ward_operators::signin::{Invitation, Way};

use super::words::{self, Plain as _};
use super::{Here, page};
use crate::deeds::{OperatorsShown, ProposalShown};
use crate::facts::CustodyGrade;
use crate::say::{Grouped as _, Moment as _};

/// What the sign-in page says.
#[derive(Clone, Debug, Default)]
pub struct Door {
    /// Why he is here again.
    pub complaint: Option<String>,
    /// The company's identity provider comes first.
    pub has_company: bool,
    /// Where to go on: a path of this site.
    pub next: String,
    /// Where the console must be opened for passkeys, when this is another address.
    pub elsewhere: Option<String>,
}

impl ProposalShown {
    /// Somebody may still consent.
    fn waits(&self) -> bool {
        matches!(self.standing, Standing::Waiting { .. })
    }

    /// It has not ended.
    fn is_open(&self) -> bool {
        !matches!(self.standing, Standing::Ended(_))
    }
}

#[derive(Template)]
#[template(path = "sign_in.html")]
pub(super) struct SignInPage<'a> {
    pub(super) door: &'a Door,
}

#[derive(Template)]
#[template(path = "enrol.html")]
pub(super) struct EnrolPage<'a> {
    pub(super) door: &'a Door,
    pub(super) key: &'a str,
    pub(super) it: &'a Invitation,
}

#[derive(Template)]
#[template(path = "approvals.html")]
pub(super) struct ApprovalsPage<'a> {
    pub(super) here: Here,
    pub(super) rows: &'a [ProposalShown],
}

#[derive(Template)]
#[template(path = "approval.html")]
pub(super) struct ApprovalPage<'a> {
    pub(super) here: Here,
    pub(super) it: &'a ProposalShown,
}

#[derive(Template)]
#[template(path = "confirm.html")]
pub(super) struct ConfirmPage<'a> {
    pub(super) here: Here,
    pub(super) it: &'a ProposalShown,
    pub(super) ceremony: &'a str,
}

#[derive(Template)]
#[template(path = "link.html")]
pub(super) struct LinkPage<'a> {
    pub(super) here: Here,
    pub(super) url: &'a str,
    pub(super) expires_at: UnixMillis,
}

#[derive(Template)]
#[template(path = "operators.html")]
pub(super) struct OperatorsPage<'a> {
    pub(super) here: Here,
    pub(super) it: &'a OperatorsShown,
    pub(super) custody: &'a CustodyGrade,
    pub(super) every: &'a [Role],
    pub(super) none: Roles,
}

/// The sign-in page.
pub fn sign_in(status: StatusCode, door: &Door) -> Response {
    page(status, &SignInPage { door })
}

/// The page of an enrolment link.
pub fn enrol(door: &Door, key: &str, it: &Invitation) -> Response {
    page(StatusCode::OK, &EnrolPage { door, key, it })
}

/// *Approvals*.
pub fn approvals(rows: &[ProposalShown]) -> Response {
    page(StatusCode::OK, &ApprovalsPage { here: Here::Approvals, rows })
}

/// One proposal.
pub fn approval(it: &ProposalShown) -> Response {
    page(StatusCode::OK, &ApprovalPage { here: Here::Approvals, it })
}

/// The last look before a consent through the identity provider.
pub fn confirm(it: &ProposalShown, ceremony: &str) -> Response {
    page(StatusCode::OK, &ConfirmPage { here: Here::Approvals, it, ceremony })
}

/// A one-time link, shown once.
pub fn link(url: &str, expires_at: UnixMillis) -> Response {
    page(StatusCode::OK, &LinkPage { here: Here::Operators, url, expires_at })
}

/// *Operators*.
pub fn operators(it: &OperatorsShown, custody: &CustodyGrade) -> Response {
    let every: Vec<Role> = Roles::every_persons().iter().collect();
    let (here, none) = (Here::Operators, Roles::NONE);
    page(StatusCode::OK, &OperatorsPage { here, it, custody, every: &every, none })
}
