//! Enrolment: one-time links, first passkeys, and what an operator may do.
//!
//! A link is made with a second person's consent (the very first two aside), works once, and gives
//! its person a passkey and his roles in one group of records.
//! What it must never do: keep a link's secret, or let a link outlive the reason it was made for.
//! Best test: `enrol/tests.rs`.

use sha2::{Digest as _, Sha256};
use ward_model::record::{EnrolmentOffered, OperatorSet, PasskeyRegistered, PasskeyRevoked};
use ward_model::{
    Caller, EnrolmentId, Octets, PasskeyId, PersonId, PrincipalKey, Record, Roles, Secret, Text,
    UnixMillis,
};

use crate::act::{Act, ActKind};
use crate::approval::decide::Rejected;
use crate::desk::{Desk, DeskError, Held, Outside};
use crate::limits::{ENROLMENT_LIFE_MS, PASSKEYS_OF_ONE_MAX};

/// A one-time link, to be shown once: `/console/enrol?key=` and this secret.
pub struct Link {
    /// Its number.
    pub enrolment: EnrolmentId,
    /// 64 lower-case hex digits.
    pub secret: Secret<String>,
    /// Its end.
    pub expires_at: UnixMillis,
}

/// Why nothing was enrolled or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EnrolError {
    /// Nobody Ward knows, or he does not work here.
    #[error("no such person works here: provision him first")]
    NoPerson,
    /// No role, or one that only machines hold.
    #[error("name roles a person can hold: {}", Roles::every_persons())]
    Roles,
    /// The link was used, is over, or never was.
    #[error("this link does not work: it was used, is too old, or was overtaken")]
    Link,
    /// He has as many as one may have.
    #[error("a person has at most {PASSKEYS_OF_ONE_MAX} passkeys: revoke one first")]
    TooMany,
    /// This passkey is registered already.
    #[error("this passkey is registered already")]
    Known,
    /// No such passkey.
    #[error("no such passkey")]
    NoPasskey,
    /// See [`DeskError`].
    #[error(transparent)]
    Desk(#[from] DeskError),
}

impl From<crate::desk::Unavailable> for EnrolError {
    fn from(error: crate::desk::Unavailable) -> Self {
        Self::Desk(error.into())
    }
}

/// A passkey that the sign-in room has verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPasskey {
    /// Its credential id, at most 1023 bytes.
    pub credential: Vec<u8>,
    /// COSE_Key, at most 1024 bytes.
    pub public_key: Vec<u8>,
    /// The authenticator's model.
    pub aaguid: [u8; 16],
    /// What its owner calls it.
    pub name: String,
}

impl<E: Outside> Desk<E> {
    /// The link that makes the very first operator, with every role; `None` once there was one.
    /// A newer link takes the older's place.
    ///
    /// # Errors
    /// [`EnrolError::Desk`].
    pub async fn first_link(&self, random: [u8; 32]) -> Result<Option<Link>, EnrolError> {
        let _turn = self.turn().await;
        if !self.read(|it| it.operators().never_one()) {
            return Ok(None);
        }
        let (link, offered) = offer(None, Roles::every_persons(), random, self.now());
        self.outside().append(vec![offered.into()]).await?;
        Ok(Some(link))
    }

    /// Makes a link for a person: a weakening act. Also for an operator who lost his passkeys.
    ///
    /// # Errors
    /// [`EnrolError`].
    pub async fn enrol(
        &self,
        caller: &Caller,
        person: PersonId,
        roles: Roles,
        random: [u8; 32],
    ) -> Result<Result<Link, Held>, EnrolError> {
        if !self.read(|it| it.operators().is_here(person)) {
            return Err(EnrolError::NoPerson);
        }
        let act = enrolling(person, persons(roles)?);
        let approved = match self.ask(&act, caller).await? {
            Ok(approved) => approved,
            Err(held) => return Ok(Err(held)),
        };
        let (link, offered) = offer(Some(person), roles, random, self.now());
        let did = caller.did("enrol operator", link.enrolment.0, act.digest);
        self.use_up(approved, vec![offered.into(), did.into()]).await?;
        Ok(Ok(link))
    }

    /// Sets what an operator may do; no role ends his being one. A weakening act either way: who
    /// takes every other operator away is alone.
    ///
    /// # Errors
    /// [`EnrolError`].
    pub async fn set_roles(
        &self,
        caller: &Caller,
        person: PersonId,
        roles: Roles,
    ) -> Result<Result<(), Held>, EnrolError> {
        let person_key = self
            .read(|it| it.operators().office(person).and(it.operators().principal_key(person)))
            .ok_or(EnrolError::NoPerson)?;
        if !roles.and(Roles::machines()).is_empty() {
            return Err(EnrolError::Roles);
        }
        let was = self.read(|it| it.operators().roles(person));
        let effect = format!("operator {}: {was} -> {roles}", person.uuid());
        let bits = roles.to_string();
        let act = Act::of(ActKind::SetRoles, &person.uuid(), &[bits.as_bytes()], effect);
        let approved = match self.ask(&act, caller).await? {
            Ok(approved) => approved,
            Err(held) => return Ok(Err(held)),
        };
        let set = OperatorSet { person, person_key, roles };
        let did = caller.did("set roles", 0, act.digest);
        self.use_up(approved, vec![set.into(), did.into()]).await?;
        Ok(Ok(()))
    }

    /// Uses up a link: its person, or for the first operator the one given, gets the passkey and
    /// his roles.
    ///
    /// # Errors
    /// [`EnrolError`]; nothing was written.
    pub async fn register_first(
        &self,
        secret: &str,
        who: (PersonId, PrincipalKey),
        passkey: PasskeyId,
        new: NewPasskey,
    ) -> Result<PersonId, EnrolError> {
        let _turn = self.turn().await;
        let (hash, now) = (hash_of(secret), self.now());
        let (enrolment, person, key, roles) = self
            .read(|it| {
                let (id, found) = it.operators().enrolment(&hash, now)?;
                let person = found.person.unwrap_or(who.0);
                let key =
                    if person == who.0 { who.1 } else { it.operators().principal_key(person)? };
                Some((id, person, key, found.roles))
            })
            .ok_or(EnrolError::Link)?;
        let registered = self.read(|it| registered(it, person, enrolment, passkey, new))?;
        let set = OperatorSet { person, person_key: key, roles };
        self.outside().append(vec![registered.into(), set.into()]).await?;
        Ok(person)
    }

    /// One more passkey for an operator who has just proven who he is.
    ///
    /// # Errors
    /// [`EnrolError`]; nothing was written.
    pub async fn register_more(
        &self,
        person: PersonId,
        passkey: PasskeyId,
        new: NewPasskey,
    ) -> Result<(), EnrolError> {
        let _turn = self.turn().await;
        self.read(|it| it.operators().office(person)).ok_or(EnrolError::NoPerson)?;
        let none = EnrolmentId::NONE;
        let registered = self.read(|it| registered(it, person, none, passkey, new))?;
        Ok(self.outside().append(vec![registered.into()]).await?)
    }

    /// Takes a passkey away: its owner, or an operator of operators.
    ///
    /// # Errors
    /// [`EnrolError`].
    pub async fn revoke_passkey(
        &self,
        caller: &Caller,
        passkey: PasskeyId,
    ) -> Result<(), EnrolError> {
        let _turn = self.turn().await;
        let person = self
            .read(|it| it.operators().passkey(passkey).map(|it| it.person))
            .ok_or(EnrolError::NoPasskey)?;
        let may =
            person == caller.person || caller.roles.contains(ward_model::word::Role::Operators);
        if !may {
            return Err(DeskError::from(Rejected::NotYours).into());
        }
        let did = caller.did("revoke passkey", passkey.0, [0; 32]);
        let group = vec![PasskeyRevoked { passkey, person }.into(), Record::from(did)];
        Ok(self.outside().append(group).await?)
    }
}

/// The act of enrolling a person with these roles.
fn enrolling(person: PersonId, roles: Roles) -> Act {
    let effect = format!("{} becomes an operator who may: {roles}", person.uuid());
    let bits = roles.to_string();
    Act::of(ActKind::EnrolOperator, &person.uuid(), &[bits.as_bytes()], effect)
}

fn persons(roles: Roles) -> Result<Roles, EnrolError> {
    let fits = !roles.is_empty() && roles.and(Roles::machines()).is_empty();
    fits.then_some(roles).ok_or(EnrolError::Roles)
}

fn offer(
    person: Option<PersonId>,
    roles: Roles,
    random: [u8; 32],
    now: UnixMillis,
) -> (Link, EnrolmentOffered) {
    let secret = data_encoding::HEXLOWER.encode(&random);
    let hash = hash_of(&secret);
    // The number is the hash's, so that it tells nothing of the secret and needs no more entropy.
    let number = hash.first_chunk::<8>().map_or(1, |head| i64::from_le_bytes(*head));
    let enrolment = EnrolmentId((number & i64::MAX).max(1));
    let expires_at = now.plus_ms(ENROLMENT_LIFE_MS);
    let offered =
        EnrolmentOffered { enrolment, person: person.unwrap_or_default(), roles, hash, expires_at };
    (Link { enrolment, secret: Secret::new(secret), expires_at }, offered)
}

/// The hash a link's secret is known by.
#[must_use]
pub fn hash_of(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

fn registered(
    view: &crate::Approvals,
    person: PersonId,
    enrolment: EnrolmentId,
    passkey: PasskeyId,
    new: NewPasskey,
) -> Result<PasskeyRegistered, EnrolError> {
    if view.operators().passkey_of(&new.credential).is_some() {
        return Err(EnrolError::Known);
    }
    if view.operators().passkeys_of(person).count() >= PASSKEYS_OF_ONE_MAX {
        return Err(EnrolError::TooMany);
    }
    let fits = |bytes: Vec<u8>| Octets::new(bytes).map_err(|_| EnrolError::Known);
    Ok(PasskeyRegistered {
        passkey,
        person,
        enrolment,
        credential: fits(new.credential)?,
        public_key: fits(new.public_key)?,
        aaguid: new.aaguid,
        name: Text::cut(&new.name),
    })
}

#[cfg(test)]
mod tests;
