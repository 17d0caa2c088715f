//! See `tests/support/fuzz/client_frame.rs`.

#![no_main]

#[path = "../../tests/support/fuzz/client_frame.rs"]
mod client_frame;

libfuzzer_sys::fuzz_target!(|data: &[u8]| client_frame::check(data));
