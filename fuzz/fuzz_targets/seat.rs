//! See `ephemeral_test_support::fuzz::seat`.

#![no_main]

use ephemeral_test_support::fuzz::seat;

libfuzzer_sys::fuzz_target!(|data: &[u8]| seat::check(data));
