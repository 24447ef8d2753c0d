//! Fuzzes files of the operators' record: `cargo fuzz run record`. The body is
//! `ward_operators::history::file::fuzz_file`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ward_operators::history::file::fuzz_file(bytes));
