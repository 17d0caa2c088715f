//! A payload that is taken means the same when it is written and read again.

#![no_main]

use ephemeral_e2e::payload::{Content, Payload};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(payload) = Payload::from_bytes(data) else { return };
    assert_eq!(Payload::from_bytes(&payload.to_bytes()).as_ref(), Ok(&payload));
    if let Some(Content::File(chunk)) = &payload.content {
        let name = chunk.safe_name();
        assert!(!name.contains(['/', '\\', '\0', '\n']) && !name.starts_with('.') && !name.is_empty());
    }
});
