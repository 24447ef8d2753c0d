//! Reading records back: what the archive needs of a journal.

use core::convert::Infallible;
use core::ops::Range;

use ward_model::{Position, Record};

/// Records by leaf index.
pub trait Leaves {
    /// Why they could not be read.
    type Error;

    /// Calls `visit` for every leaf of `range`, in order, each exactly once.
    ///
    /// # Errors
    /// The range could not be read whole; the answer that needed it is not given.
    fn each(
        &self,
        range: Range<i64>,
        visit: &mut dyn FnMut(Position, &Record),
    ) -> Result<(), Self::Error>;
}

/// Any function with the shape of [`Leaves::each`] will do.
impl<F, E> Leaves for F
where
    F: Fn(Range<i64>, &mut dyn FnMut(Position, &Record)) -> Result<(), E>,
{
    type Error = E;

    fn each(&self, range: Range<i64>, visit: &mut dyn FnMut(Position, &Record)) -> Result<(), E> {
        self(range, visit)
    }
}

impl Leaves for [(Position, Record)] {
    type Error = Infallible;

    fn each(
        &self,
        range: Range<i64>,
        visit: &mut dyn FnMut(Position, &Record),
    ) -> Result<(), Infallible> {
        for (at, record) in self.iter().filter(|(at, _)| range.contains(&at.index.0)) {
            visit(*at, record);
        }
        Ok(())
    }
}
