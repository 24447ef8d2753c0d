//! Links, first passkeys, further ones, roles.

use super::*;
use crate::limits::STEP_UP_MS;

async fn enrol<F: Fetch + 'static>(
    bench: &Bench<F>,
    key: &Secret<String>,
    user_name: &str,
) -> Result<(Visitor, SoftAuthenticator), Refused> {
    let (mut visitor, mut soft) = (visitor(), SoftAuthenticator::new(Counter::Rising));
    let key = Secret::new(key.expose().clone());
    let begun = bench.room.enrol_begin(&visitor, key, " laptop ", (user_name, "")).await?;
    let answer = soft.create(&begun.options, ORIGIN).unwrap();
    let opened = bench.room.enrol_finish(&visitor, &begun.ceremony, answer.as_bytes()).await?;
    visitor.session = Some(opened.session);
    Ok((visitor, soft))
}

#[tokio::test]
async fn the_first_says_who_he_is_and_enrols_the_second() {
    let bench = bench(3, 0);
    let link = bench.room.desk().first_link([9; 32]).await.unwrap().unwrap();
    let shown = bench.room.enrol_look(&visitor(), link.secret.expose()).await.unwrap();
    assert_eq!((shown.person, shown.roles), (None, Roles::every_persons()));
    assert_eq!(enrol(&bench, &link.secret, " ").await.map(|_| ()).err(), Some(Refused::Name));
    let (first, _) = enrol(&bench, &link.secret, "one").await.unwrap_or_else(|why| panic!("{why}"));
    let session = first.session.clone().unwrap();
    assert_eq!((session.person, session.how), (PersonId([1; 16]), SignInMethod::Enrolment));
    assert!(session.may_act(), "he has a passkey");
    let again = enrol(&bench, &link.secret, "two").await.map(|_| ()).err();
    assert_eq!(again, Some(crate::enrol::EnrolError::Link.into()), "once");

    let two = PersonId([2; 16]);
    let roles = Roles::of(&[Role::Keys, Role::Operators]);
    let link = bench.room.enrol(&first, "two", roles).await.unwrap().unwrap_or_else(|_| panic!());
    let (second, mut soft) = enrol(&bench, &link.secret, "three").await.ok().unwrap();
    assert_eq!(second.session.unwrap().person, two, "the link says for whom");
    assert!(bench.sign_in(&mut soft).await.is_ok());
    let third = bench.room.enrol(&first, "three", roles).await.unwrap();
    assert!(third.is_err(), "from now on it takes two");
}

#[tokio::test]
async fn dangerous_acts_need_a_proof_of_the_last_minutes() {
    let bench = bench(3, 2);
    let mut soft = bench.passkey(1, Counter::Rising);
    let visitor = bench.sign_in(&mut soft).await.unwrap();
    let (two, roles) = (PersonId([2; 16]), Roles::of(&[Role::Audit]));
    let begun = bench.room.more_begin(&visitor, "spare").await.unwrap();
    bench.fake.pass(STEP_UP_MS);
    let answer = SoftAuthenticator::new(Counter::Zero).create(&begun.options, ORIGIN).unwrap();
    let again = Err(Refused::ProveAgain);
    let finish = bench.room.more_finish(&visitor, &begun.ceremony, answer.as_bytes()).await;
    assert_eq!(finish, again);
    assert_eq!(bench.room.more_begin(&visitor, "spare").await.map(|_| ()), again);
    assert_eq!(bench.room.set_roles(&visitor, two, roles).await.map(|_| ()), again);
    assert_eq!(bench.room.enrol(&visitor, "two", roles).await.map(|_| ()), again);
    assert_eq!(bench.room.revoke_passkey(&visitor, PasskeyId(1)).await, again);
    let fresh = bench.sign_in(&mut soft).await.unwrap();
    assert!(bench.room.set_roles(&fresh, two, roles).await.unwrap().is_err(), "held");
}

#[tokio::test]
async fn one_more_passkey_is_made_in_the_session_that_asked() {
    let bench = bench(2, 2);
    let (mut one, mut two) = (bench.passkey(1, Counter::Zero), bench.passkey(2, Counter::Zero));
    let (first, second) =
        (bench.sign_in(&mut one).await.unwrap(), bench.sign_in(&mut two).await.unwrap());
    let mut spare = SoftAuthenticator::new(Counter::Zero);
    let begun = bench.room.more_begin(&first, "spare").await.unwrap();
    let answer = spare.create(&begun.options, ORIGIN).unwrap();
    let finish = bench.room.more_finish(&second, &begun.ceremony, answer.as_bytes()).await;
    assert_eq!(finish, Err(Refused::NotProven), "another's session");
    let begun = bench.room.more_begin(&first, "spare").await.unwrap();
    let answer = SoftAuthenticator::create(
        &mut SoftAuthenticator::new(Counter::Zero),
        &begun.options,
        ORIGIN,
    );
    let answer = answer.unwrap();
    let finish = bench.room.more_finish(&first, &begun.ceremony, answer.as_bytes()).await;
    assert_eq!(finish, Ok(()));
    assert_eq!(bench.room.more_begin(&first, "").await.map(|_| ()), Err(Refused::Name));
}

#[tokio::test]
async fn roles_reach_as_far_as_they_reach() {
    let bench = bench(3, 2);
    let mut soft = bench.passkey(1, Counter::Zero);
    let (person, person_key) = (PersonId([1; 16]), PrincipalKey([1; 16]));
    let roles = Roles::of(&[Role::Keys]);
    bench.fake.put(ward_model::record::OperatorSet { person, person_key, roles });
    let visitor = bench.sign_in(&mut soft).await.unwrap();
    let needs = Err(Refused::NeedsRole(Role::Operators));
    let three = PersonId([3; 16]);
    assert_eq!(bench.room.enrol(&visitor, "three", roles).await.map(|_| ()), needs);
    assert_eq!(bench.room.set_roles(&visitor, three, roles).await.map(|_| ()), needs);
    assert_eq!(bench.room.revoke_passkey(&visitor, PasskeyId(1)).await, Ok(()), "his own");
    assert!(!bench.room.sessions().is_open(visitor.session.unwrap().id), "and what it opened");
}
