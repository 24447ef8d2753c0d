//! The desk over a fake journal: turns and failures.

use super::*;
use crate::testing::{Fake, act, caller, consenting};

#[tokio::test]
async fn an_approval_is_used_once_by_whoever_comes_first() {
    let fake = Fake::new(2, 2);
    let desk = Desk::new(fake.clone(), fake.approvals.clone());
    let held = desk.ask(&act(), &caller(1)).await.unwrap().unwrap_err();
    let standing = desk.consent(held.approval, &act().digest, consenting(2)).await.unwrap();
    assert_eq!(standing, Standing::Approved);
    let uses = (0..8).map(|_| {
        let (desk, fake) = (desk.clone(), fake.clone());
        tokio::spawn(async move {
            let Ok(approved) = desk.ask(&act(), &caller(1)).await.unwrap() else { return false };
            tokio::task::yield_now().await;
            fake.append(vec![approved.record().unwrap()]).await.unwrap();
            true
        })
    });
    let mut used = 0;
    for one in uses.collect::<Vec<_>>() {
        used += i32::from(one.await.unwrap());
    }
    assert_eq!(used, 1);
    let left = desk.ask(&act(), &caller(1)).await.unwrap();
    assert!(left.is_err(), "the others made one new proposal");
}

#[tokio::test]
async fn two_consents_at_once_are_two_persons_or_one_is_refused() {
    let fake = Fake::new(3, 3);
    let desk = Desk::new(fake.clone(), fake.approvals.clone());
    let held = desk.ask(&act(), &caller(99)).await.unwrap().unwrap_err();
    let digest = act().digest;
    let by = |number| desk.consent(held.approval, &digest, consenting(number));
    let (one, again) = tokio::join!(by(2), by(2));
    assert!(one.is_ok() ^ again.is_ok(), "one person, one consent");
    assert_eq!(by(3).await, Ok(Standing::Approved));
}

#[tokio::test]
async fn an_approval_that_was_not_recorded_is_not_used_up() {
    let fake = Fake::new(2, 2);
    let desk = Desk::new(fake.clone(), fake.approvals.clone());
    *fake.down.lock().unwrap() = true;
    assert_eq!(desk.ask(&act(), &caller(1)).await.unwrap_err(), Unavailable.into());
    *fake.down.lock().unwrap() = false;
    let held = desk.ask(&act(), &caller(1)).await.unwrap().unwrap_err();
    desk.consent(held.approval, &act().digest, consenting(2)).await.unwrap();
    for _ in 0..2 {
        let approved = desk.ask(&act(), &caller(1)).await.unwrap().unwrap();
        assert_eq!(approved.approval(), held.approval);
    }
    assert_eq!(fake.names(), ["ApprovalProposed", "ApprovalConsented"]);
}
