//! A state, which only its owner can write, opens or does not, and commits if it does.

#![no_main]

use ephemeral_e2e::core::Core;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(mut core) = Core::open(data, 0) {
        let _ = core.tick(1_000);
        let _ = core.commit(|_| Ok::<(), ()>(()));
    }
});
