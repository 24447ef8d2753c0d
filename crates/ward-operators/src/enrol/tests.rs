//! Links and passkeys over a fake journal.

use super::*;
use crate::testing::{Fake, caller, consenting};

fn passkey(number: u8) -> NewPasskey {
    let (credential, public_key) = (vec![number; 16], vec![1; 77]);
    NewPasskey { credential, public_key, aaguid: [0; 16], name: "key".to_owned() }
}

fn one(number: u8) -> (PersonId, PrincipalKey) {
    (PersonId([number; 16]), PrincipalKey([number; 16]))
}

#[tokio::test]
async fn the_first_two_are_enrolled_without_a_third() {
    let fake = Fake::new(3, 0);
    let desk = Desk::new(fake.clone(), fake.approvals.clone());
    let old = desk.first_link([1; 32]).await.unwrap().unwrap();
    let link = desk.first_link([2; 32]).await.unwrap().unwrap();
    let first = |secret: String, id| {
        let desk = desk.clone();
        async move { desk.register_first(&secret, one(1), PasskeyId(id), passkey(1)).await }
    };
    assert_eq!(first(old.secret.expose().clone(), 1).await, Err(EnrolError::Link), "overtaken");
    assert_eq!(first("00".repeat(32), 1).await, Err(EnrolError::Link));
    assert_eq!(first(link.secret.expose().clone(), 1).await, Ok(PersonId([1; 16])));
    assert_eq!(first(link.secret.expose().clone(), 2).await, Err(EnrolError::Link), "once");
    assert!(desk.first_link([3; 32]).await.unwrap().is_none());
    let all = Roles::every_persons();
    let second = desk.enrol(&caller(1), PersonId([2; 16]), all, [4; 32]).await.unwrap().unwrap();
    // Not the first operator's name, but the link's, decides who becomes one.
    let secret = second.secret.expose().clone();
    let person = desk.register_first(&secret, one(3), PasskeyId(2), passkey(2)).await;
    assert_eq!(person, Ok(PersonId([2; 16])));
    let third = desk.enrol(&caller(1), PersonId([3; 16]), all, [5; 32]).await.unwrap();
    assert!(third.is_err(), "from now on it takes a second person");
}

#[tokio::test]
async fn passkeys_are_of_one_person_and_few() {
    let fake = Fake::new(2, 2);
    let desk = Desk::new(fake.clone(), fake.approvals.clone());
    let more = |person: u8, id, number| {
        let desk = desk.clone();
        async move { desk.register_more(PersonId([person; 16]), PasskeyId(id), passkey(number)).await }
    };
    assert_eq!(more(1, 1, 1).await, Ok(()));
    assert_eq!(more(2, 2, 1).await, Err(EnrolError::Known));
    assert_eq!(more(9, 2, 2).await, Err(EnrolError::NoPerson));
    for number in 2..=16 {
        assert_eq!(more(1, number.into(), number).await, Ok(()));
    }
    assert_eq!(more(1, 17, 17).await, Err(EnrolError::TooMany));
    let weak = Caller { roles: Roles::NONE, ..caller(2) };
    assert!(desk.revoke_passkey(&weak, PasskeyId(1)).await.is_err(), "not his");
    let own = Caller { roles: Roles::NONE, ..caller(1) };
    assert_eq!(desk.revoke_passkey(&own, PasskeyId(1)).await, Ok(()));
    assert_eq!(desk.revoke_passkey(&own, PasskeyId(1)).await, Err(EnrolError::NoPasskey));
    assert_eq!(desk.revoke_passkey(&caller(2), PasskeyId(2)).await, Ok(()), "operators' operator");
}

#[tokio::test]
async fn roles_change_with_another_person_only() {
    let fake = Fake::new(3, 2);
    let desk = Desk::new(fake.clone(), fake.approvals.clone());
    let none = desk.set_roles(&caller(1), PersonId([3; 16]), Roles::NONE).await;
    assert!(matches!(none, Err(EnrolError::NoPerson)), "no operator");
    let wanted = Roles::of(&[ward_model::word::Role::Audit]);
    let held = desk.set_roles(&caller(1), PersonId([1; 16]), wanted).await.unwrap().unwrap_err();
    let digest = desk.read(|it| it.proposal(held.approval).unwrap().digest);
    desk.consent(held.approval, &digest, consenting(2)).await.unwrap();
    assert!(desk.set_roles(&caller(1), PersonId([1; 16]), wanted).await.unwrap().is_ok());
    assert_eq!(desk.read(|it| it.operators().roles(PersonId([1; 16]))), wanted);
}
