//! Olm against libolm, the other implementation of it.
//!
//! Needs node, and a folder with `@matrix-org/olm` 3.2.15 that `E2E_NODE_MODULES` names: see CONTRIBUTING.md.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use data_encoding::{BASE64_NOPAD, HEXLOWER};
use vodozemac::olm::{OlmMessage, Session};

use crate::bytes::Key;
use crate::identity::{Identity, Prekey};

struct Libolm {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Libolm {
    fn start() -> Self {
        let modules = std::env::var_os("E2E_NODE_MODULES").expect("E2E_NODE_MODULES names no folder");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/olm.cjs");
        let mut command = Command::new("node");
        command.arg(script).env("NODE_PATH", modules).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, input, output }
    }

    fn ask(&mut self, question: &str) -> String {
        writeln!(self.input, "{question}").unwrap();
        let mut answer = String::new();
        self.output.read_line(&mut answer).unwrap();
        answer.trim().to_owned()
    }

    fn key(&mut self, question: &str) -> Key {
        let answer = self.ask(question);
        Key(BASE64_NOPAD.decode(answer.as_bytes()).unwrap().try_into().unwrap())
    }

    /// libolm decrypts.
    fn reads(&mut self, message: &OlmMessage) -> String {
        let (kind, bytes) = message.to_parts();
        self.ask(&format!("decrypt {kind} {}", BASE64_NOPAD.encode(&bytes)))
    }

    /// libolm encrypts.
    fn writes(&mut self, plain: &str) -> OlmMessage {
        let answer = self.ask(&format!("encrypt {}", HEXLOWER.encode(plain.as_bytes())));
        let (kind, body) = answer.split_once(' ').unwrap();
        OlmMessage::from_parts(kind.parse().unwrap(), &BASE64_NOPAD.decode(body.as_bytes()).unwrap()).unwrap()
    }
}

impl Drop for Libolm {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
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
#[ignore = "needs npm's @matrix-org/olm"]
fn libolm_reads_what_we_write_and_writes_what_we_read() {
    let mut libolm = Libolm::start();
    let identity = Identity::generate();

    // We begin.
    let (peer, prekey) = (libolm.key("identity"), libolm.key("prekey"));
    let mut session = identity.outbound(&peer, &prekey).unwrap();
    let first = session.encrypt("hello").unwrap();
    let (_, bytes) = first.to_parts();
    assert_eq!(libolm.ask(&format!("inbound {}", BASE64_NOPAD.encode(&bytes))), HEXLOWER.encode(b"hello"));
    let answer = libolm.writes("welcome");
    assert_eq!(session.decrypt(&answer).unwrap(), b"welcome");
    converse(&mut libolm, &mut session);

    // libolm begins.
    let prekey = Prekey::generate(&identity);
    let (curve, public) = (BASE64_NOPAD.encode(&identity.curve().0), BASE64_NOPAD.encode(&prekey.public().0));
    assert_eq!(libolm.ask(&format!("outbound {curve} {public}")), "ok");
    let OlmMessage::PreKey(first) = libolm.writes("hello") else { panic!("a first message is a pre-key message") };
    let made = prekey.inbound(&first).unwrap();
    assert_eq!(made.plaintext, b"hello");
    let mut session = made.session;
    converse(&mut libolm, &mut session);
}
