//! A program around this room for its tests: a journal, rows, a clock that stands still.

use std::sync::{Arc, Mutex};

use ward_model::record::PersonPut;
use ward_model::word::PersonState;
use ward_model::{
    ApprovalId, KeyNumber, LeafIndex, PersonId, Position, PrincipalKey, PrincipalNumber, Record,
    UnixMillis, View as _,
};

use crate::holdings::SharedHoldings;
use crate::life::People;
use crate::outside::{Find, Outside, Page, ReturnHeld, SaveError, Unavailable};
use crate::person::{PersonRow, id_from_random};

/// A row.
pub fn row(id: u8, user_name: &str) -> PersonRow {
    PersonRow {
        id: id_from_random([id; 16]),
        user_name: user_name.into(),
        external_id: None,
        display_name: None,
        formatted: None,
        family_name: None,
        given_name: None,
        emails: Vec::new(),
        created: UnixMillis::new(1_000),
        modified: UnixMillis::new(1_000),
        deleted: false,
        state: PersonState::Active,
    }
}

/// The principal of a person in these tests.
pub fn principal_of(person: PersonId) -> (PrincipalNumber, PrincipalKey) {
    (PrincipalNumber(i64::from(person.0[0]) + 100), PrincipalKey(person.0))
}

/// What the fake program kept and how it is to fail.
#[derive(Default)]
pub struct World {
    /// The journal.
    pub records: Vec<Record>,
    /// Groups appended, as their lengths.
    pub groups: Vec<usize>,
    /// The rows.
    pub rows: Vec<PersonRow>,
    /// Whether the store fails: the disk is full for it.
    pub store_fails: bool,
    /// Appends that still succeed; `None`: all.
    pub appends_left: Option<usize>,
    /// How often the store was asked or told anything.
    pub store_calls: usize,
    /// Returns of leavers that were asked about, with when they left.
    pub returns_asked: Vec<(PersonId, UnixMillis)>,
    /// Whether returns wait for another person.
    pub returns_held: bool,
    /// Random ids handed out.
    pub drawn: u8,
}

/// The fake program.
#[derive(Clone)]
pub struct Fake {
    /// What it kept.
    pub world: Arc<Mutex<World>>,
    /// The view.
    pub holdings: SharedHoldings,
}

impl Fake {
    /// An empty world and people in it.
    pub fn people() -> (Self, People<Self>) {
        let fake = Self { world: Arc::default(), holdings: SharedHoldings::new() };
        let people = fake.clone().start();
        (fake, people)
    }

    /// The program starts over what the journal holds.
    pub fn start(mut self) -> People<Self> {
        self.holdings = SharedHoldings::new();
        let records = self.world.lock().unwrap().records.clone();
        self.take_in(0, &records);
        let holdings = self.holdings.clone();
        People::new(self, holdings, "http://ward.test/scim/v2/")
    }

    fn take_in(&self, from: usize, records: &[Record]) {
        let mut view = self.holdings.view();
        for (index, record) in (from..).zip(records) {
            let index = i64::try_from(index).unwrap();
            let at = Position { index: LeafIndex(index), time: UnixMillis::new(10_000 + index) };
            view.apply(at, record);
        }
    }

    /// Appends records as another room would.
    pub fn put(&self, records: Vec<Record>) -> Result<(), Unavailable> {
        let from = {
            let mut world = self.world.lock().unwrap();
            match &mut world.appends_left {
                Some(0) => return Err(Unavailable { what: "journal" }),
                Some(left) => *left -= 1,
                None => {}
            }
            let from = world.records.len();
            world.groups.push(records.len());
            world.records.extend(records.iter().cloned());
            from
        };
        self.take_in(from, &records);
        Ok(())
    }

    fn store(&self) -> Result<std::sync::MutexGuard<'_, World>, Unavailable> {
        let mut world = self.world.lock().unwrap();
        world.store_calls += 1;
        if world.store_fails { Err(Unavailable { what: "store" }) } else { Ok(world) }
    }
}

impl Outside for Fake {
    async fn may_return(
        &self,
        person: PersonId,
        left: UnixMillis,
    ) -> Result<Vec<Record>, ReturnHeld> {
        let mut world = self.world.lock().unwrap();
        world.returns_asked.push((person, left));
        if world.returns_held { Err(ReturnHeld::Waits(ApprovalId(7))) } else { Ok(Vec::new()) }
    }

    async fn append(&self, records: Vec<Record>) -> Result<(), Unavailable> {
        assert!(!records.is_empty());
        // Others run between a decision and its append.
        tokio::task::yield_now().await;
        self.put(records)
    }

    async fn save(&self, row: PersonRow, put: PersonPut) -> Result<(), SaveError> {
        {
            let mut world = self.store()?;
            let others = || world.rows.iter().filter(|it| it.id != row.id && !it.deleted);
            if others().any(|it| it.folded_user_name() == row.folded_user_name()) {
                return Err(SaveError::Taken { attribute: "userName" });
            }
            world.rows.retain(|it| it.id != row.id);
            world.rows.push(row);
        }
        Ok(self.put(vec![put.into()])?)
    }

    async fn project_state(
        &self,
        person: PersonId,
        state: PersonState,
        modified: UnixMillis,
    ) -> Result<(), Unavailable> {
        let mut world = self.store()?;
        for row in world.rows.iter_mut().filter(|it| it.id == person) {
            row.state = state;
            row.modified = modified;
        }
        Ok(())
    }

    async fn find(&self, by: Find) -> Result<Option<PersonRow>, Unavailable> {
        let world = self.store()?;
        let found = world.rows.iter().find(|it| match &by {
            Find::Id(id) => it.id == *id,
            Find::UserName(name) => !it.deleted && it.folded_user_name() == *name,
            Find::ExternalId(id) => !it.deleted && it.external_id.as_ref() == Some(id),
        });
        Ok(found.cloned())
    }

    async fn list(&self, from: usize, count: usize) -> Result<Page, Unavailable> {
        let world = self.store()?;
        let rows: Vec<_> = world.rows.iter().filter(|it| !it.deleted).cloned().collect();
        let total = rows.len();
        Ok(Page { rows: rows.into_iter().skip(from).take(count).collect(), total })
    }

    async fn principal(
        &self,
        person: PersonId,
    ) -> Result<(PrincipalNumber, PrincipalKey), Unavailable> {
        Ok(principal_of(person))
    }

    fn digest(&self, canonical: &[u8]) -> [u8; 32] {
        use sha2::Digest as _;
        sha2::Sha256::digest(canonical).into()
    }

    fn random(&self) -> [u8; 16] {
        let mut world = self.world.lock().unwrap();
        world.drawn += 1;
        [world.drawn; 16]
    }

    fn now(&self) -> UnixMillis {
        UnixMillis::new(5_000)
    }

    fn live_tokens(&self, _key: KeyNumber) -> Option<i64> {
        Some(7)
    }
}
