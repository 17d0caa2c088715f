//! Parsers stand what is nearly right: frozen examples with bytes changed, cut off or added.
//!
//! What is taken is written as it was read, so that nothing has two spellings.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::sync::LazyLock;

use data_encoding::HEXLOWER;
use ephemeral_e2e::authority::Authority;
use ephemeral_e2e::bytes::Key;
use ephemeral_e2e::card::Card;
use ephemeral_e2e::invite::Invite;
use ephemeral_e2e::payload::Payload;
use ephemeral_e2e::roster::Roster;
use ephemeral_e2e::roster::delta::Delta;
use ephemeral_e2e::vault;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;

fn load(name: &str) -> Value {
    let path = format!("{}/../../docs/vectors/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    HEXLOWER.decode(value.as_str().unwrap().as_bytes()).unwrap()
}

fn own() -> Authority {
    Authority::loopback("localhost:8080").unwrap()
}

static INVITES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let vectors = load("invites");
    let texts = vectors["invites"].as_array().unwrap().iter().map(|vector| vector["text"].as_str().unwrap().to_owned());
    texts.map(|text| Invite::from_text(&text, &own()).unwrap().to_bytes().to_vec()).collect()
});
static CARDS: LazyLock<Vec<Vec<u8>>> =
    LazyLock::new(|| load("cards").as_array().unwrap().iter().map(|vector| bytes(&vector["card"])).collect());
static PAYLOADS: LazyLock<Vec<Vec<u8>>> =
    LazyLock::new(|| load("payloads").as_array().unwrap().iter().map(|vector| bytes(&vector["payload"])).collect());
type Examples = Vec<Vec<u8>>;

/// The admin's key, rosters, deltas.
static ROSTERS: LazyLock<(Key, Examples, Examples)> = LazyLock::new(|| {
    let vectors = load("rosters");
    let admin = Key(bytes(&vectors["admin"]).try_into().unwrap());
    let rosters = vectors["rosters"].as_array().unwrap().iter().map(|vector| bytes(&vector["signed"])).collect();
    (admin, rosters, vectors["deltas"].as_array().unwrap().iter().map(bytes).collect())
});

/// Changes an example: some bytes anywhere, and the end.
fn changed(examples: &[Vec<u8>], which: usize, changes: &[(usize, u8)], end: i8) -> Vec<u8> {
    let mut example = examples[which % examples.len()].clone();
    for (at, value) in changes {
        let at = at % example.len();
        example[at] ^= value;
    }
    let length = example.len().saturating_add_signed(isize::from(end));
    example.resize(length, 0);
    example
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn an_invite_that_is_taken_has_one_spelling(
        which in 0usize..4, changes in vec((0usize..2_000, any::<u8>()), 0..4), end in -3i8..3,
    ) {
        let example = changed(&INVITES, which, &changes, end);
        if let Ok(invite) = Invite::from_bytes(&example, &own()) {
            prop_assert_eq!(invite.to_bytes().to_vec(), example);
        }
    }

    #[test]
    fn a_card_that_is_taken_has_one_spelling(
        which in 0usize..2, changes in vec((0usize..2_000, any::<u8>()), 0..4), end in -3i8..3,
    ) {
        let example = changed(&CARDS, which, &changes, end);
        if let Ok(card) = Card::from_bytes(&example, &own()) {
            prop_assert_eq!(card.to_bytes().to_vec(), example);
        }
    }

    #[test]
    fn a_payload_that_is_taken_means_the_same_when_written_again(
        which in 0usize..4, changes in vec((0usize..2_000, any::<u8>()), 0..4), end in -3i8..3,
    ) {
        let example = changed(&PAYLOADS, which, &changes, end);
        if let Ok(payload) = Payload::from_bytes(&example) {
            prop_assert_eq!(Payload::from_bytes(&payload.to_bytes()), Ok(payload));
        }
    }

    #[test]
    fn a_roster_or_delta_that_was_changed_is_refused(
        which in 0usize..3, changes in vec((0usize..5_000, 1u8..), 1..2), end in -3i8..3,
    ) {
        let (admin, rosters, deltas) = &*ROSTERS;
        let authority = Authority::from_onion_key(&Key([9; 32]), 80);
        let roster = changed(rosters, which, &changes, end);
        prop_assert!(Roster::from_signed(&roster, admin, &authority).is_err());
        let delta = changed(deltas, which, &changes, end);
        let before = Roster::from_signed(&rosters[which % deltas.len()], admin, &authority).unwrap();
        if let Ok(delta) = Delta::from_bytes(&delta, &authority) {
            prop_assert!(before.follow(&delta).is_err());
        }
    }

    #[test]
    fn a_state_file_that_is_taken_has_one_spelling(file in vec(any::<u8>(), 0..64)) {
        let mut padded = b"EMS1\0\0\0".to_vec();
        padded.extend_from_slice(&file);
        padded.resize(vault::BLOCK, 0);
        if let Ok(state) = vault::decode(&padded) {
            prop_assert_eq!(vault::encode(state).unwrap().to_vec(), padded);
        }
    }
}
