//! Neither the text of an envelope nor what is in one under a key that everybody knows makes anything panic.

#![no_main]

use ephemeral_e2e::bytes::{Key, Secret};
use ephemeral_e2e::card::CardKeys;
use ephemeral_e2e::envelope::{Address, from_text, open, seal, to_text};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let keys = CardKeys::from_parts(Secret::new([1; 32]), Secret::new([2; 32]));
    let mailbox = Key([3; 32]);
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(envelope) = from_text(text)
    {
        assert_eq!(to_text(&envelope), text);
        assert!(open(&keys, &mailbox, &envelope).is_err());
    }
    let kem = keys.kem();
    let address = Address { mailbox: &mailbox, psk: keys.psk(), id: keys.id(), kem: &kem };
    if let Ok(envelope) = seal(address, 5, data, 0) {
        assert_eq!(*open(&keys, &mailbox, &envelope).map(|opened| opened.contents).unwrap_or_default(), data);
    }
});
