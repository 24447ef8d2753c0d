//! The operators' room over a journal that is a list, with passkeys that are bytes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use ward_model::record::*;
use ward_model::word::PersonState;
use ward_model::*;
use ward_operators::desk::{Desk, Outside};
use ward_operators::signin::{Company, Fetch, Parts, PersonBy, Persons, SignIn};
use ward_operators::{Rules, SessionRules, Sessions, SharedApprovals, Unavailable};
use ward_signin::oidc::{
    ClientAuthentication, FetchError, FetchRequest, Issuer, Provider, Settings,
};
use ward_signin::passkey::{RelyingParty, UserHandle};
use ward_signin::soft::{Counter, SoftAuthenticator};

use super::{AT, HOSTILE};

/// A journal that is a list.
#[derive(Clone, Default)]
pub struct Journal {
    pub records: Arc<Mutex<Vec<Record>>>,
    pub approvals: SharedApprovals,
}

impl Journal {
    pub fn put(&self, record: impl Into<Record>) {
        let record = record.into();
        let mut records = self.records.lock().unwrap();
        let index = LeafIndex(i64::try_from(records.len()).unwrap());
        self.approvals.view().apply(Position { index, time: AT }, &record);
        records.push(record);
    }

    /// How many records of a kind there are.
    pub fn count(&self, kind: &str) -> usize {
        self.records.lock().unwrap().iter().filter(|it| it.kind_name() == kind).count()
    }
}

impl Outside for Journal {
    async fn append(&self, records: Vec<Record>) -> Result<(), Unavailable> {
        records.into_iter().for_each(|record| self.put(record));
        Ok(())
    }
    fn now(&self) -> UnixMillis {
        AT
    }
    fn rules(&self) -> Rules {
        Rules::default()
    }
}

/// Everyone bears the hostile name; `one`, `two`, `three` are known.
pub struct People;

impl Persons for People {
    async fn by_user_name(&self, user_name: &str) -> Result<Option<PersonId>, Unavailable> {
        let at = ["one", "two", "three"].iter().position(|it| *it == user_name);
        Ok(at.map(|at| person(u8::try_from(at).unwrap() + 1)))
    }
    async fn name(&self, _: PersonId) -> Option<String> {
        Some(HOSTILE.to_owned())
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

/// An identity provider that says where it is, and no more.
pub struct Metadata;

impl Fetch for Metadata {
    async fn fetch(&self, it: FetchRequest) -> Result<axum::http::Response<Vec<u8>>, FetchError> {
        let body = match it.request.uri().path() {
            // RFC 7515 appendix A.3.1: nobody signs with it here.
            "/keys" => {
                r#"{"keys":[{"kty":"EC","crv":"P-256","kid":"one",
                "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#
            }
            _ => {
                r#"{"issuer":"https://id.example","token_endpoint":"https://id.example/token",
                "authorization_endpoint":"https://id.example/authorize",
                "jwks_uri":"https://id.example/keys","response_types_supported":["code"],
                "id_token_signing_alg_values_supported":["ES256"]}"#
            }
        };
        Ok(axum::http::Response::new(body.as_bytes().to_vec()))
    }
}

pub type Room = SignIn<Journal, People, Metadata>;

pub const ORIGIN: &str = "http://localhost:7780";

pub fn person(number: u8) -> PersonId {
    PersonId([number; 16])
}

fn party() -> RelyingParty {
    RelyingParty::of_site(ORIGIN, "Ward").unwrap()
}

fn company() -> Company<Metadata> {
    let settings = Settings {
        issuer: Issuer::parse("https://id.example").unwrap(),
        client_id: "ward".to_owned(),
        authentication: ClientAuthentication::SecretBasic(Secret::new("s".repeat(32))),
        redirect_uri: format!("{ORIGIN}/console/oidc/callback"),
        scopes: Vec::new(),
        groups_claim: "groups".to_owned(),
    };
    let provider = Provider::new(settings, Metadata).unwrap();
    Company { provider, groups: std::collections::BTreeMap::new(), person_by: PersonBy::Email }
}

/// A room of three persons, of whom the first `operators` are operators.
pub fn room(operators: u8, with_company: bool) -> (Journal, Room) {
    let journal = Journal::default();
    for number in 1..=3 {
        let (person, principal_key) = (person(number), PrincipalKey([number; 16]));
        let (principal, state) = (PrincipalNumber(number.into()), PersonState::Active);
        journal.put(PersonPut { person, principal, principal_key, state, row_digest: [0; 32] });
        if number <= operators {
            let roles = Roles::every_persons();
            journal.put(OperatorSet { person, person_key: principal_key, roles });
        }
    }
    let count = AtomicU64::new(1);
    let random: ward_operators::api::Random = Arc::new(move || {
        let mut bytes = [5; 32];
        bytes[..8].copy_from_slice(&count.fetch_add(1, Ordering::Relaxed).to_le_bytes());
        bytes
    });
    let desk = Desk::new(journal.clone(), journal.approvals.clone());
    let sessions = Sessions::new(desk.clone(), SessionRules::default(), random.clone());
    let company = with_company.then(company);
    let parts = Parts { desk, sessions, persons: People, party: party(), company, random };
    (journal, SignIn::new(parts))
}

/// Gives an operator a passkey.
pub fn passkey(journal: &Journal, number: u8) -> SoftAuthenticator {
    let mut soft = SoftAuthenticator::new(Counter::Zero);
    let person = person(number);
    let user = UserHandle::new(&person.0).unwrap();
    let (options, pending) = party().begin_registration(&user, "x", &[], [number; 32], AT);
    let answer = soft.create(&options, ORIGIN).unwrap();
    let new = party().finish_registration(pending, answer.as_bytes(), |_| false, AT).unwrap();
    journal.put(PasskeyRegistered {
        passkey: PasskeyId(number.into()),
        person,
        enrolment: EnrolmentId::NONE,
        credential: Octets::new(new.credential_id.as_bytes().to_vec()).unwrap(),
        public_key: Octets::new(new.public_key).unwrap(),
        aaguid: [0; 16],
        name: Text::cut(HOSTILE),
    });
    soft
}

/// A proposal of a person's, number 0 for none: its id and its digest in hex.
pub fn proposal(journal: &Journal, proposer: u8) -> (ApprovalId, String) {
    let approval = journal.approvals.read(ward_operators::Approvals::next);
    let digest = [u8::try_from(approval.0).unwrap(); 32];
    journal.put(ApprovalProposed {
        approval,
        act: Text::cut("issuer_learning"),
        target: Text::cut(HOSTILE),
        digest,
        effect: Text::cut(HOSTILE),
        proposer: if proposer == 0 { PersonId::default() } else { person(proposer) },
        api_key: ApiKeyId::NONE,
        session: SessionId::NONE,
        consents: 1,
        from_roles: Roles::NONE,
        expires_at: AT.plus_ms(86_400_000),
        alone_from: UnixMillis::new(0),
    });
    (approval, data_encoding::HEXLOWER.encode(&digest))
}
