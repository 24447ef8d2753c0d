//! What the pages do, and for whom: sessions, sign-in, proposals, operators.
//!
//! [`crate::Facts`] is what is shown of the journal; this is what acts. The program gives the room's
//! [`SignIn`]; the trait is there so that pages need not name what it is made of.
//! What it must never do: decide. Best tests: `http/tests/`.

mod join;

use core::future::Future;
use core::pin::Pin;

use tokio::sync::watch;
use ward_model::word::{ApprovalEnd, SignInMethod};
use ward_model::{ApprovalId, PasskeyId, PersonId, Roles, Secret, SessionId, UnixMillis};
use ward_operators::approval::Standing;
use ward_operators::desk::Held;
use ward_operators::enrol::Link;
use ward_operators::signin::{
    Begun, Invitation, Journey, Opened, Refused, Returned, Visitor, Ways,
};
use ward_operators::{Browser, Session};

#[cfg(doc)]
use ward_operators::SignIn;

/// An answer that takes its time.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What the pages act through. Each method is the one of [`SignIn`] of that name, where errors and
/// bounds are told.
pub trait Deeds: Send + Sync {
    /// Where the console must be opened: `scheme://host[:port]`.
    fn origin(&self) -> &str;
    /// Whether an identity provider is configured.
    fn has_company(&self) -> bool;
    /// Proposals that wait for consent.
    fn waiting(&self) -> usize;
    /// Whether a session is open; looking is no activity.
    fn is_open(&self, session: SessionId) -> bool;
    /// Changes whenever a session has ended.
    fn endings(&self) -> watch::Receiver<u64>;

    /// The session of a cookie's secret.
    fn enter<'a>(&'a self, secret: &'a str, browser: Browser) -> Later<'a, Option<Session>>;
    /// Signs out.
    fn sign_out<'a>(&'a self, session: &'a Session) -> Later<'a, ()>;
    /// Uses up a one-time link that opens a session for looking.
    fn redeem<'a>(
        &'a self,
        visitor: &'a Visitor,
        key: &'a str,
    ) -> Later<'a, Result<Opened, Refused>>;

    /// Begins a sign-in by passkey.
    fn passkey_begin(&self, visitor: &Visitor) -> Begun;
    /// Ends it.
    fn passkey_finish<'a>(
        &'a self,
        visitor: &'a Visitor,
        answer: &'a Answer,
    ) -> Later<'a, Result<Opened, Refused>>;
    /// What an enrolment link offers.
    fn enrol_look<'a>(
        &'a self,
        visitor: &'a Visitor,
        key: &'a str,
    ) -> Later<'a, Result<Invitation, Refused>>;
    /// Begins the first passkey of a link.
    fn enrol_begin<'a>(
        &'a self,
        visitor: &'a Visitor,
        key: Secret<String>,
        name: &'a str,
        says: (&'a str, &'a str),
    ) -> Later<'a, Result<Begun, Refused>>;
    /// Ends it.
    fn enrol_finish<'a>(
        &'a self,
        visitor: &'a Visitor,
        answer: &'a Answer,
    ) -> Later<'a, Result<Opened, Refused>>;
    /// Begins one more passkey.
    fn more_begin<'a>(
        &'a self,
        visitor: &'a Visitor,
        name: &'a str,
    ) -> Later<'a, Result<Begun, Refused>>;
    /// Ends it.
    fn more_finish<'a>(
        &'a self,
        visitor: &'a Visitor,
        answer: &'a Answer,
    ) -> Later<'a, Result<(), Refused>>;

    /// Begins a consent by passkey.
    fn consent_begin(
        &self,
        visitor: &Visitor,
        approval: ApprovalId,
        digest: Option<[u8; 32]>,
    ) -> Result<Begun, Refused>;
    /// Ends it.
    fn consent_finish<'a>(
        &'a self,
        visitor: &'a Visitor,
        approval: ApprovalId,
        answer: &'a Answer,
    ) -> Later<'a, Result<Standing, Refused>>;
    /// Consents after a fresh sign-in at the identity provider.
    fn consent_confirm<'a>(
        &'a self,
        visitor: &'a Visitor,
        approval: ApprovalId,
        ceremony: &'a str,
    ) -> Later<'a, Result<Standing, Refused>>;
    /// Refuses a proposal.
    fn refuse<'a>(&'a self, visitor: &'a Visitor, id: ApprovalId)
    -> Later<'a, Result<(), Refused>>;
    /// Takes a proposal back.
    fn withdraw<'a>(
        &'a self,
        visitor: &'a Visitor,
        id: ApprovalId,
    ) -> Later<'a, Result<(), Refused>>;

    /// Makes an enrolment link for whom an operator names by SCIM id or `userName`, or proposes it.
    fn enrol<'a>(
        &'a self,
        visitor: &'a Visitor,
        named: &'a str,
        roles: Roles,
    ) -> Later<'a, Result<Result<Link, Held>, Refused>>;
    /// Sets what an operator may do, or proposes it.
    fn set_roles<'a>(
        &'a self,
        visitor: &'a Visitor,
        person: PersonId,
        roles: Roles,
    ) -> Later<'a, Result<Result<(), Held>, Refused>>;
    /// Takes a passkey away.
    fn revoke_passkey<'a>(
        &'a self,
        visitor: &'a Visitor,
        passkey: PasskeyId,
    ) -> Later<'a, Result<(), Refused>>;
    /// Ends a session.
    fn end_session<'a>(
        &'a self,
        visitor: &'a Visitor,
        id: SessionId,
    ) -> Later<'a, Result<(), Refused>>;

    /// Sends a browser to the identity provider: the address and the ceremony.
    fn company_begin<'a>(
        &'a self,
        visitor: &'a Visitor,
        journey: Journey,
        next: &'a str,
    ) -> Later<'a, Result<(String, String), Refused>>;
    /// It is back.
    fn company_finish<'a>(
        &'a self,
        visitor: &'a Visitor,
        ceremony: &'a str,
        query: &'a str,
    ) -> Later<'a, Result<Returned, Refused>>;
    /// Takes a logout token.
    fn company_logout<'a>(&'a self, token: &'a str) -> Later<'a, Result<usize, u16>>;

    /// Proposals: those that are open first, then what ended, each newest first.
    fn approvals<'a>(&'a self, visitor: &'a Visitor) -> Later<'a, Vec<ProposalShown>>;
    /// One proposal.
    fn approval<'a>(
        &'a self,
        visitor: &'a Visitor,
        id: ApprovalId,
    ) -> Later<'a, Option<ProposalShown>>;
    /// Operators, links, sessions.
    fn operators<'a>(&'a self, visitor: &'a Visitor) -> Later<'a, OperatorsShown>;
}

/// A browser's answer to a ceremony.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The ceremony: 64 lower-case hex digits.
    pub ceremony: String,
    /// What `navigator.credentials` gave, as JSON.
    pub response: String,
}

/// A person and the name shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Who.
    pub person: PersonId,
    /// His name; his id when no row names him.
    pub name: String,
}

/// A proposal as pages show it.
#[derive(Clone, Debug)]
pub struct ProposalShown {
    /// Its number.
    pub id: ApprovalId,
    /// What would be done: an [`ward_operators::ActKind`]'s word.
    pub act: String,
    /// On what, as the act names it.
    pub target: String,
    /// The person that `target` names, if it names one.
    pub about: Option<Named>,
    /// What becomes weaker.
    pub effect: String,
    /// SHA-256 of the exact act, 64 lower-case hex digits.
    pub digest: String,
    /// Who proposed it; `None` for Ward itself and for machines.
    pub proposer: Option<Named>,
    /// When.
    pub at: UnixMillis,
    /// Its end.
    pub expires_at: UnixMillis,
    /// From when a lone operator may use it.
    pub alone_from: Option<UnixMillis>,
    /// How it stands.
    pub standing: Standing,
    /// How many others must consent.
    pub needed: usize,
    /// One of them holds one of these; none: anyone.
    pub from_roles: Roles,
    /// Who consented, when, and how he proved who he is.
    pub consents: Vec<(Named, UnixMillis, SignInMethod)>,
    /// How it ended, by whom, and when.
    pub ended: Option<(ApprovalEnd, Option<Named>, UnixMillis)>,
    /// What the visitor can do with it.
    pub ways: Ways,
}

/// Operators and what they hold.
#[derive(Clone, Debug, Default)]
pub struct OperatorsShown {
    /// When this was true.
    pub at: UnixMillis,
    /// Everyone who is an operator now.
    pub rows: Vec<OperatorRow>,
    /// Links that still work: for whom (`None` for the very first), what he may do, the end.
    pub links: Vec<(Option<Named>, Roles, UnixMillis)>,
    /// Sessions that are open, newest first.
    pub sessions: Vec<SessionRow>,
    /// There never were two: the first enrols the second without anybody else.
    pub never_two: bool,
    /// The visitor may enrol others and set roles.
    pub may_manage: bool,
    /// He can do more than look.
    pub may_act: bool,
    /// He proved who he is lately enough for dangerous acts.
    pub is_fresh: bool,
    /// He came through the identity provider.
    pub by_company: bool,
}

/// An operator.
#[derive(Clone, Debug)]
pub struct OperatorRow {
    /// Who.
    pub who: Named,
    /// What he may do.
    pub roles: Roles,
    /// It is the visitor.
    pub is_you: bool,
    /// His passkeys: number, name, when it was registered.
    pub passkeys: Vec<(PasskeyId, String, UnixMillis)>,
}

/// A session.
#[derive(Clone, Debug)]
pub struct SessionRow {
    /// Its number.
    pub id: SessionId,
    /// Whose.
    pub who: Named,
    /// How he proved who he is.
    pub how: SignInMethod,
    /// Its beginning.
    pub opened_at: UnixMillis,
    /// Its last page.
    pub seen_at: UnixMillis,
    /// Its absolute end.
    pub ends_at: UnixMillis,
    /// The part of the address it was opened from.
    pub from: String,
    /// It is the one that looks.
    pub is_this: bool,
    /// The visitor may end it.
    pub may_end: bool,
}
