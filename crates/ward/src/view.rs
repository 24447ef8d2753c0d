//! Views that only the program's own pages and commands need.

pub mod pulse;
pub mod recent;
