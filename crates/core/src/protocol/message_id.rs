//! The one rule for message ids, for senders and recipients.

/// Characters of a message id, at most.
pub const MESSAGE_ID_BYTES: usize = 64;

/// Tells whether `id` can name a message: 1 to 64 of `A-Za-z0-9_-`.
#[must_use]
pub fn is_message_id(id: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (1..=MESSAGE_ID_BYTES).contains(&id.len()) && id.bytes().all(is_allowed)
}
