//! An invite that is taken is written as it was read.

#![no_main]

use ephemeral_e2e::authority::Authority;
use ephemeral_e2e::invite::Invite;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(own) = Authority::loopback("localhost:8080") else { return };
    if let Ok(invite) = Invite::from_bytes(data, &own) {
        assert_eq!(*invite.to_bytes(), data);
    }
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(invite) = Invite::from_text(text, &own)
    {
        assert_eq!(Invite::from_text(&invite.to_text(), &own), Ok(invite));
    }
});
