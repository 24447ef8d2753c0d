//! Sign-in, enrolment and consent over a fake journal, with passkeys that are bytes.

mod company;
mod consent;
mod enrolment;
mod proofs;

use ward_model::record::ApprovalProposed;
use ward_model::{Record, Text};
use ward_signin::oidc::{FetchError, FetchRequest};
use ward_signin::soft::{Counter, SoftAuthenticator};

use super::*;
use crate::approval::decide::Rejected;
use crate::sessions::SessionRules;
use crate::testing::{Fake, random};

/// Persons by name: `one` is the first, `two` the second, and so on.
pub struct People;

const NAMES: [&str; 4] = ["nobody", "one", "two", "three"];

impl Persons for People {
    async fn by_user_name(&self, user_name: &str) -> Result<Option<PersonId>, Unavailable> {
        let at = NAMES.iter().position(|it| *it == user_name).filter(|at| *at > 0);
        Ok(at.map(|at| PersonId([u8::try_from(at).unwrap(); 16])))
    }
    async fn name(&self, person: PersonId) -> Option<String> {
        NAMES.get(usize::from(person.0[0])).map(|it| (*it).to_owned())
    }
    async fn bring_in(
        &self,
        user_name: &str,
        _: &str,
    ) -> Result<(PersonId, PrincipalKey), Unavailable> {
        let person = self.by_user_name(user_name).await?.ok_or(Unavailable)?;
        Ok((person, PrincipalKey(person.0)))
    }
}

/// An identity provider that is never asked.
pub struct NoProvider;

impl Fetch for NoProvider {
    async fn fetch(&self, _: FetchRequest) -> Result<http::Response<Vec<u8>>, FetchError> {
        Err(FetchError::TooLate)
    }
}

pub struct Bench<F = NoProvider> {
    pub fake: Fake,
    pub room: SignIn<Fake, People, F>,
}

pub const ORIGIN: &str = "http://localhost:7780";

/// `people` persons, of whom the first `operators` are operators, without passkeys.
pub fn bench(people: u8, operators: u8) -> Bench {
    with::<NoProvider>(people, operators, None)
}

pub fn with<F: Fetch + 'static>(
    people: u8,
    operators: u8,
    company: Option<Company<F>>,
) -> Bench<F> {
    let fake = Fake::new(people, operators);
    let desk = Desk::new(fake.clone(), fake.approvals.clone());
    let random = random();
    let sessions = Sessions::new(desk.clone(), SessionRules::default(), random.clone());
    let party = RelyingParty::of_site(ORIGIN, "Ward").unwrap();
    let persons = People;
    let parts = Parts { desk, sessions, persons, party, company, random };
    Bench { fake, room: SignIn::new(parts) }
}

pub fn visitor() -> Visitor {
    let mut source = [0; 16];
    source[10..].copy_from_slice(&[255, 255, 192, 0, 2, 7]);
    Visitor { source, browser: Browser::of(b"Firefox"), session: None }
}

impl<F: Fetch + 'static> Bench<F> {
    /// Gives an operator a passkey.
    pub fn passkey(&self, person: u8, counter: Counter) -> SoftAuthenticator {
        let mut soft = SoftAuthenticator::new(counter);
        let (id, party) = (PersonId([person; 16]), &self.room.0.parts.party);
        let user = UserHandle::new(&id.0).unwrap();
        let now = self.fake.now();
        let (options, pending) = party.begin_registration(&user, "x", &[], [person; 32], now);
        let answer = soft.create(&options, ORIGIN).unwrap();
        let new = party.finish_registration(pending, answer.as_bytes(), |_| false, now).unwrap();
        let number = i64::from(person);
        self.fake.put(ward_model::record::PasskeyRegistered {
            credential: ward_model::Octets::new(new.credential_id.as_bytes().to_vec()).unwrap(),
            public_key: ward_model::Octets::new(new.public_key).unwrap(),
            ..crate::testing::registered(person, number)
        });
        soft
    }

    /// Signs in by passkey.
    pub async fn sign_in(&self, soft: &mut SoftAuthenticator) -> Result<Visitor, Refused> {
        let mut visitor = visitor();
        let begun = self.room.passkey_begin(&visitor);
        let answer = soft.get(&begun.options, ORIGIN).unwrap();
        let finish = self.room.passkey_finish(&visitor, &begun.ceremony, answer.as_bytes());
        visitor.session = Some(finish.await?.session);
        Ok(visitor)
    }

    /// A visitor who looks by a one-time link.
    pub async fn looking(&self, person: u8) -> Visitor {
        let key = self.room.sessions().link(PersonId([person; 16]));
        let mut visitor = visitor();
        let opened = self.room.redeem(&visitor, key.expose()).await.ok().unwrap();
        visitor.session = Some(opened.session);
        visitor
    }

    /// A proposal of a person's: its number and its digest.
    pub fn proposal(&self, proposer: u8, from_roles: Roles) -> (ApprovalId, [u8; 32]) {
        let approval = self.room.desk().read(crate::Approvals::next);
        let digest = [u8::try_from(approval.0).unwrap(); 32];
        self.fake.put(ApprovalProposed {
            approval,
            act: Text::cut("issuer_learning"),
            target: Text::cut("lock"),
            digest,
            effect: Text::cut("the lock becomes looser"),
            proposer: PersonId([proposer; 16]),
            api_key: ApiKeyId::NONE,
            session: SessionId::NONE,
            consents: 1,
            from_roles,
            expires_at: self.fake.now().plus_ms(86_400_000),
            alone_from: UnixMillis::new(0),
        });
        (approval, digest)
    }

    /// How many sign-ins were recorded as refused.
    pub async fn refusals(&self) -> i64 {
        self.room.record_refused(true).await.unwrap();
        let records = self.fake.records.lock().unwrap();
        let count = |it: &Record| match it {
            Record::SignInsRefused(it) => it.count,
            _ => 0,
        };
        records.iter().map(count).sum()
    }
}
