//! Paired measurement: the thing and its floor or peer in turn, in the same run.
//!
//! Machines are noisy, so a figure alone means little: each round times both, by the CPU time of
//! this thread, and what is printed is the median of the rounds and the median of their ratios.

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds of CPU time this thread has used.
#[must_use]
pub fn thread_cpu_ns() -> u64 {
    nanoseconds(ClockId::ThreadCPUTime)
}

/// Nanoseconds of a clock that only goes forward.
#[must_use]
pub fn monotonic_ns() -> u64 {
    nanoseconds(ClockId::Monotonic)
}

fn nanoseconds(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}

/// What a paired measurement gave.
#[derive(Clone, Copy, Debug)]
pub struct Paired {
    /// Median nanoseconds per operation of the thing.
    pub thing_ns: f64,
    /// Median nanoseconds per operation of the floor or peer.
    pub peer_ns: f64,
    /// Median over rounds of peer / thing: how many times cheaper the thing is.
    pub ratio: f64,
}

/// Runs `rounds` rounds of both. Each closure runs once per round and returns how many operations
/// it did; the first round warms up and is not counted.
pub fn paired(rounds: usize, thing: impl FnMut() -> u64, peer: impl FnMut() -> u64) -> Paired {
    paired_after(rounds, || {}, thing, peer)
}

/// As [`paired`]; `before` runs ahead of each closure, and its time does not count.
pub fn paired_after(
    rounds: usize,
    mut before: impl FnMut(),
    mut thing: impl FnMut() -> u64,
    mut peer: impl FnMut() -> u64,
) -> Paired {
    let (mut things, mut peers, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=rounds {
        before();
        let thing_ns = per_operation(&mut thing);
        before();
        let peer_ns = per_operation(&mut peer);
        if round > 0 {
            things.push(thing_ns);
            peers.push(peer_ns);
            ratios.push(peer_ns / thing_ns);
        }
    }
    Paired { thing_ns: median(things), peer_ns: median(peers), ratio: median(ratios) }
}

fn per_operation(work: &mut impl FnMut() -> u64) -> f64 {
    let start = thread_cpu_ns();
    let done = work().max(1);
    let spent = thread_cpu_ns() - start;
    #[expect(clippy::cast_precision_loss, reason = "a printed figure")]
    let each = spent as f64 / done as f64;
    each.max(0.001)
}

/// The middle of the values; 0 for none.
#[must_use]
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// The value below which `share` (0..=1) of the values lie; 0 for none.
#[must_use]
pub fn quantile(mut values: Vec<f64>, share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index inside the list"
    )]
    let at = ((values.len().saturating_sub(1)) as f64 * share).round() as usize;
    values.get(at).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_the_middle() {
        for (values, want) in [(vec![], 0.0), (vec![3.0, 1.0, 2.0], 2.0), (vec![9.0], 9.0)] {
            assert_eq!(median(values).to_bits(), f64::to_bits(want));
        }
        assert_eq!(quantile((0..=100).map(f64::from).collect(), 0.99).to_bits(), 99f64.to_bits());
    }
}
