//! Fuzzes what an authenticator sends: `cargo fuzz run passkey`. The body is
//! `ward_signin::passkey::fuzz_passkey`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ward_signin::passkey::fuzz_passkey(bytes));
