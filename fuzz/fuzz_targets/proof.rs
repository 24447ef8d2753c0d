//! Fuzzes the decoders of DPoP proofs, client assertions, keys and passed-on certificates.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ward_proof::fuzz::proof(bytes));
