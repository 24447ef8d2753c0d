//! Keys: found by header or kid, states, holders, purposes.

use super::*;

#[test]
fn tokens_of_a_retired_or_compromised_key_live_on_and_forgeries_do_not() {
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
        let mut world = World::new(4);
        let signer = Signer::new(algorithm);
        world.key(1, &signer, KeySource::Imported);
        let token = world.issue(1, &signer, 0, &body("a", 600, START));
        for state in [KeyState::Retired, KeyState::Compromised] {
            world.record(KeyStateChanged {
                key: KeyNumber(1),
                state,
                since: START,
                cause: Cause::Compromise,
            });
            assert_eq!(world.reason(&token), None, "{state}");
            let place = Locator { origin: Origin(1), sequence: Sequence(7) };
            let input = world.signing_input(1, place, &body("b", 600, START));
            let forged = layout::compact(&input, &signer.sign(&input));
            // Past what the view has applied: it cannot know, and says so.
            assert_eq!(world.reason(&forged), Some(Reason::LedgerBehind), "{state}");
            let copied = world.signing_input(
                1,
                Locator { origin: Origin(1), sequence: Sequence(0) },
                &body("b", 600, START),
            );
            let forged = layout::compact(&copied, &signer.sign(&copied));
            let Checked::Refuse(refused) = world.check(&forged) else { panic!("passed") };
            assert_eq!(refused.reason, Reason::RetiredKey, "until it is classified");
            assert_eq!(world.reason(&forged), Some(Reason::NeverIssued), "{state}");
        }
    }
}

#[test]
fn many_keys_are_told_apart() {
    let mut world = World::new(4);
    let signer = Signer::new(Algorithm::EdDsa);
    for number in 1..=40 {
        world.key(number, &signer, KeySource::Generated);
    }
    for number in 1..=40 {
        let sequence = i64::from(number) - 1;
        let token = world.issue(number, &signer, sequence, &body("a", 600, START));
        let Checked::Pass(issued) = world.check(&token) else { panic!("refused") };
        assert_eq!(issued.key(), KeyNumber(number));
        assert_eq!(world.ledger.live_tokens(KeyNumber(number)), 1);
    }
    world.record(KeyTokensRevoked { key: KeyNumber(40), cause: Cause::Compromise });
    assert_eq!(world.ledger.faults(), 0);
    // A second key of the same name would make one name lead to two keys.
    world.key(1, &signer, KeySource::Generated);
    assert_eq!(world.ledger.faults(), 1);
}

#[test]
fn a_transaction_key_signs_no_access_token() {
    let mut world = World::new(4);
    let signer = Signer::new(Algorithm::EdDsa);
    world.record(KeyAdded {
        key: KeyNumber(1),
        kid: Text::cut("txn"),
        algorithm: Algorithm::EdDsa,
        purpose: KeyPurpose::Transaction,
        source: KeySource::Generated,
        issuer: Text::cut("ward"),
        public_key: Octets::new(signer.public_key()).unwrap(),
        state: KeyState::Active,
    });
    for typ in ["at+jwt", "txntoken+jwt"] {
        let header = part(&format!(r#"{{"alg":"EdDSA","kid":"txn","typ":"{typ}"}}"#));
        let input = format!("{header}.{}", part(r#"{"sub":"a","aud":"shop","exp":9999999999}"#));
        let token = layout::compact(&input, &signer.sign(&input));
        let want = if typ == "at+jwt" { Reason::UnknownKey } else { Reason::Malformed };
        assert_eq!(world.reason(&token), Some(want), "{typ}");
    }
}

#[test]
fn holders_are_listed_and_found_by_person() {
    let mut world = World::new(4);
    let signer = Signer::new(Algorithm::EdDsa);
    world.key(1, &signer, KeySource::Imported);
    world.key(2, &signer, KeySource::Generated);
    let person_key = world.ledger.principal_key(PrincipalKind::Person, "p");
    for _ in 0..2 {
        world.record(KeyHolderDeclared {
            key: KeyNumber(1),
            person: PersonId([7; 16]),
            person_key,
            since: START,
            evidence: CustodyEvidence::Declared,
        });
    }
    let held = world.ledger.keys_held_by(person_key);
    assert_eq!(held.len(), 1);
    assert_eq!(held[0].number, KeyNumber(1));
    assert_eq!(held[0].holders.len(), 1);
}

#[test]
fn an_issuer_enforces_unless_it_was_said_to_learn() {
    let mut world = World::new(4);
    let signer = Signer::new(Algorithm::EdDsa);
    world.key(1, &signer, KeySource::Generated);
    let token = world.issue(1, &signer, 0, &body("a", 600, START));
    let mode = |world: &World| match world.check(&token) {
        Checked::Pass(issued) => issued.mode(),
        Checked::Refuse(refused) => refused.mode,
    };
    assert_eq!(mode(&world), IssuerMode::Enforcing);
    world.record(IssuerModeSet { issuer: Text::cut("ward"), mode: IssuerMode::Learning });
    assert_eq!(mode(&world), IssuerMode::Learning);
    assert_eq!(world.ledger.issuer_mode("ward"), IssuerMode::Learning);
    assert_eq!(world.ledger.issuer_mode("other"), IssuerMode::Enforcing);
}
