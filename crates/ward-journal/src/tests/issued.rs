//! Finding an issuance, and passing over those that every view knows.

use std::sync::Mutex;

use ward_model::record::TokenIssued;
use ward_model::{
    KeyNumber, Origin, Position, PrincipalKey, PrincipalNumber, Record, Sequence, View,
};

use super::*;

fn issued(origin: i32, sequence: i64) -> TokenIssued {
    TokenIssued {
        origin: Origin(origin),
        sequence: Sequence(sequence),
        low_water: Sequence(0),
        fingerprint: i64::from(origin) * 1_000_000 + sequence,
        key: KeyNumber(1),
        principal: PrincipalNumber(1),
        principal_key: PrincipalKey::default(),
        client_key: PrincipalKey::default(),
        issued_at: now(1),
        expires_at: now(2),
        revocations_seen: 0,
        login_proven: false,
    }
}

/// Two origins, sequences out of order by up to seven, other records between and a long run of them.
fn filled_with_tokens() -> (FaultDisk, Journal) {
    let (disk, journal) = fresh();
    for origin in [1, 5] {
        for low in (0..6_000_i64).step_by(8) {
            let mixed: Vec<TokenIssued> = [3, 0, 7, 1, 2, 6, 4, 5]
                .into_iter()
                .map(|nth| low + nth)
                // Places that were signed for and never recorded.
                .filter(|sequence| sequence % 1_001 != 500)
                .map(|sequence| issued(origin, sequence))
                .collect();
            let _tokens = journal.append_blocking(mixed, now(5)).unwrap();
            let others: u64 = if low == 3_200 { 1_000 } else { 3 };
            let _others = journal
                .append_blocking(
                    Probe { lane: Lane::Access, ids: (0..others).collect(), pad: 20 },
                    now(5),
                )
                .unwrap();
        }
    }
    (disk, journal)
}

#[test]
fn an_issuance_is_found_wherever_it_stands() {
    let (_disk, journal) = filled_with_tokens();
    for origin in [1, 5] {
        for sequence in (0..6_000).step_by(97).chain([0, 1, 3_199, 3_207, 3_208, 5_999]) {
            let found = journal.issuance(Origin(origin), Sequence(sequence)).unwrap();
            let want = (sequence % 1_001 != 500).then(|| issued(origin, sequence));
            assert_eq!(found, want, "{origin}, {sequence}");
        }
    }
    for (origin, sequence) in [(1, 500), (1, 6_000), (2, 7), (5, 9_999), (9, 0), (0, 0)] {
        let found = journal.issuance(Origin(origin), Sequence(sequence)).unwrap();
        assert_eq!(found, None, "{origin}, {sequence}");
    }
    let (_disk, empty) = fresh();
    assert_eq!(empty.issuance(Origin(1), Sequence(0)).unwrap(), None);
}

/// What a view was told of each leaf.
#[derive(Clone, Default)]
struct Told {
    from: i64,
    leaves: Arc<Mutex<Vec<(i64, &'static str)>>>,
}

impl View for Told {
    fn apply(&mut self, at: Position, record: &Record) {
        let kind = if matches!(record, Record::TokenIssued(_)) { "token" } else { "other" };
        self.leaves.lock().unwrap().push((at.index.0, kind));
    }

    fn needs_issuances_from(&self) -> LeafIndex {
        LeafIndex(self.from)
    }

    fn pass(&mut self, at: Position) {
        self.leaves.lock().unwrap().push((at.index.0, "passed"));
    }
}

#[test]
fn issuances_are_passed_over_below_what_every_view_needs() {
    let (disk, journal) = fresh();
    // Leaves 0 to 9: four tokens as one group, two others, a token, another, two tokens.
    let group: Vec<TokenIssued> = (0..4).map(|nth| issued(1, nth)).collect();
    let _group = journal.append_blocking(group, now(1)).unwrap();
    for nth in 0..2 {
        let _other = journal.append_blocking(Probe::one(Lane::Access, nth), now(1)).unwrap();
    }
    let _token = journal.append_blocking(issued(1, 4), now(1)).unwrap();
    let _other = journal.append_blocking(Probe::one(Lane::Access, 9), now(1)).unwrap();
    let _tokens = journal.append_blocking(vec![issued(1, 5), issued(1, 6)], now(1)).unwrap();
    journal.stop();
    drop(journal);
    let (p, t, o) = ("passed", "token", "other");
    let all = [t, t, t, t, o, o, t, o, t, t];
    for (needs, want) in [
        (vec![0], all),
        (vec![i64::MAX, 0], all),
        (vec![3], all),
        (vec![4], [p, p, p, p, o, o, t, o, t, t]),
        (vec![7, i64::MAX], [p, p, p, p, o, o, p, o, t, t]),
        (vec![9], [p, p, p, p, o, o, p, o, t, t]),
        (vec![i64::MAX], [p, p, p, p, o, o, p, o, p, p]),
    ] {
        let views: Vec<Told> =
            needs.iter().map(|from| Told { from: *from, ..Told::default() }).collect();
        let boxed = views.iter().map(|view| Box::new(view.clone()) as Box<dyn View>).collect();
        let journal = Journal::open(Arc::new(disk.clone()), options(SEGMENT, 2), boxed).unwrap();
        for view in &views {
            let told = view.leaves.lock().unwrap().clone();
            let want: Vec<_> = (0..).zip(want).collect();
            assert_eq!(told, want, "{needs:?}");
        }
        journal.stop();
    }
}

#[test]
fn a_kept_checkpoint_is_found_by_its_size_alone() {
    let (disk, journal) = fresh();
    let mut kept = Vec::new();
    for id in 0..300 {
        let _one = journal.append_blocking(Probe::one(Lane::Access, id), now(1)).unwrap();
        if id % 7 == 0 {
            kept.push(journal.checkpoint_now().unwrap().unwrap().checkpoint);
        }
    }
    journal.stop();
    for one in &kept {
        let size = TreeSize(i64::try_from(one.size).unwrap());
        let found = crate::notes::kept_at(&disk, size, &known()).unwrap().unwrap();
        assert_eq!(found.checkpoint, *one);
        let other = TreeSize(size.0 + 1);
        assert!(crate::notes::kept_at(&disk, other, &known()).unwrap().is_none());
    }
    for size in [-1, 0, 1 << 40] {
        assert!(crate::notes::kept_at(&disk, TreeSize(size), &known()).unwrap().is_none());
    }
    let size = TreeSize(i64::try_from(kept[0].size).unwrap());
    assert!(crate::notes::kept_at(&disk, size, &[]).is_err(), "nobody's signature");
}
