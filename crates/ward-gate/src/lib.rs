//! The doors and the life of a read.
