//! Passkeys that hold, that do not, that were copied; sources that fail too often.

use super::*;

#[tokio::test]
async fn a_passkey_opens_a_session_of_its_person() {
    let bench = bench(2, 2);
    let mut soft = bench.passkey(1, Counter::Rising);
    bench.passkey(2, Counter::Rising);
    let session = bench.sign_in(&mut soft).await.unwrap().session.unwrap();
    assert_eq!((session.person, session.how), (PersonId([1; 16]), SignInMethod::Passkey));
    assert!(session.may_act() && bench.room.sessions().is_fresh(&session));
    assert_eq!(bench.refusals().await, 0);
}

#[tokio::test]
async fn an_answer_serves_once_in_its_browser_and_in_time() {
    let bench = bench(1, 1);
    let mut soft = bench.passkey(1, Counter::Zero);
    let elsewhere = Visitor { browser: Browser::of(b"curl"), ..visitor() };
    let begun = bench.room.passkey_begin(&visitor());
    let answer = soft.get(&begun.options, ORIGIN).unwrap();
    let finish = async |visitor: &Visitor, ceremony: &str| {
        let finished = bench.room.passkey_finish(visitor, ceremony, answer.as_bytes()).await;
        finished.map(|_| ()).err()
    };
    assert_eq!(finish(&elsewhere, &begun.ceremony).await, Some(Refused::NotProven));
    assert_eq!(finish(&visitor(), &begun.ceremony).await, Some(Refused::NotProven), "gone");
    let again = bench.room.passkey_begin(&visitor());
    assert_eq!(finish(&visitor(), &again.ceremony).await, Some(Refused::NotProven), "a replay");
    let begun = bench.room.passkey_begin(&visitor());
    let answer = soft.get(&begun.options, ORIGIN).unwrap();
    bench.fake.pass(crate::limits::CEREMONY_LIFE_MS);
    let late = bench.room.passkey_finish(&visitor(), &begun.ceremony, answer.as_bytes()).await;
    assert_eq!(late.map(|_| ()).err(), Some(Refused::NotProven), "too late");
    assert_eq!(bench.refusals().await, 4);
}

#[tokio::test]
async fn a_copied_passkey_is_refused_and_alarms() {
    let bench = bench(1, 1);
    let mut soft = bench.passkey(1, Counter::Rising);
    let kept = soft.to_json().unwrap();
    let mut copy = SoftAuthenticator::from_json(kept.expose()).unwrap();
    bench.sign_in(&mut soft).await.unwrap();
    assert_eq!(bench.sign_in(&mut copy).await.map(|_| ()), Err(Refused::NotProven));
    let Some(Record::AlertRaised(alert)) = bench.fake.last("AlertRaised") else { panic!() };
    assert_eq!(alert.kind, AlertKind::OperatorCredential);
}

#[tokio::test]
async fn a_copied_passkey_is_refused_after_a_restart_too() {
    let bench = bench(1, 1);
    let mut soft = bench.passkey(1, Counter::Rising);
    let mut copy = SoftAuthenticator::from_json(soft.to_json().unwrap().expose()).unwrap();
    bench.sign_in(&mut soft).await.unwrap();
    let Some(Record::PasskeyCounted(counted)) = bench.fake.last("PasskeyCounted") else { panic!() };
    assert!(counted.count > 0);
    // What a restart forgets.
    bench.room.counters().clear();
    assert_eq!(bench.sign_in(&mut copy).await.map(|_| ()), Err(Refused::NotProven));
    assert!(bench.sign_in(&mut soft).await.is_ok(), "the true one counts on");
}

#[tokio::test]
async fn a_passkey_that_does_not_count_leaves_no_record() {
    let bench = bench(1, 1);
    let mut soft = bench.passkey(1, Counter::Zero);
    bench.sign_in(&mut soft).await.unwrap();
    assert!(bench.fake.last("PasskeyCounted").is_none());
}

#[tokio::test]
async fn failures_slow_their_source_and_never_a_proof_that_holds() {
    let bench = bench(1, 1);
    let mut soft = bench.passkey(1, Counter::Rising);
    let mut refused = Vec::new();
    for _ in 0..9 {
        let begun = bench.room.passkey_begin(&visitor());
        let finished = bench.room.passkey_finish(&visitor(), &begun.ceremony, b"{}").await;
        refused.extend(finished.map(|_| ()).err());
    }
    assert!(matches!(refused.last(), Some(Refused::Slow { .. })), "{refused:?}");
    let tried = bench.room.enrol_look(&visitor(), &"ab".repeat(32)).await;
    assert!(matches!(tried, Err(Refused::Slow { .. })), "no guessing of links meanwhile");
    let mut other = visitor();
    other.source[13] = 9;
    let elsewhere = bench.room.enrol_look(&other, &"ab".repeat(32)).await;
    assert_eq!(elsewhere, Err(crate::enrol::EnrolError::Link.into()));
    assert!(bench.sign_in(&mut soft).await.is_ok(), "whoever proves himself is let in");
}

#[tokio::test]
async fn signing_in_ends_the_session_the_browser_had() {
    let bench = bench(1, 1);
    let mut soft = bench.passkey(1, Counter::Zero);
    let before = bench.sign_in(&mut soft).await.unwrap();
    let begun = bench.room.passkey_begin(&before);
    let answer = soft.get(&begun.options, ORIGIN).unwrap();
    let opened = bench.room.passkey_finish(&before, &begun.ceremony, answer.as_bytes()).await;
    let (old, new) = (before.session.unwrap(), opened.ok().unwrap().session);
    assert_ne!(old.id, new.id);
    assert!(!bench.room.sessions().is_open(old.id) && bench.room.sessions().is_open(new.id));
}
