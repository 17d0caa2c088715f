//! See `ephemeral_test_support::fuzz::e2e::card`.

#![no_main]

use ephemeral_test_support::fuzz::e2e;

libfuzzer_sys::fuzz_target!(|data: &[u8]| e2e::card(data));
