//! See `ephemeral_test_support::fuzz::http_request`.

#![no_main]

use ephemeral_test_support::fuzz::http_request;

libfuzzer_sys::fuzz_target!(|data: &[u8]| http_request::check(data));
