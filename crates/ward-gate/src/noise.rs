//! Noise: refusals of nobody known, counted instead of recorded one by one.
//!
//! One record per (source prefix, reason, minute), so that a flood cannot fill the journal, and a
//! bounded memory of the last ones by request id, so that an operator who asks gets the reason.
//! Nothing is lost silently: what a full book cannot tell apart is counted under prefix zero.
//! Best test: at the end of this file.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ward_model::record::RefusalsCounted;
use ward_model::{AccessId, Reason, UnixMillis};

/// Most (prefix, reason) pairs told apart in one minute.
const PAIRS_MAX: usize = 10_000;
/// How many refused requests are remembered by id.
const REMEMBERED_MAX: usize = 100_000;
const MINUTE_MS: i64 = 60_000;

/// A refused request that was counted: the only other maker of a refusal besides the journal.
pub struct Counted(());

/// The book of noise.
#[derive(Default)]
pub struct Noise(Mutex<Book>);

#[derive(Default)]
struct Book {
    minute: UnixMillis,
    counts: HashMap<([u8; 16], Reason), i64>,
    remembered: HashMap<AccessId, Reason>,
    order: VecDeque<AccessId>,
    ready: Vec<RefusalsCounted>,
}

impl Noise {
    /// Counts a refusal.
    pub fn count(
        &self,
        access: AccessId,
        source: IpAddr,
        reason: Reason,
        now: UnixMillis,
    ) -> Counted {
        let mut book = self.lock();
        book.turn(now);
        let prefix = prefix(source);
        let known = book.counts.contains_key(&(prefix, reason));
        let room = book.counts.len() < PAIRS_MAX;
        let key = if known || room { (prefix, reason) } else { ([0; 16], reason) };
        *book.counts.entry(key).or_default() += 1;
        book.remember(access, reason);
        Counted(())
    }

    /// The reason of a refusal counted not long ago.
    #[must_use]
    pub fn reason(&self, access: AccessId) -> Option<Reason> {
        self.lock().remembered.get(&access).copied()
    }

    /// Takes the counts of every minute that has passed; `all` takes the running one too (at stop).
    pub fn take(&self, now: UnixMillis, all: bool) -> Vec<RefusalsCounted> {
        let mut book = self.lock();
        book.turn(now);
        if all {
            book.close();
        }
        std::mem::take(&mut book.ready)
    }

    /// Puts counts back that the journal would not take.
    pub fn put_back(&self, counts: Vec<RefusalsCounted>) {
        let mut book = self.lock();
        for count in counts {
            let same = book.ready.iter_mut().find(|one| {
                one.prefix == count.prefix
                    && one.reason == count.reason
                    && one.minute == count.minute
            });
            match same {
                Some(one) => one.count += count.count,
                None => book.ready.push(count),
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn turn(&mut self, now: UnixMillis) {
        let minute = UnixMillis::new(now.ms().div_euclid(MINUTE_MS) * MINUTE_MS);
        if minute != self.minute {
            self.close();
            self.minute = minute;
        }
    }

    fn close(&mut self) {
        let minute = self.minute;
        let counts = self.counts.drain();
        self.ready.extend(counts.map(|((prefix, reason), count)| RefusalsCounted {
            prefix,
            reason,
            minute,
            count,
        }));
    }

    fn remember(&mut self, access: AccessId, reason: Reason) {
        if self.order.len() >= REMEMBERED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.remembered.remove(&oldest);
        }
        self.order.push_back(access);
        self.remembered.insert(access, reason);
    }
}

/// The address as a record keeps it: IPv6, or v4-mapped.
#[must_use]
pub fn source_bytes(source: IpAddr) -> [u8; 16] {
    match source {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    }
}

/// Its /48, or the v4-mapped /24.
fn prefix(source: IpAddr) -> [u8; 16] {
    let mut bytes = source_bytes(source);
    let kept = if source.is_ipv4() { 15 } else { 6 };
    for byte in bytes.iter_mut().skip(kept) {
        *byte = 0;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u64) -> AccessId {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&n.to_le_bytes());
        AccessId(bytes)
    }

    #[test]
    fn a_flood_becomes_one_record_a_minute_and_nothing_is_lost() {
        let noise = Noise::default();
        let source = IpAddr::from([10, 0, 0, 7]);
        for n in 0..1000 {
            noise.count(id(n), source, Reason::Malformed, UnixMillis::new(n as i64));
        }
        assert!(noise.take(UnixMillis::new(2000), false).is_empty());
        let records = noise.take(UnixMillis::new(60_000), false);
        assert_eq!(records.len(), 1);
        assert_eq!(records[0].count, 1000);
        assert_eq!(records[0].prefix, source_bytes(IpAddr::from([10, 0, 0, 0])));
        assert_eq!(noise.reason(id(3)), Some(Reason::Malformed));
        noise.put_back(records);
        assert_eq!(noise.take(UnixMillis::new(60_000), true)[0].count, 1000);
    }

    #[test]
    fn too_many_prefixes_are_still_counted() {
        let noise = Noise::default();
        let many = u32::try_from(2 * PAIRS_MAX).unwrap();
        for n in 0..many {
            let source = IpAddr::from((n << 8).to_be_bytes());
            noise.count(id(n.into()), source, Reason::Malformed, UnixMillis::new(1));
        }
        let records = noise.take(UnixMillis::new(1), true);
        assert!(records.len() <= PAIRS_MAX + 1);
        assert_eq!(records.iter().map(|one| one.count).sum::<i64>(), i64::from(many));
    }
}
