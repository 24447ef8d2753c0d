//! The whole journal with its threads, and what outsiders see of it.

mod cut;
mod issued;

use std::sync::Arc;

use ward_model::{Lane, LeafIndex, TreeSize, UnixMillis};
use ward_tlog::{Checkpoint, Tile, leaf_hash, tile::entries, verify_consistency, verify_inclusion};

use crate::disk::{Disk, RealDisk, write_all_at};
use crate::error::{AppendError, OpenError, ReadError};
use crate::journal::Journal;
use crate::layout;
use crate::sim::content;
use crate::sim::{ORIGIN, Probe, Seen, World, id_of, known, options, root_key};
use crate::testing::{FaultDisk, change_record, cut_tail, swap_records};
use crate::verify::{Report, VerifyOptions, verify};

const SEGMENT: u64 = 64 * 1024;

fn now(ms: i64) -> UnixMillis {
    UnixMillis::new(ms)
}

fn fresh() -> (FaultDisk, Journal) {
    let disk = FaultDisk::new(1);
    let journal = Journal::create(Arc::new(disk.clone()), options(SEGMENT, 1), Vec::new()).unwrap();
    (disk, journal)
}

fn reopen(disk: &FaultDisk) -> Result<Journal, OpenError> {
    Journal::open(Arc::new(disk.clone()), options(SEGMENT, 2), Vec::new())
}

/// A journal of `leaves` leaves in small segments, stopped.
fn filled(leaves: u64) -> (FaultDisk, Checkpoint) {
    filled_by(leaves, 1, 100)
}

/// The same by groups of `rows`, with a checkpoint after every `signed` groups.
fn filled_by(groups: u64, rows: u64, signed: u64) -> (FaultDisk, Checkpoint) {
    let mut world = World::new(11, SEGMENT);
    for id in 0..groups {
        world.make_spare();
        if id % signed == 0 {
            world.sign();
            world.settle();
        }
        world.send(Lane::Access, rows, 60);
        world.write();
    }
    world.sign();
    world.settle();
    let outside = world.shown.last().cloned().unwrap();
    world.die();
    (world.disk, outside)
}

#[test]
fn many_tasks_append_and_every_record_is_read_back() {
    let (disk, journal) = fresh();
    let seen = Seen::default();
    journal.stop();
    drop(journal);
    let views: Vec<Box<dyn ward_model::View>> = vec![Box::new(seen.clone())];
    let journal = Journal::open(Arc::new(disk.clone()), options(SEGMENT, 2), views).unwrap();
    let head = journal.head();
    std::thread::scope(|scope| {
        for task in 0..8_u64 {
            let journal = journal.clone();
            let seen = seen.clone();
            scope.spawn(move || {
                for nth in 0..200 {
                    let id = task * 1000 + nth;
                    let probe = Probe::one(Lane::Access, id);
                    let recorded = journal.append_blocking(probe, now(5)).unwrap();
                    assert_eq!(recorded.get().ids, [id]);
                    let at = usize::try_from(recorded.first().0).unwrap();
                    let (position, found) = seen.all()[at];
                    assert_eq!((position.index, found), (recorded.first(), id), "in force first");
                    assert_eq!(recorded.count(), 1);
                }
            });
        }
    });
    assert_eq!(*head.borrow(), TreeSize(1600));
    let mut read = Vec::new();
    while let Some((last, _)) = read.last().map_or(Some((-1, 0)), |(it, id)| {
        let it: &ward_model::Position = it;
        Some((it.index.0, *id)).filter(|(at, _)| *at < 1599)
    }) {
        let batch = journal.read(LeafIndex(last + 1), 97).unwrap();
        read.extend(batch.into_iter().map(|(at, record)| (at, id_of(&record))));
    }
    assert_eq!(read, seen.all(), "followers see what views saw");
    assert_eq!(journal.read(LeafIndex(1600), 10).unwrap(), []);
    assert!(matches!(journal.read(LeafIndex(-1), 10), Err(ReadError::OutOfRange)));
    journal.stop();
    let health = journal.health();
    assert_eq!((health.records, health.checkpoint), (TreeSize(1600), TreeSize(1600)));
    assert_eq!((health.lost, health.poisoned, health.dead), (0, 0, false));
    let stopped = journal.append_blocking(Probe::one(Lane::Priority, 1), now(5));
    assert_eq!(stopped.err(), Some(AppendError::Stopped));
    drop(journal);
    let again = Seen::default();
    let views: Vec<Box<dyn ward_model::View>> = vec![Box::new(again.clone())];
    drop(Journal::open(Arc::new(disk.clone()), options(SEGMENT, 3), views).unwrap());
    assert_eq!(again.all(), seen.all(), "replay is what was live");
}

#[test]
fn an_async_append_records_too() {
    let (_disk, journal) = fresh();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let probe = Probe { lane: Lane::Access, ids: vec![1, 2, 3], pad: 10 };
        let recorded = journal.append(probe.clone(), now(77)).await.unwrap();
        assert_eq!((recorded.first(), recorded.count()), (LeafIndex(0), 3));
        assert_eq!(recorded.time(), now(1_000_000).min(now(77)), "an empty journal has no time");
        assert_eq!(recorded.into_inner(), probe);
        let next = journal.append(Probe::one(Lane::Refusal, 4), now(5)).await.unwrap();
        assert_eq!((next.first(), next.time()), (LeafIndex(3), now(77)), "time never runs back");
    });
}

#[test]
fn entries_that_cannot_be_recorded_are_refused() {
    let (_disk, journal) = fresh();
    let none = Probe { lane: Lane::Access, ids: Vec::new(), pad: 0 };
    let long = Probe { lane: Lane::Access, ids: vec![1; 200], pad: 400 };
    for probe in [none, long] {
        assert_eq!(journal.append_blocking(probe, now(1)).err(), Some(AppendError::TooLarge));
    }
}

#[test]
fn a_jump_of_the_clock_is_reported() {
    let (_disk, journal) = fresh();
    for (at, jumps) in
        [(1_030_000, 0), (1_089_000, 0), (1_150_000, 1), (900_000, 1), (1_200_000, 1)]
    {
        journal.append_blocking(Probe::one(Lane::Access, 1), now(at)).unwrap();
        assert_eq!(journal.health().clock_jumps, jumps, "at {at}");
    }
    assert_eq!(journal.health().clock_jump_ms, 61_000);
}

#[test]
fn only_one_process_and_only_an_explicit_beginning() {
    let (disk, journal) = fresh();
    assert!(matches!(reopen(&disk), Err(OpenError::Locked)));
    journal.stop();
    drop(journal);
    let again = Journal::create(Arc::new(disk.clone()), options(SEGMENT, 1), Vec::new());
    assert!(matches!(again.err(), Some(OpenError::Exists)));
    let empty = FaultDisk::new(2);
    assert!(matches!(reopen(&empty), Err(OpenError::Missing)));
    // Remains without a format file are not quietly replaced.
    let (bare, _) = filled(10);
    bare.remove("format").unwrap();
    assert!(matches!(reopen(&bare), Err(OpenError::Missing)));
    let again = Journal::create(Arc::new(bare), options(SEGMENT, 1), Vec::new());
    assert!(matches!(again.err(), Some(OpenError::Exists)));
    let mut wrong = options(SEGMENT, 1);
    wrong.root_key = ward_model::Secret::new([8; 32]);
    let wrong = Journal::open(Arc::new(disk.clone()), wrong, Vec::new());
    assert!(matches!(wrong.err(), Some(OpenError::WrongKey)));
    assert!(reopen(&disk).is_ok());
}

#[test]
fn a_newer_format_is_refused_before_anything_is_written() {
    let (disk, _) = filled(10);
    let newer = [&b"ward-journal"[..], &2_u32.to_le_bytes(), b"and more"].concat();
    write_all_at(disk.create("format").unwrap().as_ref(), &newer, 0).unwrap();
    let before: Vec<_> = disk.files().iter().map(|it| content(&disk, it)).collect();
    assert!(matches!(reopen(&disk), Err(OpenError::Newer { found: 2, .. })));
    let after: Vec<_> = disk.files().iter().map(|it| content(&disk, it)).collect();
    assert!(before == after);
}

#[test]
fn start_is_held_to_what_was_witnessed() {
    let (disk, outside) = filled(300);
    let open = |witnessed| {
        let options = crate::Options { witnessed: Some(witnessed), ..options(SEGMENT, 1) };
        Journal::open(Arc::new(disk.copy()), options, Vec::new()).map(drop)
    };
    open(outside.clone()).unwrap();
    let more = Checkpoint { size: 301, ..outside.clone() };
    assert!(matches!(open(more), Err(OpenError::Behind { found: 300, wanted: 301 })));
    let other = Checkpoint { root: leaf_hash(b""), ..outside };
    assert!(matches!(open(other), Err(OpenError::Fork { size: 300 })));
}

#[test]
fn proofs_hold_against_checkpoints() {
    let (disk, outside) = filled(700);
    let journal = reopen(&disk).unwrap();
    for id in 0..50 {
        journal.append_blocking(Probe::one(Lane::Access, id), now(1)).unwrap();
    }
    let kept = journal.checkpoint_now().unwrap().unwrap();
    assert_eq!(kept.note.verify(&known()), Ok(1));
    let new = kept.checkpoint;
    assert_eq!(new.size, 750);
    let proof = journal.consistency(TreeSize(700), TreeSize(750)).unwrap();
    assert!(verify_consistency((outside.size, outside.root), (new.size, new.root), &proof));
    for index in [0, 255, 256, 511, 699, 700, 749] {
        let (file, leaf) = journal.proof_file(LeafIndex(index)).unwrap();
        assert_eq!(file.verify(leaf_hash(&leaf), ORIGIN, &known()).unwrap(), new);
        let proof = journal.prove(LeafIndex(index), TreeSize(750)).unwrap();
        assert!(verify_inclusion(leaf_hash(&leaf), index as u64, 750, new.root, &proof));
    }
    assert_eq!(journal.root(TreeSize(700)).unwrap(), outside.root);
    assert!(matches!(journal.prove(LeafIndex(0), TreeSize(751)), Err(ReadError::OutOfRange)));
    let all: Vec<_> =
        journal.checkpoints().unwrap().map(|it| it.unwrap().checkpoint.size).collect();
    assert!(all.is_sorted() && all.ends_with(&[700, 750]), "{all:?}");
}

/// A checkpoint that was being written when the disk was full or the power went is left out.
#[test]
fn a_file_of_checkpoints_may_end_anywhere() {
    let (disk, _) = filled_by(3, 1, 1);
    let first = crate::notes::files(&disk).unwrap()[0];
    let (path, whole) = (layout::notes_path(first), crate::notes::read_file(&disk, first).unwrap());
    let bytes = content(&disk, &path);
    assert_eq!(whole.len(), 3);
    let before = bytes.len() / 3 * 2;
    for cut in before..bytes.len() {
        let file = disk.create(&path).unwrap();
        write_all_at(file.as_ref(), &bytes[..cut], 0).unwrap();
        let kept = crate::notes::read_file(&disk, first).unwrap();
        assert_eq!(kept, whole[..2], "cut at {cut}");
    }
}

#[test]
fn an_export_is_a_standard_log() {
    let (disk, _) = filled(700);
    let journal = reopen(&disk).unwrap();
    let dir = std::env::temp_dir().join(format!("ward-journal-export-{}", std::process::id()));
    let to = RealDisk::new(&dir);
    let report = journal.export(&to).unwrap();
    assert_eq!((report.bundles, report.tiles), (3, 4));
    let read = |path: &str| std::fs::read(dir.join(path)).unwrap();
    assert_eq!(read("checkpoint"), report.checkpoint.as_bytes());
    assert_eq!(read("vkey"), format!("{}\n", known()[0].vkey()).as_bytes());
    for (path, width) in [("000", 256), ("001", 256), ("002.p/188", 188)] {
        let bundle = read(&format!("tile/entries/{path}"));
        let tile = read(&format!("tile/0/{path}"));
        let hashes: Vec<u8> =
            entries(&bundle).unwrap().into_iter().flat_map(|it| leaf_hash(it).0).collect();
        assert_eq!((hashes.len(), &hashes), (width * 32, &tile), "{path}");
    }
    assert_eq!(read("tile/1/000.p/2").len(), 64);
    let tile = Tile { level: 0, index: 1, width: 7 };
    assert_eq!(journal.tile(tile).unwrap(), read("tile/0/001")[..7 * 32]);
    assert!(journal.tile(Tile { level: 0, index: 2, width: 189 }).is_err());
    assert!(journal.tile(Tile { level: 9, index: 0, width: 1 }).is_err());
    std::fs::remove_dir_all(&dir).unwrap();
}

fn judged(disk: &FaultDisk, outside: &Checkpoint) -> Report {
    let options = VerifyOptions {
        root_key: Some(root_key()),
        known: known(),
        outside: Some(outside.clone()),
        progress: None,
    };
    verify(disk, options).unwrap()
}

struct Tampered {
    name: &'static str,
    tamper: fn(&FaultDisk),
    says: &'static str,
}
fn forget(disk: &FaultDisk) {
    for path in disk.files().iter().filter(|it| it.starts_with(layout::CHECKPOINTS)) {
        disk.remove(path).unwrap();
    }
}
fn flip(disk: &FaultDisk, path: &str, byte: usize) {
    disk.flip(path, byte * 8 + 1).unwrap();
}
const TAMPERED: [Tampered; 7] = [
    Tampered {
        name: "a record changed, everything recomputed, own checkpoints there",
        tamper: |disk| change_record(disk, &root_key(), 300, |it| it[5] ^= 1).unwrap(),
        says: "size 700: the first 700 leaves are not those that were signed: leaves 300 to 399",
    },
    Tampered {
        name: "a record changed, everything recomputed, own checkpoints gone",
        tamper: |disk| {
            change_record(disk, &root_key(), 300, |it| it[5] ^= 1).unwrap();
            forget(disk);
        },
        says: "outside checkpoint, size 700: the first 700 leaves are not those",
    },
    Tampered {
        name: "two records swapped, everything recomputed",
        tamper: |disk| {
            swap_records(disk, &root_key(), 300, 301).unwrap();
            forget(disk);
        },
        says: "not those that were signed",
    },
    Tampered {
        name: "tail cut, own checkpoints gone",
        tamper: |disk| cut_tail(disk, 690).unwrap(),
        says: "the journal ends at 690",
    },
    Tampered {
        name: "a byte of a record changed",
        tamper: |disk| flip(disk, &layout::segment_path(0), 5000),
        says: "checksum is wrong",
    },
    Tampered {
        name: "a segment gone",
        tamper: |disk| disk.remove(&layout::segment_path(0)).unwrap(),
        says: "leaves are missing",
    },
    Tampered {
        name: "a checkpoint changed",
        tamper: |disk| flip(disk, &layout::notes_path(100), 60),
        says: "checkpoints/00000000000000000100.notes",
    },
];

/// Every way to tamper with a journal, and the words that find it.
#[test]
fn tampering_is_found() {
    let (disk, outside) = filled(700);
    let good = judged(&disk, &outside);
    assert!(good.is_good() && good.outside && good.checkpoints == 7, "{good}");
    assert!(good.segments > 1 && good.root == Some(outside.root));
    for case in TAMPERED {
        let copy = disk.copy();
        (case.tamper)(&copy);
        let report = judged(&copy, &outside).to_string();
        assert!(report.contains("WRONG") && report.contains(case.says), "{}: {report}", case.name);
    }
}

#[test]
fn a_directory_rolled_back_is_found() {
    let mut world = World::new(12, SEGMENT);
    for _ in 0..20 {
        world.send(Lane::Access, 1, 60);
        world.write();
    }
    world.sign();
    let old = world.disk.copy();
    for _ in 0..20 {
        world.send(Lane::Access, 1, 60);
        world.write();
    }
    world.sign();
    let outside = world.shown.last().cloned().unwrap();
    let report = judged(&old, &outside).to_string();
    assert!(report.contains("the directory was rolled back"), "{report}");
    let options = crate::Options { witnessed: Some(outside), ..options(SEGMENT, 1) };
    let opened = Journal::open(Arc::new(old), options, Vec::new()).map(drop);
    assert!(matches!(opened, Err(OpenError::Behind { found: 20, wanted: 40 })));
}

#[test]
fn without_a_root_key_the_rest_is_still_checked() {
    let (disk, _) = filled(150);
    let report = verify(&disk, VerifyOptions::default()).unwrap();
    assert!(report.is_good() && report.root.is_none() && report.remarks.len() == 2, "{report}");
    disk.flip(&layout::segment_path(0), 5000 * 8).unwrap();
    assert!(!verify(&disk, VerifyOptions::default()).unwrap().is_good());
}

/// 70,000 leaves: one full tile of level 1 stands on the disk.
#[test]
fn tiles_are_durable_checked_and_made_again() {
    let (disk, outside) = filled_by(700, 100, 50);
    let tile = "tile/1/000";
    assert!(disk.files().contains(&tile.to_owned()));
    assert!(!disk.files().iter().any(|it| it.starts_with("tile/0")), "level 0 is made when asked");
    let after = disk.crash();
    assert!(judged(&after, &outside).is_good(), "what the state vouches for is durable");
    disk.flip(tile, 700 * 8).unwrap();
    let report = judged(&disk, &outside).to_string();
    assert!(report.contains("tile/1/000: leaves 5376 to 5631 are not"), "{report}");
    disk.remove(tile).unwrap();
    let report = judged(&disk, &outside).to_string();
    assert!(report.contains("tile is missing"), "{report}");
    // A head that the state cannot be held to: the tree is hashed from its first leaf, the tile
    // made again, and until it is durable nothing vouches for it.
    let first = Journal::open(Arc::new(disk.copy()), options(SEGMENT, 1), Vec::new()).unwrap();
    let witnessed = first.checkpoints().unwrap().nth(1).unwrap().unwrap().checkpoint;
    drop(first);
    let open = |disk: &FaultDisk| {
        let options = crate::Options { witnessed: Some(witnessed.clone()), ..options(SEGMENT, 1) };
        let disk: Arc<dyn Disk> = Arc::new(disk.clone());
        crate::recover::open(&disk, options, Vec::new(), None)
    };
    drop(open(&disk).unwrap());
    assert!(disk.files().contains(&tile.to_owned()), "made again");
    for _ in 0..8 {
        let after = disk.crash();
        let journal = Journal::open(Arc::new(after), options(SEGMENT, 1), Vec::new()).unwrap();
        assert_eq!(journal.root(TreeSize(70_000)).unwrap(), outside.root);
        let (file, leaf) = journal.proof_file(LeafIndex(66_000)).unwrap();
        assert!(file.verify(leaf_hash(&leaf), ORIGIN, &known()).is_ok());
    }
}

/// A whole sector of an acknowledged frame reads as zeros: it looks torn, but a later frame says
/// that it was durable.
#[test]
fn a_lost_sector_in_the_middle_is_no_torn_tail() {
    let (disk, _) = {
        let mut world = World::new(13, SEGMENT);
        for _ in 0..4 {
            world.send(Lane::Access, 2, 300);
            world.write();
        }
        world.die();
        (world.disk.restarted(), ())
    };
    let file = disk.open(&layout::segment_path(0)).unwrap();
    write_all_at(file.as_ref(), &[0; 512], 4096 + 512).unwrap();
    file.sync_data().unwrap();
    let said = reopen(&disk).map(drop).unwrap_err().to_string();
    assert!(said.contains("a later frame says that this one was durable"), "{said}");
    let report = verify(&disk, VerifyOptions::default()).unwrap();
    assert!(!report.is_good(), "{report}");
}

#[test]
fn a_real_directory_works_the_same() {
    let dir = std::env::temp_dir().join(format!("ward-journal-real-{}", std::process::id()));
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::new(&dir));
    let journal = Journal::create(Arc::clone(&disk), options(SEGMENT, 1), Vec::new()).unwrap();
    for id in 0..2000 {
        journal
            .append_blocking(Probe { lane: Lane::Access, ids: vec![id], pad: 90 }, now(1))
            .unwrap();
    }
    let locked = Journal::open(Arc::clone(&disk), options(SEGMENT, 1), Vec::new());
    assert!(matches!(locked.err(), Some(OpenError::Locked)));
    journal.stop();
    let options = VerifyOptions {
        root_key: Some(root_key()),
        known: known(),
        outside: journal.latest_checkpoint().map(|it| it.checkpoint),
        progress: None,
    };
    let report = verify(&RealDisk::read_only(&dir), options).unwrap();
    assert!(report.is_good() && report.outside && report.segments > 2, "{report}");
    drop(journal);
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn a_small_file_is_replaced_whole() {
    let path = std::env::temp_dir().join(format!("ward-durable-{}", std::process::id()));
    for content in ["one", "two"] {
        crate::durable::replace(&path, content.as_bytes()).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
    }
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn many_leaves_are_proven_under_one_checkpoint() {
    let (_disk, journal) = fresh();
    for id in 0..700 {
        let _recorded = journal.append_blocking(Probe::one(Lane::Access, id), now(5)).unwrap();
    }
    let asked: Vec<LeafIndex> = [0, 1, 255, 256, 300, 699].map(LeafIndex).into();
    let proven = journal.proven(&asked).unwrap();
    let Checkpoint { size, root, .. } = proven.checkpoint.checkpoint.clone();
    assert_eq!(size, 700);
    for (one, asked) in proven.leaves.iter().zip(&asked) {
        let index = u64::try_from(asked.0).unwrap();
        assert!(verify_inclusion(leaf_hash(&one.leaf), index, size, root, &one.proof));
        let leaf = crate::Leaf::read(&one.leaf).unwrap();
        assert_eq!((leaf.at.index, leaf.at.time), (*asked, now(5)));
        for cut in [0, 1, 9, 32, one.leaf.len() - 1] {
            assert!(crate::Leaf::read(&one.leaf[..cut]).is_err(), "{cut} bytes are no leaf");
        }
    }
    assert!(matches!(journal.proven(&[LeafIndex(700)]), Err(ReadError::OutOfRange)));
    assert!(matches!(journal.proven(&[LeafIndex(-1)]), Err(ReadError::OutOfRange)));
    assert!(matches!(journal.proven(&[]), Err(ReadError::OutOfRange)));
}
