//! Routes, fields and data classes of a company; pure.
