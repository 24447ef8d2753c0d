//! A set of numbers that costs nothing extra while it holds one.
//!
//! WHY: most identities touch one data subject a day (a customer his own page); only heavy ones
//! need a bitmap. Bitmaps are shared with answers under way and copied when written to meanwhile.

use std::sync::Arc;

use roaring::RoaringTreemap;

/// Numbers, exactly.
#[derive(Clone, Debug, Default)]
pub(crate) enum Set {
    #[default]
    Empty,
    One(u64),
    Many(Arc<RoaringTreemap>),
}

impl Set {
    pub(crate) fn insert(&mut self, number: i64) {
        let number = number.cast_unsigned();
        match self {
            Self::Empty => *self = Self::One(number),
            Self::One(held) if *held == number => {}
            Self::One(held) => {
                *self = Self::Many(Arc::new(RoaringTreemap::from([*held, number])));
            }
            Self::Many(bitmap) => {
                Arc::make_mut(bitmap).insert(number);
            }
        }
    }

    /// Adds these numbers to `sum`.
    pub(crate) fn add_to(&self, sum: &mut RoaringTreemap) {
        match self {
            Self::Empty => {}
            Self::One(number) => {
                sum.insert(*number);
            }
            Self::Many(bitmap) => *sum |= &**bitmap,
        }
    }

    /// Bytes on the heap, as serialised.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Many(bitmap) => bitmap.serialized_size(),
            Self::Empty | Self::One(_) => 0,
        }
    }
}
