//! See `ephemeral_test_support::fuzz::session_sequence`.

#![no_main]

use ephemeral_test_support::fuzz::session_sequence;

libfuzzer_sys::fuzz_target!(|data: &[u8]| session_sequence::check(data));
