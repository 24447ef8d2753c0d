//! Exposure budgets: exact under parallel requests, kept over a restart.

use ward_gate::exposure::Exposures;
use ward_model::{LeafIndex, PrincipalKind, Reason, Verdict, View as _};

use super::house::{House, NOW, budgets, catalogue, name};
use super::wire::Call;

/// As in `catalogue.toml`.
const CAP: usize = 5;
const PARALLEL: usize = 40;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_requests_never_overspend() {
    let house = House::new().await;
    let token = house.token(PrincipalKind::Person, "p1").await;
    for id in 1..=PARALLEL {
        house.origin.json(&format!("/staff/customers/{id}"), &format!(r#"{{"id":"{id}"}}"#));
    }
    // Every answer comes only when every request is upstream.
    house.origin.wait_for(PARALLEL);
    let calls: Vec<_> = (1..=PARALLEL)
        .map(|id| Call::get(&format!("/staff/customers/{id}")).token(&token))
        .map(|call| {
            let addr = house.addr;
            tokio::spawn(async move { call.send(addr).await })
        })
        .collect();
    let mut people = std::collections::BTreeSet::new();
    let (mut read, mut spent) = (Vec::new(), 0);
    for call in calls {
        let reply = call.await.unwrap();
        let rows = house.rows(&reply);
        match reply.status {
            200 => {
                people.extend(house.people(&rows));
                read.push(reply);
            }
            429 => {
                assert_eq!(rows[0].verdict, Verdict::Refuse(Reason::BudgetSpent));
                assert!(!rows[0].released && rows[0].data_subject.is_none());
                assert!(!reply.text().contains(r#""id""#));
                spent += 1;
            }
            other => panic!("{other}: {}", reply.text()),
        }
    }
    assert_eq!((read.len(), people.len(), spent), (CAP, CAP, PARALLEL - CAP));

    // Who was read already may be read again; another principal has his own budget.
    house.origin.wait_for(1);
    let again = people.first().unwrap().trim_start_matches("1:").to_owned();
    let reply = house.ask(&Call::get(&format!("/staff/customers/{again}")).token(&token)).await;
    assert_eq!(reply.status, 200);
    let other = house.token(PrincipalKind::Person, "p2").await;
    assert_eq!(house.ask(&Call::get("/staff/customers/1").token(&other)).await.status, 200);

    // A restart forgets nothing: the books are rebuilt from the records.
    let reopened = Exposures::new(budgets(&catalogue(house.origin.addr)));
    let mut view = reopened.view();
    for (at, record) in house.journal.read(LeafIndex(0), 10_000).unwrap() {
        view.apply(at, &record);
    }
    let number = house.register.principal(&name(PrincipalKind::Person, "p1")).unwrap();
    let standing = |it: &Exposures| it.standing(PrincipalKind::Person, number, NOW);
    assert_eq!(standing(&reopened), standing(&house.exposures));
    assert_eq!(standing(&reopened)[0].counted, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_page_of_too_many_people_does_not_leave_and_costs_nothing() {
    let house = House::new().await;
    let token = house.token(PrincipalKind::Person, "p1").await;
    let friends: Vec<String> = (10..15).map(|id| format!(r#"{{"id":"{id}"}}"#)).collect();
    let page = format!(r#"{{"id":"7","friends":[{}]}}"#, friends.join(","));
    house.origin.json("/staff/customers/7", &page);
    let call = Call::get("/staff/customers/7").token(&token);
    assert_eq!(house.ask(&call).await.status, 429);
    let page = format!(r#"{{"id":"7","friends":[{}]}}"#, friends[1..].join(","));
    house.origin.json("/staff/customers/7", &page);
    assert_eq!(house.ask(&call).await.status, 200, "the refused page has spent nothing");
}
