//! Neither rosters nor deltas make anything panic, whoever signed them.

#![no_main]

use ephemeral_e2e::authority::Authority;
use ephemeral_e2e::bytes::Key;
use ephemeral_e2e::roster::Roster;
use ephemeral_e2e::roster::delta::Delta;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(own) = Authority::loopback("localhost:8080") else { return };
    let _ = Delta::from_bytes(data, &own);
    if let Some((admin, signed)) = data.split_first_chunk::<32>() {
        let _ = Roster::from_signed(signed, &Key(*admin), &own);
    }
});
