//! Fuzzes what the transit door is asked to sign: `cargo fuzz run transit`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ward_ledger::testing::fuzz_input(bytes));
