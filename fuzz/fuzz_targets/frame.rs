//! Fuzzes the journal's frames: `cargo fuzz run frame`. The body is `ward_journal::fuzz_frame`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ward_journal::fuzz_frame(bytes));
