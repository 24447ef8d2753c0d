//! Fuzzes the readers of key files people bring in, of the lock on custody, and of shares.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ward_keys::fuzz(bytes));
