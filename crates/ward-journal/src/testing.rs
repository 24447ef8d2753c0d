//! A disk that fails as disks do, and the forger's tools: for tests, drills and the tour.
//!
//! Nothing here makes a `Recorded` value.

mod fault;
mod tamper;

pub use fault::{Fail, FaultDisk};
pub use tamper::{change_record, cut_tail, swap_records};
