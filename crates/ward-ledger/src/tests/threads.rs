//! Readers beside the writer: nobody waits, nobody sees half of anything.

use super::*;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Mutex;

#[test]
fn what_is_acknowledged_is_seen_by_every_thread() {
    const TOKENS: usize = 4_000;
    let mut world = World::new(4);
    let signer = Signer::new(Algorithm::EdDsa);
    world.key(1, &signer, KeySource::Generated);
    let made: Vec<(String, TokenIssued)> = (0..TOKENS)
        .map(|at| {
            let id = format!("{}", at % 10);
            world.sign(1, &signer, i64::try_from(at).unwrap(), &body(&id, 600, START))
        })
        .collect();
    let acknowledged = AtomicUsize::new(0);
    let revoked = AtomicUsize::new(0);
    let world = Mutex::new(world);
    let ledger = world.lock().unwrap().ledger.clone();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut world = world.lock().unwrap();
            for (at, (_, issued)) in made.iter().enumerate() {
                world.record(issued.clone());
                acknowledged.store(at + 1, Ordering::Release);
                if at % 5 == 4 {
                    world.record(TokenRevoked {
                        origin: Origin(1),
                        sequence: Sequence(i64::try_from(at - 4).unwrap()),
                        cause: Cause::Operator,
                    });
                    revoked.store(at, Ordering::Release);
                }
            }
        });
        for _ in 0..2 {
            scope.spawn(|| {
                // Bounded, so that a writer that fails fails the test.
                for _ in 0..1_000_000 {
                    let gone = revoked.load(Ordering::Acquire);
                    let done = acknowledged.load(Ordering::Acquire);
                    for (at, (raw, _)) in made.iter().enumerate().take(done).skip(done.max(64) - 64)
                    {
                        let reason = reason_at(&ledger, raw, AUDIENCE, START);
                        match reason {
                            None => assert!(at % 5 != 0 || at + 4 > gone, "{at} lives, {gone}"),
                            Some(reason) => {
                                assert_eq!((reason, at % 5), (Reason::Revoked, 0));
                            }
                        }
                    }
                    // Not recorded yet: behind, or live by now; never an incident.
                    if let Some((raw, _)) = made.get(done) {
                        let reason = reason_at(&ledger, raw, AUDIENCE, START);
                        let known = [None, Some(Reason::LedgerBehind), Some(Reason::Revoked)];
                        assert!(known.contains(&reason), "{reason:?}");
                    } else {
                        return;
                    }
                    std::thread::yield_now();
                }
            });
        }
    });
}
