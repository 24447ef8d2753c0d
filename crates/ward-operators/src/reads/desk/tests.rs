//! What leaves is recorded; what is not recorded does not leave.

use ward_model::{ApprovalId, UnixMillis};

use super::*;
use crate::testing::{Fake, caller, consenting};

const RULES: ReadRules = ReadRules { purpose_required: true, per_day: 1000, at_once: 500 };

fn naming(data_subjects: u64) -> Naming<'static> {
    Naming {
        what: "scope",
        about: "by key wk-1",
        exact: b"GET /api/scope?key=wk-1",
        purpose: 7,
        data_subjects,
    }
}

fn desk(operators: u8) -> (Fake, ReadDesk<Fake>) {
    let fake = Fake::new(3, operators);
    let desk = Desk::new(fake.clone(), fake.approvals.clone());
    (fake.clone(), ReadDesk::new(desk, fake.reads))
}

fn last_read(fake: &Fake) -> OperatorRead {
    match fake.records.lock().unwrap().last() {
        Some(Record::OperatorRead(read)) => read.clone(),
        other => panic!("not a read: {other:?}"),
    }
}

#[tokio::test]
async fn what_is_let_out_is_recorded_with_who_what_and_how_many() {
    let (fake, desk) = desk(2);
    assert_eq!(desk.let_out(&RULES, &caller(1), naming(31)).await, Ok(Ok(())));
    let read = last_read(&fake);
    assert_eq!((read.person, read.session), (caller(1).person, caller(1).session));
    assert_eq!((read.what.as_str(), read.purpose, read.data_subjects), ("scope", 7, 31));
    assert_eq!(desk.let_out(&RULES, &caller(99), naming(1)).await, Ok(Ok(())));
    assert_eq!(last_read(&fake).api_key, caller(99).api_key);
    assert_eq!(fake.names(), ["OperatorRead", "OperatorRead"]);
}

#[tokio::test]
async fn without_a_purpose_nothing_leaves() {
    let (fake, desk) = desk(2);
    let without = Naming { purpose: 0, ..naming(1) };
    assert_eq!(desk.let_out(&RULES, &caller(1), without).await, Err(ReadError::NoPurpose));
    assert_eq!(fake.names(), [""; 0]);
    let rules = ReadRules { purpose_required: false, ..RULES };
    assert_eq!(desk.let_out(&rules, &caller(1), without).await, Ok(Ok(())));
}

#[tokio::test]
async fn what_cannot_be_recorded_does_not_leave_and_is_not_charged() {
    let (fake, desk) = desk(2);
    *fake.down.lock().unwrap() = true;
    let told = desk.let_out(&RULES, &caller(1), naming(400)).await;
    assert_eq!(told, Err(Unavailable.into()));
    *fake.down.lock().unwrap() = false;
    assert_eq!(desk.let_out(&RULES, &caller(1), naming(500)).await, Ok(Ok(())));
    assert_eq!(desk.let_out(&RULES, &caller(1), naming(500)).await, Ok(Ok(())));
}

#[tokio::test]
async fn requests_in_parallel_never_spend_more_than_a_day_has() {
    let (fake, desk) = desk(2);
    let asks = (0..40).map(|n| {
        let desk = desk.clone();
        let by = caller(if n % 2 == 0 { 1 } else { 2 });
        tokio::spawn(async move { desk.let_out(&RULES, &by, naming(60)).await })
    });
    let (mut passed, mut spent) = (0, 0);
    for ask in asks.collect::<Vec<_>>() {
        match ask.await.unwrap() {
            Ok(Ok(())) => passed += 1,
            Err(ReadError::Spent { named: 60, .. }) => spent += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((passed, spent), (32, 8), "sixteen each, of their own budgets");
    let reader = Reader::of(&caller(1));
    assert_eq!(fake.reads.spent(reader, UnixMillis::new(1_700_000_000_000)), 960);
    let told = desk.let_out(&RULES, &caller(1), naming(41)).await;
    assert_eq!(told, Err(ReadError::Spent { named: 41, left: 40 }));
    assert_eq!(desk.let_out(&RULES, &caller(1), naming(40)).await, Ok(Ok(())));
}

#[tokio::test]
async fn a_caller_who_goes_away_gives_nothing_back_that_is_then_spent() {
    let (fake, desk) = desk(2);
    let one = caller(1);
    let mut asked = Box::pin(desk.let_out(&RULES, &one, naming(400)));
    let woken = std::future::poll_fn(|cx| core::task::Poll::Ready(asked.as_mut().poll(cx)));
    assert!(woken.await.is_pending(), "its record is on its way");
    drop(asked);
    for _ in 0..2 {
        assert_eq!(desk.let_out(&RULES, &one, naming(300)).await, Ok(Ok(())));
    }
    let told = desk.let_out(&RULES, &one, naming(1)).await;
    assert_eq!(told, Err(ReadError::Spent { named: 1, left: 0 }), "400 and twice 300");
    let spent = fake.reads.spent(Reader::of(&one), UnixMillis::new(1_700_000_000_000));
    assert_eq!(spent, 1000, "the record came, and nobody was named more than a day allows");
}

#[tokio::test]
async fn a_large_answer_waits_for_a_second_person_and_is_let_out_once() {
    let (fake, desk) = desk(2);
    let one = caller(1);
    let ask = |naming| desk.let_out(&RULES, &one, naming);
    assert!(ask(naming(500)).await.unwrap().is_ok(), "not more than one may have at once");
    let held = ask(naming(600)).await.unwrap().unwrap_err();
    assert_eq!(ask(naming(700)).await.unwrap().unwrap_err(), held, "it grew a little");
    let (digest, effect) = desk.desk().read(|it| {
        let proposal = it.proposal(held.approval).unwrap();
        (proposal.digest, proposal.effect.clone())
    });
    assert_eq!(effect, "an answer of `scope` by key wk-1 names 600 data subjects, 1024 at most");
    desk.desk().consent(held.approval, &digest, consenting(2)).await.unwrap();
    for other in [
        Naming { exact: b"GET /api/scope?key=wk-2", ..naming(600) },
        Naming { purpose: 8, ..naming(600) },
        naming(1025),
    ] {
        let told = ask(other).await.unwrap().unwrap_err();
        assert_ne!(told.approval, held.approval, "another answer is another act");
    }
    assert_eq!(ask(naming(700)).await, Ok(Ok(())));
    assert_eq!(last_read(&fake).data_subjects, 700);
    let spent = fake.reads.spent(Reader::of(&one), UnixMillis::new(1_700_000_000_000));
    assert_eq!(spent, 500, "the second person answers for the large one");
    let again = ask(naming(700)).await.unwrap().unwrap_err();
    assert_ne!(again.approval, ApprovalId::NONE);
    let tail: Vec<&str> = fake.names().into_iter().rev().take(3).collect();
    assert_eq!(tail, ["ApprovalProposed", "OperatorRead", "ApprovalEnded"]);
}
