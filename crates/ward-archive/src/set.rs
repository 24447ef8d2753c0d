//! A set of numbers that costs nothing extra while it holds one.
//!
//! WHY: most identities touch one data subject a day (a customer his own page); only heavy ones
//! need a bitmap. Bitmaps are shared with answers under way and copied when written to meanwhile.

use std::sync::Arc;

use roaring::{MultiOps as _, RoaringTreemap};

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

    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Empty => 0,
            Self::One(_) => 1,
            Self::Many(bitmap) => bitmap.len(),
        }
    }

    /// The lowest and the highest number, as unsigned.
    pub(crate) fn ends(&self) -> Option<(u64, u64)> {
        match self {
            Self::Empty => None,
            Self::One(number) => Some((*number, *number)),
            Self::Many(bitmap) => bitmap.min().zip(bitmap.max()),
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

/// Every number of some sets.
pub(crate) fn union<'s>(sets: impl Iterator<Item = &'s Set>) -> RoaringTreemap {
    let mut ones = Vec::new();
    let mut many = Vec::new();
    for set in sets {
        match set {
            Set::Empty => {}
            Set::One(number) => ones.push(*number),
            Set::Many(bitmap) => many.push(&**bitmap),
        }
    }
    let mut sum = many.union();
    ones.sort_unstable();
    sum.extend(ones);
    sum
}
