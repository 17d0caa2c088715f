//! The protocol's state machine: frame in, action out. No socket, no clock, no task.

use crate::protocol::Sanitize;

/// What holds for every session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Bytes of content in one message, at most.
    pub content_bytes: usize,
    /// What is done to a message's content.
    pub sanitize: Sanitize,
    /// How long a message waits when its sender does not say, in seconds.
    pub default_ttl_s: u64,
    /// How long a message may wait at most, in seconds.
    pub max_ttl_s: u64,
    /// Messages a minute a fingerprint.
    pub messages_per_minute: u32,
    /// Messages at once, before the rate counts.
    pub message_burst: u32,
    /// Unacknowledged messages out, at most.
    pub window: u32,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            content_bytes: 65536,
            sanitize: Sanitize::Clean,
            default_ttl_s: 86400,
            max_ttl_s: 604_800,
            messages_per_minute: 100,
            message_burst: 10,
            window: 32,
        }
    }
}
