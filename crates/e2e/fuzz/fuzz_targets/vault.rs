//! A state file that is taken is written as it was read.

#![no_main]

use ephemeral_e2e::vault::{decode, encode};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(state) = decode(data) {
        assert_eq!(encode(state).map(|file| file.to_vec()).as_deref(), Ok(data));
    }
});
