//! See `tests/support/fuzz/configuration.rs`.

#![no_main]

#[path = "../../tests/support/fuzz/configuration.rs"]
mod configuration;

libfuzzer_sys::fuzz_target!(|data: &[u8]| configuration::check(data));
