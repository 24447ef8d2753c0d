//! The desk over a real journal whose disk can fail.

use std::sync::Arc;

use ward_catalogue::Catalogue;
use ward_journal::Options;
use ward_journal::testing::FaultDisk;
use ward_model::word::{ApiKeyKind, SignInMethod};
use ward_model::*;
use ward_tlog::NoteSigner;

use super::*;
use crate::limits::{BYPASS_MINUTES_MAX, MINUTE_MS};

const NOW: UnixMillis = UnixMillis::from_seconds(1_800_000_000);
const DIGEST: [u8; 32] = [4; 32];

struct House {
    desk: Arc<Desk>,
    journal: Journal,
    disk: FaultDisk,
    catalogue: Catalogue,
}

impl House {
    fn new() -> Self {
        let signer = NoteSigner::from_seed("test", &[5; 32]).unwrap();
        let entropy = Box::new(|bytes: &mut [u8]| {
            bytes.fill(7);
            Ok(())
        });
        let options = Options::new(Secret::new([6; 32]), signer, entropy, NOW);
        let (disk, bypasses) = (FaultDisk::new(1), Bypasses::default());
        let views: Vec<Box<dyn View>> = vec![Box::new(bypasses.view())];
        let journal = Journal::create(Arc::new(disk.clone()), options, views).unwrap();
        let text = include_str!("../../../tests/gate/catalogue.toml");
        let catalogue = Catalogue::parse("catalogue.toml", text).unwrap();
        let desk = Arc::new(Desk::new(journal.clone(), bypasses));
        Self { desk, journal, disk, catalogue }
    }

    async fn open(&self, by: u8, route: i32, minutes: i64, id: i64) -> Result<Bypass, OpenError> {
        let route = self.catalogue.route(RouteNumber(route)).unwrap();
        let opening = Opening { bypass: BypassId(id), minutes, note: Text::cut("pages fail") };
        self.desk.open(&caller(by), route, opening, DIGEST, NOW).await
    }

    fn records(&self) -> Vec<Record> {
        let all = self.journal.read(LeafIndex(0), 1000).unwrap();
        all.into_iter().map(|(_, record)| record).collect()
    }
}

fn caller(by: u8) -> Caller {
    let machine = Caller::machine(ApiKeyId(5), ApiKeyKind::Operator);
    Caller { person: PersonId([by; 16]), session: SessionId(3), ..machine }
}

#[tokio::test]
async fn each_act_is_one_group_with_who_did_it() {
    let house = House::new();
    let opened = house.open(1, 3, 10, 11).await.unwrap();
    assert_eq!((opened.until, opened.person), (NOW.plus_ms(10 * MINUTE_MS), PersonId([1; 16])));
    assert_eq!(house.desk.bypasses().is_open(RouteNumber(3), NOW), Some(BypassId(11)));
    house.desk.end(&caller(0), BypassId(11), DIGEST, NOW).await.unwrap();
    assert_eq!(house.desk.bypasses().is_open(RouteNumber(3), NOW), None);
    let bypass = Emergency::Bypass(BypassId(11));
    let note = || Text::cut("rightly");
    let review = |by| {
        let caller = caller(by);
        let desk = Arc::clone(&house.desk);
        async move { desk.review(&caller, bypass, note(), DIGEST, NOW).await }
    };
    for by in [0, 1] {
        assert_eq!(review(by).await, Err(NotReviewed::SecondPerson.into()));
    }
    assert_eq!(review(2).await, Ok(()));
    let kinds: Vec<_> = house.records().iter().map(Record::kind_name).collect();
    let did = "OperatorDid";
    assert_eq!(kinds, ["BypassOpened", did, "BypassEnded", did, "EmergencyReviewed", did]);
    let acts: Vec<(String, i64, PersonId)> = house
        .records()
        .into_iter()
        .filter_map(|record| match record {
            Record::OperatorDid(it) => {
                assert_eq!(
                    (it.digest, it.session, it.api_key),
                    (DIGEST, SessionId(3), ApiKeyId(5))
                );
                Some((it.act.as_str().to_owned(), it.target, it.person))
            }
            _ => None,
        })
        .collect();
    let act = |verb: &str, by| (verb.to_owned(), 11, PersonId([by; 16]));
    assert_eq!(acts, [act("open route", 1), act("end bypass", 0), act("review emergency", 2)]);
}

#[tokio::test]
async fn what_may_not_be_opened_leaves_no_record() {
    let house = House::new();
    let cases = [
        (0, 3, 10, OpenError::NoPerson),
        (1, 20, 10, OpenError::Observed),
        (1, 6, 10, OpenError::Uninspectable),
        (1, 3, 0, NotOpened::Minutes.into()),
        (1, 3, BYPASS_MINUTES_MAX + 1, NotOpened::Minutes.into()),
        (1, 3, i64::MIN, NotOpened::Minutes.into()),
    ];
    for (by, route, minutes, want) in cases {
        assert_eq!(house.open(by, route, minutes, 1).await, Err(want), "{want}");
    }
    assert_eq!(house.records(), vec![]);
    house.disk.power_for(0);
    assert_eq!(house.open(1, 3, 10, 1).await, Err(Unavailable.into()));
    assert_eq!(house.desk.bypasses().is_open(RouteNumber(3), NOW), None, "not durable: not open");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_at_once_one_opens_the_route() {
    let house = Arc::new(House::new());
    let tries: Vec<_> = (1..=20)
        .map(|id| {
            let house = Arc::clone(&house);
            tokio::spawn(async move { house.open(1, 3, 30, id).await })
        })
        .collect();
    let mut opened = 0;
    for one in tries {
        match one.await.unwrap() {
            Ok(_) => opened += 1,
            Err(OpenError::Not(NotOpened::Open { until, .. })) => {
                assert_eq!(until, NOW.plus_ms(30 * MINUTE_MS));
            }
            Err(other) => panic!("{other}"),
        }
    }
    let records = house.records();
    let made = records.iter().filter(|it| matches!(it, Record::BypassOpened(_))).count();
    assert_eq!((opened, made), (1, 1));
}

#[tokio::test]
async fn a_break_glass_session_is_looked_at_by_another_person() {
    let house = House::new();
    let session = SessionId(7);
    let opened = ward_model::record::SessionOpened {
        session,
        person: PersonId([1; 16]),
        how: SignInMethod::BreakGlass,
        passkey: PasskeyId(1),
        provider_session: [0; 32],
        expires_at: NOW,
        source: [0; 16],
    };
    let _recorded = house.journal.append(opened, NOW).await.unwrap();
    assert_eq!(house.desk.bypasses().counts(NOW), (0, 1));
    let review = |by| {
        let (desk, caller, note) = (&house.desk, caller(by), Text::cut("provider was down"));
        async move { desk.review(&caller, Emergency::Session(session), note, DIGEST, NOW).await }
    };
    assert_eq!(review(1).await, Err(NotReviewed::SecondPerson.into()));
    assert_eq!(review(2).await, Ok(()));
    assert_eq!(review(3).await, Err(NotReviewed::Reviewed.into()));
    assert_eq!(house.desk.bypasses().counts(NOW), (0, 0));
}
