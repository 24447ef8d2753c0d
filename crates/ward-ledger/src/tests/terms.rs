//! What an API key was issued under, through rotation, restart and snapshot.

use ward_model::record::{
    ApiKeyAnswered, ApiKeyConfined, ApiKeyNamed, ApiKeyReads, ApiKeyReplaced,
};
use ward_model::{Networks, Roles};

use super::*;

fn issue(world: &mut World, id: i64) -> String {
    let entropy = [u8::try_from(id).unwrap(); API_KEY_ENTROPY_BYTES];
    let raw = compose_api_key(ApiKeyKind::Service, &entropy).unwrap().expose().clone();
    world.record(ApiKeyIssued {
        api_key: ApiKeyId(id),
        kind: ApiKeyKind::Service,
        hash: world.ledger.secret().api_key_hash(&raw),
        owner_kind: PrincipalKind::Service,
        owner: PrincipalNumber(9),
        owner_key: world.principal_key("svc"),
        expires_at: START.plus_ms(1_000_000),
    });
    raw
}

#[test]
fn terms_are_kept_and_a_successor_ends_its_predecessor() {
    let mut world = World::new(4);
    let (old, new) = (issue(&mut world, 1), issue(&mut world, 2));
    world.record(ApiKeyNamed {
        api_key: ApiKeyId(1),
        name: Text::cut("batch"),
        description: Text::cut("nightly"),
    });
    world.record(ApiKeyReads { api_key: ApiKeyId(1), scope: Text::cut("orders") });
    let networks = Networks::parse(["10.0.0.0/8"]).unwrap();
    world.record(ApiKeyConfined { api_key: ApiKeyId(1), networks: networks.clone() });
    world.record(ApiKeyAnswered {
        api_key: ApiKeyId(1),
        person: PersonId([3; 16]),
        person_key: PrincipalKey([4; 16]),
    });
    let ends_at = START.plus_ms(500);
    world.record(ApiKeyReplaced { api_key: ApiKeyId(1), successor: ApiKeyId(2), ends_at });
    for life in ["first", "after restart"] {
        let terms = world.ledger.terms(ApiKeyId(1)).unwrap();
        let want = Terms {
            name: "batch".into(),
            description: "nightly".into(),
            scope: "orders".into(),
            networks: networks.clone(),
            roles: Roles::NONE,
            answerable: Some((PersonId([3; 16]), PrincipalKey([4; 16]))),
            issued_at: START,
            replaces: ApiKeyId::NONE,
            replaced_by: ApiKeyId(2),
        };
        assert_eq!(*terms, want, "{life}");
        assert_eq!(world.ledger.terms(ApiKeyId(2)).unwrap().replaces, ApiKeyId(1));
        for (from, want) in [("10.1.2.3", true), ("11.1.2.3", false), ("::1", false)] {
            let from = from.parse().unwrap();
            assert_eq!(world.ledger.admits(ApiKeyId(1), from), want, "{from}");
            assert!(world.ledger.admits(ApiKeyId(2), from), "a key without networks");
        }
        let passed = world.ledger.check_api_key(&old, START.plus_ms(499));
        let Checked::Pass(issued) = passed else { panic!("{life}") };
        assert_eq!(issued.scope(), "orders");
        let Checked::Refuse(refused) = world.ledger.check_api_key(&old, ends_at) else { panic!() };
        assert_eq!(refused.reason, Reason::Expired);
        assert!(matches!(world.ledger.check_api_key(&new, ends_at), Checked::Pass(_)));
        assert_eq!(world.ledger.api_key_of(&old).unwrap().id, ApiKeyId(1));
        world.restart();
    }
    assert_eq!(world.ledger.faults(), 0);
}

#[test]
fn a_rotation_never_lengthens_a_life() {
    let mut world = World::new(4);
    let old = issue(&mut world, 1);
    issue(&mut world, 2);
    let ends_at = START.plus_ms(9_000_000);
    world.record(ApiKeyReplaced { api_key: ApiKeyId(1), successor: ApiKeyId(2), ends_at });
    let expires_at = world.ledger.api_key_of(&old).unwrap().expires_at;
    assert_eq!(expires_at, START.plus_ms(1_000_000));
}

#[test]
fn terms_of_nobody_are_a_fault() {
    let mut world = World::new(4);
    world.record(ApiKeyReads { api_key: ApiKeyId(7), scope: Text::cut("x") });
    assert_eq!(world.ledger.faults(), 1);
    assert!(world.ledger.terms(ApiKeyId(7)).is_none());
}
