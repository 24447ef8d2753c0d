//! The tamper-evident journal: append, follow, prove.
