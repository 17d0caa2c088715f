//! Writes the frozen vectors of `docs/vectors/`. Run once for a version of the protocol, and never
//! again: `cargo test -p ephemeral-e2e -- --ignored write_the_vectors`. `tests/vectors.rs` reads
//! them.

use data_encoding::HEXLOWER;
use serde_json::{Value, json};

use crate::authority::Authority;
use crate::bytes::{Key, Secret};
use crate::card::{Card, CardKeys, Route, hint, sender_seed};
use crate::envelope::{Address, seal, to_text};
use crate::identity::{IdentityKeys, Prekey};
use crate::invite::{Form, Invite};
use crate::payload::{Content, FileChunk, GroupContent, Head, Hello, Payload};
use crate::roster::delta::Operation;
use crate::roster::{Entry, Roster};
use crate::safety::SafetyNumber;

fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

fn onion() -> Authority {
    Authority::from_onion_key(&Key([9; 32]), 80)
}

fn mailbox() -> Key {
    IdentityKeys::generate().ed()
}

fn invite(authority: Authority, form: Form) -> Invite {
    let identity = IdentityKeys::generate();
    let prekey = Prekey::generate(&identity).public();
    Invite {
        one_time: true,
        not_after: 30_000_000,
        authority,
        door: mailbox(),
        identity: identity.curve(),
        prekey,
        form,
    }
}

fn described(invite: &Invite) -> Value {
    let card = invite.card();
    json!({
        "text": *invite.to_text(),
        "one_time": invite.one_time,
        "not_after": invite.not_after,
        "authority": invite.authority.as_str(),
        "door": hex(&invite.door.0),
        "identity": hex(&invite.identity.0),
        "ed25519": invite.ed().map(|ed| hex(&ed.0)),
        "prekey": hex(&invite.prekey.0),
        "id": hex(&invite.id().0),
        "psk": hex(card.address().psk.expose()),
        "kem": hex(card.address().kem),
        "card_id": hex(&card.address().id.0),
    })
}

fn invites() -> Value {
    let short = |discovery| Form::Short { secret: Secret::random(), discovery };
    let local = Authority::loopback("localhost:8080").unwrap();
    let identity = IdentityKeys::generate();
    let mut long = invite(Authority::from_onion_key(&Key([9; 32]), 8_080), short(None));
    long.one_time = false;
    long.identity = identity.curve();
    let long = long.signed(&CardKeys::generate(), &identity);
    let all = [
        invite(onion(), short(None)),
        invite(onion(), short(Some(Secret::random()))),
        invite(local, short(None)),
        long,
    ];
    json!({ "own": "localhost:8080", "invites": all.iter().map(described).collect::<Vec<_>>() })
}

fn card(root: bool, no: u64) -> (Card, CardKeys) {
    let keys = CardKeys::generate();
    let route = root.then(|| Route { mailbox: mailbox(), authority: onion() });
    let prekey = root.then(|| Prekey::generate(&IdentityKeys::generate()).public());
    (Card { no, root, psk: keys.psk().clone(), kem: keys.kem(), prekey, route }, keys)
}

fn cards() -> Value {
    let describe = |(card, keys): (Card, CardKeys)| {
        json!({
            "card": hex(&card.to_bytes()),
            "seed": hex(keys.seed().expose()),
            "no": card.no,
            "root": card.root,
            "psk": hex(card.psk.expose()),
            "kem": hex(&card.kem),
            "prekey": card.prekey.map(|key| hex(&key.0)),
            "mailbox": card.route.as_ref().map(|route| hex(&route.mailbox.0)),
            "authority": card.route.as_ref().map(|route| route.authority.as_str().to_owned()),
            "id": hex(&card.id().0),
            "hint": hex(&hint(&card.id())),
        })
    };
    json!([describe(card(true, 1_767_225_600_000)), describe(card(false, 1_767_225_600_001))])
}

fn envelopes() -> Value {
    let describe = |length: usize, least: usize| {
        let (_, keys) = card(false, 1);
        let kem = keys.kem();
        let to = mailbox();
        let contents: Vec<u8> = (0..length).map(|at| at.to_be_bytes()[7]).collect();
        let number = 1_767_225_600_123;
        let address = Address { mailbox: &to, psk: keys.psk(), id: keys.id(), kem: &kem };
        let envelope = seal(address, number, &contents, least).unwrap();
        json!({
            "seed": hex(keys.seed().expose()),
            "psk": hex(keys.psk().expose()),
            "mailbox": hex(&to.0),
            "number": number,
            "contents": hex(&contents),
            "content": to_text(&envelope),
        })
    };
    json!([describe(0, 0), describe(1_924, 0), describe(1, crate::envelope::DOOR_SIZE)])
}

fn payloads() -> Value {
    let proof = IdentityKeys::generate().proof();
    let hello =
        Hello { proof, your_curve: Key([1; 32]), your_ed: Key([2; 32]), invite: Key([3; 32]), born: 1_767_225_600_000 };
    let control = Payload {
        acks: vec![1, u64::MAX],
        card: Some(card(true, 5).0.to_bytes().to_vec()),
        hello: Some(hello),
        profile: "Zoë".to_owned(),
        ..Payload::default()
    };
    let text = Payload {
        mid: 0x0102_0304_0506_0708,
        prev: 9,
        at: 29_453_760,
        burn_s: 60,
        content: Some(Content::Text("grüß dich 🧅".to_owned())),
        ..Payload::default()
    };
    let group = GroupContent {
        id: [7; 16],
        roster: [8; 16],
        gmid: 9,
        prev: 10,
        heads: vec![Head { member: [11; 8], gmid: 12 }],
        text: Some("all".to_owned()),
        signed: vec![vec![2, 1]],
        door: None,
        offer: None,
    };
    let chunk = FileChunk {
        id: [1; 16],
        index: 0,
        count: 1,
        size: 3,
        sha256: Key([2; 32]),
        name: "a.txt".to_owned(),
        data: vec![1, 2, 3],
    };
    let with = |content| Payload { mid: 1, content: Some(content), ..Payload::default() };
    let ending = Payload { acks: vec![7], ended: vec![[1; 16], [2; 16]], ..Payload::default() };
    let all = [control, text, with(Content::Group(group)), with(Content::File(chunk)), ending];
    json!(all.iter().map(described_payload).collect::<Vec<_>>())
}

fn described_payload(payload: &Payload) -> Value {
    let kind = match &payload.content {
        None => "control",
        Some(Content::Text(_)) => "text",
        Some(Content::Group(_)) => "group",
        Some(Content::File(_)) => "file",
    };
    json!({
        "payload": hex(&payload.to_bytes()),
        "kind": kind,
        "mid": payload.mid.to_string(),
        "prev": payload.prev.to_string(),
        "acks": payload.acks.iter().map(u64::to_string).collect::<Vec<_>>(),
        "hello": payload.hello.as_ref().map(|hello| json!({
            "curve": hex(&hello.proof.curve.0),
            "ed": hex(&hello.proof.ed.0),
            "your_curve": hex(&hello.your_curve.0),
            "your_ed": hex(&hello.your_ed.0),
            "invite": hex(&hello.invite.0),
            "born": hello.born,
        })),
        "card": payload.card.as_ref().map(|card| hex(card)),
        "text": if let Some(Content::Text(text)) = &payload.content { Some(text) } else { None },
        "profile": payload.profile,
        "at": payload.at,
        "burn_s": payload.burn_s,
        "ended": payload.ended.iter().map(|file| hex(file)).collect::<Vec<_>>(),
    })
}

fn rosters() -> Value {
    let entry = |identity: &IdentityKeys, name: &str| Entry {
        proof: identity.proof(),
        door: card(true, 1).0,
        name: name.to_owned(),
    };
    let admin = IdentityKeys::generate();
    let member = IdentityKeys::generate();
    let first = Roster::first([5; 16], entry(&admin, "admin"), onion());
    let add = Operation::Add(Box::new(entry(&member, "member")));
    let (second, added) = first.change(&[add], &admin).unwrap();
    let (third, removed) = second.change(&[Operation::Remove(member.curve())], &admin).unwrap();
    let describe = |roster: &Roster| json!({ "signed": hex(&roster.sign(&admin)), "id": hex(&roster.id().0) });
    json!({
        "admin": hex(&admin.ed().0),
        "authority": onion().as_str(),
        "rosters": [describe(&first), describe(&second), describe(&third)],
        "deltas": [hex(&added), hex(&removed)],
    })
}

fn keys() -> Value {
    let secret = Secret::random();
    let seed = Secret::random();
    let derived = CardKeys::from_short_invite(&secret);
    let one = IdentityKeys::generate();
    let other = IdentityKeys::generate();
    let number = SafetyNumber::new((one.curve(), one.ed()), (other.curve(), other.ed()));
    json!({
        "short_invite": {
            "secret": hex(secret.expose()),
            "psk": hex(derived.psk().expose()),
            "seed": hex(derived.seed().expose()),
            "card_id": hex(&derived.id().0),
        },
        "sender": {
            "mailbox_seed": hex(seed.expose()),
            "authority": onion().as_str(),
            "seed": hex(sender_seed(&seed, &onion()).expose()),
        },
        "identity_proof": hex(&one.proof().to_bytes()),
        "safety": {
            "parties": [[hex(&one.curve().0), hex(&one.ed().0)], [hex(&other.curve().0), hex(&other.ed().0)]],
            "digits": number.digits(),
            "words": number.words(),
            "qr": number.qr_text(),
        },
    })
}

#[test]
#[ignore = "vectors are frozen"]
fn write_the_vectors() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/vectors");
    let files = [
        ("invites", invites()),
        ("cards", cards()),
        ("envelopes", envelopes()),
        ("payloads", payloads()),
        ("rosters", rosters()),
        ("keys", keys()),
    ];
    for (name, value) in files {
        let text = serde_json::to_string_pretty(&value).unwrap();
        std::fs::write(format!("{folder}/{name}.json"), text + "\n").unwrap();
    }
}
