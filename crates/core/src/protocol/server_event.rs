//! The server's frames as a client reads them: owned, and lenient about fields it does not know.

use serde::Deserialize;

use super::{DeliveryType, ErrorCode, ReceiptStatus, SessionLimits};

/// A frame of the server. Fingerprints and times are texts: a client shows or compares them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names are the protocol's: section 3")]
pub enum ServerEvent {
    Challenge {
        nonce: String,
        server: String,
        version: u32,
        timeout_ms: u64,
    },
    Welcome {
        fingerprint: String,
        epoch: String,
        pending: usize,
        server_time: String,
        limits: SessionLimits,
        #[serde(default)]
        nodes: Option<serde_json::Value>,
    },
    Accepted {
        id: String,
        expires_at: String,
        duplicate: bool,
        #[serde(default)]
        delivered: bool,
    },
    Error {
        code: ErrorCode,
        message: String,
        id: Option<String>,
        retry_after_ms: Option<u64>,
    },
    Receipt {
        id: String,
        to: String,
        status: ReceiptStatus,
        at: String,
    },
    Message(ReceivedMessage),
    CaughtUp,
}

/// A message, as its recipient gets it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, serde::Serialize)]
#[allow(missing_docs, reason = "the names are the protocol's: section 3.3")]
pub struct ReceivedMessage {
    pub id: String,
    pub from: String,
    pub to: String,
    pub content: String,
    pub timestamp: String,
    pub expires_at: String,
    pub delivery_type: DeliveryType,
    pub seq: u64,
}
