//! A snapshot: what it brings back is what the records say, and what was touched is refused.

use super::*;
use std::io;

/// The file of a snapshot taken now; one state has one spelling.
pub(crate) fn file(ledger: &Ledger) -> Vec<u8> {
    let picture = ledger.picture();
    let sealed = picture.size();
    let mut file = Vec::new();
    let mut sink = |piece: &[u8]| {
        file.extend_from_slice(piece);
        Ok(())
    };
    picture.write(sealed, [9; 32], START, &mut sink).unwrap();
    file
}

/// A world with something in every part.
#[expect(clippy::too_many_lines, reason = "a record for every part")]
pub(crate) fn full_world() -> World {
    let mut world = World::new(3);
    let signer = Signer::new(Algorithm::EdDsa);
    let cause = Cause::Operator;
    let (principal, person) = (PrincipalNumber(1), PersonId([5; 16]));
    world.key(1, &signer, KeySource::Imported);
    world.record(IssuerModeSet { issuer: Text::cut("ward"), mode: IssuerMode::Learning });
    for sequence in 0..40 {
        world.issue(1, &signer, sequence, &body(&format!("{}", sequence % 7), 600, START));
        if sequence == 11 {
            let principal_key = world.principal_key("3");
            world.record(PrincipalRevoked { principal, principal_key, cause });
        }
    }
    let origin = Origin(1);
    world.record(TokenRevoked { origin, sequence: Sequence(5), cause });
    world.record(KeyTokensRevoked { key: KeyNumber(1), cause });
    let (side, moment) = (Side::After, START);
    world.record(KeyTokensCut { key: KeyNumber(1), side, moment, cause });
    let client_key = world.ledger.secret().client_key("web");
    world.record(ClientRegistered {
        client_id: Text::cut("web"),
        client_key,
        secret_hash: [3; 32],
        owner: person,
        owner_key: world.principal_key("5"),
        audience: Text::cut("shop"),
        scope: Text::cut("a b"),
        life_ms_max: 5,
        expires_at: START,
    });
    world.record(ClientRevoked { client_key, cause });
    world.record(ApiKeyIssued {
        api_key: ApiKeyId(4),
        kind: ApiKeyKind::ALL[0],
        hash: [8; 32],
        owner_kind: PrincipalKind::Customer,
        owner: principal,
        owner_key: world.principal_key("6"),
        expires_at: START,
    });
    world.record(ApiKeyNamed {
        api_key: ApiKeyId(4),
        name: Text::cut("a name"),
        description: Text::cut("what for"),
    });
    world.record(ApiKeyRevoked { api_key: ApiKeyId(4), cause });
    let principal_key = world.principal_key("2");
    world.record(PrincipalSuspended { principal, principal_key, cause });
    world.record(PersonPut {
        person,
        principal,
        principal_key,
        state: PersonState::Left,
        row_digest: [0; 32],
    });
    world.record(KeyHolderDeclared {
        key: KeyNumber(1),
        person,
        person_key: principal_key,
        since: START,
        evidence: CustodyEvidence::ALL[0],
    });
    world.record(GrandfatheringOpened {
        key: KeyNumber(1),
        cut_over: START,
        life_ms_max: 5,
        closes_at: START,
    });
    world.record(TokenPinned {
        key: KeyNumber(1),
        fingerprint: 77,
        principal,
        principal_key,
        expires_at: START,
    });
    world.record(PinRevoked { fingerprint: 78, cause });
    world.record(TokenEntered {
        key: KeyNumber(1),
        digest: [6; 16],
        principal,
        principal_key,
        client_key,
        issued_at: START,
        expires_at: START.plus_ms(9_999),
        revocations_seen: 0,
        login_proven: true,
    });
    // Time goes on in steps, so that segments are dropped; a second origin begins.
    for _ in 0..20 {
        world.now = world.now.plus_ms(50_000);
        let key = world.principal_key("1");
        world.record(PrincipalRestored { principal, principal_key: key, cause });
    }
    world.record(OriginFenced { origin, end: Sequence(40) });
    world.record(OriginOpened { origin: Origin(2) });
    world.origin = Origin(2);
    let now = world.now;
    for sequence in [0, 1, 2, 9, 20] {
        world.issue(1, &signer, sequence, &body("1", 600, now));
    }
    world.record(OriginOpened { origin: Origin(3) });
    world.record(OriginLost { origin: Origin(3), from: Sequence(0) });
    world.record(Restored { backup: [1; 32], backup_size: 5, size: 7 });
    world
}

#[test]
fn it_brings_back_what_the_records_say_and_goes_on() {
    let mut world = full_world();
    assert_eq!(world.ledger.faults(), 0, "the world is sound");
    let kept = file(&world.ledger);
    let more = |world: &mut World| {
        let key = world.principal_key("1");
        let cause = Cause::Operator;
        let principal = PrincipalNumber(1);
        world.record(PrincipalRevoked { principal, principal_key: key, cause });
        world.record(TokenRevoked { origin: Origin(2), sequence: Sequence(2), cause });
    };
    let (ledger, bound) = Ledger::from_snapshot(secret(), &mut &*kept).unwrap();
    assert_eq!(file(&ledger), kept, "written again, the same bytes");
    assert_eq!(bound.size.0, i64::try_from(world.records.len()).unwrap());
    assert_eq!((bound.root, bound.taken_at), ([9; 32], START));
    assert_eq!(super::super::bound(&mut &*kept).unwrap(), bound);
    more(&mut world);
    world.restart();
    let replayed = file(&world.ledger);
    world.reload(&kept);
    assert_eq!(file(&world.ledger), replayed, "snapshot and rest are the whole");
}

#[test]
fn records_before_it_are_passed_over_and_those_after_are_not() {
    let mut world = full_world();
    let kept = file(&world.ledger);
    world.reload(&kept);
    let size = i64::try_from(world.records.len()).unwrap();
    let mut view = world.ledger.view();
    assert_eq!(view.needs_issuances_from(), LeafIndex(size));
    let before = world.ledger.revocations();
    let key = world.principal_key("1");
    let (principal, cause) = (PrincipalNumber(1), Cause::Operator);
    let record = Record::from(PrincipalRevoked { principal, principal_key: key, cause });
    for (index, counted) in [(0, 0), (size - 1, 0), (size, 1)] {
        let at = Position { index: LeafIndex(index), time: world.now };
        view.apply(at, &record);
        assert_eq!(world.ledger.revocations() - before, counted, "leaf {index}");
    }
}

#[test]
fn what_was_touched_never_opens() {
    let kept = file(&full_world().ledger);
    let refused = |bytes: &[u8]| Ledger::from_snapshot(secret(), &mut &*bytes).unwrap_err();
    for at in 0..kept.len() {
        let mut other = kept.clone();
        other[at] ^= 1 << (at % 8);
        match refused(&other) {
            SnapshotFault::Foreign => assert!(at < 8),
            SnapshotFault::Newer { .. } => assert!((8..12).contains(&at)),
            SnapshotFault::Tampered | SnapshotFault::Truncated => assert!(at >= 12, "{at}"),
            other => panic!("byte {at}: {other}"),
        }
    }
    for length in 0..kept.len() {
        let fault = refused(&kept[..length]);
        assert!(matches!(fault, SnapshotFault::Truncated), "{length}: {fault}");
    }
    let newer = [&kept[..8], &2u32.to_le_bytes(), &kept[12..]].concat();
    assert!(matches!(refused(&newer), SnapshotFault::Newer { found: 2 }));
    let other = LedgerSecret::new(Secret::new([43; 32]));
    let fault = Ledger::from_snapshot(other, &mut &*kept).unwrap_err();
    assert!(matches!(fault, SnapshotFault::Tampered), "another secret: {fault}");
}

#[test]
fn frames_of_two_files_do_not_mix() {
    let mut world = full_world();
    let first = file(&world.ledger);
    let principal_key = world.principal_key("2");
    let (principal, cause) = (PrincipalNumber(1), Cause::Operator);
    world.record(PrincipalRestored { principal, principal_key, cause });
    let second = file(&world.ledger);
    // The header of the later with the frames of the earlier: a suspension that was lifted.
    let mixed = [&second[..72], &first[72..]].concat();
    let fault = Ledger::from_snapshot(secret(), &mut &*mixed).unwrap_err();
    assert!(matches!(fault, SnapshotFault::Tampered), "{fault}");
}

#[test]
fn a_disk_that_does_not_answer_is_told_apart() {
    struct Broken;
    impl io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("broken"))
        }
    }
    let fault = Ledger::from_snapshot(secret(), &mut Broken).unwrap_err();
    assert!(matches!(fault, SnapshotFault::Io(_)), "{fault}");
    let picture = full_world().ledger.picture();
    let full =
        picture.write(TreeSize(1 << 40), [0; 32], START, &mut |_| Err(io::Error::other("full")));
    assert!(full.is_err());
}

#[test]
fn a_picture_is_of_its_moment_whatever_comes_after() {
    let mut world = full_world();
    let signer = Signer::new(Algorithm::EdDsa);
    world.key(2, &signer, KeySource::Generated);
    let want = file(&world.ledger);
    let picture = world.ledger.picture();
    let now = world.now;
    for sequence in 21..60 {
        world.issue(2, &signer, sequence, &body("1", 600, now));
        let cause = Cause::Operator;
        world.record(TokenRevoked { origin: Origin(2), sequence: Sequence(sequence), cause });
    }
    let (sealed, mut later) = (picture.size(), Vec::new());
    let mut sink = |piece: &[u8]| {
        later.extend_from_slice(piece);
        Ok(())
    };
    picture.write(sealed, [9; 32], START, &mut sink).unwrap();
    assert_eq!(later, want);
}

#[test]
fn anything_may_be_in_a_file() {
    fuzz_snapshot(&[]);
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/snapshot");
    let mut seen = 0;
    for entry in std::fs::read_dir(corpus).unwrap() {
        fuzz_snapshot(&std::fs::read(entry.unwrap().path()).unwrap());
        seen += 1;
    }
    assert!(seen >= 3, "the corpus of the fuzzer is replayed");
    let kept = file(&full_world().ledger);
    for at in (0..kept.len()).step_by(37) {
        fuzz_snapshot(&kept[at..]);
    }
}
