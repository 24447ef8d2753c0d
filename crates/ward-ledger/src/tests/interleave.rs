//! Every interleaving of one entry, one revocation and one look, under the memory model: loom runs
//! `slots.rs` itself, compiled once more over its own atomics.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use ward_model::{KeyNumber, Origin};

mod atomics {
    pub(crate) use loom::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
    pub(crate) use loom::sync::{Arc, Mutex, RwLock};
    pub(crate) use std::sync::PoisonError;

    pub(crate) struct Words(Box<[AtomicU64]>);

    impl Words {
        pub(crate) fn zeros(count: usize) -> Self {
            Self((0..count).map(|_| AtomicU64::new(0)).collect())
        }
    }

    impl core::ops::Deref for Words {
        type Target = [AtomicU64];

        fn deref(&self) -> &[AtomicU64] {
            &self.0
        }
    }
}
#[expect(dead_code, reason = "what the tests here do not touch")]
#[expect(clippy::duplicate_mod, reason = "the same file over other atomics is the point")]
#[path = "../slots.rs"]
mod slots;

use slots::{Found, OriginSlots, Slot};

const FINGERPRINT: u64 = 77;
const KEY: KeyNumber = KeyNumber(1);

fn one_segment() -> Arc<OriginSlots> {
    Arc::new(OriginSlots::new(Origin(1), 1).with_segment(0).unwrap())
}

fn enter(slots: &OriginSlots, sequence: u64) {
    let (segment, at) = slots.segment(sequence).unwrap();
    assert!(segment.enter(at, FINGERPRINT + sequence, KEY, 5));
    slots.advance(sequence, sequence + 1);
}

/// As [`crate::state::Shared::find_again`] does it: how far the view has come is read first.
fn look(slots: &OriginSlots, sequence: u64) -> Found {
    let settled = slots.settled(sequence);
    slots.find(sequence, settled)
}

/// A token that is being entered is behind or there, never called forged.
#[test]
fn an_entry_is_behind_or_there() {
    loom::model(|| {
        let slots = one_segment();
        let writer = loom::thread::spawn({
            let slots = Arc::clone(&slots);
            move || {
                enter(&slots, 0);
                enter(&slots, 1);
            }
        });
        for sequence in [1, 0] {
            match look(&slots, sequence) {
                Found::Behind => {}
                Found::Slot(slot) => assert_eq!(slot.fingerprint, FINGERPRINT + sequence),
                other => panic!("a token on its way is {other:?}"),
            }
        }
        writer.join().unwrap();
        assert!(matches!(look(&slots, 1), Found::Slot(Slot { revoked: false, .. })));
    });
}

/// Who has seen a revocation counted sees the token revoked, in every thread.
#[test]
fn a_counted_revocation_is_seen() {
    loom::model(|| {
        let slots = one_segment();
        enter(&slots, 0);
        let counted = Arc::new(AtomicUsize::new(0));
        let writer = loom::thread::spawn({
            let (slots, counted) = (Arc::clone(&slots), Arc::clone(&counted));
            move || {
                let (segment, at) = slots.segment(0).unwrap();
                segment.revoke(at);
                counted.fetch_add(1, Ordering::Release);
            }
        });
        let seen = counted.load(Ordering::Acquire);
        let Found::Slot(slot) = look(&slots, 0) else { panic!("it was entered") };
        assert!(slot.revoked || seen == 0, "counted, and still live");
        writer.join().unwrap();
    });
}

/// Revoked between signing and record: it is never seen live.
#[test]
fn what_is_late_is_never_live() {
    loom::model(|| {
        let slots = one_segment();
        let writer = loom::thread::spawn({
            let slots = Arc::clone(&slots);
            move || {
                let (segment, at) = slots.segment(0).unwrap();
                segment.revoke(at);
                enter(&slots, 0);
            }
        });
        if let Found::Slot(slot) = look(&slots, 0) {
            assert!(slot.revoked, "it was live for a moment");
        }
        writer.join().unwrap();
    });
}

/// A cut of everything so far takes what was entered before it, and nothing entered after it.
#[test]
fn a_cut_is_a_line() {
    loom::model(|| {
        let slots = one_segment();
        enter(&slots, 0);
        let cut = Arc::new(AtomicUsize::new(0));
        let writer = loom::thread::spawn({
            let (slots, cut) = (Arc::clone(&slots), Arc::clone(&cut));
            move || {
                slots.mark(1);
                cut.store(1, Ordering::Release);
                enter(&slots, 1);
            }
        });
        let seen = u64::try_from(cut.load(Ordering::Acquire)).unwrap();
        if matches!(look(&slots, 1), Found::Slot(_)) {
            assert!(!slots.is_before(1, 1), "issued after the cut");
        }
        assert_eq!(slots.is_before(0, seen), seen == 1);
        writer.join().unwrap();
    });
}
