//! Thousands of seeded lives, and every disk call failing once.

use super::*;
use crate::testing::Fail;

const SEGMENT: u64 = 16 * 1024;

fn lane(random: &mut Random) -> Lane {
    Lane::ALL[usize::try_from(random.below(4)).unwrap()]
}

/// One thing that happens to a journal.
fn act(world: &mut World, random: &mut Random) {
    match random.below(20) {
        0..12 => {
            for _ in 0..=random.below(4) {
                let many = if random.below(8) == 0 { 12 } else { 2 };
                let rows = 1 + random.below(many);
                let pad = usize::try_from(random.below(400)).unwrap();
                let lane = lane(random);
                world.send(lane, rows, pad);
            }
            world.write();
        }
        12..15 => {
            world.make_spare();
            world.write();
        }
        15..17 => world.sign(),
        17 => {
            world.sign();
            world.settle();
        }
        18 => world.now += random.below(200_000) as i64,
        _ => world.now -= random.below(100_000_000) as i64,
    }
}

/// A life, or several, of one journal.
fn live(seed: u64) {
    let mut random = Random(seed);
    let mut world = World::new(seed, SEGMENT);
    for _ in 0..=random.below(4) {
        if random.below(2) == 0 {
            world.disk.set_chances(random.small(1500), random.small(20_000));
        }
        if random.below(2) == 0 {
            world.disk.power_for(random.below(200));
        }
        if random.below(4) == 0 {
            let room = random.below(3 * SEGMENT);
            world.disk.set_capacity(world.disk.used() + room);
        }
        for _ in 0..random.below(60) {
            act(&mut world, &mut random);
        }
        match random.below(4) {
            0 => world.kill(),
            1 => {
                world.sign();
                world.settle();
                world.kill();
            }
            _ => world.crash(),
        }
        world.disk.set_capacity(u64::MAX);
        // Opening is interrupted too, sometimes over and over.
        for _ in 0..random.below(3) {
            world.disk.set_chances(random.small(2000), random.small(20_000));
            world.disk.power_for(random.below(60));
            match world.open() {
                Ok(()) | Err(OpenError::Io { .. }) => (),
                Err(error) => panic!("{error}"),
            }
            if random.below(2) == 0 { world.crash() } else { world.kill() }
        }
        if let Err(error) = world.open() {
            panic!("{error}");
        }
    }
    let report = world.verify();
    assert!(report.is_good(), "{report}");
    assert!(report.outside || world.shown.is_empty(), "{report}");
    if seed.is_multiple_of(16) {
        world.verify_all();
    }
}

#[test]
fn a_thousand_lives() {
    let lives = std::env::var("WARD_LIVES").ok().and_then(|it| it.parse().ok()).unwrap_or(3000);
    let start = std::env::var("WARD_SEED").ok().and_then(|it| it.parse().ok()).unwrap_or(0);
    for seed in start..start + lives {
        let done = std::panic::catch_unwind(|| live(seed));
        assert!(done.is_ok(), "seed {seed}: run again with WARD_SEED={seed} WARD_LIVES=1");
    }
}

/// What a careful operator's day looks like: some of everything.
fn script(world: &mut World) {
    for round in 0..6 {
        for lane in Lane::ALL {
            world.send(*lane, 1 + round % 3, 150);
        }
        world.write();
        world.send(Lane::Access, 9, 200);
        world.write();
        world.make_spare();
        world.write();
        world.sign();
        world.settle();
        world.now += 1000;
    }
}

#[test]
fn every_disk_call_fails_once() {
    let mut quiet = World::new(1, SEGMENT);
    script(&mut quiet);
    let calls = quiet.disk.calls();
    assert!(quiet.shown.len() > 3 && quiet.acked.len() > 20, "the script does something");
    let before = World::new(1, SEGMENT).disk.calls();
    for how in [Fail::Kept, Fail::Lost] {
        for at in before + 1..=calls {
            for power in [true, false] {
                let mut world = World::new(1, SEGMENT);
                world.disk.fail_at(at, how);
                script(&mut world);
                if power {
                    world.crash()
                } else {
                    world.kill()
                }
                if let Err(error) = world.open() {
                    panic!("call {at} {how:?}: {error}");
                }
                script(&mut world);
                let report = world.verify();
                assert!(report.is_good(), "call {at} {how:?}: {report}");
                // One failure costs at most the batches in flight, never the journal.
                let last = world.acked.len();
                world.send(Lane::Priority, 1, 0);
                world.write();
                assert_eq!(world.acked.len(), last + 1, "call {at} {how:?}");
            }
        }
    }
}

#[test]
fn every_call_of_opening_fails_once() {
    let mut world = World::new(5, SEGMENT);
    script(&mut world);
    world.send(Lane::Access, 3, 100);
    world.write();
    world.crash();
    let before = world.disk.clone();
    for at in 1.. {
        world.disk = before.copy();
        world.disk.fail_at(at, Fail::Lost);
        let opened = world.open();
        let reached = world.disk.calls() >= at;
        match opened {
            Ok(()) if !reached => break,
            Ok(()) | Err(OpenError::Io { .. }) => (),
            Err(error) => panic!("call {at}: {error}"),
        }
        world.crash();
        world.open().unwrap();
        world.die();
    }
}

/// Deleting `sync_data` in `Writer::commit` fails this test, and so does answering before it.
#[test]
fn acknowledged_means_fdatasync() {
    for seed in 0..40 {
        let mut world = World::new(seed, SEGMENT);
        for _ in 0..20 {
            let syncs = world.disk.syncs();
            world.send(Lane::Access, 2, 30);
            world.write();
            assert_eq!(world.disk.syncs(), syncs + 1, "one batch, one sync");
        }
        assert_eq!(world.acked.len(), 20);
        world.crash();
        world.open().unwrap();
        assert_eq!(world.seen.all().len(), 40);
    }
}

#[test]
fn a_full_disk_closes_the_lanes_in_order_and_never_priority() {
    let mut world = World::new(3, SEGMENT);
    world.make_spare();
    world.disk.set_capacity(world.disk.used());
    let mut closed = Vec::new();
    for _ in 0..200 {
        assert!(!world.make_spare() || world.acked.is_empty() || closed.is_empty());
        for lane in [Lane::Refusal, Lane::Access, Lane::Issuance] {
            world.send(lane, 1, 100);
            world.write();
        }
        for (lane, error) in world.refused.drain(..) {
            assert_eq!(error, AppendError::Full { lane });
            if !closed.contains(&lane) {
                closed.push(lane);
            }
        }
    }
    assert_eq!(closed, [Lane::Refusal, Lane::Access, Lane::Issuance]);
    let reserve = crate::limits::kept_free(Lane::Issuance, SEGMENT);
    let mut priority = 0;
    while priority < reserve - 200 {
        let before = world.acked.len();
        world.send(Lane::Priority, 1, 100);
        world.write();
        assert_eq!(world.acked.len(), before + 1, "the leaver is still cut");
        priority += 180;
    }
    // The same after a restart on the full disk.
    world.crash();
    world.disk.set_capacity(world.disk.used());
    world.open().unwrap();
    // Space returns: it recovers by itself.
    world.disk.set_capacity(u64::MAX);
    assert!(world.make_spare());
    let before = world.acked.len();
    world.send(Lane::Refusal, 1, 100);
    world.write();
    assert_eq!(world.acked.len(), before + 1);
    assert!(world.verify().is_good());
}

#[test]
fn a_spare_survives_a_restart_on_a_full_disk() {
    let mut world = World::new(4, SEGMENT);
    world.make_spare();
    world.kill();
    world.disk.set_capacity(world.disk.used());
    world.open().unwrap();
    for _ in 0..80 {
        world.send(Lane::Priority, 1, 200);
        world.write();
    }
    let full: Vec<_> = world.refused.drain(..).collect();
    assert_eq!(full, [], "two segments were there to be filled");
}

#[test]
fn a_failed_sync_is_never_asked_again() {
    let mut world = World::new(6, SEGMENT);
    world.make_spare();
    world.send(Lane::Access, 1, 10);
    world.write();
    let first = world.parts().writer.segment.header.id;
    // The next write succeeds, its sync does not.
    let at = world.disk.calls() + 2;
    world.disk.fail_at(at, Fail::Lost);
    world.send(Lane::Access, 1, 10);
    world.write();
    assert_eq!(
        world.refused.drain(..).collect::<Vec<_>>(),
        [(Lane::Access, AppendError::Unavailable)]
    );
    let second = &world.parts().writer.segment.header;
    assert_ne!(second.id, first, "the writer went on in the spare");
    assert_eq!(second.first, 1, "which begins at the first leaf that is not durable");
    world.send(Lane::Access, 1, 10);
    world.write();
    assert_eq!(world.acked.len(), 2);
    world.kill();
    world.open().unwrap();
    world.crash();
    world.open().unwrap();
    assert_eq!(world.seen.all().len(), 2, "the failed batch is not there");
}

#[test]
fn a_failed_sync_without_a_spare_stops_the_journal() {
    let mut world = World::new(7, SEGMENT);
    world.disk.set_capacity(world.disk.used());
    let at = world.disk.calls() + 2;
    world.disk.fail_at(at, Fail::Lost);
    world.send(Lane::Access, 1, 10);
    world.write();
    world.send(Lane::Priority, 1, 10);
    world.write();
    let refused: Vec<_> = world.refused.drain(..).map(|(_, error)| error).collect();
    assert_eq!(refused, [AppendError::Unavailable; 2]);
    world.crash();
    world.disk.set_capacity(u64::MAX);
    world.open().unwrap();
    world.send(Lane::Priority, 1, 10);
    world.write();
    assert_eq!(world.acked.len(), 1, "a restart helps");
}

/// Flips bits all over what was acknowledged: each is reported, none repaired away.
#[test]
fn a_flipped_bit_is_reported() {
    let mut world = World::new(8, SEGMENT);
    for _ in 0..3 {
        world.send(Lane::Access, 2, 300);
        world.write();
    }
    let end = world.parts().writer.offset;
    world.die();
    let path = crate::layout::segment_path(0);
    for signed in [false, true] {
        if signed {
            world.disk = world.disk.restarted();
            world.open().unwrap();
            world.sign();
            world.die();
        }
        for bit in (0..usize::try_from(end).unwrap() * 8).step_by(97) {
            let disk = world.disk.copy();
            disk.flip(&path, bit).unwrap();
            let before = disk.files().iter().map(|it| content(&disk, it)).collect::<Vec<_>>();
            let shared: Arc<dyn Disk> = Arc::new(disk.clone());
            let error = recover::open(&shared, options(SEGMENT, 1), Vec::new(), None).err();
            assert!(
                matches!(
                    error,
                    Some(OpenError::Corrupt { .. } | OpenError::Newer { .. } | OpenError::WrongKey)
                ),
                "bit {bit}: {error:?}"
            );
            let after = disk.files().iter().map(|it| content(&disk, it)).collect::<Vec<_>>();
            assert!(before == after, "bit {bit}: nothing was written");
        }
    }
}
