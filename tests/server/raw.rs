//! A client that writes its requests and WebSocket frames by hand, also those that no library would
//! write.

use std::time::Duration;

use ephemeral_test_support::rig::{Answer, HOST, Rig, fingerprint, sign};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::timeout;

pub(crate) const CONTINUATION: u8 = 0;
pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

/// A frame of RFC 6455, section 5.2. Masked and final, unless it is told otherwise.
#[derive(Clone)]
pub(crate) struct Frame {
    fin: bool,
    reserved: u8,
    opcode: u8,
    masked: bool,
    payload: Vec<u8>,
}

impl Frame {
    pub(crate) fn new(opcode: u8, payload: impl AsRef<[u8]>) -> Self {
        Self { fin: true, reserved: 0, opcode, masked: true, payload: payload.as_ref().to_vec() }
    }

    pub(crate) fn text(payload: impl AsRef<[u8]>) -> Self {
        Self::new(TEXT, payload)
    }

    pub(crate) fn close(code: u16, reason: impl AsRef<[u8]>) -> Self {
        Self::new(CLOSE, [&code.to_be_bytes(), reason.as_ref()].concat())
    }

    /// Returns the frame as one that more fragments follow.
    pub(crate) fn unfinished(self) -> Self {
        Self { fin: false, ..self }
    }

    pub(crate) fn unmasked(self) -> Self {
        Self { masked: false, ..self }
    }

    /// Returns the frame with these reserved bits: 4, 2, 1.
    pub(crate) fn with_reserved(self, reserved: u8) -> Self {
        Self { reserved, ..self }
    }

    /// Returns the two to fourteen bytes before the payload, for a payload of this length.
    pub(crate) fn header(&self, length: u64) -> Vec<u8> {
        let mut bytes = vec![u8::from(self.fin) << 7 | self.reserved << 4 | self.opcode];
        let mask = u8::from(self.masked) << 7;
        match (u8::try_from(length), u16::try_from(length)) {
            (Ok(length @ 0..126), _) => bytes.push(mask | length),
            (_, Ok(length)) => {
                bytes.push(mask | 126);
                bytes.extend(length.to_be_bytes());
            }
            _ => {
                bytes.push(mask | 127);
                bytes.extend(length.to_be_bytes());
            }
        }
        if self.masked {
            bytes.extend(MASK);
        }
        bytes
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.header(self.payload.len() as u64);
        let mask = if self.masked { MASK } else { [0; 4] };
        bytes.extend(self.payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        bytes
    }
}

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Returns the bytes of several frames, one after the other.
pub(crate) fn bytes_of(frames: &[Frame]) -> Vec<u8> {
    frames.iter().flat_map(Frame::bytes).collect()
}

/// Returns a request to upgrade, with this `Host`.
pub(crate) fn upgrade_request(fingerprint: &str, host: &str) -> String {
    format!(
        "GET /ws?fingerprint={fingerprint} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

/// Returns a request to upgrade that does not say for whom.
pub(crate) fn nameless_request() -> String {
    upgrade_request("", HOST).replace("?fingerprint=", "")
}

/// A connection.
pub(crate) struct Raw {
    pub(crate) stream: DuplexStream,
}

impl Raw {
    /// Returns one on which nothing has been said yet.
    pub(crate) fn connect(rig: &mut Rig) -> Self {
        Self { stream: rig.connect() }
    }

    /// Returns one that has been upgraded.
    pub(crate) async fn upgrade(rig: &mut Rig, number: u8) -> Self {
        let mut raw = Self::connect(rig);
        raw.write(upgrade_request(&fingerprint(number), HOST)).await;
        assert_eq!(raw.head().await.status, 101);
        raw
    }

    /// Returns a session that has caught up with an empty mailbox.
    pub(crate) async fn login(rig: &mut Rig, number: u8) -> Self {
        let mut raw = Self::upgrade(rig, number).await;
        raw.authenticate(number).await;
        assert_eq!(raw.next().await, json!({"type": "caught_up"}));
        raw
    }

    /// Answers the challenge that is next, and reads the `welcome`.
    pub(crate) async fn authenticate(&mut self, number: u8) {
        let challenge = self.next().await;
        assert_eq!(challenge["type"], "challenge");
        let signature = sign(&challenge, number, HOST);
        self.send(&[Frame::text(json!({"type": "auth", "signature": signature}).to_string())]).await;
        assert_eq!(self.next().await["type"], "welcome");
    }

    pub(crate) async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Sends frames in one write.
    pub(crate) async fn send(&mut self, frames: &[Frame]) {
        self.write(bytes_of(frames)).await;
    }

    /// Returns the head of the next response.
    pub(crate) async fn head(&mut self) -> Answer {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.stream.read_u8().await.unwrap());
        }
        Answer::parse(std::str::from_utf8(&head).unwrap())
    }

    /// Returns opcode and payload of the next frame; `None` at the end of the stream.
    pub(crate) async fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        timeout(Duration::from_secs(600), self.read_frame()).await.expect("a frame or the end")
    }

    async fn read_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let first = self.stream.read_u8().await.ok()?;
        assert_eq!(first & 0xf0, 0x80, "the server's frames are final and have no reserved bits");
        let length = match self.stream.read_u8().await.unwrap() {
            length @ 0..126 => u64::from(length),
            126 => u64::from(self.stream.read_u16().await.unwrap()),
            127 => self.stream.read_u64().await.unwrap(),
            masked => panic!("the server's frames are not masked: {masked}"),
        };
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        self.stream.read_exact(&mut payload).await.unwrap();
        Some((first & 0x0f, payload))
    }

    /// Returns the next text frame, which is JSON. Skips pings and pongs.
    pub(crate) async fn next(&mut self) -> Value {
        loop {
            match self.frame().await.expect("a frame") {
                (TEXT, payload) => return serde_json::from_slice(&payload).unwrap(),
                (PING | PONG, _) => {}
                other => panic!("instead of a text frame: {other:?}"),
            }
        }
    }

    /// Returns the code and reason with which the server closes, after whatever else it still says.
    /// Then the stream ends.
    pub(crate) async fn closed(&mut self) -> (u16, String) {
        loop {
            match self.frame().await.expect("a close") {
                (CLOSE, payload) => {
                    let (code, reason) = payload.split_first_chunk().expect("a code");
                    assert_eq!(self.frame().await, None, "nothing comes after a close");
                    return (u16::from_be_bytes(*code), String::from_utf8(reason.to_vec()).unwrap());
                }
                (TEXT | PING | PONG, _) => {}
                other => panic!("instead of a close: {other:?}"),
            }
        }
    }
}
