//! API keys and clients through the whole of their life.

use super::*;

fn issue(world: &mut World, id: i64, owner: &str, life_ms: i64) -> String {
    let entropy = core::array::from_fn(|at| (u8::try_from(at).unwrap() ^ 0x5a) + 3);
    let mut entropy: [u8; API_KEY_ENTROPY_BYTES] = entropy;
    entropy[0] = u8::try_from(id).unwrap();
    let raw = compose_api_key(ApiKeyKind::Person, &entropy).unwrap().expose().clone();
    let record = ApiKeyIssued {
        api_key: ApiKeyId(id),
        kind: ApiKeyKind::Person,
        hash: world.ledger.secret().api_key_hash(&raw),
        owner_kind: PrincipalKind::Customer,
        owner: PrincipalNumber(9),
        owner_key: world.principal_key(owner),
        expires_at: world.now.plus_ms(life_ms),
    };
    world.record(record);
    raw
}

fn reason(world: &World, raw: &str) -> Option<Reason> {
    match world.ledger.check_api_key(raw, world.now) {
        Checked::Pass(issued) => {
            assert_eq!(issued.number(), PrincipalNumber(9));
            None
        }
        Checked::Refuse(refused) => Some(refused.reason),
    }
}

#[test]
fn an_api_key_lives_and_ends_with_the_right_word() {
    let mut world = World::new(4);
    let raw = issue(&mut world, 1, "a", 1000);
    let other = issue(&mut world, 2, "a", 1_000_000);
    let owner = world.principal_key("a");
    assert_eq!(reason(&world, &raw), None);
    world.record(PrincipalSuspended {
        principal: PrincipalNumber(9),
        principal_key: owner,
        cause: Cause::Operator,
    });
    assert_eq!(reason(&world, &raw), Some(Reason::PrincipalSuspended));
    world.record(PrincipalRestored {
        principal: PrincipalNumber(9),
        principal_key: owner,
        cause: Cause::Returned,
    });
    assert_eq!(reason(&world, &raw), None);
    world.record(ApiKeyRevoked { api_key: ApiKeyId(2), cause: Cause::Left });
    assert_eq!(reason(&world, &other), Some(Reason::Revoked));
    world.restart();
    assert_eq!(reason(&world, &other), Some(Reason::Revoked), "after restart");
    assert_eq!(reason(&world, &raw), None);
    world.now = world.now.plus_ms(999);
    assert_eq!(reason(&world, &raw), None);
    world.now = world.now.plus_ms(1);
    assert_eq!(reason(&world, &raw), Some(Reason::Expired));
    let ids: Vec<ApiKeyId> = world.ledger.api_keys_of(owner).iter().map(|key| key.id).collect();
    assert_eq!(ids, [ApiKeyId(1), ApiKeyId(2)]);
    assert_eq!(world.ledger.faults(), 0);
}

#[test]
fn a_well_formed_stranger_is_unknown_and_junk_is_malformed() {
    let mut world = World::new(4);
    let raw = issue(&mut world, 1, "a", 1000);
    let stranger = compose_api_key(ApiKeyKind::Service, &[5; API_KEY_ENTROPY_BYTES]).unwrap();
    assert_eq!(reason(&world, stranger.expose()), Some(Reason::UnknownKey));
    for junk in ["", "ward_person_", &raw[..raw.len() - 1], &raw.replace("person", "scim")] {
        assert_eq!(reason(&world, junk), Some(Reason::Malformed), "{junk}");
    }
}

#[test]
fn a_client_is_known_by_its_secret_while_its_owner_may_act() {
    let mut world = World::new(4);
    let secret = world.ledger.secret();
    let row = ClientRegistered {
        client_id: Text::cut("batch"),
        client_key: secret.client_key("batch"),
        secret_hash: secret.client_secret_hash("batch", "s3"),
        owner: PersonId([1; 16]),
        owner_key: secret.principal_key(PrincipalKind::Person, "p"),
        audience: Text::cut(AUDIENCE),
        scope: Text::cut("a b"),
        life_ms_max: 1000,
        expires_at: START.plus_ms(10),
    };
    world.record(row.clone());
    let check =
        |world: &World, secret: &str, now| world.ledger.check_client("batch", secret, now).err();
    assert_eq!(check(&world, "s3", START), None);
    assert_eq!(check(&world, "s4", START), Some(Reason::BadSignature));
    assert_eq!(check(&world, "s3", START.plus_ms(10)), Some(Reason::Expired));
    assert_eq!(world.ledger.check_client("other", "s3", START).err(), Some(Reason::UnknownKey));
    world.record(PrincipalSuspended {
        principal: PrincipalNumber(3),
        principal_key: row.owner_key,
        cause: Cause::Left,
    });
    assert_eq!(check(&world, "s3", START), Some(Reason::PrincipalSuspended));
    world.record(ClientRevoked { client_key: row.client_key, cause: Cause::Left });
    world.restart();
    assert_eq!(check(&world, "s3", START), Some(Reason::Revoked));
    assert_eq!(world.ledger.clients_of(row.owner_key).len(), 1);
}
