//! Fuzzes the ledger's snapshot: the frames of a file, and each part behind a right MAC.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ward_ledger::fuzz_snapshot(bytes));
