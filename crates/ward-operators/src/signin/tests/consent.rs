//! Consents: by the right person, over the right digest, in the right session, once.

use super::*;

#[tokio::test]
async fn a_second_person_consents_with_his_passkey() {
    let bench = bench(2, 2);
    let mut two = bench.passkey(2, Counter::Rising);
    let visitor = bench.sign_in(&mut two).await.unwrap();
    let (id, digest) = bench.proposal(1, Roles::NONE);
    assert_eq!(bench.room.ways(&visitor, id).consent, Ok(Way::Passkey));
    let begun = bench.room.consent_begin(&visitor, id, Some(digest)).unwrap();
    let answer = two.get(&begun.options, ORIGIN).unwrap();
    let finish =
        async || bench.room.consent_finish(&visitor, id, &begun.ceremony, answer.as_bytes()).await;
    assert_eq!(finish().await, Ok(crate::Standing::Approved));
    assert!(finish().await.is_err(), "a replay");
    let Some(Record::ApprovalConsented(it)) = bench.fake.last("ApprovalConsented") else {
        panic!()
    };
    assert_eq!(
        (it.person, it.digest, it.proof),
        (PersonId([2; 16]), digest, SignInMethod::Passkey)
    );
    assert_eq!(bench.fake.names().iter().filter(|it| **it == "ApprovalConsented").count(), 1);
}

#[tokio::test]
async fn only_who_may_consents() {
    let bench = bench(3, 3);
    let (mut one, mut three) = (bench.passkey(1, Counter::Zero), bench.passkey(3, Counter::Zero));
    let (id, digest) = bench.proposal(1, Roles::NONE);
    let own = bench.sign_in(&mut one).await.unwrap();
    let begin = |visitor: &Visitor, digest| bench.room.consent_begin(visitor, id, digest);
    assert_eq!(begin(&own, None), Err(Rejected::OwnProposal.into()));
    assert_eq!(begin(&visitor(), None), Err(Refused::NoSession));
    let looking = bench.looking(2).await;
    assert_eq!(begin(&looking, Some(digest)), Err(Refused::LooksOnly), "a link proves nobody");
    assert_eq!(bench.room.refuse(&looking, id).await, Err(Refused::LooksOnly));
    assert_eq!(bench.room.withdraw(&looking, id).await, Err(Refused::LooksOnly));
    let other = bench.sign_in(&mut three).await.unwrap();
    assert_eq!(begin(&other, Some([0; 32])), Err(Rejected::OtherDigest.into()), "changed");
    let (person, person_key) = (PersonId([3; 16]), PrincipalKey([3; 16]));
    let roles = Roles::of(&[Role::Audit]);
    bench.fake.put(ward_model::record::OperatorSet { person, person_key, roles });
    assert_eq!(begin(&other, Some(digest)), Err(Rejected::OnlyLooks.into()));
    assert_eq!(bench.room.refuse(&other, id).await, Err(Rejected::OnlyLooks.into()));
    assert_eq!(bench.room.refuse(&own, id).await, Err(Rejected::OwnProposal.into()));
    assert_eq!(bench.room.withdraw(&own, id).await, Ok(()));
}

#[tokio::test]
async fn a_ceremony_serves_one_session_and_one_proposal() {
    let bench = bench(3, 3);
    let (mut two, mut three) = (bench.passkey(2, Counter::Zero), bench.passkey(3, Counter::Zero));
    let (second, third) =
        (bench.sign_in(&mut two).await.unwrap(), bench.sign_in(&mut three).await.unwrap());
    let (id, digest) = bench.proposal(1, Roles::NONE);
    let (other, _) = bench.proposal(1, Roles::NONE);
    let again = bench.sign_in(&mut two).await.unwrap();
    for (visitor, approval) in [(&third, id), (&again, id), (&second, other)] {
        let begun = bench.room.consent_begin(&second, id, Some(digest)).unwrap();
        let answer = two.get(&begun.options, ORIGIN).unwrap();
        let bytes = answer.as_bytes();
        let finish = bench.room.consent_finish(visitor, approval, &begun.ceremony, bytes).await;
        assert_eq!(finish, Err(Refused::NotProven));
    }
    // The signature of one proposal is not that of another.
    let begun = bench.room.consent_begin(&second, id, Some(digest)).unwrap();
    let answer = two.get(&begun.options, ORIGIN).unwrap();
    let begun = bench.room.consent_begin(&second, other, None).unwrap();
    let finish = bench.room.consent_finish(&second, other, &begun.ceremony, answer.as_bytes());
    assert_eq!(finish.await, Err(Refused::NotProven));
    // A sign-in's answer is no consent.
    let begun = bench.room.passkey_begin(&second);
    let answer = two.get(&begun.options, ORIGIN).unwrap();
    let finish = bench.room.consent_finish(&second, id, &begun.ceremony, answer.as_bytes());
    assert_eq!(finish.await, Err(Refused::NotProven));
    assert!(bench.fake.last("ApprovalConsented").is_none());
}

#[tokio::test]
async fn whose_session_ended_consents_to_nothing() {
    let bench = bench(2, 2);
    let mut two = bench.passkey(2, Counter::Zero);
    let visitor = bench.sign_in(&mut two).await.unwrap();
    let (id, digest) = bench.proposal(1, Roles::NONE);
    let begun = bench.room.consent_begin(&visitor, id, Some(digest)).unwrap();
    let answer = two.get(&begun.options, ORIGIN).unwrap();
    let session = visitor.session.clone().unwrap();
    bench.room.sessions().sign_out(&session).await;
    let finish = bench.room.consent_finish(&visitor, id, &begun.ceremony, answer.as_bytes());
    assert_eq!(finish.await, Err(Refused::NoSession));
}
