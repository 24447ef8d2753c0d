//! An operators' room over a journal that is a list: two operators, proposals, an enrolment link.

use std::io::Read as _;
use std::sync::{Arc, Mutex};

use ward_model::record::{ApprovalProposed, OperatorSet, PersonPut};
use ward_model::word::PersonState;
use ward_model::{
    ApiKeyId, ApprovalId, Caller, LeafIndex, PersonId, Position, PrincipalKey, PrincipalNumber,
    Record, Roles, SessionId, Text, UnixMillis, View as _,
};
use ward_operators::desk::{Desk, Outside};
use ward_operators::signin::{Fetch, Parts, Persons, SignIn};
use ward_operators::{Rules, SessionRules, Sessions, SharedApprovals, Unavailable};
use ward_signin::oidc::{FetchError, FetchRequest};
use ward_signin::passkey::RelyingParty;

use crate::clock;

/// A journal that is a list.
#[derive(Clone, Default)]
pub struct Journal {
    size: Arc<Mutex<i64>>,
    approvals: SharedApprovals,
}

impl Journal {
    fn put(&self, record: impl Into<Record>) {
        let mut size = self.size.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let at = Position { index: LeafIndex(*size), time: clock() };
        self.approvals.view().apply(at, &record.into());
        *size += 1;
    }
}

impl Outside for Journal {
    async fn append(&self, records: Vec<Record>) -> Result<(), Unavailable> {
        records.into_iter().for_each(|record| self.put(record));
        Ok(())
    }
    fn now(&self) -> UnixMillis {
        clock()
    }
    fn rules(&self) -> Rules {
        Rules::default()
    }
}

/// People of the preview.
pub struct People;

const NAMES: [&str; 3] = ["Seoyeon Kim", "Operator Two", "Support Three"];

impl Persons for People {
    async fn by_user_name(&self, user_name: &str) -> Result<Option<PersonId>, Unavailable> {
        let at = NAMES.iter().position(|it| *it == user_name);
        Ok(at.and_then(|at| u8::try_from(at).ok()).map(|at| PersonId([at + 1; 16])))
    }
    async fn name(&self, person: PersonId) -> Option<String> {
        let at = usize::from(*person.0.first()?).checked_sub(1)?;
        NAMES.get(at).map(|it| (*it).to_owned())
    }
    async fn bring_in(&self, _: &str, _: &str) -> Result<(PersonId, PrincipalKey), Unavailable> {
        Ok((PersonId([1; 16]), PrincipalKey([1; 16])))
    }
}

/// There is no identity provider here.
pub struct Nowhere;

impl Fetch for Nowhere {
    async fn fetch(&self, _: FetchRequest) -> Result<axum::http::Response<Vec<u8>>, FetchError> {
        Err(FetchError::TooLate)
    }
}

/// Opens it for pages at `http://localhost:port`; gives the links to look and to act.
pub async fn room(port: u16) -> (SignIn<Journal, People, Nowhere>, String, String) {
    let (journal, base) = (Journal::default(), format!("http://localhost:{port}"));
    let desk = Desk::new(journal.clone(), journal.approvals.clone());
    let random: ward_operators::api::Random = Arc::new(|| {
        let mut bytes = [0; 32];
        let file = std::fs::File::open("/dev/urandom");
        let _read = file.and_then(|mut it| it.read_exact(&mut bytes));
        bytes
    });
    for number in 1..=3 {
        let (person, principal_key) = (PersonId([number; 16]), PrincipalKey([number; 16]));
        let (principal, state) = (PrincipalNumber(number.into()), PersonState::Active);
        journal.put(PersonPut { person, principal, principal_key, state, row_digest: [0; 32] });
    }
    let one = PersonId([1; 16]);
    // Before there are two operators, a link for the first needs nobody's consent.
    let (person, person_key) = (PersonId([2; 16]), PrincipalKey([2; 16]));
    journal.put(OperatorSet { person, person_key, roles: Roles::every_persons() });
    let caller = Caller { person, ..Caller::WARD };
    let made = desk.enrol(&caller, one, Roles::every_persons(), (random)()).await;
    let key = made.ok().and_then(Result::ok).map(|it| it.secret.expose().clone());
    let key = key.unwrap_or_default();
    journal.put(proposal(person));
    let sessions = Sessions::new(desk.clone(), SessionRules::default(), Arc::clone(&random));
    let look = sessions.link(person).expose().clone();
    let party = RelyingParty::of_site(&base, "Ward").unwrap_or_else(|_| std::process::exit(64));
    let parts = Parts { desk, sessions, persons: People, party, company: None, random };
    let act = format!("{base}/console/enrol?key={key}");
    (SignIn::new(parts), format!("{base}/?key={look}"), act)
}

fn proposal(proposer: PersonId) -> ApprovalProposed {
    ApprovalProposed {
        approval: ApprovalId(1),
        act: Text::cut("issuer_learning"),
        target: Text::cut("https://login.shop.example"),
        digest: [0xab; 32],
        effect: Text::cut("tokens nobody issued are let through for https://login.shop.example"),
        proposer,
        api_key: ApiKeyId::NONE,
        session: SessionId::NONE,
        consents: 1,
        from_roles: Roles::NONE,
        expires_at: clock().plus_ms(86_400_000),
        alone_from: UnixMillis::new(0),
    }
}
