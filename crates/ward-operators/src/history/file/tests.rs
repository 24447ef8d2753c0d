//! A good file, and what becomes of it when anybody touches it.

use ward_journal::ProvenLeaf;
use ward_model::{Caller, Record};
use ward_tlog::NoteSigner;

use super::*;
use crate::testing::{caller, journal};

fn acts(count: i64) -> Vec<(i64, Vec<Record>)> {
    vec![(5000, (0..count).map(|n| caller(1).did("rotate key", n, [0; 32]).into()).collect())]
}

fn file_of(leaves: &[i64]) -> (String, String) {
    let (_disk, journal, vkey) = journal(acts(300));
    let leaves: Vec<LeafIndex> = leaves.iter().copied().map(LeafIndex).collect();
    let proven = journal.proven(&leaves).unwrap();
    let part = Part { from: Some(UnixMillis::new(1000)), ..Part::default() };
    (write(&part, &proven, &vkey), vkey)
}

#[test]
fn a_file_that_nobody_touched_holds() {
    let (text, vkey) = file_of(&[3, 4, 255, 256, 299]);
    let report = verify(&text, Some(&vkey)).unwrap();
    assert_eq!(report.checkpoint.size, 300);
    assert!(report.key_was_known);
    let leaves: Vec<i64> = report.entries.iter().map(|it| it.index.0).collect();
    assert_eq!(leaves, [3, 4, 255, 256, 299]);
    assert_eq!(report.entries[0].text, "rotate key, number 3");
    assert_eq!(report.kinds(), BTreeMap::from([("act", 5)]));
    assert!(!verify(&text, None).unwrap().key_was_known, "its own word is not enough");
    fuzz_file(text.as_bytes());
}

#[test]
fn any_changed_byte_is_told() {
    let (text, vkey) = file_of(&[3, 299]);
    let good = verify(&text, Some(&vkey)).unwrap();
    for at in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[at] ^= 1;
        let Ok(changed) = String::from_utf8(bytes) else { continue };
        // Bounds of time, the next file's leaf and the key in the file are the file's own word;
        // what it proves is the same.
        if let Ok(report) = verify(&changed, Some(&vkey)) {
            assert_eq!(report.entries, good.entries, "byte {at}");
            assert_eq!(report.checkpoint, good.checkpoint, "byte {at}");
        }
    }
}

#[test]
fn lines_cannot_be_left_out_swapped_or_doubled() {
    let (text, vkey) = file_of(&[3, 4, 5]);
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let of = |order: &[usize]| order.iter().map(|at| lines[*at]).collect::<String>();
    let count = |found| FileError::Count { named: 3, found };
    let order = |line, index| FileError::Order { line, index };
    let malformed = |line| FileError::Malformed { line };
    let cases: [(&str, String, FileError); 8] = [
        ("the last is missing", of(&[0, 1, 2]), count(2)),
        ("one in between is missing", of(&[0, 1, 3]), count(2)),
        ("swapped", of(&[0, 2, 1, 3]), order(3, 3)),
        ("doubled", of(&[0, 1, 1, 2]), order(3, 3)),
        ("one more", of(&[0, 1, 2, 3, 3]), count(4)),
        ("no header", of(&[1, 2, 3]), malformed(1)),
        ("nothing", String::new(), malformed(1)),
        ("cut", text.trim_end().to_owned(), malformed(4)),
    ];
    for (name, text, want) in cases {
        assert_eq!(verify(&text, Some(&vkey)).unwrap_err(), want, "{name}");
    }
}

#[test]
fn another_signer_and_another_log_are_told() {
    let (text, vkey) = file_of(&[3]);
    let other = NoteSigner::from_seed("test.example/log", &[8; 32]).unwrap();
    assert_eq!(verify(&text, Some(&other.verifier().vkey())), Err(FileError::Checkpoint));
    assert_eq!(verify(&text, Some("key")), Err(FileError::Key));
    // A whole new file by whoever holds another key: only a key kept elsewhere tells.
    let forged = forged(&other);
    assert!(verify(&forged, None).is_ok());
    assert_eq!(verify(&forged, Some(&vkey)), Err(FileError::Checkpoint));
    let newer = text.replacen("\"version\":1", "\"version\":2", 1);
    assert_eq!(verify(&newer, None), Err(FileError::Newer { found: 2 }));
}

/// A file of one leaf that another key signed.
fn forged(signer: &NoteSigner) -> String {
    let (_disk, journal, _) = journal(acts(1));
    let mut proven = journal.proven(&[LeafIndex(0)]).unwrap();
    proven.checkpoint.note = signer.sign(&proven.checkpoint.checkpoint.text()).unwrap();
    write(&Part::default(), &proven, &signer.verifier().vkey())
}

#[test]
fn a_leaf_that_is_proven_and_does_not_belong_here_is_told() {
    let noise = ward_model::record::RefusalsCounted {
        prefix: [0; 16],
        reason: ward_model::Reason::Malformed,
        minute: UnixMillis::new(0),
        count: 1,
    };
    let act = Caller::WARD.did("rotate key", 1, [0; 32]);
    let (_disk, journal, vkey) = journal(vec![(5, vec![noise.into()]), (9, vec![act.into()])]);
    let foreign = |line, index| FileError::Foreign { line, index };
    let part = |from, to| Part {
        from: Some(UnixMillis::new(from)),
        to: Some(UnixMillis::new(to)),
        next: None,
    };
    for (leaf, part, want) in [
        (0, Part::default(), Some(foreign(2, 0))),
        (1, part(9, 10), None),
        (1, part(10, 11), Some(foreign(2, 1))),
        (1, part(0, 9), Some(foreign(2, 1))),
    ] {
        let proven = journal.proven(&[LeafIndex(leaf)]).unwrap();
        let told = verify(&write(&part, &proven, &vkey), Some(&vkey)).err();
        assert_eq!(told, want, "{part:?}");
    }
    let mut moved = journal.proven(&[LeafIndex(1)]).unwrap();
    let ProvenLeaf { index, .. } = &mut moved.leaves[0];
    *index = LeafIndex(0);
    let told = verify(&write(&Part::default(), &moved, &vkey), Some(&vkey));
    assert_eq!(told, Err(FileError::NotProven { line: 2, index: 0 }));
}

/// The fuzz target's corpus, as an ordinary test.
#[test]
fn the_corpus_is_replayed() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/record");
    let mut good = 0;
    for entry in std::fs::read_dir(corpus).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        fuzz_file(&bytes);
        good += i32::from(verify(core::str::from_utf8(&bytes).unwrap(), None).is_ok());
    }
    assert_eq!(good, 2, "a file with leaves and one without are in the corpus");
}
