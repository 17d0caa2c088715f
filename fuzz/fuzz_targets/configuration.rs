//! See `ephemeral_test_support::fuzz::configuration`.

#![no_main]

use ephemeral_test_support::fuzz::configuration;

libfuzzer_sys::fuzz_target!(|data: &[u8]| configuration::check(data));
