//! How much of the store, of a mailbox and of the time one sender may have. Identities are free:
//! what is given to one is given to as many as somebody likes to make.
//!
//! - Of the store, a sender may use a sixteenth of what is *free*: each further identity gets less
//!   than the one before.
//! - Of a mailbox, a sender may use an eighth, and half if its owner has written to that sender;
//!   and the last quarter is
//!   for those to whom its owner has written.
//! - As the store fills, messages are kept for a shorter time. What was granted stays granted.
//! - What is kept for recipients who are online goes to recipients who take what they are sent.
//!
//! What a recipient takes without letting its sender know counts as if it waited, until it expires:
//! nobody can find out by filling something up.

use super::{ACCOUNT_COST, AccountId, QuotaExceeded, Store};
use crate::protocol::Millis;

/// Which part of [`Config::total_bytes`](super::Config::total_bytes) a daemon keeps for recipients
/// who are online: one of so many.
pub const KEPT_FOR_ONLINE: usize = 8;
/// A sender's share of what is free: one of so many.
pub const SENDER_SHARE: usize = 16;
/// A sender's share of a mailbox: one of so many.
pub const MAILBOX_SHARE: usize = 8;
/// The share of a sender to whom the mailbox's owner has written: one of so many.
pub const CORRESPONDENT_SHARE: usize = 2;
/// The part of a mailbox that is kept for senders to whom its owner has written: one of so many.
pub const KNOWN_SHARE: usize = 4;
/// Bytes that no sender is refused for its share, and that each recipient may have of what is kept
/// for recipients who are online, however little there is.
pub const SMALL: usize = 4096;
/// The share of each recipient in what is kept for recipients who are online: one of so many.
const ONLINE_SHARE: usize = 1024;
/// Messages that may wait for a recipient who takes what it is sent: a window.
const TAKES: usize = 32;
/// The longest life that is granted where less than an eighth is free.
pub const NEARLY_FULL_LIFE_MS: u64 = 3_600_000;

impl Store {
    /// Checks that there is room for a message.
    pub(super) fn has_room(
        &self,
        sender: AccountId,
        recipient: Option<AccountId>,
        (id, size): (usize, usize),
    ) -> Result<(), QuotaExceeded> {
        self.mailbox_has_room(sender, recipient, size)?;
        let account = &self.accounts[sender.0];
        let counted = super::RECORD_COST + id + size;
        if account.sent_bytes + counted > self.bounds.sender_bytes {
            return Err(QuotaExceeded::Sender);
        }
        let cost = counted + (self.file_cost)(id + size);
        let kept = if self.takes(recipient, cost) { 0 } else { self.bounds.kept_for_online };
        let free = self.bounds.total_bytes.saturating_sub(self.bytes).saturating_sub(kept);
        if account.sent_cost + cost > (free / SENDER_SHARE).max(SMALL) {
            return Err(QuotaExceeded::Sender);
        }
        let account_cost = if recipient.is_none() { ACCOUNT_COST } else { 0 };
        if cost + account_cost > free { Err(QuotaExceeded::Store) } else { Ok(()) }
    }

    fn mailbox_has_room(
        &self,
        sender: AccountId,
        recipient: Option<AccountId>,
        size: usize,
    ) -> Result<(), QuotaExceeded> {
        let most_messages = self.bounds.mailbox_messages;
        let most_bytes = self.bounds.mailbox_bytes;
        let account = recipient.map(|recipient| &self.accounts[recipient.0]);
        let (messages, bytes) = account.map_or((0, 0), |account| (account.charged_messages, account.charged_bytes));
        let fits = |messages: usize, bytes: usize, most_messages: usize, most_bytes: usize| {
            messages < most_messages && bytes + size <= most_bytes
        };
        let all = fits(messages, bytes, most_messages, most_bytes);
        let Some(recipient) = recipient.filter(|&recipient| recipient != sender) else {
            return if all { Ok(()) } else { Err(QuotaExceeded::Mailbox) };
        };
        let pair = self.pairs.get(sender, recipient);
        let (pair_messages, pair_bytes) = pair.map_or((0, 0), |pair| (pair.messages, pair.bytes));
        let is_correspondent = self.pairs.get(recipient, sender).is_some();
        let part = if is_correspondent { CORRESPONDENT_SHARE } else { MAILBOX_SHARE };
        // A first message has room wherever the whole mailbox has some for it: a bound may be as
        // small as one message.
        let share =
            pair_messages == 0 || fits(pair_messages, pair_bytes, (most_messages / part).max(1), most_bytes / part);
        let for_strangers = messages == 0
            || is_correspondent
            || fits(
                messages,
                bytes,
                most_messages - most_messages / KNOWN_SHARE,
                most_bytes - most_bytes / KNOWN_SHARE,
            );
        if all && share && for_strangers { Ok(()) } else { Err(QuotaExceeded::Mailbox) }
    }

    /// Returns whether a recipient is online and takes what it is sent, so that next to nothing
    /// waits for it.
    fn takes(&self, recipient: Option<AccountId>, cost: usize) -> bool {
        let most = (self.bounds.kept_for_online / ONLINE_SHARE).max(SMALL);
        recipient.map(|recipient| &self.accounts[recipient.0]).is_some_and(|account| {
            let waits = account.mailbox.len();
            account.online && waits < TAKES && waits * super::RECORD_COST + account.bytes + cost <= most
        })
    }

    /// Returns the expiry of a message whose sender asked for `asked`: the fuller the store, the
    /// sooner.
    pub(super) fn granted(&self, asked: Millis) -> Millis {
        let open = self.bounds.total_bytes.saturating_sub(self.bounds.kept_for_online);
        let crowded = self.bounds.crowded_life_ms;
        let most = if self.bytes >= open - open / 8 {
            crowded.min(NEARLY_FULL_LIFE_MS)
        } else if self.bytes >= open / 2 {
            crowded
        } else {
            return asked;
        };
        asked.min(self.latest.plus(most))
    }
}
