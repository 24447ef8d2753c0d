//! Repeatable numbers for made-up data: the same seed always draws the same shop.
//! Never used for anything secret. A draw is named by (seed, stream, n), so any row can be made
//! again without the rows before it. Best test: `tests/shop.rs`, `generation_is_repeatable`.

/// One row's own sequence of numbers.
#[derive(Debug, Clone)]
pub(crate) struct Draw(u64);

impl Draw {
    /// The sequence of row `n` of `stream`.
    pub(crate) fn new(seed: u64, stream: u64, n: i64) -> Self {
        let mut state = mix(seed ^ 0x5348_4F50_5348_4F50);
        state = mix(state ^ stream);
        Self(mix(state ^ n.unsigned_abs()))
    }

    /// The next 64 bits (SplitMix64).
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    /// A number in `0..bound`; 0 when `bound` is 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.bits().checked_rem(bound).unwrap_or(0)
    }

    /// One of `from`; `None` only when it is empty.
    pub(crate) fn of<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let len = u64::try_from(from.len()).unwrap_or(0);
        from.get(usize::try_from(self.below(len)).unwrap_or(0))
    }

    /// One of `words`; empty only when there are none.
    pub(crate) fn word(&mut self, words: &[&'static str]) -> &'static str {
        self.of(words).copied().unwrap_or("")
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
