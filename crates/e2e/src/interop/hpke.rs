//! HPKE with X-Wing against hpke-js (npm's `@hpke/core`, `@hpke/hybridkem-x-wing`,
//! `@hpke/chacha20poly1305`).

use data_encoding::HEXLOWER;
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::XWing;
use hpke::{Deserializable as _, Kem, OpModeR, OpModeS, PskBundle, Serializable as _};
use serde_json::{Value, json};

use super::Node;
use crate::bytes::{Key, Secret};
use crate::card::CardKeys;
use crate::envelope::{Address, SIZES, open, seal};
use crate::label::label;

const INFO: &[u8] = b"info";
const AAD: &[u8] = b"aad";

fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

fn bytes(answer: &Value, name: &str) -> Vec<u8> {
    let digits = answer[name].as_str().unwrap_or_else(|| panic!("{answer}"));
    HEXLOWER.decode(digits.as_bytes()).unwrap()
}

fn ask(node: &mut Node, question: &Value) -> Value {
    serde_json::from_str(&node.ask(&question.to_string())).unwrap()
}

type Public = <XWing as Kem>::PublicKey;
type Private = <XWing as Kem>::PrivateKey;
type Enc = <XWing as Kem>::EncappedKey;

/// Returns a question, with the PSK if there is one.
fn question(mut question: Value, psk: Option<(&[u8], &[u8])>) -> Value {
    if let Some((psk, id)) = psk {
        question["psk"] = hex(psk).into();
        question["psk_id"] = hex(id).into();
    }
    question
}

fn both_directions(node: &mut Node, keys: &CardKeys, psk: Option<(&[u8], &[u8])>) {
    let bundle = || psk.map(|(psk, id)| PskBundle::new(psk, id).unwrap());
    let plain = b"what is inside";

    let sender = bundle().map_or(OpModeS::Base, OpModeS::Psk);
    let public = Public::from_bytes(&keys.kem()).unwrap();
    let sealed = hpke::single_shot_seal::<ChaCha20Poly1305, HkdfSha256, XWing>(&sender, &public, INFO, plain, AAD);
    let (enc, sealed) = sealed.unwrap();
    let info = hex(INFO);
    let aad = hex(AAD);
    let asked = json!({ "seed": hex(keys.seed().expose()), "enc": hex(&enc.to_bytes()), "sealed": hex(&sealed),
        "info": info, "aad": aad });
    assert_eq!(bytes(&ask(node, &question(asked, psk)), "plain"), plain);

    let asked = json!({ "kem": hex(&keys.kem()), "plain": hex(plain), "info": info, "aad": aad });
    let answer = ask(node, &question(asked, psk));
    let enc = Enc::from_bytes(&bytes(&answer, "enc")).unwrap();
    let private = Private::from_bytes(keys.seed().expose()).unwrap();
    let receiver = bundle().map_or(OpModeR::Base, OpModeR::Psk);
    let sealed = bytes(&answer, "sealed");
    let opened =
        hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, XWing>(&receiver, &private, &enc, INFO, &sealed, AAD);
    assert_eq!(opened.unwrap(), plain);
}

#[test]
#[ignore = "needs npm's @hpke packages: tests/interop/run"]
fn hpke_js_opens_what_we_seal_and_seals_what_we_open_in_modes_base_and_psk() {
    let mut node = Node::start("hpke.cjs");
    for _ in 0..10 {
        let keys = CardKeys::generate();
        both_directions(&mut node, &keys, None);
        both_directions(&mut node, &keys, Some((&[7; 32], b"name of the key")));
    }
}

#[test]
#[ignore = "needs npm's @hpke packages: tests/interop/run"]
fn hpke_js_opens_our_envelopes_and_we_open_its() {
    let mut node = Node::start("hpke.cjs");
    let keys = CardKeys::generate();
    let kem = keys.kem();
    let mailbox = Key([3; 32]);
    let address = Address { mailbox: &mailbox, psk: keys.psk(), id: keys.id(), kem: &kem };
    for size in SIZES {
        let envelope = seal(address, 5, b"contents", size).unwrap();
        let psk: Option<(&[u8], &[u8])> = Some((keys.psk().expose(), &keys.id().0));
        let info = hex(label!("envelope"));
        let aad = hex(&mailbox.0);
        let asked = json!({ "seed": hex(keys.seed().expose()), "enc": hex(&envelope[4..1_124]),
            "sealed": hex(&envelope[1_124..]), "info": info, "aad": aad });
        let plain = bytes(&ask(&mut node, &question(asked, psk)), "plain");
        assert_eq!(plain[..16], *b"\0\x08\0\0\0\0\0\x05contents");
        assert!(plain[16..].iter().all(|byte| *byte == 0));

        let asked = json!({ "kem": hex(&kem), "plain": hex(&plain), "info": info, "aad": aad });
        let answer = ask(&mut node, &question(asked, psk));
        let theirs = [&keys.id().0[..4], &bytes(&answer, "enc"), &bytes(&answer, "sealed")].concat();
        let opened = open(&keys, &mailbox, &theirs).unwrap();
        assert_eq!((opened.number, opened.contents.as_slice()), (5, b"contents".as_slice()));
        let other = CardKeys::from_parts(keys.seed().clone(), Secret::random());
        assert!(open(&other, &mailbox, &theirs).is_err());
    }
}
