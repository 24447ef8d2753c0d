//! How long a source, or whoever speaks of a person, waits after failed proofs. Pure.
//!
//! What it must never do: keep out a proof that holds (whoever asks here lets those through), or
//! grow. One source's failures slow that source and nobody else.
//! Best test: at the end of this file.

use std::collections::HashMap;

use ward_model::{PersonId, UnixMillis};

use crate::limits::{FAILURES_FREE, FAILURES_KEPT_MS, SLOWED_MAX, WAIT_FIRST_MS, WAIT_MS_MAX};

/// Who is slowed down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Slowed {
    /// A source, as [`prefix_of`] gives it.
    Source([u8; 16]),
    /// Attempts that name a person, by way of a credential that is his.
    Person(PersonId),
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    last: UnixMillis,
}

/// Failed proofs of the last quarter of an hour; bounded.
#[derive(Debug, Default)]
pub struct Throttle(HashMap<Slowed, Failures>);

impl Throttle {
    /// How long `who` must wait before he may fail again, milliseconds; 0 when he may at once.
    #[must_use]
    pub fn wait_ms(&self, who: Slowed, now: UnixMillis) -> i64 {
        let Some(it) = self.0.get(&who).filter(|it| it.is_kept(now)) else { return 0 };
        if it.count <= FAILURES_FREE {
            return 0;
        }
        let doublings = (it.count - FAILURES_FREE - 1).min(16);
        let wait = (WAIT_FIRST_MS << doublings).min(WAIT_MS_MAX);
        // WHY the bounds: a clock set back must not make anybody wait for longer.
        wait.saturating_sub(now.since(it.last)).clamp(0, wait)
    }

    /// A proof failed.
    pub fn failed(&mut self, who: Slowed, now: UnixMillis) {
        self.0.retain(|_, it| it.is_kept(now));
        if self.0.len() >= SLOWED_MAX && !self.0.contains_key(&who) {
            let quietest = self.0.iter().min_by_key(|(_, it)| it.last).map(|(who, _)| *who);
            if let Some(quietest) = quietest {
                self.0.remove(&quietest);
            }
        }
        let it = self.0.entry(who).or_insert(Failures { count: 0, last: now });
        *it = Failures { count: it.count.saturating_add(1), last: now };
    }

    /// A person proved who he is: what others tried in his name is forgotten. WHY not the source's
    /// failures: whoever has one good credential could go on guessing at others.
    pub fn proved(&mut self, person: PersonId) {
        self.0.remove(&Slowed::Person(person));
    }
}

impl Failures {
    fn is_kept(&self, now: UnixMillis) -> bool {
        now.since(self.last).abs() < FAILURES_KEPT_MS
    }
}

/// The part of an address that one holder has to himself: the /48 of IPv6, the /24 of a v4-mapped
/// address.
#[must_use]
pub fn prefix_of(source: [u8; 16]) -> [u8; 16] {
    let is_v4 = source.iter().take(10).all(|byte| *byte == 0)
        && source.iter().skip(10).take(2).all(|byte| *byte == 0xff);
    let kept = if is_v4 { 15 } else { 6 };
    let mut prefix = [0; 16];
    for (to, from) in prefix.iter_mut().zip(source).take(kept) {
        *to = from;
    }
    prefix
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis::new(1_700_000_000_000);

    fn one(number: u8) -> Slowed {
        Slowed::Source(prefix_of([number; 16]))
    }

    #[test]
    fn waits_double_end_and_are_forgotten() {
        struct Case {
            failures: u32,
            later_ms: i64,
            want: i64,
        }
        const CASES: [Case; 9] = [
            Case { failures: 0, later_ms: 0, want: 0 },
            Case { failures: 5, later_ms: 0, want: 0 },
            Case { failures: 6, later_ms: 0, want: 1000 },
            Case { failures: 6, later_ms: 400, want: 600 },
            Case { failures: 6, later_ms: 1000, want: 0 },
            Case { failures: 8, later_ms: 0, want: 4000 },
            Case { failures: 500, later_ms: 0, want: WAIT_MS_MAX },
            Case { failures: 500, later_ms: -100_000, want: WAIT_MS_MAX },
            Case { failures: 500, later_ms: FAILURES_KEPT_MS, want: 0 },
        ];
        for Case { failures, later_ms, want } in CASES {
            let mut throttle = Throttle::default();
            for _ in 0..failures {
                throttle.failed(one(1), NOW);
            }
            let at = NOW.plus_ms(later_ms);
            assert_eq!(throttle.wait_ms(one(1), at), want, "{failures} {later_ms}");
            assert_eq!(throttle.wait_ms(one(2), at), 0, "another source never waits");
        }
    }

    #[test]
    fn a_proof_frees_its_person_and_not_its_source() {
        let (mut throttle, person) = (Throttle::default(), PersonId([1; 16]));
        for _ in 0..9 {
            throttle.failed(Slowed::Person(person), NOW);
            throttle.failed(one(1), NOW);
        }
        assert!(throttle.wait_ms(Slowed::Person(person), NOW) > 0);
        throttle.proved(person);
        assert_eq!(throttle.wait_ms(Slowed::Person(person), NOW), 0);
        assert!(throttle.wait_ms(one(1), NOW) > 0);
    }

    #[test]
    fn the_table_is_bounded() {
        let mut throttle = Throttle::default();
        for number in 0..2 * SLOWED_MAX {
            let mut source = [0xfd; 16];
            source[..4].copy_from_slice(&u32::try_from(number).unwrap().to_be_bytes());
            throttle.failed(Slowed::Source(source), NOW.plus_ms(number.try_into().unwrap()));
        }
        assert_eq!(throttle.0.len(), SLOWED_MAX);
    }

    #[test]
    fn a_source_is_what_one_holder_has() {
        let v4 = |last| [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, last];
        assert_eq!(prefix_of(v4(7)), v4(0));
        let six = [0x20, 1, 0xd, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
        assert_eq!(prefix_of(six), [0x20, 1, 0xd, 0xb8, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    }
}
