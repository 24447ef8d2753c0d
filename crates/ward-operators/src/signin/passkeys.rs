//! By passkey: signing in, the first passkey of a link, one more.

use ward_model::word::SignInMethod;
use ward_model::{PasskeyId, PersonId, Roles, Secret, SessionId, UnixMillis};
use ward_signin::oidc::Fetch;
use ward_signin::passkey::{PasskeyError, Registered, UserHandle};

use super::{Begun, Ceremony, Opened, Persons, Refused, SignIn, Visitor, shown};
use crate::desk::Outside;
use crate::enrol::{EnrolError, NewPasskey, hash_of};
use crate::limits::PASSKEY_NAME_BYTES_MAX;
use crate::sessions::{Opening, Session};

/// Longest name of a person, bytes.
pub(super) const PERSON_NAME_BYTES_MAX: usize = 256;

/// What a one-time link offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// For whom; `None` for the very first operator, who says who he is.
    pub person: Option<PersonId>,
    /// His name, if it is known.
    pub name: Option<String>,
    /// What he may do, once enrolled.
    pub roles: Roles,
    /// Its end.
    pub expires_at: UnixMillis,
}

impl<E: Outside, P: Persons, F: Fetch + 'static> SignIn<E, P, F> {
    /// Begins a sign-in: any passkey of this relying party may answer, and nobody is named.
    #[must_use]
    pub fn passkey_begin(&self, visitor: &Visitor) -> Begun {
        let (options, pending) = self.0.parts.party.begin_assertion(&[], self.random(), self.now());
        self.begun(visitor, Ceremony::SignIn(pending), options)
    }

    /// Ends a sign-in; the session that the browser had is over.
    ///
    /// # Errors
    /// [`Refused`]; [`Refused::NotProven`] for every cause that a thief could learn from.
    pub async fn passkey_finish(
        &self,
        visitor: &Visitor,
        ceremony: &str,
        response: &[u8],
    ) -> Result<Opened, Refused> {
        let how = self.by_passkey();
        let Some(Ceremony::SignIn(pending)) = self.taken(visitor, ceremony) else {
            return Err(self.failed(visitor, None, how));
        };
        let mut found = None;
        let look_up = |id: &_| {
            let (passkey, person, known) = self.known(id)?;
            found = Some((passkey, person));
            Some(known)
        };
        let now = self.now();
        let asserted = self.0.parts.party.finish_assertion(pending, response, look_up, now);
        let (passkey, person) =
            self.holds(visitor, asserted.map(|it| it.sign_count), found).await?;
        let provider = None;
        let (source, browser) = (visitor.source, visitor.browser);
        let opening = Opening { person, how, passkey, provider, proven_at: now, source, browser };
        self.open(visitor, opening).await
    }

    /// Whose proof it is, if it holds; its counter is durable before it serves.
    pub(super) async fn holds(
        &self,
        visitor: &Visitor,
        sign_count: Result<u32, PasskeyError>,
        found: Option<(PasskeyId, PersonId)>,
    ) -> Result<(PasskeyId, PersonId), Refused> {
        match (sign_count, found) {
            (Ok(count), Some((passkey, person))) => {
                self.counted(passkey, count).await?;
                self.failures().throttle.proved(person);
                Ok((passkey, person))
            }
            (error, found) => {
                if matches!(error, Err(PasskeyError::Cloned { .. })) {
                    self.alarm().await;
                }
                Err(self.failed(visitor, found.map(|it| it.1), self.by_passkey()))
            }
        }
    }

    /// Opens a session in place of the one the browser had.
    pub(super) async fn open(
        &self,
        visitor: &Visitor,
        opening: Opening,
    ) -> Result<Opened, Refused> {
        let (how, person) = (opening.how, opening.person);
        match self.sessions().open(opening, visitor.session.as_ref()).await {
            Ok((secret, session)) => Ok(Opened { secret, session }),
            Err(crate::sessions::OpenError::NoOffice) => {
                Err(self.failed(visitor, Some(person), how))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Uses up a one-time link that opens a session for looking.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn redeem(&self, visitor: &Visitor, key: &str) -> Result<Opened, Refused> {
        self.not_slowed(visitor)?;
        match self.sessions().redeem(key, visitor.source, visitor.browser).await {
            Ok((secret, session)) => Ok(Opened { secret, session }),
            Err(crate::sessions::OpenError::NoOffice) => {
                Err(self.failed(visitor, None, SignInMethod::Enrolment))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// What an enrolment link offers; looking does not use it up.
    ///
    /// # Errors
    /// [`Refused`]; [`EnrolError::Link`] when it does not work.
    pub async fn enrol_look(&self, visitor: &Visitor, key: &str) -> Result<Invitation, Refused> {
        self.not_slowed(visitor)?;
        let (hash, now) = (hash_of(key), self.now());
        let found = self.desk().read(|it| {
            let (_, link) = it.operators().enrolment(&hash, now)?;
            Some((link.person, link.roles, link.expires_at))
        });
        let Some((person, roles, expires_at)) = found else {
            return Err(match self.failed(visitor, None, SignInMethod::Enrolment) {
                Refused::NotProven => EnrolError::Link.into(),
                slow => slow,
            });
        };
        let name = match person {
            Some(person) => self.name(person).await,
            None => None,
        };
        Ok(Invitation { person, name, roles, expires_at })
    }

    /// Begins the first passkey of a link. `name` is what its owner calls it; `says` are the user
    /// name and the name shown of the very first operator, and not looked at for others.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn enrol_begin(
        &self,
        visitor: &Visitor,
        key: Secret<String>,
        name: &str,
        says: (&str, &str),
    ) -> Result<Begun, Refused> {
        let invitation = self.enrol_look(visitor, key.expose()).await?;
        let name = shown(name, PASSKEY_NAME_BYTES_MAX).ok_or(Refused::Name)?;
        let (who, user_name) = match invitation.person {
            Some(person) => {
                let principal = self.desk().read(|it| it.operators().principal_key(person));
                let principal = principal.ok_or(EnrolError::NoPerson)?;
                ((person, principal), invitation.name.unwrap_or_else(|| person.uuid()))
            }
            None => {
                let user_name = shown(says.0, PERSON_NAME_BYTES_MAX).ok_or(Refused::Name)?;
                let shown_as = match says.1.trim() {
                    "" => user_name.clone(),
                    told => shown(told, PERSON_NAME_BYTES_MAX).ok_or(Refused::Name)?,
                };
                let who = self.0.parts.persons.bring_in(&user_name, &shown_as).await?;
                (who, user_name)
            }
        };
        let (options, pending) = self.registration(who.0, &user_name)?;
        Ok(self.begun(visitor, Ceremony::Enrol { pending, key, who, name }, options))
    }

    /// Ends it: the link is used up, its person is an operator and signed in.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn enrol_finish(
        &self,
        visitor: &Visitor,
        ceremony: &str,
        response: &[u8],
    ) -> Result<Opened, Refused> {
        let how = SignInMethod::Enrolment;
        let Some(Ceremony::Enrol { pending, key, who, name }) = self.taken(visitor, ceremony)
        else {
            return Err(self.failed(visitor, None, how));
        };
        let Ok(registered) = self.registered(pending, response) else {
            return Err(self.failed(visitor, None, how));
        };
        let (passkey, sign_count) = (PasskeyId(self.number()), registered.sign_count);
        let new = new_passkey(registered, name);
        let person = self.desk().register_first(key.expose(), who, passkey, new).await?;
        self.counted(passkey, sign_count).await?;
        let (source, browser, proven_at) = (visitor.source, visitor.browser, self.now());
        let provider = None;
        let opening = Opening { person, how, passkey, provider, proven_at, source, browser };
        self.open(visitor, opening).await
    }

    /// Begins one more passkey for whoever is signed in and has just proven who he is.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn more_begin(&self, visitor: &Visitor, name: &str) -> Result<Begun, Refused> {
        let (Session { id: session, person, .. }, _) = self.fresh(visitor)?;
        let name = shown(name, PASSKEY_NAME_BYTES_MAX).ok_or(Refused::Name)?;
        let user_name = self.name(person).await.unwrap_or_else(|| person.uuid());
        let (options, pending) = self.registration(person, &user_name)?;
        Ok(self.begun(visitor, Ceremony::More { pending, session, name }, options))
    }

    /// Ends it.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn more_finish(
        &self,
        visitor: &Visitor,
        ceremony: &str,
        response: &[u8],
    ) -> Result<(), Refused> {
        let (own, _) = self.fresh(visitor)?;
        let Some(Ceremony::More { pending, session, name }) = self.taken(visitor, ceremony) else {
            return Err(Refused::NotProven);
        };
        if !is_same(session, &own) {
            return Err(Refused::NotProven);
        }
        let registered = self.registered(pending, response).map_err(|error| match error {
            PasskeyError::AlreadyRegistered => EnrolError::Known.into(),
            _ => Refused::NotProven,
        })?;
        let (passkey, sign_count) = (PasskeyId(self.number()), registered.sign_count);
        self.desk().register_more(own.person, passkey, new_passkey(registered, name)).await?;
        self.counted(passkey, sign_count).await?;
        Ok(())
    }

    fn registration(
        &self,
        person: PersonId,
        user_name: &str,
    ) -> Result<(String, ward_signin::passkey::PendingRegistration), Refused> {
        let user = UserHandle::new(&person.0).ok_or(EnrolError::NoPerson)?;
        let (has, random, now) = (self.credentials(person), self.random(), self.now());
        Ok(self.0.parts.party.begin_registration(&user, user_name, &has, random, now))
    }

    fn registered(
        &self,
        pending: ward_signin::passkey::PendingRegistration,
        response: &[u8],
    ) -> Result<Registered, PasskeyError> {
        let is_taken = |id: &ward_signin::passkey::CredentialId| self.known(id).is_some();
        self.0.parts.party.finish_registration(pending, response, is_taken, self.now())
    }
}

/// Whether a ceremony was begun in this very session.
pub(super) fn is_same(begun_in: SessionId, own: &Session) -> bool {
    begun_in == own.id
}

fn new_passkey(registered: Registered, name: String) -> NewPasskey {
    NewPasskey {
        credential: registered.credential_id.as_bytes().to_vec(),
        public_key: registered.public_key,
        aaguid: registered.aaguid,
        name,
    }
}
