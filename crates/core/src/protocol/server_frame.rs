//! What the server sends: frames, error codes and close reasons.

mod written;

use serde::{Deserialize, Serialize};

use super::{Fingerprint, WallTime, WireTime};

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
    /// The signed list of the service's nodes, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nodes: Option<&'frame serde_json::Value>,
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

    #[test]
    fn absent_fields_of_an_error_are_left_out() {
        let text = encode(&ErrorFrame { code: ErrorCode::MailboxFull, message: "m", id: None, retry_after_ms: None });
        assert_eq!(text, r#"{"type":"error","code":"mailbox_full","message":"m"}"#);
    }
}
