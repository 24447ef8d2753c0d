//! The reasons are never confused: at boundaries, under skew, across a roll, after a start with and
//! without a snapshot, after a restore. One table; every row is asked in every state of the ledger.

use super::*;

struct Row {
    name: &'static str,
    raw: String,
    /// (seconds after `START`, what is said then); `None`: it passes.
    want: Vec<(i64, Option<Reason>)>,
}

fn row(name: &'static str, raw: String, want: &[(i64, Option<Reason>)]) -> Row {
    Row { name, raw, want: want.to_vec() }
}

const LIFE: i64 = 600;
const CAUSE: Cause = Cause::Operator;

/// Two keys, one retired; segments of four; a token for every reason.
fn world() -> (World, Vec<Row>) {
    use Reason::{Expired, LedgerBehind, NeverIssued, Revoked};
    let mut world = World::new(2);
    let signers = [Signer::new(Algorithm::EdDsa), Signer::new(Algorithm::Es256)];
    world.key(1, &signers[0], KeySource::Generated);
    world.key(2, &signers[1], KeySource::Generated);
    let mut rows = Vec::new();
    let mut tokens = Vec::new();
    // Places 0 to 7: two whole segments, in the middle of which others follow.
    for sequence in 0..8 {
        let key = i32::try_from(sequence % 2).unwrap() + 1;
        let signer = &signers[usize::try_from(sequence % 2).unwrap()];
        tokens.push(world.issue(key, signer, sequence, &body("1", LIFE, START)));
    }
    let place = |sequence| (Origin(1), Sequence(sequence));
    for sequence in [1, 3] {
        let (origin, sequence) = place(sequence);
        world.record(TokenRevoked { origin, sequence, cause: CAUSE });
    }
    let retired = KeyState::Retired;
    world.record(KeyStateChanged { key: KeyNumber(2), state: retired, since: START, cause: CAUSE });
    let ends: [(i64, Option<Reason>); 5] = [
        (-30, None),
        (0, None),
        (LIFE - 1, None),
        (LIFE, Some(Expired)),
        (LIFE + 30, Some(Expired)),
    ];
    rows.push(row("issued", tokens[0].clone(), &ends));
    rows.push(row("the last of its segment", tokens[3 - 1].clone(), &ends));
    rows.push(row("the first of the next", tokens[4].clone(), &ends));
    rows.push(row("issued under a retired key", tokens[5].clone(), &ends));
    let gone = [(0, Some(Revoked)), (LIFE - 1, Some(Revoked)), (LIFE, Some(Expired))];
    rows.push(row("revoked", tokens[1].clone(), &gone));
    rows.push(row("revoked, the last of its segment", tokens[3].clone(), &gone));
    let always = |reason| [(0, Some(reason)), (LIFE - 1, Some(reason)), (LIFE + 30, Some(reason))];
    let (forged, _) = world.sign(1, &signers[0], 2, &body("9", LIFE, START));
    rows.push(row("signed for a place that is taken", forged, &always(NeverIssued)));
    let (forged, _) = world.sign(2, &signers[1], 4, &body("9", LIFE, START));
    rows.push(row("the same under a retired key", forged, &always(NeverIssued)));
    // Place 8 is abandoned, 9 is recorded and says so; 10 and a far one are not reached.
    let (abandoned, _) = world.sign(1, &signers[0], 8, &body("1", LIFE, START));
    rows.push(row("signed, never recorded, settled", abandoned, &always(NeverIssued)));
    world.issue(1, &signers[0], 9, &body("1", LIFE, START));
    for (name, sequence) in [("the next place", 10), ("a place in a segment to come", 4000)] {
        let (ahead, _) = world.sign(1, &signers[0], sequence, &body("1", LIFE, START));
        rows.push(row(name, ahead, &always(LedgerBehind)));
    }
    world.origin = Origin(2);
    let (elsewhere, _) = world.sign(1, &signers[0], 0, &body("1", LIFE, START));
    rows.push(row("an origin not opened yet", elsewhere, &always(LedgerBehind)));
    world.origin = Origin(1);
    (world, rows)
}

fn ask(world: &World, rows: &[Row], state: &str) {
    for Row { name, raw, want } in rows {
        for (seconds, want) in want {
            let now = UnixMillis::from_seconds(START.seconds() + seconds);
            let said = reason_at(&world.ledger, raw, AUDIENCE, now);
            assert_eq!(said, *want, "{name}, {seconds} s after, {state}");
        }
    }
}

/// Runs a look over the ledger as it stands, replayed, out of its own snapshot, and out of one that
/// was taken when half the records were there.
fn in_every_state(world: &mut World, look: impl Fn(&World, &str)) {
    look(world, "live");
    let now = snapshot::file(&world.ledger);
    let half = {
        let all = world.records.clone();
        world.records.truncate(all.len() / 2);
        world.restart();
        let half = snapshot::file(&world.ledger);
        world.records = all;
        half
    };
    world.restart();
    look(world, "after a start");
    world.reload(&now);
    look(world, "after a start with a snapshot");
    world.reload(&half);
    look(world, "after a start with an old snapshot");
    assert_eq!(snapshot::file(&world.ledger), now);
}

#[test]
fn of_a_ledger_that_runs() {
    let (mut world, rows) = world();
    in_every_state(&mut world, |world, state| ask(world, &rows, state));
}

/// The provisional reason of the check itself, before a signature is looked at.
#[test]
fn under_a_retired_key_the_check_says_so() {
    let (mut world, rows) = world();
    in_every_state(&mut world, |world, state| {
        for (name, want) in [
            ("signed for a place that is taken", Reason::NeverIssued),
            ("the same under a retired key", Reason::RetiredKey),
        ] {
            let raw = &rows.iter().find(|row| row.name == name).unwrap().raw;
            let Checked::Refuse(refused) = world.check(raw) else { panic!("{name} passed") };
            assert_eq!(refused.reason, want, "{name}, {state}");
        }
    });
}

/// Every segment is dropped: a token that ended is `expired`, one signed into its place is told apart
/// as far as the archive tells, and a clock that went back makes it `ledger_behind`, never live.
#[test]
fn of_segments_that_were_dropped() {
    use Reason::{Expired, LedgerBehind, NeverIssued};
    let (mut world, mut rows) = world();
    let principal_key = world.principal_key("1");
    for _ in 0..20 {
        world.now = world.now.plus_ms(50_000);
        let principal = PrincipalNumber(1);
        world.record(PrincipalRestored { principal, principal_key, cause: CAUSE });
    }
    assert_eq!(world.ledger.live_tokens(KeyNumber(2)), 0, "the segments are gone");
    for row in &mut rows {
        let known = !matches!(
            row.name,
            "the next place" | "a place in a segment to come" | "an origin not opened yet"
        );
        if known && row.name != "signed, never recorded, settled" {
            row.want = vec![(LIFE + 90, Some(Expired)), (LIFE, Some(Expired))];
            row.want.push((LIFE - 1, Some(LedgerBehind)));
        }
    }
    // The tail's segment is not settled, so it stands, and what was never entered there is known.
    in_every_state(&mut world, |world, state| ask(world, &rows, state));
    let archive =
        |issued: Option<i64>| move |_, _| issued.map_or(Archived::Nothing, Archived::Issued);
    let now = UnixMillis::from_seconds(START.seconds() + LIFE + 90);
    for (name, token, issued, want) in [
        ("issued", 0, true, Expired),
        ("nobody was issued that place", 0, false, NeverIssued),
        ("signed for a place that is taken", 6, true, NeverIssued),
    ] {
        let Checked::Refuse(refused) = world.ledger.check(&rows[token].raw, AUDIENCE, now) else {
            panic!("{name} passed");
        };
        let original = world.records.iter().find_map(|(_, record)| match record {
            Record::TokenIssued(row)
                if row.sequence == Sequence(if token == 6 { 2 } else { 0 }) =>
            {
                Some(row.fingerprint)
            }
            _ => None,
        });
        let found = issued.then_some(original.unwrap());
        let told = world.ledger.classify_with(&refused.miss.unwrap(), now, archive(found));
        assert_eq!(told.reason, want, "{name}");
    }
}

/// After a restore: what the backup knew stays exact, what came after it is never called forged
/// before it has ended, and what could not have been issued then is.
#[test]
fn after_a_restore() {
    use Reason::{Expired, LedgerBehind, NeverIssued};
    let (mut world, mut rows) = world();
    world.record(OriginLost { origin: Origin(1), from: Sequence(9) });
    world.record(Restored { backup: [1; 32], backup_size: 5, size: 7 });
    world.record(OriginOpened { origin: Origin(900) });
    let lost = [(0, Some(LedgerBehind)), (LIFE - 1, Some(LedgerBehind)), (LIFE, Some(Expired))];
    let names = ["the next place", "a place in a segment to come", "an origin not opened yet"];
    for row in rows.iter_mut().filter(|row| names.contains(&row.name)) {
        row.want = lost.to_vec();
    }
    let signer = Signer::new(Algorithm::EdDsa);
    world.key(3, &signer, KeySource::Generated);
    let two_years = 2 * 365 * 86_400;
    let (too_long, _) = world.sign(3, &signer, 50, &body("1", two_years, START));
    rows.push(row("longer than a token lives", too_long, &[(0, Some(NeverIssued))]));
    world.origin = Origin(901);
    let (ahead, _) = world.sign(3, &signer, 0, &body("1", LIFE, START));
    rows.push(row("an origin to come", ahead, &[(0, Some(LedgerBehind))]));
    in_every_state(&mut world, |world, state| ask(world, &rows, state));
}

/// A fence ends what is uncertain: an origin's unrecorded places are then nobody's.
#[test]
fn across_a_fence() {
    let (mut world, mut rows) = world();
    world.record(OriginFenced { origin: Origin(1), end: Sequence(10) });
    world.record(OriginOpened { origin: Origin(2) });
    let names = ["the next place", "a place in a segment to come"];
    for row in rows.iter_mut().filter(|row| names.contains(&row.name)) {
        row.want = vec![(0, Some(Reason::NeverIssued)), (LIFE, Some(Reason::NeverIssued))];
    }
    in_every_state(&mut world, |world, state| ask(world, &rows, state));
}
