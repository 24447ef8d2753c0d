//! Fuzzes what looks for API keys and tokens in text, and what reads forwarded addresses.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ward_tokens::inspect::fuzz_inspect(bytes));
