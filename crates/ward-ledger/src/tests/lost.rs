//! A tail that was lost with its machine: true tokens of it are never called forged, whatever is
//! presented, and what is known stays exact.

use proptest::prelude::*;

use super::life::{Run, op};
use super::*;
use crate::limits::LOST_TAIL_MS;

const DAY_SECONDS: i64 = 86_400;

/// A world at a backup: sequences 0 and 1 recorded, 2 and 3 signed and recorded only in the tail
/// that is lost, 4 recorded before the backup though 2 and 3 were still in flight.
struct Lost {
    world: World,
    signer: Signer,
    known: Vec<String>,
    lost: Vec<String>,
}

fn lost() -> Lost {
    let mut world = World::new(4);
    let signer = Signer::new(Algorithm::Es256);
    world.key(1, &signer, KeySource::Generated);
    let day = body("100001", DAY_SECONDS, world.now);
    let mut known = vec![world.issue(1, &signer, 0, &day), world.issue(1, &signer, 1, &day)];
    let mut lost = vec![world.sign(1, &signer, 2, &day).0, world.sign(1, &signer, 3, &day).0];
    let (token, mut row) = world.sign(1, &signer, 4, &day);
    row.low_water = Sequence(2);
    world.record(row);
    known.push(token);
    lost.push(world.sign(1, &signer, 5, &day).0);
    // A life the backup knows nothing of.
    world.origin = Origin(2);
    lost.push(world.sign(1, &signer, 0, &day).0);
    Lost { world, signer, known, lost }
}

/// What the first start after a restore records.
fn restore(world: &mut World) {
    let origin = world.ledger.origin_after_loss(world.now);
    for (origin, from) in world.ledger.unsettled_origins() {
        world.record(OriginLost { origin, from });
    }
    world.record(Restored { backup: [7; 32], backup_size: 5, size: 5 });
    world.record(OriginOpened { origin });
    world.origin = origin;
}

#[test]
fn a_true_token_of_a_lost_tail_is_behind_and_then_expired() {
    let Lost { mut world, known, lost, .. } = lost();
    restore(&mut world);
    for _ in 0..3 {
        for token in &known {
            assert_eq!(world.reason(token), None, "what was known is known");
        }
        for token in &lost {
            assert_eq!(world.reason(token), Some(Reason::LedgerBehind));
        }
        // A later start rebuilds all from records, fences its last life, and opens another.
        world.restart();
        let open = world.ledger.open_origins();
        assert_eq!(open, [(world.origin, Sequence(0))], "a lost origin is never fenced");
        world.record(OriginFenced { origin: world.origin, end: Sequence(0) });
        world.origin = world.ledger.next_origin();
        world.record(OriginOpened { origin: world.origin });
    }
    assert_eq!(world.ledger.faults(), 0);
    world.now = world.now.plus_ms(DAY_SECONDS * 1000);
    for token in known.iter().chain(&lost) {
        assert_eq!(world.reason(token), Some(Reason::Expired));
    }
}

#[test]
fn a_fence_over_a_lost_tail_has_no_effect_and_is_counted() {
    let Lost { mut world, lost, .. } = lost();
    restore(&mut world);
    world.record(OriginFenced { origin: Origin(1), end: Sequence(5) });
    assert_eq!(world.reason(&lost[0]), Some(Reason::LedgerBehind));
    assert_eq!(world.ledger.faults(), 1);
}

#[test]
fn a_forgery_is_still_told_after_a_loss() {
    let Lost { mut world, signer, known, lost } = lost();
    restore(&mut world);
    let forge = |world: &mut World, origin, sequence, days: i64| {
        let body = body("100009", days * DAY_SECONDS, world.now);
        world.origin = origin;
        world.sign(1, &signer, sequence, &body).0
    };
    let epoch = world.origin;
    // Known places are exact, and a place that ends later than any true token is nobody's.
    for (origin, sequence, days) in
        [(Origin(1), 0, 1), (Origin(1), 4, 1), (Origin(1), 2, 400), (Origin(2), 0, 400)]
    {
        let token = forge(&mut world, origin, sequence, days);
        assert_eq!(world.reason(&token), Some(Reason::NeverIssued), "{origin} {sequence} {days}");
    }
    // No locator of ours at all.
    let (input, _) = known[0].rsplit_once('.').unwrap();
    let (header, claims) = input.split_once('.').unwrap();
    let claims = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(claims).unwrap();
    let mut claims = String::from_utf8(claims).unwrap();
    let at = claims.find("\"jti\":\"").unwrap() + 7;
    claims.replace_range(at..at + 40, &"A".repeat(40));
    let forged = format!("{header}.{}", part(&claims));
    let forged = layout::compact(&forged, &signer.sign(&forged));
    assert_eq!(world.reason(&forged), Some(Reason::NeverIssued));
    // The epoch after the loss is exact again: a place in it that was passed is known.
    let token = forge(&mut world, epoch, 0, 1);
    let fill = body("100002", 60, world.now);
    let (_, mut row) = world.sign(1, &signer, 1, &fill);
    row.low_water = Sequence(1);
    world.record(row);
    assert_eq!(world.reason(&token), Some(Reason::NeverIssued));
    assert_eq!(world.reason(&lost[0]), Some(Reason::LedgerBehind));
}

#[test]
fn without_a_loss_a_gap_in_origins_stays_behind() {
    let mut world = World::new(4);
    let signer = Signer::new(Algorithm::Es256);
    world.key(1, &signer, KeySource::Generated);
    world.origin = Origin(9);
    let day = body("100001", DAY_SECONDS, world.now);
    let token = world.sign(1, &signer, 0, &day).0;
    assert_eq!(world.reason(&token), Some(Reason::LedgerBehind));
    world.now = world.now.plus_ms(2 * DAY_SECONDS * 1000);
    assert_eq!(world.reason(&token), Some(Reason::LedgerBehind));
}

#[test]
fn revoking_and_dropping_go_on_around_a_lost_tail() {
    let Lost { mut world, known, lost, .. } = lost();
    restore(&mut world);
    let principal_key = world.principal_key("100001");
    let (principal, cause) = (PrincipalNumber(1), Cause::Operator);
    world.record(PrincipalRevoked { principal, principal_key, cause });
    for token in &known {
        assert_eq!(world.reason(token), Some(Reason::Revoked));
    }
    assert_eq!(world.reason(&lost[0]), Some(Reason::LedgerBehind));
    // Long after: whatever segments were dropped meanwhile, no true token is called forged.
    for _ in 0..200 {
        world.now = world.now.plus_ms(50_000);
        world.record(OriginOpened { origin: Origin(i32::MAX) });
        world.ledger.view().apply(
            Position { index: LeafIndex(0), time: world.now },
            &IssuerModeSet { issuer: Text::cut("x"), mode: IssuerMode::Enforcing }.into(),
        );
    }
    assert_eq!(world.reason(&lost[0]), Some(Reason::LedgerBehind));
    world.now = START.plus_ms(LOST_TAIL_MS + 1);
    for token in known.iter().chain(&lost) {
        assert_eq!(world.reason(token), Some(Reason::Expired));
    }
}

#[test]
fn an_origin_after_a_loss_was_never_used() {
    let mut world = World::new(4);
    let at = |seconds: i64| UnixMillis::from_seconds(crate::limits::ORIGIN_EPOCH_SECONDS + seconds);
    // Counted by the clock; by the lives known when the clock went back.
    assert_eq!(world.ledger.origin_after_loss(at(1_000_000)), Origin(1_000_000));
    assert_eq!(world.ledger.origin_after_loss(at(-5)), Origin(2 + (1 << 16)));
    world.record(OriginOpened { origin: Origin(1_000_000) });
    // The same backup once more, a second later.
    assert_eq!(world.ledger.origin_after_loss(at(1_000_001)), Origin(1_000_001 + (1 << 16)));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..Default::default() })]
    /// A random life, a backup anywhere in it, the rest lost, and a random life after the restore.
    #[test]
    fn no_true_token_is_ever_called_forged_after_a_restore(
        bits in 1u32..5,
        before in proptest::collection::vec(op(), 1..80),
        tail in proptest::collection::vec(op(), 1..80),
        after in proptest::collection::vec(op(), 1..60),
    ) {
        let mut run = Run::new(bits);
        before.iter().for_each(|op| run.step(op));
        let backup = run.world.records.len();
        let known = run.model.tokens.iter().filter(|token| token.recorded).count();
        tail.iter().for_each(|op| run.step(op));
        // What left before the disaster, and of it what the backup knows.
        let issued: Vec<_> = run.model.tokens.iter().filter(|it| it.recorded).cloned().collect();
        prop_assert!(known <= issued.len());
        run.world.records.truncate(backup);
        // A snapshot of what was lost names a checkpoint this journal does not hold.
        run.forget_snapshots_past(backup);
        run.world.restart();
        let says = |run: &Run, raw: &str| run.world.reason(raw);
        let was: Vec<_> = issued.iter().map(|token| says(&run, &token.raw)).collect();
        restore(&mut run.world);
        run.model = life::Model::default();
        for (token, was) in issued.iter().zip(&was) {
            let said = says(&run, &token.raw);
            let ended = said == Some(Reason::Expired) && *was == Some(Reason::LedgerBehind);
            prop_assert!(said == *was || ended, "{said:?} after {was:?}");
            prop_assert_ne!(said, Some(Reason::NeverIssued));
        }
        for op in &after {
            run.step(op);
            for token in issued.iter().take(4) {
                prop_assert_ne!(says(&run, &token.raw), Some(Reason::NeverIssued));
            }
        }
        for token in &issued {
            prop_assert_ne!(says(&run, &token.raw), Some(Reason::NeverIssued));
        }
        prop_assert_eq!(run.world.ledger.faults(), 0);
    }
}
