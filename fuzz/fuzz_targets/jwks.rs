//! Fuzzes the reader of a foreign issuer's keys and metadata.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ward_tokens::foreign::jwks::fuzz(bytes));
