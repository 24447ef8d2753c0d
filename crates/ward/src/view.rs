//! Views that only the program's own pages and commands need.

pub mod live;
pub mod pulse;
pub mod recent;
pub mod uses;
