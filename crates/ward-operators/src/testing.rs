//! A fake journal for the tests of this room.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex as StdMutex};

use ward_journal::testing::FaultDisk;
use ward_journal::{Journal, Options};
use ward_model::record::{OperatorSet, PersonPut};
use ward_model::word::{PersonState, SignInMethod};
use ward_model::*;
use ward_tlog::NoteSigner;

use crate::act::{Act, ActKind, Rules};
use crate::approval::SharedApprovals;
use crate::approval::decide::Consenting;
use crate::desk::{Outside, Unavailable};
use crate::reads::SharedReads;

#[derive(Clone, Default)]
pub(crate) struct Fake {
    pub(crate) records: Arc<StdMutex<Vec<Record>>>,
    pub(crate) down: Arc<StdMutex<bool>>,
    pub(crate) approvals: SharedApprovals,
    pub(crate) reads: SharedReads,
    /// How far the clock has gone, milliseconds.
    pub(crate) passed_ms: Arc<AtomicI64>,
}

impl Fake {
    /// Persons 1 to `people`; the first `operators` of them may do everything.
    pub(crate) fn new(people: u8, operators: u8) -> Self {
        let fake = Self::default();
        for number in 1..=people {
            let (person, principal_key) = (PersonId([number; 16]), PrincipalKey([number; 16]));
            let (principal, state) = (PrincipalNumber(number.into()), PersonState::Active);
            fake.put(PersonPut { person, principal, principal_key, state, row_digest: [0; 32] });
            if number <= operators {
                let (person_key, roles) = (principal_key, Roles::every_persons());
                fake.put(OperatorSet { person, person_key, roles });
            }
        }
        fake
    }

    pub(crate) fn put(&self, record: impl Into<Record>) {
        let record = record.into();
        let mut records = self.records.lock().unwrap();
        let index = LeafIndex(i64::try_from(records.len()).unwrap());
        let at = Position { index, time: self.now() };
        self.approvals.view().apply(at, &record);
        self.reads.view().apply(at, &record);
        records.push(record);
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, ms: i64) {
        self.passed_ms.fetch_add(ms, Ordering::Relaxed);
    }

    /// The last record of a kind.
    pub(crate) fn last(&self, kind: &str) -> Option<Record> {
        let records = self.records.lock().unwrap();
        records.iter().rfind(|it| it.kind_name() == kind).cloned()
    }

    /// Names of the records but the people's first ones.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        let records = self.records.lock().unwrap();
        let first = |it: &&Record| !matches!(it, Record::PersonPut(_) | Record::OperatorSet(_));
        records.iter().filter(first).map(Record::kind_name).collect()
    }
}

impl Outside for Fake {
    async fn append(&self, records: Vec<Record>) -> Result<(), Unavailable> {
        if *self.down.lock().unwrap() {
            return Err(Unavailable);
        }
        tokio::task::yield_now().await;
        records.into_iter().for_each(|record| self.put(record));
        Ok(())
    }

    fn now(&self) -> UnixMillis {
        UnixMillis::new(1_700_000_000_000 + self.passed_ms.load(Ordering::Relaxed))
    }

    fn rules(&self) -> Rules {
        Rules::default()
    }
}

/// A journal on a disk in memory that holds these groups, each appended at its moment.
pub(crate) fn journal(groups: Vec<(i64, Vec<Record>)>) -> (FaultDisk, Journal, String) {
    let disk = FaultDisk::new(1);
    let signer = NoteSigner::from_seed("test.example/log", &[7; 32]).unwrap();
    let vkey = signer.verifier().vkey();
    let entropy = Box::new(|bytes: &mut [u8]| {
        bytes.fill(3);
        Ok(())
    });
    let options = Options::new(Secret::new([5; 32]), signer, entropy, UnixMillis::new(1));
    let journal = Journal::create(Arc::new(disk.clone()), options, Vec::new()).unwrap();
    for (ms, records) in groups {
        let _recorded = journal.append_blocking(records, UnixMillis::new(ms)).unwrap();
    }
    (disk, journal, vkey)
}

pub(crate) fn act() -> Act {
    Act::of(ActKind::IssuerLearning, "lock", &[], "the lock becomes looser".to_owned())
}

/// Person `number` in a session; 99 is a machine.
pub(crate) fn caller(number: u8) -> Caller {
    if number == 99 {
        return Caller::machine(ApiKeyId(99), word::ApiKeyKind::Operator);
    }
    let roles = Roles::every_persons();
    let (person, session) = (PersonId([number; 16]), SessionId(number.into()));
    Caller { person, session, roles, ..Caller::WARD }
}

pub(crate) fn consenting(number: u8) -> Consenting {
    let Caller { person, session, .. } = caller(number);
    Consenting { person, session, proof: SignInMethod::Passkey }
}

/// Bytes that never come twice.
pub(crate) fn random() -> crate::api::Random {
    let count = AtomicU64::new(1);
    Arc::new(move || {
        let number = count.fetch_add(1, Ordering::Relaxed).to_le_bytes();
        let mut bytes = [0xab; 32];
        bytes[..8].copy_from_slice(&number);
        bytes
    })
}

/// A passkey of a person, without a signature behind it.
pub(crate) fn registered(person: u8, number: i64) -> ward_model::record::PasskeyRegistered {
    ward_model::record::PasskeyRegistered {
        passkey: PasskeyId(number),
        person: PersonId([person; 16]),
        enrolment: EnrolmentId::NONE,
        credential: Octets::new(number.to_le_bytes().to_vec()).unwrap(),
        public_key: Octets::new(vec![1; 77]).unwrap(),
        aaguid: [0; 16],
        name: Text::cut("key"),
    }
}
