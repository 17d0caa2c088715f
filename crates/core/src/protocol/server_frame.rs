//! What the server sends: frames, error codes and close reasons.

use serde::{Deserialize, Serialize};

use super::{ClockReading, Fingerprint, WallTime, WireTime};

/// The first frame: prove that you are who you say.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "challenge")]
pub struct ChallengeFrame<'frame> {
    /// Base64url of 32 bytes.
    pub nonce: &'frame str,
    /// The host of this request, as the server read it. A client signs the one it dialled instead.
    pub server: &'frame str,
    /// The protocol's version.
    pub version: u32,
    /// How long the client has to answer.
    pub timeout_ms: u64,
}

/// The session is established.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "welcome")]
pub struct WelcomeFrame<'frame> {
    /// Whose session it is.
    pub fingerprint: Fingerprint,
    /// The random id of the store's lifetime.
    pub epoch: &'frame str,
    /// Messages waiting.
    pub pending: usize,
    /// The server's time, to the minute.
    pub server_time: WallTime,
    /// The values in force for this session.
    pub limits: SessionLimits,
}

/// The values in force for a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are the protocol's: section 3.1")]
pub struct SessionLimits {
    pub content_bytes: usize,
    pub ttl_s: u64,
    pub max_ttl_s: u64,
    pub messages_per_minute: u32,
    pub burst: u32,
    pub window: u32,
    pub mailbox_messages: usize,
    pub mailbox_bytes: usize,
}

/// A message is in RAM, and will be delivered or expire.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "accepted")]
pub struct AcceptedFrame<'frame> {
    /// The message's id: the sender's, or the one that the server made.
    pub id: &'frame str,
    /// The time in force: to the minute, unless the sender gave it.
    pub expires_at: WallTime,
    /// Whether it had been accepted before.
    pub duplicate: bool,
    /// Whether it was delivered since, and its recipient lets senders know. Left out where not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub delivered: bool,
}

/// A frame is refused.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "error")]
pub struct ErrorFrame<'frame> {
    /// The error, for programs.
    pub code: ErrorCode,
    /// The error, for people: one of a fixed set of sentences.
    pub message: &'static str,
    /// The refused frame's, if it had a well-formed one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<&'frame str>,
    /// When it is worth another try.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

/// Why a frame is refused (section 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub enum ErrorCode {
    Malformed,
    UnknownType,
    FromMismatch,
    InvalidRecipient,
    InvalidId,
    ContentEmpty,
    ContentTooLarge,
    InvalidContent,
    AlreadyExpired,
    UnsupportedDeliveryType,
    RateLimited,
    MailboxFull,
    SenderQuota,
    StoreFull,
    NotAllowed,
    Draining,
    Internal,
}

/// A message has met its end.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "receipt")]
pub struct ReceiptFrame<'frame> {
    /// The message's.
    pub id: &'frame str,
    /// Its recipient.
    pub to: Fingerprint,
    /// Which end.
    pub status: ReceiptStatus,
    /// When, to the minute.
    pub at: WallTime,
}

/// A message's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReceiptStatus {
    /// The recipient acknowledged it.
    Delivered,
    /// Its time ran out.
    Expired,
}

/// Whether a message had to wait for its recipient to come online.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryType {
    /// The message did not have to wait.
    Direct,
    /// The message had to wait, or it is delivered again.
    Stored,
}

/// A message on its way to its recipient.
#[derive(Debug, Clone, Copy)]
pub struct MessageOut<'message> {
    /// The sender's name for it.
    pub id: &'message str,
    /// Who sent it.
    pub from: Fingerprint,
    /// Who gets it.
    pub to: Fingerprint,
    /// What is carried, as the inside of a JSON string.
    pub escaped_content: &'message str,
    /// When it was accepted.
    pub timestamp: WireTime,
    /// When it will be gone.
    pub expires_at: WireTime,
    /// Whether it waited.
    pub delivery_type: DeliveryType,
    /// Its place in the mailbox.
    pub seq: u64,
}

impl MessageOut<'_> {
    /// Returns the frame's text, its times by this reading of the clocks. Written by hand, since
    /// this is the one frame that content goes through: nothing is escaped twice, and the text is
    /// allocated once, exactly as long as it is.
    #[must_use]
    pub fn encode(&self, clocks: &ClockReading) -> String {
        [
            r#"{"type":"message","id":""#,
            self.id,
            r#"","from":""#,
            self.from.hex(&mut [0; 64]),
            r#"","to":""#,
            self.to.hex(&mut [0; 64]),
            r#"","content":""#,
            self.escaped_content,
            r#"","timestamp":""#,
            clocks.on_wire(self.timestamp).text(&mut [0; WallTime::LENGTH]),
            r#"","expires_at":""#,
            clocks.on_wire(self.expires_at).text(&mut [0; WallTime::LENGTH]),
            r#"","delivery_type":""#,
            match self.delivery_type {
                DeliveryType::Direct => "direct",
                DeliveryType::Stored => "stored",
            },
            r#"","seq":"#,
            digits(self.seq, &mut [0; 20]),
            "}",
        ]
        .concat()
    }
}

impl AcceptedFrame<'_> {
    /// Returns the frame's text: every message has one.
    #[must_use]
    pub fn encode(&self) -> String {
        [
            r#"{"type":"accepted","id":""#,
            self.id,
            r#"","expires_at":""#,
            self.expires_at.text(&mut [0; WallTime::LENGTH]),
            if self.duplicate { r#"","duplicate":true"# } else { r#"","duplicate":false"# },
            if self.delivered { r#","delivered":true}"# } else { "}" },
        ]
        .concat()
    }
}

impl ReceiptFrame<'_> {
    /// Returns the frame's text: every message may have one.
    #[must_use]
    pub fn encode(&self) -> String {
        [
            r#"{"type":"receipt","id":""#,
            self.id,
            r#"","to":""#,
            self.to.hex(&mut [0; 64]),
            match self.status {
                ReceiptStatus::Delivered => r#"","status":"delivered","at":""#,
                ReceiptStatus::Expired => r#"","status":"expired","at":""#,
            },
            self.at.text(&mut [0; WallTime::LENGTH]),
            r#""}"#,
        ]
        .concat()
    }
}

/// Returns the digits of a number, in the buffer.
fn digits(mut number: u64, buffer: &mut [u8; 20]) -> &str {
    let mut first = buffer.len();
    for place in buffer.iter_mut().rev() {
        *place = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
        first -= 1;
        if number == 0 {
            break;
        }
    }
    std::str::from_utf8(&buffer[first..]).unwrap_or_default()
}

/// Returns the text of a frame.
#[must_use]
pub fn encode<F: Serialize>(frame: &F) -> String {
    // Frames have no maps with keys that are not strings, and no values that fail: this cannot
    // fail.
    serde_json::to_string(frame).unwrap_or_default()
}

/// `caught_up`: what had waited at `welcome` has been sent.
pub const CAUGHT_UP: &str = r#"{"type":"caught_up"}"#;

/// Why the server ends a session (section 3.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub enum CloseReason {
    Draining,
    ProtocolError,
    Unsupported,
    InvalidUtf8,
    FrameTooLarge,
    AuthRequired,
    AuthFailed,
    AuthTimeout,
    TooSlow,
    Replaced,
    Blocked,
    Overloaded,
}

impl CloseReason {
    /// Returns the WebSocket close code (RFC 6455, section 7.4).
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Draining => 1001,
            Self::ProtocolError => 1002,
            Self::Unsupported => 1003,
            Self::InvalidUtf8 => 1007,
            Self::FrameTooLarge => 1009,
            Self::AuthRequired | Self::AuthFailed => 4401,
            Self::AuthTimeout | Self::TooSlow => 4408,
            Self::Replaced => 4409,
            Self::Blocked => 4429,
            Self::Overloaded => 4503,
        }
    }

    /// Returns the name beside the code.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Draining => "draining",
            Self::ProtocolError => "protocol_error",
            Self::Unsupported => "unsupported_data",
            Self::InvalidUtf8 => "invalid_utf8",
            Self::FrameTooLarge => "frame_too_large",
            Self::AuthRequired => "auth_required",
            Self::AuthFailed => "auth_failed",
            Self::AuthTimeout => "auth_timeout",
            Self::TooSlow => "too_slow",
            Self::Replaced => "replaced",
            Self::Blocked => "blocked",
            Self::Overloaded => "overloaded",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Millis;

    #[test]
    fn a_message_frame_is_json_with_the_fields_of_the_specification() {
        let from = Fingerprint::from_bytes([0xab; 32]);
        let to = Fingerprint::from_bytes([1; 32]);
        let text = MessageOut {
            id: "i-1",
            from,
            to,
            escaped_content: r#"line\n\"quoted\" 🦀"#,
            timestamp: WireTime::Own { at: Millis(41_000), draw: 0 },
            expires_at: WireTime::Given(WallTime(2)),
            delivery_type: DeliveryType::Stored,
            seq: 17,
        }
        .encode(&ClockReading { steady: Millis(1000), wall: WallTime(2000), resolution_ms: 60_000 });
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let expected = serde_json::json!({
            "type": "message", "id": "i-1", "from": from.to_string(), "to": to.to_string(),
            "content": "line\n\"quoted\" 🦀", "timestamp": "1970-01-01T00:01:00.000Z",
            "expires_at": "1970-01-01T00:00:00.002Z", "delivery_type": "stored", "seq": 17
        });
        assert_eq!(json, expected);
        assert_eq!(text.len(), text.capacity(), "one allocation of the right size");
    }

    #[test]
    fn what_is_written_by_hand_is_what_serde_writes() {
        for (duplicate, delivered) in [(false, false), (true, false), (true, true)] {
            let frame = AcceptedFrame { id: "i-1", expires_at: WallTime(1_767_355_200_007), duplicate, delivered };
            assert_eq!(frame.encode(), encode(&frame));
        }
        for status in [ReceiptStatus::Delivered, ReceiptStatus::Expired] {
            let to = Fingerprint::from_bytes([0xab; 32]);
            let frame = ReceiptFrame { id: "i_2", to, status, at: WallTime(7) };
            assert_eq!(frame.encode(), encode(&frame));
        }
        for number in [0, 9, 10, 1_234_567_890, u64::MAX] {
            assert_eq!(digits(number, &mut [0; 20]), number.to_string());
        }
    }

    #[test]
    fn absent_fields_of_an_error_are_left_out() {
        let text = encode(&ErrorFrame { code: ErrorCode::MailboxFull, message: "m", id: None, retry_after_ms: None });
        assert_eq!(text, r#"{"type":"error","code":"mailbox_full","message":"m"}"#);
    }
}
