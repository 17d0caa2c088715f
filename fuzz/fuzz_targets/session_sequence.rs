//! See `tests/support/fuzz/session_sequence.rs`.

#![no_main]

#[path = "../../tests/support/fuzz/session_sequence.rs"]
mod session_sequence;

libfuzzer_sys::fuzz_target!(|data: &[u8]| session_sequence::check(data));
