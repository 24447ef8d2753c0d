//! Which exact tokens had a good signature: remembered, so that each is verified once.
//!
//! A fixed field of 64-bit keyed hashes; a newer token takes an older one's place, and a place that
//! was lost costs one more verification. Readers and writers never wait.

use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::OnceLock;

/// Places: 2 MiB, taken with the first foreign token.
const PLACES: usize = 1 << 18;

pub(super) struct Verified(OnceLock<Box<[AtomicU64]>>);

impl Verified {
    pub(super) const fn new() -> Self {
        Self(OnceLock::new())
    }

    /// Whether this exact token's signature was found to be good.
    pub(super) fn contains(&self, exact: u64) -> bool {
        let places = self.0.get();
        let place = places.and_then(|places| places.get(at(exact)));
        place.is_some_and(|place| place.load(Ordering::Relaxed) == exact)
    }

    pub(super) fn remember(&self, exact: u64) {
        let places = self.0.get_or_init(|| (0..PLACES).map(|_| AtomicU64::new(0)).collect());
        if let Some(place) = places.get(at(exact)) {
            place.store(exact, Ordering::Relaxed);
        }
    }
}

fn at(exact: u64) -> usize {
    usize::try_from(exact & 0x3_ffff).unwrap_or(0)
}

const _: () = assert!(PLACES == 0x3_ffff + 1);
