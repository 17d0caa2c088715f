//! What the model remembers of each message and each session.

use ephemeral_core::protocol::Millis;
use ephemeral_core::store::AccountId;

/// An accepted message whose id is remembered.
pub(super) struct Kept {
    pub(super) number: u32,
    pub(super) from: u8,
    pub(super) to: u8,
    pub(super) id: String,
    pub(super) content: String,
    pub(super) accepted_at: Millis,
    pub(super) expires_at: Millis,
    pub(super) seq: Option<u64>,
    pub(super) waits: bool,
    /// Its recipient took it and declines receipts.
    pub(super) taken: bool,
    /// Whether it is known who it was for: after a restart only of what waits.
    pub(super) to_is_known: bool,
}

impl Kept {
    /// Returns whether it counts against the bounds of its mailbox and of its sender.
    pub(super) fn counts(&self) -> bool {
        self.waits || self.taken
    }
}

pub(super) struct Session {
    pub(super) account: AccountId,
    pub(super) receipts: bool,
    /// Messages with lower numbers had waited.
    pub(super) began_at: u32,
    /// Messages with lower numbers had waited for the recipient to come online: it has been since,
    /// in other sessions too.
    pub(super) online_since: u32,
    pub(super) caught_up: bool,
    /// Numbers and sequence numbers of all that it was sent.
    pub(super) sent: Vec<(u32, u64)>,
}

impl Session {
    pub(super) fn was_sent(&self, message: &Kept) -> bool {
        self.sent.iter().any(|(number, _)| *number == message.number)
    }

    pub(super) fn highest(&self) -> u64 {
        self.sent.last().map_or(0, |(_, seq)| *seq)
    }
}
