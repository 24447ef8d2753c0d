//! What the people room asks for: rows in the store, records in the journal, numbers in the
//! register.
//!
//! The row's digest is the store's (`PersonPut` carries it), so that `ward store verify` can hold
//! rows against records. The state of a person is said by records alone: rows are not touched when
//! he leaves, which is why a full disk does not stop a leaving.

use ward_journal::Journal;
use ward_ledger::Ledger;
use ward_model::record::PersonPut;
use ward_model::word::{ApiKeyKind, PersonState};
use ward_model::{
    ApiKeyId, Caller, KeyNumber, PersonId, PrincipalKey, PrincipalKind, PrincipalName,
    PrincipalNumber, Record, UnixMillis,
};
use ward_operators::{Act, ActKind, DeskError};
use ward_people::{Email, Find, Outside, Page, PersonRow, ReturnHeld, SaveError, Unavailable};
use ward_register::Register;
use ward_store::{BeginError, Store};

use crate::clock;

/// The people room's surroundings.
#[derive(Clone)]
pub struct Persons {
    /// Records.
    pub journal: Journal,
    /// Rows.
    pub store: Store,
    /// Numbers.
    pub register: Register,
    /// Keys of principals, live tokens.
    pub ledger: Ledger,
    /// Who may let a leaver come back.
    pub operators: ward_operators::Desk<super::Approving>,
}

/// Whoever brings a leaver back over SCIM, in the record of the proposal.
const PROVIDER: ApiKeyId = ApiKeyId(-1);
const STORE: Unavailable = Unavailable { what: "store" };
const JOURNAL: Unavailable = Unavailable { what: "journal" };
const REGISTER: Unavailable = Unavailable { what: "register" };

impl Persons {
    async fn on_store<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> T + Send + 'static,
    ) -> Result<T, Unavailable> {
        let store = self.store.clone();
        tokio::task::spawn_blocking(move || work(&store)).await.map_err(|_| STORE)
    }
}

impl Outside for Persons {
    async fn append(&self, records: Vec<Record>) -> Result<(), Unavailable> {
        match self.journal.append(records, clock::now()).await {
            Ok(_recorded) => Ok(()),
            Err(_) => Err(JOURNAL),
        }
    }

    async fn may_return(
        &self,
        person: PersonId,
        left: UnixMillis,
    ) -> Result<Vec<Record>, ReturnHeld> {
        let effect = format!("{} left and comes back: what was blocked opens again", person.uuid());
        let exact = left.ms().to_le_bytes();
        let act = Act::of(ActKind::RestorePerson, &person.uuid(), &[&exact], effect);
        // WHY nobody proposes: the identity provider speaks, not a person.
        let provider = Caller::machine(PROVIDER, ApiKeyKind::Scim);
        match self.operators.ask(&act, &provider).await {
            Ok(Ok(approved)) => Ok(approved.record().into_iter().collect()),
            Ok(Err(held)) => Err(ReturnHeld::Waits(held.approval)),
            Err(DeskError::Rejected(_)) => Err(ReturnHeld::TooMany),
            Err(DeskError::Unavailable(_)) => Err(JOURNAL.into()),
        }
    }

    async fn save(&self, row: PersonRow, put: PersonPut) -> Result<(), SaveError> {
        let row = to_store(row, &put);
        let begun = self.on_store(move |store| store.begin_person_put(row, None)).await?;
        let pending = begun.map_err(|error| match error {
            BeginError::UserNameTaken => SaveError::Taken { attribute: "userName" },
            _ => SaveError::Unavailable(STORE),
        })?;
        match self.journal.append(pending.record().clone(), clock::now()).await {
            Ok(recorded) => {
                let at = ward_model::Position { index: recorded.first(), time: recorded.time() };
                // Not settled here, the follower settles it: the journal has it.
                let _later = self.on_store(move |store| store.settle(pending, at).is_ok()).await;
                Ok(())
            }
            Err(_) => {
                let _at_start = self.on_store(move |store| store.abandon(pending).is_ok()).await;
                Err(SaveError::Unavailable(JOURNAL))
            }
        }
    }

    async fn project_state(
        &self,
        _person: PersonId,
        _state: PersonState,
        _modified: UnixMillis,
    ) -> Result<(), Unavailable> {
        // The state is asked of the records; the row stays what its digest says.
        Ok(())
    }

    async fn find(&self, by: Find) -> Result<Option<PersonRow>, Unavailable> {
        let found = self.on_store(move |store| match by {
            Find::Id(person) => store.person(person),
            Find::UserName(name) => store.person_by_user_name(&name),
            Find::ExternalId(id) => {
                store.persons_by_external_id(&id).map(|rows| rows.into_iter().next())
            }
        });
        Ok(found.await?.map_err(|_| STORE)?.map(from_store))
    }

    async fn list(&self, from: usize, count: usize) -> Result<Page, Unavailable> {
        let start = u32::try_from(from).unwrap_or(u32::MAX);
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let page = ward_store::Page { start, count };
        let listing = self.on_store(move |store| store.persons(page)).await?.map_err(|_| STORE)?;
        Ok(Page {
            total: usize::try_from(listing.total).unwrap_or(0),
            rows: listing.rows.into_iter().map(from_store).collect(),
        })
    }

    async fn principal(
        &self,
        person: PersonId,
    ) -> Result<(PrincipalNumber, PrincipalKey), Unavailable> {
        let id = ward_people::person::id_text(person);
        let key = self.ledger.principal_key(PrincipalKind::Person, &id);
        let name = PrincipalName::new(PrincipalKind::Person, id).map_err(|_| REGISTER)?;
        let register = self.register.clone();
        let number = tokio::task::spawn_blocking(move || register.principal(&name)).await;
        let number = number.map_err(|_| REGISTER)?.map_err(|_| REGISTER)?;
        Ok((number, key))
    }

    fn digest(&self, _canonical: &[u8]) -> [u8; 32] {
        // WHY zero: the store's own digest replaces it in `save`, the only place it goes to.
        [0; 32]
    }

    fn random(&self) -> [u8; 16] {
        clock::random()
    }

    fn now(&self) -> UnixMillis {
        clock::now()
    }

    fn live_tokens(&self, key: KeyNumber) -> Option<i64> {
        i64::try_from(self.ledger.live_tokens(key)).ok()
    }
}

fn to_store(row: PersonRow, put: &PersonPut) -> ward_store::PersonRow {
    let emails = row.emails.into_iter().map(|one| ward_store::Email {
        value: one.value,
        kind: one.kind,
        primary: one.primary,
    });
    ward_store::PersonRow {
        person: row.id,
        principal: put.principal,
        principal_key: put.principal_key,
        user_name: row.user_name,
        external_id: row.external_id,
        display_name: row.display_name.or(row.formatted).unwrap_or_default(),
        given_name: row.given_name.unwrap_or_default(),
        family_name: row.family_name.unwrap_or_default(),
        emails: emails.collect(),
        active: !row.deleted,
        state: put.state,
        created: row.created,
        modified: row.modified,
        version: 0,
    }
}

fn from_store(row: ward_store::PersonRow) -> PersonRow {
    let some = |text: String| (!text.is_empty()).then_some(text);
    let emails = row.emails.into_iter().map(|one| Email {
        value: one.value,
        kind: one.kind,
        primary: one.primary,
    });
    PersonRow {
        id: row.person,
        user_name: row.user_name,
        external_id: row.external_id,
        display_name: some(row.display_name),
        formatted: None,
        family_name: some(row.family_name),
        given_name: some(row.given_name),
        emails: emails.collect(),
        created: row.created,
        modified: row.modified,
        deleted: !row.active,
        state: row.state,
    }
}
