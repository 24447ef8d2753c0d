//! Ceremonies that wait for their answer: bounded, in memory, each answered once and in time. Pure.
//!
//! What it must never do: give one twice, give one to another browser, or let one source push out
//! another's. Best test: at the end of this file.

use std::collections::HashMap;

use ward_model::UnixMillis;

use crate::limits::{CEREMONIES_MAX, CEREMONIES_OF_ONE_MAX};
use crate::sessions::Browser;

/// A ceremony's name: 64 lower-case hex digits outside.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CeremonyId([u8; 32]);

impl CeremonyId {
    /// A name of fresh random bytes.
    #[must_use]
    pub const fn new(random: [u8; 32]) -> Self {
        Self(random)
    }

    /// Reads one; nothing else has this form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// As the browser is told it.
    #[must_use]
    pub fn text(self) -> String {
        data_encoding::HEXLOWER.encode(&self.0)
    }
}

/// Where a ceremony began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The browser: only it may go on.
    pub browser: Browser,
    /// The source, for the bounds alone: a laptop changes networks.
    pub prefix: [u8; 16],
}

struct Waiting<T> {
    what: T,
    place: Place,
    began: u64,
    until: UnixMillis,
}

/// What waits.
pub struct Ceremonies<T> {
    waiting: HashMap<CeremonyId, Waiting<T>>,
    began: u64,
}

impl<T> Default for Ceremonies<T> {
    fn default() -> Self {
        Self { waiting: HashMap::new(), began: 0 }
    }
}

impl<T> Ceremonies<T> {
    /// Keeps `what` for `life_ms`.
    pub fn put(&mut self, id: CeremonyId, place: Place, what: T, life_ms: i64, now: UnixMillis) {
        self.waiting.retain(|_, it| it.until > now);
        let of_one = self.waiting.values().filter(|it| it.place.prefix == place.prefix).count();
        if of_one >= CEREMONIES_OF_ONE_MAX {
            self.drop_oldest(place.prefix);
        } else if self.waiting.len() >= CEREMONIES_MAX
            && let Some(most) = self.most()
        {
            self.drop_oldest(most);
        }
        self.began = self.began.wrapping_add(1);
        let until = now.plus_ms(life_ms);
        self.waiting.insert(id, Waiting { what, place, began: self.began, until });
    }

    /// Takes one out: it is gone, whatever comes of it. Nothing when it never was, was taken, is
    /// over, or began in another browser.
    pub fn take(&mut self, id: CeremonyId, browser: Browser, now: UnixMillis) -> Option<T> {
        let it = self.waiting.remove(&id)?;
        (it.until > now && it.place.browser == browser).then_some(it.what)
    }

    /// The source that has most.
    fn most(&self) -> Option<[u8; 16]> {
        let mut counts: HashMap<[u8; 16], usize> = HashMap::new();
        for it in self.waiting.values() {
            *counts.entry(it.place.prefix).or_default() += 1;
        }
        counts.into_iter().max_by_key(|(_, count)| *count).map(|(prefix, _)| prefix)
    }

    fn drop_oldest(&mut self, prefix: [u8; 16]) {
        let of_it = self.waiting.iter().filter(|(_, it)| it.place.prefix == prefix);
        if let Some(id) = of_it.min_by_key(|(_, it)| it.began).map(|(id, _)| *id) {
            self.waiting.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis::new(1_700_000_000_000);

    fn id(number: usize) -> CeremonyId {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        CeremonyId::new(bytes)
    }

    fn place(number: u8) -> Place {
        Place { browser: Browser::of(b"one"), prefix: [number; 16] }
    }

    #[test]
    fn one_is_answered_once_in_time_by_its_browser() {
        let (one, other) = (Browser::of(b"one"), Browser::of(b"other"));
        for (browser, later_ms, found) in
            [(one, 0, true), (one, 999, true), (one, 1000, false), (other, 0, false)]
        {
            let mut table = Ceremonies::default();
            table.put(id(1), place(1), (), 1000, NOW);
            let taken = table.take(id(1), browser, NOW.plus_ms(later_ms));
            assert_eq!(taken.is_some(), found, "{later_ms}");
            assert!(table.take(id(1), one, NOW).is_none(), "and it is gone");
        }
    }

    #[test]
    fn a_flood_pushes_out_its_own() {
        let mut table = Ceremonies::default();
        table.put(id(0), place(0), (), 1000, NOW);
        for number in 1..=10 * CEREMONIES_OF_ONE_MAX {
            table.put(id(number), place(1), (), 1000, NOW);
        }
        assert_eq!(table.waiting.len(), CEREMONIES_OF_ONE_MAX + 1);
        for prefix in 2..=255 {
            for number in 0..CEREMONIES_OF_ONE_MAX {
                let number = usize::from(prefix) * 10_000 + number;
                table.put(id(number), place(prefix), (), 1000, NOW);
            }
        }
        assert!(table.waiting.len() <= CEREMONIES_MAX);
        assert!(table.take(id(0), Browser::of(b"one"), NOW).is_some(), "the quiet one stays");
    }

    #[test]
    fn a_name_has_one_form() {
        let name = CeremonyId::new([0xab; 32]);
        assert!(CeremonyId::parse(&name.text()) == Some(name));
        for bad in ["", "ab", &"AB".repeat(32), &"ab".repeat(33), &"zz".repeat(32)] {
            assert!(CeremonyId::parse(bad).is_none(), "{bad}");
        }
    }
}
