//! The gate: the doors through which records are read, and the life of a read.
pub mod exposure;
pub mod headers;
pub mod intent;
pub mod limits;
pub mod noise;
pub mod present;
