//! Writes the client's frames (protocol, section 3).

use serde::Serialize;
use zeroize::Zeroizing;

use ephemeral_core::protocol::Fingerprint;

/// The answer to the challenge.
#[derive(Serialize)]
#[serde(tag = "type", rename = "auth")]
pub(crate) struct Auth<'frame> {
    pub(crate) fingerprint: Fingerprint,
    pub(crate) signature: &'frame str,
    pub(crate) receipts: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) window: Option<u32>,
}

/// Acknowledges everything up to `seq`.
#[derive(Serialize)]
#[serde(tag = "type", rename = "ack")]
pub(crate) struct Ack {
    pub(crate) seq: u64,
}

/// A message for somebody.
#[derive(Serialize)]
#[serde(tag = "type", rename = "message")]
pub(crate) struct Message<'frame> {
    pub(crate) id: &'frame str,
    pub(crate) to: Fingerprint,
    pub(crate) content: &'frame str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ttl_s: Option<u64>,
}

impl Message<'_> {
    /// Returns the frame's text, which is overwritten in memory when it is dropped.
    pub(crate) fn encode(&self) -> Zeroizing<String> {
        // Room for the content with some escapes: growing would leave a copy behind.
        let mut text = Vec::with_capacity(256 + self.content.len() + self.content.len() / 2);
        // Writing numbers and strings to memory cannot fail.
        let _ = serde_json::to_writer(&mut text, self);
        Zeroizing::new(String::from_utf8(text).unwrap_or_default())
    }
}
