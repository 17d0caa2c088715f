//! What there is room for, in other words than the store's.

use ephemeral_core::store::{
    ACCOUNT_COST, CORRESPONDENT_SHARE, KNOWN_SHARE, MAILBOX_SHARE, QuotaExceeded, RECORD_COST, SENDER_SHARE, SMALL,
};
use proptest::prelude::*;

use super::{Check, Kept, Model, counted, fingerprint};

impl Model {
    /// Returns bytes of memory that a body takes in the file.
    fn in_the_file(&self, body: usize) -> usize {
        self.file_cost.map_or(0, |cost| cost(body))
    }

    /// Returns bytes that a message takes of the store.
    pub(super) fn cost(&self, message: &Kept) -> usize {
        let body = message.id.len() + message.content.len();
        if message.waits {
            RECORD_COST + body + self.in_the_file(body)
        } else {
            RECORD_COST + self.in_the_file(0) + if message.taken { message.id.len() } else { 0 }
        }
    }

    /// Returns how many messages count against the bounds of a mailbox, and their bytes.
    fn charged(&self, to: u8, from: Option<u8>) -> (usize, usize) {
        let of = |message: &&Kept| message.counts() && message.to == to && from.is_none_or(|from| from == message.from);
        let messages: Vec<_> = self.kept.iter().filter(of).collect();
        (messages.len(), messages.iter().map(|message| message.content.len()).sum())
    }

    /// Returns the bounds that stand in the way of a message, in the order in which they are named.
    pub(super) fn refusals(&self, from: u8, to: u8, id: usize, size: usize) -> Vec<QuotaExceeded> {
        let mut refusals = Vec::new();
        let bounds = self.bounds;
        let beyond = |(messages, bytes): (usize, usize), most_messages: usize, most_bytes: usize| {
            messages + 1 > most_messages || bytes + size > most_bytes
        };
        let all = self.charged(to, None);
        let own = self.charged(to, Some(from));
        let mut full = beyond(all, bounds.mailbox_messages, bounds.mailbox_bytes);
        if from != to {
            let is_known = self.kept.iter().any(|kept| kept.from == to && kept.to == from && kept.to_is_known);
            let part = if is_known { CORRESPONDENT_SHARE } else { MAILBOX_SHARE };
            let share = ((bounds.mailbox_messages / part).max(1), bounds.mailbox_bytes / part);
            full |= own.0 > 0 && beyond(own, share.0, share.1);
            let kept = (bounds.mailbox_messages / KNOWN_SHARE, bounds.mailbox_bytes / KNOWN_SHARE);
            let open = (bounds.mailbox_messages - kept.0, bounds.mailbox_bytes - kept.1);
            full |= !is_known && all.0 > 0 && beyond(all, open.0, open.1);
        }
        if full {
            refusals.push(QuotaExceeded::Mailbox);
        }
        let from_this_sender = || self.kept.iter().filter(|kept| kept.from == from);
        let cost = RECORD_COST + id + size + self.in_the_file(id + size);
        let used: usize = from_this_sender().map(counted).sum();
        // What is held for the sake of a secret counts for its sender as if it still took its
        // place.
        let whole = |kept: &Kept| {
            RECORD_COST + self.in_the_file(if kept.counts() { kept.id.len() + kept.content.len() } else { 0 })
        };
        let body = |kept: &Kept| if kept.counts() { kept.id.len() + kept.content.len() } else { 0 };
        let taken: usize = from_this_sender().map(|kept| whole(kept) + body(kept)).sum();
        let free = self.free_for(to, cost);
        if used + RECORD_COST + id + size > bounds.sender_bytes || taken + cost > SMALL.max(free / SENDER_SHARE) {
            refusals.push(QuotaExceeded::Sender);
        }
        let account = if self.store.find(&fingerprint(to)).is_none() { ACCOUNT_COST } else { 0 };
        if cost + account > free {
            refusals.push(QuotaExceeded::Store);
        }
        refusals
    }

    /// Returns what is free for a message of this cost: all of it, if its recipient is online and
    /// next to nothing waits for it.
    fn free_for(&self, to: u8, cost: usize) -> usize {
        let waits: Vec<_> = self.kept.iter().filter(|kept| kept.waits && kept.to == to).collect();
        let there = waits.iter().map(|kept| RECORD_COST + kept.content.len()).sum::<usize>();
        let share = SMALL.max(self.bounds.kept_for_online / 1024);
        let takes = self.sessions.contains_key(&to) && waits.len() < 32 && there + cost <= share;
        let kept = if takes { 0 } else { self.bounds.kept_for_online };
        self.bounds.total_bytes.saturating_sub(self.store.figures().bytes + kept)
    }

    /// Returns the life of a message for which so much was asked for, in milliseconds.
    pub(super) fn granted(&self, asked: u64) -> u64 {
        let open = self.bounds.total_bytes.saturating_sub(self.bounds.kept_for_online);
        if 2 * self.store.figures().bytes < open - open % 2 { asked } else { asked.min(self.bounds.crowded_life_ms) }
    }

    /// Checks what holds after every step, about one person's mailbox and messages.
    pub(super) fn check_shares(&self, who: u8) -> Check {
        let (messages, bytes) = self.charged(who, None);
        prop_assert!(messages <= self.bounds.mailbox_messages, "too many messages in a mailbox");
        prop_assert!(bytes <= self.bounds.mailbox_bytes, "too many bytes in a mailbox");
        for from in (0..super::PEOPLE).filter(|&from| from != who) {
            let (messages, bytes) = self.charged(who, Some(from));
            // Whether its owner has written to the sender is known while that message is.
            let most = (self.bounds.mailbox_messages / CORRESPONDENT_SHARE).max(1);
            prop_assert!(messages <= most, "{} has more than half of a mailbox", from);
            prop_assert!(
                messages <= 1 || bytes <= self.bounds.mailbox_bytes / CORRESPONDENT_SHARE,
                "{} has too many bytes",
                from
            );
        }
        let used: usize = self.kept.iter().filter(|kept| kept.from == who).map(counted).sum();
        prop_assert!(used <= self.bounds.sender_bytes, "too many bytes of one sender");
        Ok(())
    }
}
