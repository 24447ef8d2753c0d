//! What an operator does in person: consents, refuses, enrols others, takes access away.
//!
//! INVARIANT: a consent is given with a proof made for that proposal's digest, in the session that
//! asked for it. [`Consenting`] is made here and nowhere else.

use ward_model::word::{Role, SignInMethod};
use ward_model::{ApprovalId, PasskeyId, PersonId, Roles, SessionId};
use ward_signin::oidc::Fetch;

use super::passkeys::{PERSON_NAME_BYTES_MAX, is_same};
use super::{Begun, Ceremony, Persons, Refused, SignIn, To, Visitor, shown};
use crate::approval::decide::{self, Consenting, Rejected};
use crate::approval::{Standing, may_consent};
use crate::desk::{DeskError, Held, Outside};
use crate::enrol::{EnrolError, Link};
use crate::sessions::Session;

/// How a person can consent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// With a passkey of his.
    Passkey,
    /// With a fresh sign-in at the identity provider.
    Company,
}

/// What a visitor can do with a proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ways {
    /// How he can consent, or why he cannot.
    pub consent: Result<Way, Refused>,
    /// Whether he can refuse it.
    pub refuse: bool,
    /// Whether he can take it back.
    pub withdraw: bool,
}

impl<E: Outside, P: Persons, F: Fetch + 'static> SignIn<E, P, F> {
    /// Begins a consent by passkey to the proposal whose digest he looked at; without one, to what
    /// is proposed under that number.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn consent_begin(
        &self,
        visitor: &Visitor,
        approval: ApprovalId,
        digest: Option<[u8; 32]>,
    ) -> Result<Begun, Refused> {
        let (session, _) = self.acting(visitor)?;
        let proposed = self.desk().read(|it| it.proposal(approval).map(|it| it.digest));
        let digest = digest.or(proposed).ok_or(Rejected::NotFound)?;
        let to = To { session: session.id, approval, digest };
        self.may_consent(&session, to)?;
        let allow = self.credentials(session.person);
        if allow.is_empty() {
            return Err(Refused::NoPasskey);
        }
        let (random, now) = (self.random(), self.now());
        let (options, pending) =
            self.0.parts.party.begin_assertion_over(&digest, &allow, random, now);
        Ok(self.begun(visitor, Ceremony::Consent { pending, to }, options))
    }

    /// Ends it: says how the proposal stands now.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn consent_finish(
        &self,
        visitor: &Visitor,
        approval: ApprovalId,
        ceremony: &str,
        response: &[u8],
    ) -> Result<Standing, Refused> {
        let (session, _) = self.acting(visitor)?;
        let Some(Ceremony::Consent { pending, to }) = self.taken(visitor, ceremony) else {
            return Err(self.failed(visitor, Some(session.person), self.by_passkey()));
        };
        if !is_same(to.session, &session) || to.approval != approval {
            return Err(self.failed(visitor, Some(session.person), self.by_passkey()));
        }
        self.may_consent(&session, to)?;
        let mut found = None;
        let look_up = |id: &_| {
            let (passkey, person, known) = self.known(id)?;
            found = Some((passkey, person));
            Some(known)
        };
        let (party, now) = (&self.0.parts.party, self.now());
        let asserted = party.finish_assertion_over(pending, &to.digest, response, look_up, now);
        let (_, person) = self.holds(visitor, asserted.map(|it| it.sign_count), found).await?;
        if person != session.person {
            return Err(self.failed(visitor, Some(person), self.by_passkey()));
        }
        let proof = match session.how {
            SignInMethod::BreakGlass => SignInMethod::BreakGlass,
            _ => SignInMethod::Passkey,
        };
        self.consented(to, Consenting { person, session: session.id, proof }).await
    }

    /// Consents after a fresh sign-in at the identity provider: `ceremony` is the confirm page's.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn consent_confirm(
        &self,
        visitor: &Visitor,
        approval: ApprovalId,
        ceremony: &str,
    ) -> Result<Standing, Refused> {
        let (session, _) = self.acting(visitor)?;
        let Some(Ceremony::Confirm(to)) = self.taken(visitor, ceremony) else {
            return Err(Refused::NotProven);
        };
        if !is_same(to.session, &session) || to.approval != approval {
            return Err(Refused::NotProven);
        }
        self.may_consent(&session, to)?;
        let proof = SignInMethod::Oidc;
        let who = Consenting { person: session.person, session: session.id, proof };
        self.consented(to, who).await
    }

    async fn consented(&self, to: To, who: Consenting) -> Result<Standing, Refused> {
        let standing = self.desk().consent(to.approval, &to.digest, who).await?;
        self.sessions().proved(to.session);
        Ok(standing)
    }

    /// Whether this session's person may consent: by the desk's rules, and with what his groups at
    /// the identity provider leave him.
    pub(super) fn may_consent(&self, session: &Session, to: To) -> Result<(), Refused> {
        if !session.may_act() {
            return Err(Refused::LooksOnly);
        }
        let (person, session_id, proof) = (session.person, session.id, session.how);
        let who = Consenting { person, session: session_id, proof };
        let now = self.now();
        let (from_roles, office) = self.desk().read(|it| {
            decide::consent(it, to.approval, &to.digest, who, now)?;
            let from = it.proposal(to.approval).map_or(Roles::NONE, |it| it.from_roles);
            Ok::<_, Rejected>((from, it.operators().roles(person)))
        })?;
        let left = self.roles_of(session);
        // WHY the second: the desk counts his office's roles, of which his groups may have taken
        // the very one that this proposal asks for.
        let counts_too_much = !office.and(from_roles).is_empty() && left.and(from_roles).is_empty();
        if !may_consent(left) || counts_too_much {
            return Err(Rejected::OnlyLooks.into());
        }
        Ok(())
    }

    /// What a visitor can do with a proposal.
    #[must_use]
    pub fn ways(&self, visitor: &Visitor, approval: ApprovalId) -> Ways {
        let (session, caller) = match self.acting(visitor) {
            Ok(acting) => acting,
            Err(why) => return Ways { consent: Err(why), refuse: false, withdraw: false },
        };
        let digest = self.desk().read(|it| it.proposal(approval).map(|it| it.digest));
        let digest = digest.unwrap_or_default();
        let to = To { session: session.id, approval, digest };
        let way = match (self.credentials(session.person).is_empty(), &session.provider) {
            (false, _) => Ok(Way::Passkey),
            (true, Some(_)) => Ok(Way::Company),
            (true, None) => Err(Refused::NoPasskey),
        };
        let now = self.now();
        let (refuse, withdraw) = self.desk().read(|it| {
            let refuse = decide::refuse(it, approval, &caller, now).is_ok();
            (refuse, decide::withdraw(it, approval, &caller, now).is_ok())
        });
        let refuse = refuse && may_consent(caller.roles);
        Ways { consent: self.may_consent(&session, to).and(way), refuse, withdraw }
    }

    /// Refuses a proposal.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn refuse(&self, visitor: &Visitor, id: ApprovalId) -> Result<(), Refused> {
        let (_, caller) = self.acting(visitor)?;
        if !may_consent(caller.roles) {
            return Err(Rejected::OnlyLooks.into());
        }
        Ok(self.desk().refuse(id, &caller).await?)
    }

    /// Takes his own proposal back.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn withdraw(&self, visitor: &Visitor, id: ApprovalId) -> Result<(), Refused> {
        let (_, caller) = self.acting(visitor)?;
        Ok(self.desk().withdraw(id, &caller).await?)
    }

    /// Makes an enrolment link for a person, named by SCIM id or `userName`, or proposes it. Before
    /// there were two operators, a name nobody bears is brought in: the first enrols the second
    /// before anything else is connected.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn enrol(
        &self,
        visitor: &Visitor,
        named: &str,
        roles: Roles,
    ) -> Result<Result<Link, Held>, Refused> {
        let (_, caller) = self.fresh(visitor)?;
        needs(caller.roles, Role::Operators)?;
        let is_founding = self.desk().read(|it| it.operators().never_two());
        let named = named.trim();
        let person = match self.person(named).await? {
            Some(person) => person,
            None if is_founding => {
                let name = shown(named, PERSON_NAME_BYTES_MAX).ok_or(Refused::Name)?;
                self.0.parts.persons.bring_in(&name, &name).await?.0
            }
            None => return Err(EnrolError::NoPerson.into()),
        };
        Ok(self.desk().enrol(&caller, person, roles, self.random()).await?)
    }

    /// Sets what an operator may do, or proposes it; no role ends his being one.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn set_roles(
        &self,
        visitor: &Visitor,
        person: PersonId,
        roles: Roles,
    ) -> Result<Result<(), Held>, Refused> {
        let (_, caller) = self.fresh(visitor)?;
        needs(caller.roles, Role::Operators)?;
        Ok(self.desk().set_roles(&caller, person, roles).await?)
    }

    /// Takes a passkey away, and with it the sessions it opened.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn revoke_passkey(
        &self,
        visitor: &Visitor,
        passkey: PasskeyId,
    ) -> Result<(), Refused> {
        let (_, caller) = self.fresh(visitor)?;
        self.desk().revoke_passkey(&caller, passkey).await?;
        // Ended by being looked at; what the journal does not take now, it takes later.
        let _later = self.sessions().tend().await;
        Ok(())
    }

    /// Ends a session: his own, or as an operator of operators.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn end_session(&self, visitor: &Visitor, id: SessionId) -> Result<(), Refused> {
        let session = visitor.session.as_ref().ok_or(Refused::NoSession)?;
        let caller = self.sessions().caller(session);
        Ok(self.sessions().end(id, &caller).await?)
    }
}

fn needs(roles: Roles, role: Role) -> Result<(), Refused> {
    if roles.contains(role) { Ok(()) } else { Err(Refused::NeedsRole(role)) }
}

impl From<Rejected> for Refused {
    fn from(rejected: Rejected) -> Self {
        DeskError::from(rejected).into()
    }
}
