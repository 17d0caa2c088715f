//! Olm against libolm, the other implementation of it.

use data_encoding::{BASE64_NOPAD, HEXLOWER};
use vodozemac::olm::{OlmMessage, Session};

use super::Node;
use crate::bytes::Key;
use crate::identity::{IdentityKeys, Prekey};

struct Libolm(Node);

impl Libolm {
    fn start() -> Self {
        Self(Node::start("olm.cjs"))
    }

    fn ask(&mut self, question: &str) -> String {
        self.0.ask(question)
    }

    fn key(&mut self, question: &str) -> Key {
        let answer = self.ask(question);
        Key(BASE64_NOPAD.decode(answer.as_bytes()).unwrap().try_into().unwrap())
    }

    /// Has libolm decrypt.
    fn reads(&mut self, message: &OlmMessage) -> String {
        let (kind, bytes) = message.to_parts();
        self.ask(&format!("decrypt {kind} {}", BASE64_NOPAD.encode(&bytes)))
    }

    /// Has libolm encrypt.
    fn writes(&mut self, plain: &str) -> OlmMessage {
        let answer = self.ask(&format!("encrypt {}", HEXLOWER.encode(plain.as_bytes())));
        let (kind, body) = answer.split_once(' ').unwrap();
        OlmMessage::from_parts(kind.parse().unwrap(), &BASE64_NOPAD.decode(body.as_bytes()).unwrap()).unwrap()
    }
}

fn converse(libolm: &mut Libolm, session: &mut Session) {
    for round in 0..5 {
        let plain = format!("round {round}");
        let message = session.encrypt(&plain).unwrap();
        assert_eq!(libolm.reads(&message), HEXLOWER.encode(plain.as_bytes()));
        let answer = libolm.writes(&plain);
        assert_eq!(session.decrypt(&answer).unwrap(), plain.as_bytes());
    }
}

#[test]
#[ignore = "needs npm's @matrix-org/olm: tests/interop/run"]
fn libolm_reads_what_we_write_and_writes_what_we_read() {
    let mut libolm = Libolm::start();
    let identity = IdentityKeys::generate();

    // We begin.
    let peer = libolm.key("identity");
    let prekey = libolm.key("prekey");
    let mut session = identity.outbound(&peer, &prekey).unwrap();
    let first = session.encrypt("hello").unwrap();
    let (_, bytes) = first.to_parts();
    assert_eq!(libolm.ask(&format!("inbound {}", BASE64_NOPAD.encode(&bytes))), HEXLOWER.encode(b"hello"));
    let answer = libolm.writes("welcome");
    assert_eq!(session.decrypt(&answer).unwrap(), b"welcome");
    converse(&mut libolm, &mut session);

    // libolm begins.
    let prekey = Prekey::generate(&identity);
    let curve = BASE64_NOPAD.encode(&identity.curve().0);
    let public = BASE64_NOPAD.encode(&prekey.public().0);
    assert_eq!(libolm.ask(&format!("outbound {curve} {public}")), "ok");
    let OlmMessage::PreKey(first) = libolm.writes("hello") else { panic!("a first message is a pre-key message") };
    let made = prekey.inbound(&first).unwrap();
    assert_eq!(made.plaintext, b"hello");
    let mut session = made.session;
    converse(&mut libolm, &mut session);
}
