//! What is said on a seat: the connection between a session's front and its hub.
//!
//! Each frame is one byte for its kind, four for the length of the rest, and the rest. The front
//! begins with a request, and the hub answers it with a welcome or an end. Then the front sends the
//! texts of its client; the hub answers each of them, in their order, and sends what it has for the
//! client. So the front knows at any time what the client has been answered and sent, and what it
//! has to ask for again where the connection is lost.

use std::io;

use bytes::{Buf as _, BytesMut};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::asking::Fault;
use crate::hub::Resumption;
use ephemeral_core::protocol::{Challenge, CloseReason, Fingerprint};
use ephemeral_core::session::{self, AwaitingAuth, Established};
use ephemeral_core::store::Acquaintance;

/// Bytes of a frame before its payload.
const HEAD_BYTES: usize = 5;
/// Bytes of a payload beside the text of a client's frame, at most.
const BESIDE_TEXT: usize = 16;
/// Bytes of a frame, at most: the largest that a configuration allows, with room for what the
/// server adds to a message.
const MOST_BYTES: usize = 6 * (1 << 20) + 64 * 1024;
/// Room for what comes next, and for the rest of what is not whole. A seat on which nothing is said
/// holds the first.
const FIRST_BYTES: usize = 256;
const READ_BYTES: usize = 4096;

/// The proof by which a client authenticated.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Proof {
    /// The fingerprint that the request named, if it did.
    pub(super) claimed: Option<String>,
    /// The host of the request, which the client signed.
    pub(super) host: String,
    pub(super) nonce: String,
    /// The client's `auth` frame.
    pub(super) auth: String,
}

impl Proof {
    /// Begins one of an answer to this challenge.
    pub(super) fn of(session: &AwaitingAuth) -> Self {
        let AwaitingAuth { claimed, host, challenge } = session;
        let claimed = claimed.as_ref().map(|key| Fingerprint::from(key).to_string());
        Self { claimed, host: host.clone(), nonce: challenge.nonce_text(), auth: String::new() }
    }

    /// Returns who it is the proof of.
    ///
    /// # Errors
    /// The reason for which the session is closed, if it is none.
    pub(super) fn check(&self, rules: &session::Config) -> Result<Established, CloseReason> {
        let challenge = Challenge::from_nonce_text(&self.nonce).ok_or(CloseReason::AuthFailed)?;
        let key = |claimed: &String| Fingerprint::from_hex(claimed).ok()?.verifying_key().ok();
        let claimed = match &self.claimed {
            Some(claimed) => Some(key(claimed).ok_or(CloseReason::AuthFailed)?),
            None => None,
        };
        AwaitingAuth { claimed, host: self.host.clone(), challenge }.answer(&self.auth, rules)
    }
}

/// A front's request for a seat.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SeatRequest {
    pub(super) proof: Proof,
    /// How well the hub has to know somebody for whom the front has room.
    pub(super) least: Acquaintance,
    /// How far the session had come, if it is to go on.
    pub(super) before: Option<Before>,
}

/// A session that had a seat.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Before {
    pub(super) resumption: Resumption,
    /// The last number that its client has acknowledged; 0: none.
    pub(super) acknowledged: u64,
    /// The limits that its client was told.
    pub(super) limits: String,
}

/// A hub's answer to it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SeatWelcome {
    /// The `welcome` frame. A client that has one is not sent it.
    pub(super) welcome: String,
    pub(super) resumption: Resumption,
    pub(super) limits: String,
    /// How well the hub knew who it is.
    pub(super) acquaintance: Acquaintance,
    /// Whether it took over from another session.
    pub(super) replaces: bool,
    /// Bytes of the largest frame that the client may send.
    pub(super) frame_bytes: usize,
}

/// The answer to a client's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TextAnswer {
    pub(super) fault: Option<Fault>,
    /// Whether the text did nothing.
    pub(super) did_nothing: bool,
    /// The number up to which it was an acknowledgement; 0: it was none.
    pub(super) acknowledged: u64,
    /// The frame; empty: there is none.
    pub(super) frame: String,
}

/// The kind of a delivered frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delivered {
    Receipt,
    CaughtUp,
    /// A message with this number.
    Message(u64),
}

/// A frame on a seat's connection.
#[derive(Debug)]
pub(super) enum SeatFrame {
    Request(Box<SeatRequest>),
    /// A client's text. `again`: it may have come before.
    Text {
        again: bool,
        text: String,
    },
    Welcome(Box<SeatWelcome>),
    Answer(TextAnswer),
    Delivery(Delivered, String),
    /// The seat is given up. `for_good`: there is none for this session anywhere.
    End {
        reason: CloseReason,
        for_good: bool,
    },
}

/// The reasons for which a hub ends a session.
const ENDS: [CloseReason; 7] = [
    CloseReason::Draining,
    CloseReason::Replaced,
    CloseReason::TooSlow,
    CloseReason::Blocked,
    CloseReason::Overloaded,
    CloseReason::AuthFailed,
    CloseReason::AuthRequired,
];
const FAULTS: [Option<Fault>; 4] = [None, Some(Fault::Malformed), Some(Fault::Quota), Some(Fault::RateLimited)];

fn place<T: PartialEq>(all: &[T], one: &T) -> u8 {
    all.iter().position(|other| other == one).and_then(|place| u8::try_from(place).ok()).unwrap_or(0)
}

impl SeatFrame {
    /// Writes it behind what is there.
    ///
    /// # Errors
    /// If there is no such JSON.
    pub(super) fn put(&self, out: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Self::Request(request) => put(out, 0, &[&serde_json::to_vec(request)?]),
            Self::Text { again, text } => put(out, 1, &[&[u8::from(*again)], text.as_bytes()]),
            Self::Welcome(welcome) => put(out, 2, &[&serde_json::to_vec(welcome)?]),
            Self::Answer(TextAnswer { fault, did_nothing, acknowledged, frame }) => {
                let flags = [place(&FAULTS, fault), u8::from(*did_nothing)];
                put(out, 3, &[&flags, &acknowledged.to_be_bytes(), frame.as_bytes()]);
            }
            Self::Delivery(what, text) => {
                let (kind, number) = match what {
                    Delivered::Receipt => (0, 0),
                    Delivered::CaughtUp => (1, 0),
                    Delivered::Message(number) => (2, *number),
                };
                put(out, 4, &[&[kind], &number.to_be_bytes(), text.as_bytes()]);
            }
            Self::End { reason, for_good } => put(out, 5, &[&[place(&ENDS, reason), u8::from(*for_good)]]),
        }
        Ok(())
    }

    fn parse(kind: u8, mut rest: &[u8]) -> io::Result<Self> {
        Ok(match kind {
            0 => Self::Request(serde_json::from_slice(rest)?),
            1 => Self::Text { again: byte(&mut rest)? != 0, text: text(rest)? },
            2 => Self::Welcome(serde_json::from_slice(rest)?),
            3 => {
                let fault = FAULTS.get(usize::from(byte(&mut rest)?)).copied().ok_or_else(invalid)?;
                let did_nothing = byte(&mut rest)? != 0;
                let acknowledged = rest.try_get_u64().map_err(|_| invalid())?;
                Self::Answer(TextAnswer { fault, did_nothing, acknowledged, frame: text(rest)? })
            }
            4 => {
                let kind = byte(&mut rest)?;
                let number = rest.try_get_u64().map_err(|_| invalid())?;
                let what = match kind {
                    0 => Delivered::Receipt,
                    1 => Delivered::CaughtUp,
                    2 => Delivered::Message(number),
                    _ => return Err(invalid()),
                };
                Self::Delivery(what, text(rest)?)
            }
            5 => {
                let reason = ENDS.get(usize::from(byte(&mut rest)?)).copied().ok_or_else(invalid)?;
                Self::End { reason, for_good: byte(&mut rest)? != 0 }
            }
            _ => return Err(invalid()),
        })
    }
}

fn put(out: &mut Vec<u8>, kind: u8, parts: &[&[u8]]) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    out.push(kind);
    // What is longer than that is refused by the reader.
    out.extend(u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    parts.iter().for_each(|part| out.extend_from_slice(part));
}

fn byte(rest: &mut &[u8]) -> io::Result<u8> {
    rest.try_get_u8().map_err(|_| invalid())
}

fn text(bytes: &[u8]) -> io::Result<String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| invalid())
}

fn invalid() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a frame of another version")
}

/// Reads frames.
pub(super) struct SeatReader<R> {
    io: R,
    buffer: BytesMut,
    most: usize,
}

impl<R: AsyncRead + Unpin> SeatReader<R> {
    /// Makes one for a hub whose clients' texts have at most so many bytes; `None`: for a front.
    pub(super) fn new(io: R, frame_bytes: Option<usize>) -> Self {
        let most = frame_bytes.map_or(MOST_BYTES, |bytes| bytes + BESIDE_TEXT);
        Self { io, buffer: BytesMut::new(), most: most.max(64 * 1024) }
    }

    /// Returns the next frame. It may be dropped before it has ended: nothing is lost then.
    ///
    /// # Errors
    /// If there is none any more, or something else.
    pub(super) async fn next(&mut self) -> io::Result<SeatFrame> {
        loop {
            if let Some(frame) = self.buffered()? {
                return Ok(frame);
            }
            self.buffer.reserve(if self.buffer.is_empty() { FIRST_BYTES } else { READ_BYTES });
            if self.io.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Returns the next frame, if it has been read already.
    ///
    /// # Errors
    /// If it is something else.
    pub(super) fn buffered(&mut self) -> io::Result<Option<SeatFrame>> {
        let Some((&[kind, a, b, c, d], rest)) = self.buffer.split_first_chunk::<HEAD_BYTES>() else { return Ok(None) };
        let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        if length > self.most {
            return Err(invalid());
        }
        let Some(payload) = rest.get(..length) else { return Ok(None) };
        let frame = SeatFrame::parse(kind, payload)?;
        self.buffer.advance(HEAD_BYTES + length);
        if self.buffer.is_empty() {
            // An idle seat holds nothing of what it was sent.
            self.buffer = BytesMut::new();
        }
        Ok(Some(frame))
    }
}

#[cfg(test)]
mod tests;
