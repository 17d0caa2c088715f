//! Mailboxes, quotas, expiry and duplicates, in RAM only. No socket, no clock, no task: time is passed in.

/// The bounds of a store. At a bound the sender is told; nothing that was accepted is evicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Messages waiting for one recipient.
    pub mailbox_messages: usize,
    /// Bytes of content waiting for one recipient.
    pub mailbox_bytes: usize,
    /// Bytes that one sender has waiting anywhere, its remembered message ids included.
    pub sender_bytes: usize,
    /// Bytes in all, bookkeeping included.
    pub total_bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { mailbox_messages: 1000, mailbox_bytes: 8 << 20, sender_bytes: 16 << 20, total_bytes: 256 << 20 }
    }
}
