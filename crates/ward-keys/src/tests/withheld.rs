//! A token leaves only after its own record, and not if something was revoked meanwhile.

use ward_ledger::Checked;
use ward_model::record::*;

use super::*;

fn passes(world: &World, raw: &str) -> bool {
    matches!(world.ledger.check(raw, "shop", NOW), Checked::Pass(_))
}

#[test]
fn a_recorded_token_opens_and_passes() {
    for &algorithm in Algorithm::ALL {
        let world = World::new();
        world.generate(KeyPurpose::Token, algorithm);
        let signer = world.signer();
        let key = world.active();
        let withheld =
            signer.sign(&key, &body("100001"), PrincipalNumber(1), [1; 14], NOW).unwrap();
        let recorded = world.record(withheld.issuance());
        let token = withheld.open(recorded, &world.ledger).unwrap();
        assert!(passes(&world, token.expose()));
        assert_eq!(token.expires_at(), NOW.plus_ms(600_000), "whole seconds");
        // What left verifies under the published key, for whoever asks nobody.
        let (input, signature) = token.expose().rsplit_once('.').unwrap();
        let signature = data_encoding::BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap();
        let signature: [u8; 64] = signature.try_into().unwrap();
        assert!(key.record().verifies(input.as_bytes(), &signature));
    }
}

#[test]
fn a_record_of_another_token_opens_nothing() {
    let world = World::new();
    world.generate(KeyPurpose::Token, Algorithm::EdDsa);
    let signer = world.signer();
    let sign = || {
        let key = world.active();
        signer.sign(&key, &body("100001"), PrincipalNumber(1), [1; 14], NOW).unwrap()
    };
    let (one, other) = (sign(), sign());
    let recorded = world.record(other.issuance());
    let withdrawn = one.open(recorded, &world.ledger).err().unwrap();
    assert_eq!(withdrawn.revocation.sequence, Sequence(0));
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table, a row per act")]
fn what_is_revoked_between_signing_and_release_is_withdrawn() {
    type Act = fn(&World, &TokenIssued);
    let acts: [(&str, Act, bool); 6] = [
        ("nothing", |_, _| {}, true),
        (
            "somebody else",
            |world, _| {
                let (principal, cause) = (PrincipalNumber(2), Cause::Operator);
                let principal_key = PrincipalKey([9; 16]);
                let _ = world.record(PrincipalRevoked { principal, principal_key, cause });
            },
            true,
        ),
        (
            "principal revoked",
            |world, row| {
                let (principal, cause) = (PrincipalNumber(1), Cause::Operator);
                let principal_key = row.principal_key;
                let _ = world.record(PrincipalRevoked { principal, principal_key, cause });
            },
            false,
        ),
        (
            "principal suspended",
            |world, row| {
                let (principal, cause) = (PrincipalNumber(1), Cause::Left);
                let principal_key = row.principal_key;
                let _ = world.record(PrincipalSuspended { principal, principal_key, cause });
            },
            false,
        ),
        (
            "client revoked",
            |world, row| {
                let cause = Cause::Operator;
                let _ = world.record(ClientRevoked { client_key: row.client_key, cause });
            },
            false,
        ),
        (
            "key's tokens revoked",
            |world, row| {
                let _ = world.record(KeyTokensRevoked { key: row.key, cause: Cause::Compromise });
            },
            false,
        ),
    ];
    for (name, act, released) in acts {
        for before_record in [true, false] {
            let world = World::new();
            world.generate(KeyPurpose::Token, Algorithm::EdDsa);
            let signer = world.signer();
            let key = world.active();
            let withheld =
                signer.sign(&key, &body("100001"), PrincipalNumber(1), [1; 14], NOW).unwrap();
            let row = withheld.issuance();
            let recorded = if before_record {
                act(&world, &row);
                world.record(row)
            } else {
                let recorded = world.record(row.clone());
                act(&world, &row);
                recorded
            };
            match withheld.open(recorded, &world.ledger) {
                Ok(token) => assert!(released && passes(&world, token.expose()), "{name}"),
                Err(withdrawn) => {
                    assert!(!released, "{name}");
                    assert_eq!(withdrawn.revocation.cause, Cause::Withheld);
                    let _ = world.record(withdrawn.revocation);
                }
            }
            assert_eq!(world.ledger.faults(), 0);
        }
    }
}

#[test]
fn sequences_in_flight_hold_the_low_water() {
    let world = World::new();
    world.generate(KeyPurpose::Token, Algorithm::EdDsa);
    let signer = world.signer();
    let key = world.active();
    let sign = || signer.sign(&key, &body("1"), PrincipalNumber(1), [1; 14], NOW).unwrap();
    let (first, second) = (sign(), sign());
    assert_eq!(second.issuance().low_water, Sequence(0));
    drop(first);
    let third = sign();
    assert_eq!(third.issuance().low_water, Sequence(1), "the abandoned one holds nothing up");
    let recorded = world.record(second.issuance());
    assert!(second.open(recorded, &world.ledger).is_ok());
    assert_eq!(sign().issuance().low_water, Sequence(2));
    assert_eq!(signer.origins().end(), Sequence(4));
}

#[test]
fn what_must_not_be_signed_is_not() {
    let world = World::new();
    let number = world.generate(KeyPurpose::Token, Algorithm::EdDsa);
    let signer = world.signer();
    let key = world.active();
    let sign = |body: &TokenBody| signer.sign(&key, body, PrincipalNumber(1), [1; 14], NOW).err();
    let late = TokenBody { expires_at: NOW, ..body("1") };
    assert_eq!(sign(&late), Some(SignError::Life));
    let long = TokenBody { expires_at: NOW.plus_ms(crate::limits::LIFE_MS_MAX + 1), ..body("1") };
    assert_eq!(sign(&long), Some(SignError::Life));
    let wide = TokenBody { scope: Some("x".repeat(600)), ..body("1") };
    assert_eq!(sign(&wide), Some(SignError::TooLong));
    let full = "\u{1}".repeat(500);
    let huge = TokenBody {
        audience: full.clone(),
        client_id: full.clone(),
        scope: Some(full),
        ..body("1")
    };
    assert_eq!(sign(&huge), Some(SignError::TooLong));
    let principal_key = world.ledger.principal_key(PrincipalKind::Customer, "2");
    let (principal, cause) = (PrincipalNumber(2), Cause::Left);
    let _ = world.record(PrincipalSuspended { principal, principal_key, cause });
    assert_eq!(sign(&body("2")), Some(SignError::PrincipalSuspended));
    let change = world.store.rotate(number, Cause::Rotation, &world.ledger, NOW).unwrap();
    let _ = world.record(change);
    assert_eq!(sign(&body("1")), Some(SignError::KeyNotActive), "a key kept from before");
    assert_eq!(signer.origins().end(), Sequence(1), "one sequence was spent on the huge one");
}

#[test]
fn a_transaction_token_is_bound_to_its_request() {
    let world = World::new();
    let number = world.generate(KeyPurpose::Transaction, Algorithm::EdDsa);
    world.generate(KeyPurpose::Token, Algorithm::EdDsa);
    let key = world.store.active(KeyPurpose::Transaction, ISSUER, &world.ledger).unwrap();
    let body = TransactionBody {
        access: AccessId([7; 16]),
        audience: "shop.internal",
        subject: "100001",
        kind: PrincipalKind::Customer,
        tenant: None,
        purpose: Some("delivery"),
        requester: None,
        request: RequestContext { method: "GET", path: "/me?x=1" },
    };
    let token = mint_transaction(&key, &body, NOW).unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    let json = |part: &str| -> serde_json::Value {
        let bytes = data_encoding::BASE64URL_NOPAD.decode(part.as_bytes()).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    };
    assert_eq!(json(parts[0])["typ"], "txntoken+jwt");
    let claims = json(parts[1]);
    assert_eq!(claims["exp"], 1_800_000_030);
    assert_eq!(claims["txn"], "07070707070707070707070707070707");
    assert_eq!(claims["purp"], "delivery");
    // What the draft requires, and where it recommends the rest to stand.
    assert_eq!((&claims["scope"], &claims["req_wl"]), (&"read".into(), &"gate".into()));
    assert_eq!(claims["tctx"]["purp"], "delivery");
    assert_eq!(claims["tctx"]["kind"], claims["kind"]);
    assert_eq!(claims.get("tenant"), None);
    assert_eq!(claims["rctx"]["method"], "GET");
    assert_eq!(claims["rctx"]["path_sha256"].as_str().unwrap().len(), 43);
    let signature = data_encoding::BASE64URL_NOPAD.decode(parts[2].as_bytes()).unwrap();
    let signature: [u8; 64] = signature.try_into().unwrap();
    let input = format!("{}.{}", parts[0], parts[1]);
    assert!(key.record().verifies(input.as_bytes(), &signature));
    assert_eq!(key.record().number, number);
    // A token key mints none, and a transaction token passes no check.
    assert_eq!(mint_transaction(&world.active(), &body, NOW), Err(SignError::KeyNotActive));
    assert!(!passes(&world, &token));
}
