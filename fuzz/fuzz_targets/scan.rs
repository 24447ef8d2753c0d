//! Fuzzes the JSON scanner: `cargo fuzz run scan`. The body is `ward_scan::testing::fuzz_scan`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ward_scan::testing::fuzz_scan(data));
