//! Signing in: passkeys, the identity provider, and what only somebody in person can do.
//!
//! The driver over `ward-signin` (which judges proofs), the desk (which decides acts) and the
//! sessions. A ceremony is begun, kept in memory, answered once by the browser it began in.
//! What it must never do: tell a stranger why he was refused, take a proof for another act than
//! the one it was asked for, or keep a proof that holds out because others failed.
//! Read first: this file, then `signin/passkeys.rs`, `signin/acts.rs`, `signin/company.rs`.
//! Best tests: `signin/tests.rs`, and `http/tests/` of the console.

mod acts;
mod company;
mod passkeys;

use core::future::Future;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use ward_model::record::{AlertRaised, PasskeyCounted};
use ward_model::word::{AlertKind, Role, SignInMethod};
use ward_model::{
    ApiKeyId, ApprovalId, Caller, PasskeyId, PersonId, PrincipalKey, Roles, Secret, SessionId,
    UnixMillis,
};
use ward_signin::oidc::Pending;
use ward_signin::passkey::{
    CredentialId, Known, PendingAssertion, PendingConsent, PendingRegistration, RelyingParty,
    UserHandle,
};

pub use acts::{Way, Ways};
pub use company::{Company, Journey, PersonBy, Returned};
pub use passkeys::Invitation;
pub use ward_signin::oidc::{Fetch, safe_return_path};

use crate::api::Random;
use crate::approval::SharedApprovals;
use crate::approval::decide::alert;
use crate::ceremonies::{Ceremonies, CeremonyId, Place};
use crate::desk::{Desk, DeskError, Outside, Unavailable};
use crate::enrol::EnrolError;
use crate::limits::CEREMONY_LIFE_MS;
use crate::sessions::{Browser, EndError, OpenError, Session, Sessions};
use crate::tally::Tally;
use crate::throttle::{Slowed, Throttle, prefix_of};

/// What the program knows of persons.
pub trait Persons: Send + Sync + 'static {
    /// The person who works here under this SCIM `userName`, without regard to case.
    fn by_user_name(
        &self,
        user_name: &str,
    ) -> impl Future<Output = Result<Option<PersonId>, Unavailable>> + Send;
    /// The name shown; nothing when no row names him.
    fn name(&self, person: PersonId) -> impl Future<Output = Option<String>> + Send;
    /// The person of this `userName`, provisioned now if there is none: the very first operator
    /// says himself who he is. Both names are 1 to 256 bytes without control characters.
    fn bring_in(
        &self,
        user_name: &str,
        display_name: &str,
    ) -> impl Future<Output = Result<(PersonId, PrincipalKey), Unavailable>> + Send;
}

/// Who knocks, and from where.
#[derive(Clone)]
pub struct Visitor {
    /// IPv6 or v4-mapped; zeros when not known.
    pub source: [u8; 16],
    /// His browser.
    pub browser: Browser,
    /// The session his cookie opened.
    pub session: Option<Session>,
}

/// A ceremony that has begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// Its name: 64 lower-case hex digits.
    pub ceremony: String,
    /// For `navigator.credentials`, as JSON.
    pub options: String,
}

/// Why nothing was done. What is said to the person is its `Display`; it tells nothing of others.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The proof does not hold. Blame: input; one answer for every cause.
    #[error("that did not prove who you are: start again")]
    NotProven,
    /// Too many failures from there: wait so long, then try again.
    #[error("too many failed attempts from where you are: wait {} s", (wait_ms + 999) / 1000)]
    Slow {
        /// Milliseconds.
        wait_ms: i64,
    },
    /// Nobody is signed in.
    #[error("sign in first")]
    NoSession,
    /// The proof is too old for this act: sign in again, in the same browser.
    #[error("prove again who you are, then do this within five minutes")]
    ProveAgain,
    /// The session was opened by a one-time link.
    #[error("this session can only look: sign in with a passkey to act")]
    LooksOnly,
    /// His roles do not reach.
    #[error("this needs the role {}", .0.as_str())]
    NeedsRole(Role),
    /// The identity provider vouches for him, and he is no operator.
    #[error("an operator must enrol you: ask one")]
    Stranger,
    /// He is an operator, and his groups at the identity provider leave him no role.
    #[error("your groups at the identity provider leave you no role here")]
    NoRole,
    /// He has no passkey to answer with.
    #[error("you have no passkey here: consent through the identity provider")]
    NoPasskey,
    /// No identity provider is configured, or it is not the way this session came.
    #[error("this is not done through an identity provider here")]
    NoProvider,
    /// The identity provider cannot be asked: later, or by passkey.
    #[error("the identity provider does not answer: try later, or use a passkey")]
    ProviderAway,
    /// A name is missing, too long, or not in text.
    #[error("give a name of 1 to 64 bytes")]
    Name,
    /// See [`EnrolError`].
    #[error(transparent)]
    Enrol(#[from] EnrolError),
    /// See [`DeskError`].
    #[error(transparent)]
    Desk(#[from] DeskError),
    /// See [`EndError`].
    #[error(transparent)]
    End(#[from] EndError),
}

impl From<Unavailable> for Refused {
    fn from(error: Unavailable) -> Self {
        Self::Desk(error.into())
    }
}

impl From<OpenError> for Refused {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::NoOffice => Self::NotProven,
            OpenError::Unavailable(error) => error.into(),
        }
    }
}

/// A session was opened: its secret is for the cookie.
pub struct Opened {
    /// 64 lower-case hex digits.
    pub secret: Secret<String>,
    /// The session.
    pub session: Session,
}

/// What a ceremony is for.
enum Ceremony {
    SignIn(PendingAssertion),
    Enrol {
        pending: PendingRegistration,
        key: Secret<String>,
        who: (PersonId, PrincipalKey),
        name: String,
    },
    More {
        pending: PendingRegistration,
        session: SessionId,
        name: String,
    },
    Consent {
        pending: PendingConsent,
        to: To,
    },
    /// The browser is at the identity provider.
    Away {
        pending: Pending,
        next: String,
        journey: Journey,
        session: Option<SessionId>,
    },
    /// He is back from there, and looks at what he consents to.
    Confirm(To),
}

/// What a consent is to, and in which session.
#[derive(Clone, Copy, PartialEq, Eq)]
struct To {
    session: SessionId,
    approval: ApprovalId,
    digest: [u8; 32],
}

/// What signing in is made of.
pub struct Parts<E, P, F> {
    /// Where acts are approved.
    pub desk: Desk<E>,
    /// What is open.
    pub sessions: Sessions<E>,
    /// Persons.
    pub persons: P,
    /// Who asks for passkeys.
    pub party: RelyingParty,
    /// The company's identity provider, if there is one.
    pub company: Option<Company<F>>,
    /// 32 fresh random bytes.
    pub random: Random,
}

/// Where operators sign in and act in person. Cheap to clone.
pub struct SignIn<E, P, F>(Arc<Inner<E, P, F>>);

impl<E, P, F> Clone for SignIn<E, P, F> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

struct Inner<E, P, F> {
    parts: Parts<E, P, F>,
    ceremonies: Mutex<Ceremonies<Ceremony>>,
    failures: Mutex<Failures>,
    /// The last counter of each passkey in this process; records remember those that count.
    counters: Mutex<HashMap<PasskeyId, u32>>,
}

#[derive(Default)]
struct Failures {
    throttle: Throttle,
    tally: Tally,
}

impl<E: Outside, P: Persons, F: Fetch + 'static> SignIn<E, P, F> {
    /// Call [`SignIn::tend`] from time to time.
    #[must_use]
    pub fn new(parts: Parts<E, P, F>) -> Self {
        let (ceremonies, failures) = (Mutex::default(), Mutex::default());
        Self(Arc::new(Inner { parts, ceremonies, failures, counters: Mutex::default() }))
    }

    /// Where acts are approved.
    #[must_use]
    pub fn desk(&self) -> &Desk<E> {
        &self.0.parts.desk
    }

    /// What is open.
    #[must_use]
    pub fn sessions(&self) -> &Sessions<E> {
        &self.0.parts.sessions
    }

    /// The view of proposals and operators.
    #[must_use]
    pub fn approvals(&self) -> SharedApprovals {
        self.desk().view()
    }

    /// Where the console must be opened for passkeys to work: `scheme://host[:port]`.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.0.parts.party.origin()
    }

    /// Whether an identity provider is configured: a passkey is then for emergencies.
    #[must_use]
    pub fn has_company(&self) -> bool {
        self.0.parts.company.is_some()
    }

    /// The person whom an operator names: by his SCIM id, or by his `userName`.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn person(&self, named: &str) -> Result<Option<PersonId>, Unavailable> {
        let id = PersonId::parse(&named.replace('-', "")).ok().filter(|it| it.uuid() == named);
        match id {
            Some(id) => Ok(Some(id)),
            None => self.0.parts.persons.by_user_name(named).await,
        }
    }

    /// The name shown of a person.
    pub async fn name(&self, person: PersonId) -> Option<String> {
        self.0.parts.persons.name(person).await
    }

    /// Changes whenever a session has ended.
    #[must_use]
    pub fn endings(&self) -> watch::Receiver<u64> {
        self.sessions().endings()
    }

    /// Ends sessions that are over, and records refused sign-ins of the minutes that are.
    ///
    /// # Errors
    /// [`Unavailable`]: call again.
    pub async fn tend(&self) -> Result<(), Unavailable> {
        self.sessions().tend().await?;
        self.record_refused(false).await
    }

    /// Records every refused sign-in counted so far: at stop.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn record_refused(&self, all: bool) -> Result<(), Unavailable> {
        let now = self.now();
        let records = self.failures().tally.take(now, all);
        match records.is_empty() {
            true => Ok(()),
            // Counts that the journal cannot take are lost, and it says so of itself.
            false => self.desk().outside().append(records).await,
        }
    }

    fn now(&self) -> UnixMillis {
        self.desk().now()
    }

    fn random(&self) -> [u8; 32] {
        (self.0.parts.random)()
    }

    /// A random positive number, for ids.
    fn number(&self) -> i64 {
        let number = self.random().first_chunk::<8>().map_or(1, |it| i64::from_le_bytes(*it));
        (number & i64::MAX).max(1)
    }

    /// A session in which more can be done than looking, and who acts in it.
    fn acting(&self, visitor: &Visitor) -> Result<(Session, Caller), Refused> {
        let session = visitor.session.clone().ok_or(Refused::NoSession)?;
        // WHY again: it may have ended since it was let in.
        let session = self.sessions().of(session.id).ok_or(Refused::NoSession)?;
        if !session.may_act() {
            return Err(Refused::LooksOnly);
        }
        let caller = self.sessions().caller(&session);
        Ok((session, caller))
    }

    /// As [`Self::acting`], with a proof young enough for dangerous acts.
    fn fresh(&self, visitor: &Visitor) -> Result<(Session, Caller), Refused> {
        let (session, caller) = self.acting(visitor)?;
        match self.sessions().is_fresh(&session) {
            true => Ok((session, caller)),
            false => Err(Refused::ProveAgain),
        }
    }

    fn place(visitor: &Visitor) -> Place {
        Place { browser: visitor.browser, prefix: prefix_of(visitor.source) }
    }

    fn keep(&self, visitor: &Visitor, what: Ceremony, life_ms: i64) -> CeremonyId {
        let (id, now) = (CeremonyId::new(self.random()), self.now());
        self.ceremonies().put(id, Self::place(visitor), what, life_ms, now);
        id
    }

    fn begun(&self, visitor: &Visitor, what: Ceremony, options: String) -> Begun {
        let ceremony = self.keep(visitor, what, CEREMONY_LIFE_MS).text();
        Begun { ceremony, options }
    }

    fn taken(&self, visitor: &Visitor, ceremony: &str) -> Option<Ceremony> {
        let (id, now) = (CeremonyId::parse(ceremony)?, self.now());
        self.ceremonies().take(id, visitor.browser, now)
    }

    /// Whether this source may cause work at all; proofs that hold are not asked.
    fn not_slowed(&self, visitor: &Visitor) -> Result<(), Refused> {
        let source = Slowed::Source(prefix_of(visitor.source));
        match self.failures().throttle.wait_ms(source, self.now()) {
            0 => Ok(()),
            wait_ms => Err(Refused::Slow { wait_ms }),
        }
    }

    /// Counts a failed proof; `person` is whose it would have been.
    fn failed(&self, visitor: &Visitor, person: Option<PersonId>, how: SignInMethod) -> Refused {
        let (now, prefix) = (self.now(), prefix_of(visitor.source));
        let mut failures = self.failures();
        let (source, named) = (Slowed::Source(prefix), person.map(Slowed::Person));
        let wait_of = |who| failures.throttle.wait_ms(who, now);
        let wait_ms = wait_of(source).max(named.map_or(0, wait_of));
        failures.tally.refused(person.unwrap_or_default(), how, prefix, now);
        for who in core::iter::once(source).chain(named) {
            failures.throttle.failed(who, now);
        }
        if wait_ms > 0 { Refused::Slow { wait_ms } } else { Refused::NotProven }
    }

    /// By a passkey: past an identity provider that is configured, it is an emergency.
    fn by_passkey(&self) -> SignInMethod {
        match self.has_company() {
            true => SignInMethod::BreakGlass,
            false => SignInMethod::Passkey,
        }
    }

    /// What is kept of a credential, and whose it is.
    fn known(&self, credential: &CredentialId) -> Option<(PasskeyId, PersonId, Known)> {
        let (passkey, person, public_key, recorded) = self.desk().read(|it| {
            let (id, found) = it.operators().passkey_of(credential.as_bytes())?;
            let recorded = it.operators().sign_count(id);
            Some((id, found.person, found.public_key.clone(), recorded))
        })?;
        let sign_count = self.counters().get(&passkey).copied().unwrap_or_default().max(recorded);
        let user_handle = UserHandle::new(&person.0)?;
        Some((passkey, person, Known { public_key, sign_count, user_handle }))
    }

    /// Remembers a passkey's counter, durably: a copy that counts behind is found after a restart,
    /// too. One that does not count (many never do) leaves no record.
    async fn counted(&self, passkey: PasskeyId, count: u32) -> Result<(), Unavailable> {
        self.counters().insert(passkey, count);
        if count == 0 {
            return Ok(());
        }
        let count = i64::from(count);
        self.desk().outside().append(vec![PasskeyCounted { passkey, count }.into()]).await
    }

    /// A person's credentials.
    fn credentials(&self, person: PersonId) -> Vec<CredentialId> {
        self.desk().read(|it| {
            let all = it.operators().passkeys_of(person);
            all.filter_map(|(_, it)| CredentialId::new(&it.credential)).collect()
        })
    }

    /// Roles that decide in a session: see [`Sessions::caller`].
    fn roles_of(&self, session: &Session) -> Roles {
        self.sessions().caller(session).roles
    }

    /// Everyone is told that a credential of an operator is in other hands.
    async fn alarm(&self) {
        let kind = AlertKind::OperatorCredential;
        let alert: AlertRaised = alert(kind, ApiKeyId::NONE, self.now());
        // The refusal stands either way; without a journal nothing else works here.
        let _told = self.desk().outside().append(vec![alert.into()]).await;
    }

    fn ceremonies(&self) -> MutexGuard<'_, Ceremonies<Ceremony>> {
        self.0.ceremonies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failures(&self) -> MutexGuard<'_, Failures> {
        self.0.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn counters(&self) -> MutexGuard<'_, HashMap<PasskeyId, u32>> {
        self.0.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A name for showing: 1 to `bytes_max` bytes, no control characters.
fn shown(name: &str, bytes_max: usize) -> Option<String> {
    let name = name.trim();
    let fits = !name.is_empty() && name.len() <= bytes_max && !name.contains(char::is_control);
    fits.then(|| name.to_owned())
}

#[cfg(test)]
mod tests;
