//! The sample company.
