//! Reads the frozen vectors of `docs/vectors/` through the public interface, and lets a reader in
//! Python do the same.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::PathBuf;
use std::process::Command;

use data_encoding::HEXLOWER;
use ephemeral_e2e::authority::Authority;
use ephemeral_e2e::bytes::{Key, Secret};
use ephemeral_e2e::card::{Card, CardKeys, sender_seed};
use ephemeral_e2e::envelope::{from_text, open};
use ephemeral_e2e::identity::IdentityProof;
use ephemeral_e2e::invite::Invite;
use ephemeral_e2e::payload::{Content, Payload};
use ephemeral_e2e::roster::Roster;
use ephemeral_e2e::roster::delta::Delta;
use ephemeral_e2e::safety::SafetyNumber;
use serde_json::Value;

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/vectors"))
}

fn load(name: &str) -> Value {
    let text = std::fs::read_to_string(folder().join(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    HEXLOWER.decode(value.as_str().unwrap().as_bytes()).unwrap()
}

fn key(value: &Value) -> Key {
    Key(bytes(value).try_into().unwrap())
}

fn secret(value: &Value) -> Secret {
    Secret::new(key(value).0)
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap()
}

#[test]
fn invites_are_read_as_they_were_frozen() {
    let vectors = load("invites.json");
    let own = Authority::loopback(vectors["own"].as_str().unwrap()).unwrap();
    for vector in list(&vectors["invites"]) {
        let text = vector["text"].as_str().unwrap();
        let invite = Invite::from_text(text, &own).unwrap();
        assert_eq!(*invite.to_text(), text);
        assert_eq!(invite.one_time, vector["one_time"].as_bool().unwrap());
        assert_eq!(u64::from(invite.not_after), vector["not_after"].as_u64().unwrap());
        assert_eq!(invite.authority.as_str(), vector["authority"].as_str().unwrap());
        assert_eq!(invite.door, key(&vector["door"]));
        assert_eq!(invite.identity, key(&vector["identity"]));
        assert_eq!(invite.prekey, key(&vector["prekey"]));
        assert_eq!(invite.id(), key(&vector["id"]));
        assert_eq!(invite.ed(), vector["ed25519"].as_str().map(|_| key(&vector["ed25519"])));
        let card = invite.card();
        assert_eq!(*card.address().psk, secret(&vector["psk"]));
        assert_eq!(card.address().kem, bytes(&vector["kem"]));
        assert_eq!(*card.address().id, key(&vector["card_id"]));
    }
}

#[test]
fn cards_are_read_as_they_were_frozen() {
    let own = Authority::loopback("localhost").unwrap();
    for vector in list(&load("cards.json")) {
        let written = bytes(&vector["card"]);
        let card = Card::from_bytes(&written, &own).unwrap();
        assert_eq!(*card.to_bytes(), written);
        assert_eq!(card.no, vector["no"].as_u64().unwrap());
        assert_eq!(card.root, vector["root"].as_bool().unwrap());
        assert_eq!(card.id(), key(&vector["id"]));
        let keys = CardKeys::from_parts(secret(&vector["seed"]), card.psk.clone());
        assert_eq!(*keys.id(), card.id());
    }
    for vector in list(&load("x-wing.json")) {
        let keys = CardKeys::from_parts(secret(&vector["sk"]), Secret::random());
        assert_eq!(keys.kem(), bytes(&vector["pk"]));
    }
}

fn opens(vector: &Value) {
    let keys = CardKeys::from_parts(secret(&vector["seed"]), secret(&vector["psk"]));
    let envelope = from_text(vector["content"].as_str().unwrap()).unwrap();
    let opened = open(&keys, &key(&vector["mailbox"]), &envelope).unwrap();
    assert_eq!(opened.number, vector["number"].as_u64().unwrap());
    assert_eq!(*opened.contents, bytes(&vector["contents"]));
}

#[test]
fn envelopes_open_as_they_were_frozen() {
    for vector in list(&load("envelopes.json")) {
        opens(vector);
    }
}

#[test]
fn payloads_are_read_as_they_were_frozen() {
    for vector in list(&load("payloads.json")) {
        let written = bytes(&vector["payload"]);
        let payload = Payload::from_bytes(&written).unwrap();
        assert_eq!(*payload.to_bytes(), written);
        assert_eq!(payload.mid.to_string(), vector["mid"].as_str().unwrap());
        assert_eq!(payload.prev.to_string(), vector["prev"].as_str().unwrap());
        assert_eq!(payload.profile, vector["profile"].as_str().unwrap());
        let text = match &payload.content {
            Some(Content::Text(text)) => Some(text.as_str()),
            _ => None,
        };
        assert_eq!(text, vector["text"].as_str());
        let ended: Vec<Vec<u8>> = payload.ended.iter().map(|file| file.to_vec()).collect();
        let frozen: Vec<Vec<u8>> = list(&vector["ended"]).iter().map(bytes).collect();
        assert_eq!(ended, frozen);
    }
}

#[test]
fn rosters_follow_on_each_other_as_they_were_frozen() {
    let vectors = load("rosters.json");
    let authority = Authority::onion(vectors["authority"].as_str().unwrap()).unwrap();
    let admin = key(&vectors["admin"]);
    let read = |vector: &Value| Roster::from_signed(&bytes(&vector["signed"]), &admin, &authority).unwrap();
    let rosters: Vec<_> = list(&vectors["rosters"]).iter().map(read).collect();
    for (roster, vector) in rosters.iter().zip(list(&vectors["rosters"])) {
        assert_eq!(roster.id(), key(&vector["id"]));
    }
    for (at, vector) in list(&vectors["deltas"]).iter().enumerate() {
        let delta = Delta::from_bytes(&bytes(vector), &authority).unwrap();
        assert_eq!(rosters[at].follow(&delta).unwrap(), rosters[at + 1]);
    }
}

#[test]
fn keys_are_derived_as_they_were_frozen() {
    let vectors = load("keys.json");
    let short = &vectors["short_invite"];
    let keys = CardKeys::from_short_invite(&secret(&short["secret"]));
    assert_eq!(*keys.psk(), secret(&short["psk"]));
    assert_eq!(*keys.seed(), secret(&short["seed"]));
    assert_eq!(*keys.id(), key(&short["card_id"]));
    let sender = &vectors["sender"];
    let authority = Authority::onion(sender["authority"].as_str().unwrap()).unwrap();
    assert_eq!(sender_seed(&secret(&sender["mailbox_seed"]), &authority), secret(&sender["seed"]));
    IdentityProof::from_bytes(&bytes(&vectors["identity_proof"])).unwrap();
    let safety = &vectors["safety"];
    let party = |at: usize| (key(&safety["parties"][at][0]), key(&safety["parties"][at][1]));
    let number = SafetyNumber::new(party(0), party(1));
    assert_eq!(number.digits(), safety["digits"].as_str().unwrap());
    assert_eq!(number.qr_text(), safety["qr"].as_str().unwrap());
    let words: Vec<u64> = list(&safety["words"]).iter().map(|word| word.as_u64().unwrap()).collect();
    assert_eq!(number.words().map(u64::from).to_vec(), words);
}

/// `E2E_PYTHON` names an interpreter that has `cryptography` with ML-KEM, if `python3` has not.
#[test]
#[ignore = "needs PyPI's cryptography 46 or later: tests/interop/run"]
fn a_reader_in_python_agrees_and_seals_what_opens_here() {
    let python = std::env::var("E2E_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reader.py");
    let output = Command::new(&python).arg(script).arg(folder()).arg("seal").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    opens(&serde_json::from_slice(&output.stdout).unwrap());
}
