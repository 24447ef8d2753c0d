//! Through the company's identity provider: signing in, proving it again, consenting, and being
//! signed out from there.
//!
//! INVARIANT: the provider can only take away. It says who somebody is; that he is an operator is
//! said by records, and his groups there cut down what his office lets him do here.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};
use ward_model::word::{Role, SignInMethod};
use ward_model::{ApprovalId, PasskeyId, PersonId, Roles, UnixMillis};
use ward_signin::oidc::limits::RANDOM_BYTES;
use ward_signin::oidc::{
    Callback, Fetch, LogoutError, Proven, Provider, Purpose, Remedy, SignInError, roles_of,
    safe_return_path,
};

use super::{Ceremony, Opened, Persons, Refused, SignIn, To, Visitor};
use crate::desk::Outside;
use crate::limits::{CEREMONY_LIFE_MS, CONFIRM_LIFE_MS};
use crate::sessions::{AtProvider, Opening, Session};

/// By which claim of the provider a person is found; it is held against SCIM's `userName`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum PersonBy {
    /// His e-mail address, if the provider has verified it.
    #[default]
    Email,
    /// `preferred_username`: only where nobody can choose his own at the provider, since whoever
    /// takes another's name there is that person here.
    PreferredUsername,
}

/// The company's identity provider.
pub struct Company<F> {
    /// It.
    pub provider: Provider<F>,
    /// What each of its groups may do here; when no group is named, the office alone decides.
    pub groups: BTreeMap<String, Vec<Role>>,
    /// How its persons are found here.
    pub person_by: PersonBy,
}

/// What a browser is sent to the provider for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Journey {
    /// To sign in.
    SignIn,
    /// To prove again who he is, before a dangerous act.
    ProveAgain,
    /// To consent to this proposal, with the digest he looked at.
    Consent(ApprovalId, [u8; 32]),
}

/// What came of a journey.
pub enum Returned {
    /// He is signed in: to this path of this site.
    SignedIn(Opened, String),
    /// He has proved it again: to this path of this site.
    Proved(String),
    /// He is to look once more, and post this ceremony within two minutes.
    Confirm {
        /// Its name.
        ceremony: String,
        /// The proposal.
        approval: ApprovalId,
        /// In which session.
        session: Session,
    },
}

impl<E: Outside, P: Persons, F: Fetch + 'static> SignIn<E, P, F> {
    /// Sends a browser to the provider: the address, and the ceremony for its cookie. `next` is the
    /// path to come back to; one that could lead elsewhere becomes `/`.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn company_begin(
        &self,
        visitor: &Visitor,
        journey: Journey,
        next: &str,
    ) -> Result<(String, String), Refused> {
        let company = self.company()?;
        self.not_slowed(visitor)?;
        let (purpose, session) = match journey {
            Journey::SignIn => (Purpose::SignIn, None),
            Journey::ProveAgain | Journey::Consent(..) => {
                let (session, _) = self.acting(visitor)?;
                let at = session.provider.as_ref().ok_or(Refused::NoProvider)?;
                if let Journey::Consent(approval, digest) = journey {
                    self.may_consent(&session, To { session: session.id, approval, digest })?;
                }
                let subject = at.subject.clone();
                (Purpose::StepUp { max_age_seconds: 0, subject }, Some(session.id))
            }
        };
        let mut random = [0; RANDOM_BYTES];
        for part in random.chunks_mut(32) {
            part.copy_from_slice(self.random().get(..part.len()).unwrap_or_default());
        }
        let begun = company.provider.begin(purpose, &random, self.now()).await;
        let (address, pending) = begun.map_err(|_| Refused::ProviderAway)?;
        let next = safe_return_path(next).unwrap_or("/").to_owned();
        let away = Ceremony::Away { pending, next, journey, session };
        Ok((address, self.keep(visitor, away, CEREMONY_LIFE_MS).text()))
    }

    /// The browser is back with `query`, and the ceremony of its cookie.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn company_finish(
        &self,
        visitor: &Visitor,
        ceremony: &str,
        query: &str,
    ) -> Result<Returned, Refused> {
        let company = self.company()?;
        let how = SignInMethod::Oidc;
        self.not_slowed(visitor)?;
        let Some(Ceremony::Away { pending, next, journey, session }) =
            self.taken(visitor, ceremony)
        else {
            return Err(self.failed(visitor, None, how));
        };
        let back = match Callback::parse(query) {
            Ok(callback) => company.provider.finish(pending, &callback, self.now()).await,
            Err(error) => Err(error),
        };
        let proven = back.map_err(|error| self.not_proven(visitor, &error))?;
        if journey == Journey::SignIn {
            let opened = self.signed_in(visitor, company, &proven).await?;
            return Ok(Returned::SignedIn(opened, next));
        }
        // WHY by number and not by cookie: the browser comes from another site, and a strict cookie
        // stays at home then.
        let session = session.and_then(|id| self.sessions().of(id)).ok_or(Refused::NoSession)?;
        if !proven.is_fresh {
            return Err(self.failed(visitor, Some(session.person), how));
        }
        self.sessions().proved(session.id);
        let Journey::Consent(approval, digest) = journey else {
            return Ok(Returned::Proved(next));
        };
        let to = To { session: session.id, approval, digest };
        self.may_consent(&session, to)?;
        let ceremony = self.keep(visitor, Ceremony::Confirm(to), CONFIRM_LIFE_MS).text();
        Ok(Returned::Confirm { ceremony, approval, session })
    }

    /// Takes a logout token of the provider: says how many sessions ended.
    ///
    /// # Errors
    /// The status to answer with, 400 or 503 (Back-Channel Logout 1.0 §2.8); 404 without a provider.
    pub async fn company_logout(&self, token: &str) -> Result<usize, u16> {
        let company = self.company().map_err(|_| 404_u16)?;
        let over = company.provider.logout(token, self.now()).await;
        let over = over.map_err(|error: LogoutError| error.status())?;
        let issuer = over.issuer.as_str();
        let person = over.subject.as_ref().map(|it| named(issuer, it.as_str()));
        let session = over.sid.as_ref().map(|it| named(issuer, it.as_str()));
        Ok(self.sessions().end_provider(person, session).await)
    }

    async fn signed_in(
        &self,
        visitor: &Visitor,
        company: &Company<F>,
        proven: &Proven,
    ) -> Result<Opened, Refused> {
        let how = SignInMethod::Oidc;
        let name = match company.person_by {
            PersonBy::Email => proven.email.as_deref(),
            PersonBy::PreferredUsername => proven.preferred_username.as_deref(),
        };
        let mut person: Option<PersonId> = None;
        if let Some(name) = name {
            person = self.0.parts.persons.by_user_name(name).await?;
        }
        let roles = company.roles(&proven.groups);
        let office = person.and_then(|it| self.desk().read(|view| view.operators().office(it)));
        let (Some(person), Some(office)) = (person, office) else {
            let refused = self.failed(visitor, person, how);
            // Whoever is in a mapped group learns what to do; nobody else learns anything.
            let is_expected = !company.groups.is_empty() && !roles.is_empty();
            return Err(if is_expected { Refused::Stranger } else { refused });
        };
        if office.roles.and(roles).is_empty() {
            let _counted = self.failed(visitor, Some(person), how);
            return Err(Refused::NoRole);
        }
        self.failures().throttle.proved(person);
        let issuer = proven.issuer.as_str();
        let provider = AtProvider {
            subject: proven.subject.clone(),
            person: named(issuer, proven.subject.as_str()),
            session: proven.sid.as_ref().map(|sid| named(issuer, sid.as_str())),
            roles,
        };
        let now = self.now();
        // A session he had at the provider already is no fresh proof.
        let proven_at = proven.auth_time.map_or(UnixMillis::new(0), |at| at.min(now));
        let (source, browser) = (visitor.source, visitor.browser);
        let (passkey, provider) = (PasskeyId::NONE, Some(provider));
        let opening = Opening { person, how, passkey, provider, proven_at, source, browser };
        self.open(visitor, opening).await
    }

    fn not_proven(&self, visitor: &Visitor, error: &SignInError) -> Refused {
        match error.remedy() {
            Remedy::TryLater | Remedy::Repair => Refused::ProviderAway,
            Remedy::StartAgain | Remedy::Report => self.failed(visitor, None, SignInMethod::Oidc),
        }
    }

    fn company(&self) -> Result<&Company<F>, Refused> {
        self.0.parts.company.as_ref().ok_or(Refused::NoProvider)
    }
}

impl<F> Company<F> {
    /// What somebody in these groups may do at most.
    fn roles(&self, groups: &[String]) -> Roles {
        match self.groups.is_empty() {
            true => Roles::every_persons(),
            false => roles_of(groups, &self.groups).into_iter().collect(),
        }
    }
}

/// SHA-256 over the issuer and a name of its own.
fn named(issuer: &str, name: &str) -> [u8; 32] {
    let mut digest = Sha256::new();
    for part in [issuer, name] {
        digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        digest.update(part.as_bytes());
    }
    digest.finalize().into()
}
