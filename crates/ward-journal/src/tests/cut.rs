//! Copies of journals: while they are written, and of what is left of them.

use super::*;
use crate::cut::{Upto, copy, cut};

const NEWEST: Upto = Upto::Checkpoint(TreeSize(i64::MAX));

fn good(disk: &FaultDisk, outside: Option<Checkpoint>) -> Report {
    let options =
        VerifyOptions { root_key: Some(root_key()), known: known(), outside, progress: None };
    let report = verify(disk, options).unwrap();
    assert!(report.is_good(), "{report}");
    report
}

#[test]
fn a_copy_cut_at_a_checkpoint_is_a_journal_that_goes_on() {
    let (disk, journal) = fresh();
    for id in 0..3000 {
        journal.append_blocking(Probe::one(Lane::Access, id), now(5)).unwrap();
        if id == 2000 {
            journal.checkpoint_now().unwrap();
        }
        if id % 500 != 7 {
            continue;
        }
        // It is open and written to; nobody has stopped anything.
        let Ok(plan) = cut(&disk, NEWEST, &known()) else { continue };
        let to = FaultDisk::new(9);
        let mut told = 0;
        copy(&disk, &to, &plan, &mut |bytes| told += bytes).unwrap();
        assert_eq!(told, plan.pieces.iter().map(|it| it.length).sum::<u64>());
        let report = good(&to, Some(plan.head.checkpoint.clone()));
        assert_eq!(i64::try_from(report.records).unwrap(), plan.size.0);
        assert_eq!(report.records, plan.head.checkpoint.size);
        let again = reopen(&to).unwrap();
        again.append_blocking(Probe::one(Lane::Access, 77), now(9)).unwrap();
        again.checkpoint_now().unwrap();
        again.stop();
        good(&to, Some(plan.head.checkpoint));
        assert!(matches!(copy(&disk, &to, &plan_of(&disk), &mut |_| ()), Err(OpenError::Exists)));
    }
    journal.stop();
}

fn plan_of(disk: &FaultDisk) -> crate::Cut {
    cut(disk, NEWEST, &known()).unwrap()
}

#[test]
fn all_that_is_left_is_taken_past_the_last_checkpoint() {
    let (disk, journal) = fresh();
    for id in 0..40 {
        journal.append_blocking(Probe::one(Lane::Access, id), now(5)).unwrap();
    }
    let kept = journal.checkpoint_now().unwrap().unwrap().checkpoint;
    for id in 40..60 {
        journal.append_blocking(Probe::one(Lane::Access, id), now(5)).unwrap();
    }
    // As a machine that died leaves it: the newest checkpoint may lie before the end.
    let all = cut(&disk, Upto::End, &known()).unwrap();
    let signed = cut(&disk, NEWEST, &known()).unwrap();
    assert_eq!(all.size, TreeSize(60));
    assert!(signed.size.0 >= 40 && signed.size <= all.size);
    let to = FaultDisk::new(3);
    copy(&disk, &to, &all, &mut |_| ()).unwrap();
    assert_eq!(good(&to, Some(kept.clone())).records, 60);
    // A copy of something else names how far this may go.
    let older = cut(&disk, Upto::Checkpoint(TreeSize(50)), &known()).unwrap();
    assert!((40..=50).contains(&older.size.0) && older.head.checkpoint.size >= kept.size);
    journal.stop();
}

#[test]
fn what_is_no_journal_is_not_cut() {
    let disk = FaultDisk::new(1);
    assert!(matches!(cut(&disk, Upto::End, &known()), Err(OpenError::Missing)));
    let (disk, journal) = fresh();
    assert!(matches!(cut(&disk, NEWEST, &known()), Err(OpenError::Missing)), "unsigned");
    journal.append_blocking(Probe::one(Lane::Access, 1), now(5)).unwrap();
    journal.stop();
    let strangers =
        [ward_tlog::NoteSigner::from_seed(ORIGIN, &[9; 32]).unwrap().verifier().clone()];
    assert!(matches!(cut(&disk, Upto::End, &strangers), Err(OpenError::Checkpoint(_))));
}
