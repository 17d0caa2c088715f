//! See `ephemeral_test_support::fuzz::client_frame`.

#![no_main]

use ephemeral_test_support::fuzz::client_frame;

libfuzzer_sys::fuzz_target!(|data: &[u8]| client_frame::check(data));
