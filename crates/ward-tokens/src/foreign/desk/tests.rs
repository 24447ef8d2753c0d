//! Reports over a real journal: every answer, and what a crash between record and answer leaves.

use serde_json::json;
use ward_model::record::{IssuerDeclared, UnreportedSeen};
use ward_model::word::ReportMode;
use ward_model::{PrincipalKind, Text};

use super::*;
use crate::foreign::report::read;
use crate::tests::{NOW, World};

struct Room {
    world: World,
    desk: Desk,
}

impl Room {
    async fn new(reports: ReportMode) -> Self {
        let world = World::new().await;
        let declared = IssuerDeclared {
            issuer: IssuerNumber(1),
            name: Text::cut("login"),
            url: Text::cut("https://login.example"),
            audiences: Text::cut("shop"),
            life_ms_max: 3_600_000,
            reports,
            claims: Text::cut("sub"),
            kinds: Text::cut("customer"),
        };
        let _ = world.journal.append(declared, NOW).await.unwrap();
        let numbers = Arc::new(|_: &PrincipalName| Ok(PrincipalNumber(9)));
        let (journal, ledger) = (world.journal.clone(), world.ledger.clone());
        let desk = Desk::new(journal, ledger, numbers, Arc::new(|| NOW));
        Self { world, desk }
    }

    fn issuer(&self) -> Arc<Issuer> {
        self.desk.ledger().issuer("login").unwrap()
    }

    fn batch(&self, places: &[(i64, &str)], complete: Option<i64>) -> Batch {
        let reports: Vec<_> = places
            .iter()
            .map(|(sequence, jti)| match *jti {
                "" => json!({"sequence": sequence, "void": true}),
                jti => json!({
                    "sequence": sequence, "jti": jti, "iat": NOW.seconds() - 10,
                    "exp": NOW.seconds() + 600, "principal": {"kind": "customer", "id": "1"},
                }),
            })
            .collect();
        let body = json!({"reports": reports, "complete_before": complete}).to_string();
        read(body.as_bytes(), &self.issuer(), NOW).unwrap()
    }

    async fn take(&self, places: &[(i64, &str)]) -> Result<Taken, ReportError> {
        self.desk.take(&self.issuer(), self.batch(places, None)).await
    }

    fn leaves(&self) -> i64 {
        self.world.journal.head().borrow().0
    }
}

fn taken(accepted: usize, repeated: usize) -> Taken {
    Taken { accepted, repeated, late: Vec::new() }
}

#[tokio::test]
async fn reports_are_recorded_once_and_acknowledged_as_often_as_they_are_sent() {
    let room = Room::new(ReportMode::Synchronous).await;
    assert_eq!(room.take(&[(1, "a"), (2, ""), (3, "c")]).await.unwrap(), taken(3, 0));
    let leaves = room.leaves();
    assert_eq!(room.take(&[(2, ""), (3, "c")]).await.unwrap(), taken(0, 2));
    assert_eq!(room.leaves(), leaves, "a repeat is no record");
    assert_eq!(room.take(&[(3, "c"), (4, "d")]).await.unwrap(), taken(1, 1));
    assert_eq!(room.desk.ledger().live_reported(&room.issuer()), 3);
    assert_eq!(room.desk.ledger().faults(), 0);
}

#[tokio::test]
async fn a_batch_that_does_not_fit_changes_nothing() {
    let room = Room::new(ReportMode::Synchronous).await;
    room.take(&[(1, "a")]).await.unwrap();
    let leaves = room.leaves();
    let told = room.take(&[(2, "b"), (1, "other")]).await.unwrap_err();
    assert!(matches!(told, ReportError::Conflict(1)), "{told}");
    assert_eq!(room.leaves(), leaves + 1, "the alarm alone is recorded");
    let told = room.take(&[(2, "b"), (2, "other")]).await.unwrap_err();
    assert!(matches!(told, ReportError::Conflict(2)), "{told}");
    assert_eq!(room.leaves(), leaves + 1, "once a minute");
    let far = 2 + ward_ledger::foreign::AHEAD_MAX;
    let told = room.take(&[(far, "b")]).await.unwrap_err();
    assert!(matches!(told, ReportError::TooFar(it, 2) if it == far), "{told}");
    assert_eq!(room.issuer().with_book(|book| book.order.next()), 2);
    assert_eq!(room.take(&[(2, "b")]).await.unwrap(), taken(1, 0));
}

#[tokio::test]
async fn completeness_needs_every_place() {
    let room = Room::new(ReportMode::Synchronous).await;
    let say = |places: &[(i64, &str)]| room.batch(places, Some(NOW.seconds()));
    let told = room.desk.take(&room.issuer(), say(&[(1, "a"), (3, "c")])).await.unwrap_err();
    assert!(matches!(told, ReportError::Missing(2)), "{told}");
    room.take(&[(1, "a"), (3, "c")]).await.unwrap();
    let told = room.desk.take(&room.issuer(), say(&[])).await.unwrap_err();
    assert!(matches!(told, ReportError::Missing(2)), "{told}");
    let told = room.desk.take(&room.issuer(), say(&[(5, "e")])).await.unwrap_err();
    assert!(matches!(told, ReportError::Missing(2)), "{told}");
    room.desk.take(&room.issuer(), say(&[(2, ""), (4, "d")])).await.unwrap();
    let complete = room.issuer().with_book(|book| book.order.complete_before());
    assert_eq!(complete, Some(NOW.seconds()));
    room.desk.take(&room.issuer(), say(&[])).await.unwrap();
    assert_eq!(room.desk.ledger().faults(), 0);
}

#[tokio::test]
async fn one_place_is_used_by_one_of_two_requests() {
    let room = Room::new(ReportMode::Synchronous).await;
    let issuer = room.issuer();
    let (one, other) = (room.batch(&[(1, "a")], None), room.batch(&[(1, "b")], None));
    let (one, other) = tokio::join!(room.desk.take(&issuer, one), room.desk.take(&issuer, other));
    let told = [one, other];
    assert_eq!(told.iter().filter(|it| it.is_ok()).count(), 1, "{told:?}");
    assert_eq!(issuer.with_book(|book| book.totals.reported), 1);
    assert!(lock(&room.desk.0.held).is_empty(), "what is answered is held no more");
}

#[tokio::test]
async fn a_late_report_is_recorded_alarmed_and_not_acknowledged() {
    let room = Room::new(ReportMode::Synchronous).await;
    let ledger = room.desk.ledger();
    let principal_key = ledger.principal_key(PrincipalKind::Customer, "1");
    let (iat, exp) = (NOW.plus_ms(-10_000), NOW.plus_ms(600_000));
    let secret = ledger.secret();
    let named = secret.reported_jti(IssuerNumber(1), "a", principal_key, iat, exp);
    let seen = UnreportedSeen {
        issuer: IssuerNumber(1),
        key: KeyNumber(1_000_001),
        token: [1; 16],
        twin: [0; 16],
        named,
        principal: PrincipalNumber(9),
        principal_key,
        issued_at: iat,
        expires_at: exp,
    };
    let _ = room.world.journal.append(seen, NOW).await.unwrap();
    for accepted in [1, 0] {
        let taken = room.take(&[(1, "a")]).await.unwrap();
        assert_eq!((taken.accepted, taken.late), (accepted, vec![1]));
    }
    assert!(room.issuer().with_book(|book| book.alarms().is_empty()), "the alarm is recorded");
    assert_eq!(room.issuer().with_book(|book| book.totals.late), 1);
    let journal = &room.world.journal;
    let records = journal.read(ward_model::LeafIndex(0), 1000).unwrap();
    let alarms = records.iter().filter(|(_, it)| matches!(it, Record::IssuerTroubled(_)));
    assert_eq!(alarms.count(), 1);
    assert_eq!(ledger.live_reported(&room.issuer()), 0);
}
