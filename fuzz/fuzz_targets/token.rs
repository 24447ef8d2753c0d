//! Fuzzes the token parser and the API key parser against a ledger that has issued nothing.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ward_ledger::testing::fuzz_token(bytes));
