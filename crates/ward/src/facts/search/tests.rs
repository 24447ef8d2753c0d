//! Searches of a journal against the list of what was appended.

use std::sync::Arc;

use ward_journal::Options;
use ward_journal::testing::FaultDisk;
use ward_model::{Reason, Secret, UnixMillis, Verdict};
use ward_tlog::NoteSigner;

use super::*;
use crate::view::recent::tests::row;

const MADE_MS: i64 = 1_700_000_000_000;

/// A request id made `ms` after the first.
fn id(ms: i64, last: u8) -> AccessId {
    let mut id = [last; 16];
    let time = (MADE_MS + ms).to_be_bytes();
    id[..6].copy_from_slice(&time[2..]);
    AccessId(id)
}

/// A journal of `accesses` accesses of two rows each, one each millisecond; every tenth refused.
fn journal(accesses: i64) -> (FaultDisk, Journal) {
    let disk = FaultDisk::new(1);
    let signer = NoteSigner::from_seed("test.example", &[7; 32]).unwrap();
    let entropy = Box::new(|bytes: &mut [u8]| {
        bytes.fill(3);
        Ok(())
    });
    let now = UnixMillis::new(MADE_MS);
    let options = Options::new(Secret::new([5; 32]), signer, entropy, now);
    let journal = Journal::create(Arc::new(disk.clone()), options, Vec::new()).unwrap();
    for n in 0..accesses {
        let verdict = if n % 10 == 0 { Verdict::Refuse(Reason::Policy) } else { Verdict::Permit };
        let shared = AccessRow { access: id(n, 1), rows: 2, ..row(1, 5, verdict) };
        let rows: Vec<Record> =
            (0..2).map(|at| AccessRow { row: at, ..shared.clone() }.into()).collect();
        let _recorded = journal.append_blocking(rows, UnixMillis::new(MADE_MS + n)).unwrap();
    }
    (disk, journal)
}

#[test]
fn a_search_back_finds_what_was_appended() {
    let (_disk, journal) = journal(300);
    let head = journal.head().borrow().0;
    let first = head - 600;
    struct Case {
        name: &'static str,
        below: i64,
        rows_max: usize,
        refused: bool,
        want: Vec<i64>,
    }
    let at = |n: i64| first + 2 * n;
    let cases = [
        Case {
            name: "newest",
            below: head,
            rows_max: 2,
            refused: false,
            want: vec![at(299), at(298)],
        },
        Case {
            name: "past the head",
            below: i64::MAX,
            rows_max: 1,
            refused: false,
            want: vec![at(299)],
        },
        Case {
            name: "inside an access",
            below: at(9) + 1,
            rows_max: 1,
            refused: false,
            want: vec![at(9)],
        },
        Case {
            name: "at its first leaf",
            below: at(9),
            rows_max: 1,
            refused: false,
            want: vec![at(8)],
        },
        Case {
            name: "refused",
            below: at(21),
            rows_max: 9,
            refused: true,
            want: vec![at(20), at(10), at(0)],
        },
        Case { name: "nothing before", below: first, rows_max: 9, refused: false, want: vec![] },
    ];
    for case in cases {
        let takes = |_, row: &AccessRow| !case.refused || row.verdict.reason().is_some();
        let found = older(&journal, LeafIndex(case.below), case.rows_max, takes).unwrap();
        let leaves: Vec<i64> = found.rows.iter().map(|line| line.at.index.0).collect();
        assert_eq!(leaves, case.want, "{}", case.name);
        assert_eq!(found.stopped, None, "{}", case.name);
    }
    journal.stop();
}

#[test]
fn a_search_stops_at_its_bound_and_says_where() {
    let (_disk, journal) = journal(300);
    let head = journal.head().borrow().0;
    let bounds = Bounds { leaves_max: 100, block: 7 };
    let mut below = LeafIndex(head);
    let (mut found, mut searches) = (Vec::new(), 0);
    loop {
        let takes = |_, row: &AccessRow| row.verdict.reason().is_some();
        let part = older_within(&journal, below, 1000, takes, bounds).unwrap();
        found.extend(part.rows.iter().map(|line| line.at.index.0));
        searches += 1;
        let Some(stopped) = part.stopped else { break };
        assert_eq!(stopped.index.0, below.0 - 100);
        assert!(stopped.time >= UnixMillis::new(MADE_MS));
        below = stopped.index;
    }
    let first = head - 600;
    let want: Vec<i64> = (0..30).rev().map(|n| first + 20 * n).collect();
    assert_eq!(found, want);
    assert_eq!(searches, (head + 99) / 100);
    journal.stop();
}

#[test]
fn an_access_is_found_by_the_time_in_its_id() {
    let (_disk, journal) = journal(60);
    for n in [0, 1, 30, 59] {
        let seen = by_id(&journal, id(n, 1)).unwrap().unwrap();
        assert_eq!((seen.row.access, seen.touches.len()), (id(n, 1), 2));
    }
    for (name, absent) in
        [("other id", id(5, 2)), ("long ago", AccessId([0; 16])), ("far", AccessId([255; 16]))]
    {
        assert!(by_id(&journal, absent).unwrap().is_none(), "{name}");
    }
    journal.stop();
}
