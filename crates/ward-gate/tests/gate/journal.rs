//! Nothing leaves before it is recorded: the journal full, failing, or stopped.

use ward_model::record::ExistenceFed;
use ward_model::{NamespaceNumber, PrincipalKind, Reason};

use super::house::{House, NOW, body};
use super::wire::Call;

#[derive(Clone, Copy, Debug)]
pub enum Way {
    Full,
    Failed,
    Stopped,
}

pub async fn take_away(house: &House, way: Way) {
    match way {
        Way::Full => {
            house.disk.set_capacity(house.disk.used());
            let fed = || ExistenceFed {
                namespace: NamespaceNumber(99),
                existing: 1,
                tombstones: 0,
                watermark: -1,
            };
            let batch = || (0..20).map(|_| fed()).collect::<Vec<_>>();
            let mut tries = 0;
            while house.journal.append(batch(), NOW).await.is_ok() {
                tries += 1;
                assert!(tries < 100_000, "the disk never fills");
            }
            while house.journal.append(fed(), NOW).await.is_ok() {}
        }
        Way::Failed => house.disk.power_for(0),
        Way::Stopped => {
            let journal = house.journal.clone();
            tokio::task::spawn_blocking(move || journal.stop()).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_recorded_does_not_leave() {
    for way in [Way::Full, Way::Failed, Way::Stopped] {
        let house = House::new().await;
        house.origin.json("/me", r#"{"id":"7","name":"Kim"}"#);
        house.origin.json("/staff/customers/7", r#"{"id":"7","name":"Kim"}"#);
        house.origin.json("/staff/customers/7/note", r#"{"ok":true}"#);
        let customer = house.token(PrincipalKind::Customer, "7").await;
        let staff = house.token(PrincipalKind::Person, "p1").await;
        let forged = house.forge(&body(PrincipalKind::Customer, "7"));
        assert_eq!(house.ask(&Call::get("/me").token(&customer)).await.status, 200);
        take_away(&house, way).await;

        for (path, token) in [("/me", &customer), ("/staff/customers/7", &staff)] {
            let reply = house.ask(&Call::get(path).token(token)).await;
            assert_eq!(reply.status, 503, "{way:?} {path}");
            assert_eq!(reply.header("retry-after"), Some("1"), "{way:?}");
            assert!(!reply.text().contains("Kim"), "{way:?}");
            assert_eq!(house.counted(&reply), Some(Reason::JournalUnavailable), "{way:?}");
        }
        // What could not be recorded has not been charged either.
        let number = house.register.principal(&super::house::name(PrincipalKind::Person, "p1"));
        let standing = house.exposures.standing(PrincipalKind::Person, number.unwrap(), NOW);
        assert_eq!(standing[0].counted, 0, "{way:?}");

        let asked = house.origin.seen().len();
        let post = Call::new("POST", "/staff/customers/7/note").token(&staff).body("{}");
        assert_eq!(house.ask(&post).await.status, 503, "{way:?}");
        assert_eq!(house.origin.seen().len(), asked, "{way:?}: nothing unsafe without its intent");

        // A forgery is refused as ever, and looks as ever.
        let reply = house.ask(&Call::get("/me").token(&forged)).await;
        assert_eq!(reply.status, 401, "{way:?}");
        assert_eq!(house.counted(&reply), Some(Reason::NeverIssued), "{way:?}");
        assert_eq!(house.ask(&Call::get("/undeclared")).await.status, 503, "{way:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_disk_full_a_leaver_is_still_cut() {
    let house = House::new().await;
    let staff = house.token(PrincipalKind::Person, "p1").await;
    take_away(&house, Way::Full).await;
    house.suspend(PrincipalKind::Person, "p1").await;
    let reply = house.ask(&Call::get("/staff/customers/7").token(&staff)).await;
    assert_eq!(reply.status, 401);
    assert!(house.origin.seen().is_empty());
}
