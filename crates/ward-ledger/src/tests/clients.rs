//! Clients with terms: several audiences, keys instead of a secret, a secret that was rotated.

use ward_model::record::{ClientKeyAdded, ClientRegistered, ClientSecretSet, ClientTermed};
use ward_model::word::IssuerAlgorithm;
use ward_model::{Octets, PersonId, PrincipalKind, Reason, Text};

use super::*;

fn registered(world: &mut World, id: &str, secret_hash: [u8; 32]) -> ward_model::PrincipalKey {
    let secret = world.ledger.secret();
    let client_key = secret.client_key(id);
    let row = ClientRegistered {
        client_id: Text::cut(id),
        client_key,
        secret_hash,
        owner: PersonId([1; 16]),
        owner_key: secret.principal_key(PrincipalKind::Person, "p"),
        audience: Text::cut(AUDIENCE),
        scope: Text::cut("a b"),
        life_ms_max: 1000,
        expires_at: START.plus_ms(1_000_000),
    };
    world.record(row);
    client_key
}

#[test]
fn a_rotated_secret_overlaps_the_one_before_it_and_no_other() {
    let mut world = World::new(4);
    let hash = |world: &World, secret| world.ledger.secret().client_secret_hash("batch", secret);
    let first = hash(&world, "s1");
    let client_key = registered(&mut world, "batch", first);
    let set = |world: &mut World, secret, until: i64| {
        let (secret_hash, before_until) = (hash(world, secret), START.plus_ms(until));
        world.record(ClientSecretSet { client_key, secret_hash, before_until });
    };
    let check = |world: &World, secret: &str, ms| {
        world.ledger.check_client("batch", secret, START.plus_ms(ms)).err()
    };
    let bad = Some(Reason::BadSignature);
    set(&mut world, "s2", 10);
    for restarted in [false, true] {
        assert_eq!(check(&world, "s2", 0), None, "{restarted}");
        assert_eq!(check(&world, "s1", 9), None, "{restarted}");
        assert_eq!(check(&world, "s1", 10), bad, "{restarted}");
        if !restarted {
            world.restart();
        }
    }
    set(&mut world, "s3", 100);
    assert_eq!(check(&world, "s1", 0), bad, "two rotations ago");
    assert_eq!(check(&world, "s2", 99), None);
    assert_eq!(check(&world, "s3", 200), None);
    assert_eq!(check(&world, "s2", 100), bad);
}

#[test]
fn a_client_with_keys_has_no_secret() {
    let mut world = World::new(4);
    let hash = world.ledger.secret().client_secret_hash("batch", "s1");
    let client_key = registered(&mut world, "batch", hash);
    let key = |kid: &str| ClientKeyAdded {
        client_key,
        kid: Text::cut(kid),
        algorithm: IssuerAlgorithm::EdDsa,
        public_key: Octets::new(vec![1; 32]).unwrap(),
    };
    let terms = ClientTermed {
        client_key,
        audiences: Text::cut("a\nb"),
        exchanges: Text::cut(""),
        bound: true,
    };
    world.record(terms);
    world.record(key("k1"));
    let faults = world.ledger.faults();
    world.record(key("k1"));
    assert_eq!(world.ledger.faults(), faults + 1, "a kid names one key");
    let refused = world.ledger.check_client("batch", "s1", START).err();
    assert_eq!(refused, Some(Reason::BadSignature));
    let terms = world.ledger.client_terms(client_key);
    assert_eq!((terms.audiences.len(), terms.exchanges.len(), terms.bound), (2, 0, true));
    assert_eq!(terms.keys.len(), 1);
    assert_eq!(world.ledger.clients().len(), 1);
    let unknown = ClientSecretSet {
        client_key: world.ledger.secret().client_key("nobody"),
        secret_hash: [0; 32],
        before_until: START,
    };
    world.record(unknown);
    assert_eq!(world.ledger.faults(), faults + 2, "nobody has terms who was not registered");
}
