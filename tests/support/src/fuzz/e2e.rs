//! Fuzzing: the parsers of the end-to-end encryption, each with any bytes.
//!
//! What is taken is written as it was read, so that nothing has two spellings.

use ephemeral_e2e::authority::Authority;
use ephemeral_e2e::bytes::{Key, Secret};
use ephemeral_e2e::card::{Card, CardKeys};
use ephemeral_e2e::core::Core;
use ephemeral_e2e::envelope::{Address, from_text, open, seal, to_text};
use ephemeral_e2e::invite::Invite;
use ephemeral_e2e::payload::{Content, Payload};
use ephemeral_e2e::roster::Roster;
use ephemeral_e2e::roster::delta::Delta;
use ephemeral_e2e::vault;

/// Returns the authority of one's own server, which is on this machine.
fn own() -> Authority {
    Authority::loopback("localhost:8080").expect("a name of this machine")
}

/// Panics if an invite that is taken is not written as it was read.
pub fn invite(data: &[u8]) {
    if let Ok(invite) = Invite::from_bytes(data, &own()) {
        assert_eq!(*invite.to_bytes(), data);
    }
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(invite) = Invite::from_text(text, &own())
    {
        assert_eq!(Invite::from_text(&invite.to_text(), &own()), Ok(invite));
    }
}

/// Panics if a card that is taken is not written as it was read, or cannot be sealed to.
pub fn card(data: &[u8]) {
    let Ok(card) = Card::from_bytes(data, &own()) else { return };
    assert_eq!(*card.to_bytes(), data);
    let address = Address { mailbox: &Key([1; 32]), psk: &card.psk, id: &card.id(), kem: &card.kem };
    assert!(seal(address, 1, b"contents", 0).is_ok());
}

/// Panics if an envelope opens that was not sealed to the card, or one that was does not give back
/// what went in.
pub fn envelope(data: &[u8]) {
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
        let opened = open(&keys, &mailbox, &envelope).expect("what was sealed opens");
        assert_eq!((opened.number, opened.contents.as_slice()), (5, data));
    }
}

/// Panics if a payload that is taken means something else when it is written and read again.
pub fn payload(data: &[u8]) {
    let Ok(payload) = Payload::from_bytes(data) else { return };
    assert_eq!(Payload::from_bytes(&payload.to_bytes()).as_ref(), Ok(&payload));
    if let Some(Content::File(chunk)) = &payload.content {
        let name = chunk.safe_name();
        assert!(!name.contains(['/', '\\', '\0', '\n']) && !name.starts_with('.') && !name.is_empty());
    }
}

/// Reads a delta, and a roster that the key in the first 32 bytes signed.
pub fn roster(data: &[u8]) {
    let _ = Delta::from_bytes(data, &own());
    if let Some((admin, signed)) = data.split_first_chunk::<32>() {
        let _ = Roster::from_signed(signed, &Key(*admin), &own());
    }
}

/// Panics if a state file that is taken is not written as it was read. What is shorter is also read
/// filled up with zeros.
pub fn vault(data: &[u8]) {
    let mut filled = data.to_vec();
    filled.resize(data.len().next_multiple_of(vault::BLOCK), 0);
    for file in [data, &filled] {
        if let Ok(state) = vault::decode(file) {
            assert_eq!(vault::encode(state).map(|file| file.to_vec()).as_deref(), Ok(file));
        }
    }
}

/// Opens a state, which only its owner can write, and goes on with it.
pub fn state(data: &[u8]) {
    if let Ok(mut core) = Core::open(data, 0) {
        let _ = core.tick(1_000);
        let _ = core.commit(|_| Ok::<(), ()>(()));
    }
}
