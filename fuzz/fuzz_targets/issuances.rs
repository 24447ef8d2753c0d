//! Fuzzes the reader of a foreign issuer's reports.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ward_tokens::foreign::report::fuzz(bytes));
