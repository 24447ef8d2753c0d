//! Foreign issuers: their published keys, and what they report.
//!
//! What it is: key sets read and compared ([`jwks`]), reports read ([`report`]) and recorded one by
//! one or in batches ([`desk`]), and the door they come through ([`http`]). What a token of theirs
//! may do is the ledger's (`ward_ledger::foreign`).
//! What it must never do: fetch anything; acknowledge a report whose record is not durable; take a
//! key set in part; record a report twice.
//! Best tests: `jwks/tests.rs`, `report.rs`, `desk/tests.rs`; whole, `interop/foreign.py`.

pub mod desk;
pub mod http;
pub mod jwks;
pub mod report;
