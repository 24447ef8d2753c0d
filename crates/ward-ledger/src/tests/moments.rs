//! Everything a key signed before or after a moment: by `iat`, of what was issued before the record.

use super::*;

struct Case {
    name: &'static str,
    /// Sides and moments, seconds after `START`, recorded in order once the tokens are.
    cuts: &'static [(Side, i64)],
    /// Of tokens issued 0, 10, 20 and 30 s after `START`: which are revoked.
    want: [bool; 4],
}

const CASES: &[Case] = &[
    Case { name: "nothing", cuts: &[], want: [false; 4] },
    Case {
        name: "before: the moment itself is after it",
        cuts: &[(Side::Before, 20)],
        want: [true, true, false, false],
    },
    Case {
        name: "after: the moment itself is in it",
        cuts: &[(Side::After, 20)],
        want: [false, false, true, true],
    },
    Case { name: "before all", cuts: &[(Side::Before, 0)], want: [false; 4] },
    Case { name: "after all", cuts: &[(Side::After, 31)], want: [false; 4] },
    Case { name: "all", cuts: &[(Side::After, 0)], want: [true; 4] },
    Case {
        name: "both ends",
        cuts: &[(Side::Before, 10), (Side::After, 30)],
        want: [true, false, false, true],
    },
    Case {
        name: "a later narrower one takes nothing back",
        cuts: &[(Side::Before, 20), (Side::Before, 10)],
        want: [true, true, false, false],
    },
    Case {
        name: "a later wider one adds",
        cuts: &[(Side::After, 30), (Side::After, 10)],
        want: [false, true, true, true],
    },
];

fn cut(world: &mut World, side: Side, seconds: i64) {
    let moment = UnixMillis::from_seconds(START.seconds() + seconds);
    world.record(KeyTokensCut { key: KeyNumber(1), side, moment, cause: Cause::Operator });
}

#[test]
fn each_side_of_each_moment() {
    for case in CASES {
        let mut world = World::new(2);
        let signers = [Signer::new(Algorithm::EdDsa), Signer::new(Algorithm::Es256)];
        world.key(1, &signers[0], KeySource::Generated);
        world.key(2, &signers[1], KeySource::Generated);
        let mut tokens = Vec::new();
        for nth in 0..4 {
            // WHY not a whole second: `iat` is cut, and only it counts.
            world.now = START.plus_ms(nth * 10_000 + 999);
            let body = body("1", 600, world.now);
            tokens.push(world.issue(1, &signers[0], nth, &body));
        }
        let now = world.now;
        let other = world.issue(2, &signers[1], 4, &body("1", 600, now));
        for (side, seconds) in case.cuts {
            cut(&mut world, *side, *seconds);
        }
        world.now = world.now.plus_ms(1000);
        let now = world.now;
        let later = world.issue(1, &signers[0], 5, &body("1", 600, now));
        let kept = snapshot::file(&world.ledger);
        for round in ["live", "replayed", "from a snapshot"] {
            for (nth, token) in tokens.iter().enumerate() {
                let want = case.want[nth].then_some(Reason::Revoked);
                assert_eq!(world.reason(token), want, "{}, {round}: token {nth}", case.name);
            }
            assert_eq!(world.reason(&other), None, "{}: another key", case.name);
            assert_eq!(world.reason(&later), None, "{}: issued after it", case.name);
            if round == "live" { world.restart() } else { world.reload(&kept) }
        }
    }
}

/// Signed before the record, recorded after it: the issuer had not seen the revocation.
#[test]
fn what_was_in_flight_is_revoked_with_it() {
    for (side, seconds, want) in
        [(Side::After, 0, true), (Side::After, 1, false), (Side::Before, 1, true)]
    {
        let mut world = World::new(2);
        let signer = Signer::new(Algorithm::EdDsa);
        world.key(1, &signer, KeySource::Generated);
        let (token, row) = world.sign(1, &signer, 0, &body("1", 600, START));
        cut(&mut world, side, seconds);
        let (seen, who, client) = (0, row.principal_key, row.client_key);
        let asked = world.ledger.revoked_since(seen, who, client, row.key, row.issued_at);
        assert_eq!(asked, want, "what the signer is told before it lets go");
        world.record(row);
        assert_eq!(world.reason(&token), want.then_some(Reason::Revoked));
    }
}

/// A pinned token was issued before Ward kept order: its own `iat` decides.
#[test]
fn pinned_tokens_are_cut_by_their_own_date() {
    for (side, revoked) in [(Side::Before, true), (Side::After, false)] {
        let mut world = World::new(2);
        let signer = Signer::new(Algorithm::EdDsa);
        world.key(1, &signer, KeySource::Imported);
        let place = Locator { origin: Origin(7), sequence: Sequence(1) };
        let body = body("1", 600, START);
        let input = world.signing_input(1, place, &body);
        let signature = signer.sign(&input);
        let fingerprint = world.ledger.secret().fingerprint(input.as_bytes(), &signature);
        let principal_key = world.principal_key("1");
        world.record(TokenPinned {
            key: KeyNumber(1),
            fingerprint: fingerprint.cast_signed(),
            principal: PrincipalNumber(1),
            principal_key,
            expires_at: body.expires_at,
        });
        let token = layout::compact(&input, &signature);
        assert_eq!(world.reason(&token), None);
        cut(&mut world, side, 1);
        assert_eq!(world.reason(&token), revoked.then_some(Reason::Revoked), "{side}");
    }
}

#[test]
fn a_key_nobody_knows_is_a_fault_and_a_revocation_all_the_same() {
    let mut world = World::new(2);
    cut(&mut world, Side::After, 0);
    assert_eq!((world.ledger.faults(), world.ledger.revocations()), (1, 1));
}
