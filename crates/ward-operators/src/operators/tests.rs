//! Who may do what, and which links and passkeys open something, as records tell it.

use ward_model::record::*;
use ward_model::word::*;
use ward_model::*;

use super::*;

#[derive(Default)]
struct House {
    view: Operators,
    next: i64,
}

const NOW: UnixMillis = UnixMillis::new(1_700_000_000_000);

impl House {
    fn put(&mut self, record: impl Into<Record>) {
        let at = Position { index: LeafIndex(self.next), time: NOW };
        self.next += 1;
        self.view.take_in(at, &record.into());
    }

    fn person(&mut self, number: u8, state: PersonState) {
        let (person, principal_key) = (PersonId([number; 16]), PrincipalKey([number; 16]));
        let principal = PrincipalNumber(number.into());
        self.put(PersonPut { person, principal, principal_key, state, row_digest: [0; 32] });
    }

    fn office(&mut self, number: u8, roles: &[Role]) {
        let (person, person_key) = (PersonId([number; 16]), PrincipalKey([number; 16]));
        self.put(OperatorSet { person, person_key, roles: Roles::of(roles) });
    }

    fn api_key(&mut self, id: i64, owner_kind: PrincipalKind, owner: u8, roles: &[Role]) {
        self.put(ApiKeyIssued {
            api_key: ApiKeyId(id),
            kind: ApiKeyKind::Operator,
            hash: [0; 32],
            owner_kind,
            owner: PrincipalNumber(owner.into()),
            owner_key: PrincipalKey([owner; 16]),
            expires_at: NOW.plus_ms(1000),
        });
        self.put(ApiKeyScoped { api_key: ApiKeyId(id), roles: Roles::of(roles) });
    }

    fn offer(&mut self, id: i64, person: u8) {
        self.put(EnrolmentOffered {
            enrolment: EnrolmentId(id),
            person: if person == 0 { PersonId::default() } else { PersonId([person; 16]) },
            roles: Roles::every_persons(),
            hash: [u8::try_from(id).unwrap(); 32],
            expires_at: NOW.plus_ms(1000),
        });
    }

    fn works(&self, id: i64, now: UnixMillis) -> bool {
        self.view.enrolment(&[u8::try_from(id).unwrap(); 32], now).is_some()
    }

    fn registered(&mut self, number: u8, by: i64) {
        self.put(PasskeyRegistered {
            passkey: PasskeyId(number.into()),
            person: PersonId([number; 16]),
            enrolment: EnrolmentId(by),
            credential: Octets::new(vec![number]).unwrap(),
            public_key: Octets::new(vec![7]).unwrap(),
            aaguid: [0; 16],
            name: Text::cut("key"),
        });
    }
}

#[test]
fn an_api_key_does_what_it_was_given_and_its_owner_may() {
    let mut house = House::default();
    house.person(1, PersonState::Active);
    house.office(1, &[Role::Keys, Role::Audit]);
    house.api_key(1, PrincipalKind::Person, 1, &[Role::Keys, Role::People, Role::Login]);
    house.api_key(2, PrincipalKind::Service, 9, &[Role::Feed]);
    house.api_key(3, PrincipalKind::Person, 5, &[Role::Keys]);
    let caller =
        |house: &House, id, now| house.view.caller(ApiKeyId(id), ApiKeyKind::Operator, now);
    let one = caller(&house, 1, NOW);
    assert_eq!(one.person, PersonId([1; 16]));
    assert_eq!(one.roles, Roles::of(&[Role::Keys, Role::Login]));
    assert_eq!(caller(&house, 2, NOW).roles, Roles::of(&[Role::Feed]));
    assert_eq!(caller(&house, 2, NOW).person, PersonId::default());
    for (id, now) in [(3, NOW), (4, NOW), (1, NOW.plus_ms(1000)), (2, NOW.plus_ms(1000))] {
        assert!(caller(&house, id, now).roles.is_empty(), "{id}");
    }
    house.person(1, PersonState::Left);
    assert_eq!(caller(&house, 1, NOW), Caller::machine(ApiKeyId(1), ApiKeyKind::Operator));
    house.person(1, PersonState::Active);
    house.office(1, &[]);
    assert!(caller(&house, 1, NOW).roles.is_empty(), "no operator any more");
}

#[test]
fn a_link_works_once_and_in_time() {
    let mut house = House::default();
    house.offer(1, 0);
    assert!(house.works(1, NOW) && !house.works(2, NOW));
    assert!(!house.works(1, NOW.plus_ms(1000)), "over");
    house.offer(2, 0);
    assert!(!house.works(1, NOW) && house.works(2, NOW), "only the newest, before there are two");
    house.person(1, PersonState::Active);
    house.registered(1, 2);
    house.office(1, &[Role::Operators]);
    assert!(!house.works(2, NOW), "used");
    house.offer(3, 0);
    assert!(!house.works(3, NOW), "the first operator is there");
    house.person(2, PersonState::Active);
    house.offer(4, 2);
    assert!(house.works(4, NOW));
    house.person(2, PersonState::Left);
    assert!(!house.works(4, NOW), "he does not work here");
    house.person(2, PersonState::Active);
    house.person(3, PersonState::Active);
    house.office(3, &[Role::Keys]);
    assert!(!house.works(4, NOW), "made without a second person, and now there are two");
    house.offer(5, 2);
    house.offer(6, 3);
    assert!(house.works(5, NOW) && house.works(6, NOW));
}

#[test]
fn passkeys_are_found_until_revoked() {
    let mut house = House::default();
    house.person(1, PersonState::Active);
    house.registered(1, 0);
    assert_eq!(house.view.passkey_of(&[1]).unwrap().0, PasskeyId(1));
    assert_eq!(house.view.passkeys_of(PersonId([1; 16])).count(), 1);
    house.put(PasskeyRevoked { passkey: PasskeyId(1), person: PersonId([1; 16]) });
    assert!(house.view.passkey_of(&[1]).is_none() && house.view.passkey(PasskeyId(1)).is_none());
}

#[test]
fn suspension_ends_an_office_and_its_return_begins_it_anew() {
    let mut house = House::default();
    house.person(1, PersonState::Active);
    house.office(1, &[Role::Keys]);
    let first = house.view.office(PersonId([1; 16])).unwrap();
    house.office(1, &[Role::Keys, Role::People]);
    let same = house.view.office(PersonId([1; 16])).unwrap();
    assert_eq!(first.since, same.since, "a change of roles is no break");
    let (principal, principal_key) = (PrincipalNumber(1), PrincipalKey([1; 16]));
    let cause = Cause::Left;
    house.put(PrincipalSuspended { principal, principal_key, cause });
    assert!(house.view.office(PersonId([1; 16])).is_none());
    house.put(PrincipalRestored { principal, principal_key, cause: Cause::Returned });
    assert!(house.view.office(PersonId([1; 16])).unwrap().since > first.since);
}
