//! A card that is taken is written as it was read, and can be sealed to.

#![no_main]

use ephemeral_e2e::authority::Authority;
use ephemeral_e2e::bytes::Key;
use ephemeral_e2e::card::Card;
use ephemeral_e2e::envelope::{Address, seal};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(own) = Authority::loopback("localhost:8080") else { return };
    let Ok(card) = Card::from_bytes(data, &own) else { return };
    assert_eq!(*card.to_bytes(), data);
    let address = Address { mailbox: &Key([1; 32]), psk: &card.psk, id: &card.id(), kem: &card.kem };
    assert!(seal(address, 1, b"contents", 0).is_ok());
});
