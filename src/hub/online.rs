//! Who is online, and the receipts that wait for them: bounded for each session, and in all.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use super::receipts::ReceiptQueue;
use super::{Signal, Wakes};
use ephemeral_core::store::{AccountId, Receipt};

/// Receipts that wait for a sender which does not read, at most: more, and its session is closed.
pub(super) const RECEIPTS: usize = 16_384;
/// Receipts that wait for all senders together, at most: more, and the session for which most wait
/// is closed. Some 11 MiB; messages that were taken are in no other account once they have expired.
pub(super) const RECEIPTS_IN_ALL: usize = 65_536;

/// A session, as the hub sees it.
pub(super) struct OnlineSession {
    pub(super) session: u64,
    /// Which of two sessions of one fingerprint is the newer one, whichever hub each began with.
    pub(super) rank: u64,
    pub(super) signal: Arc<Signal>,
    receipts: ReceiptQueue,
    /// More receipts than there may be have come.
    pub(super) overrun: bool,
}

/// Receipts of a session that are taken at once, at most: the lock is held meanwhile.
const TAKEN_AT_ONCE: usize = 1024;

impl OnlineSession {
    /// Takes the receipts that wait for it, the oldest ones where there are very many.
    pub(super) fn take_receipts(&mut self) -> Vec<Receipt> {
        std::iter::from_fn(|| self.receipts.pop()).take(TAKEN_AT_ONCE).collect()
    }
}

/// Hashes the places of accounts: small numbers that the store gives out, and nobody chooses.
#[derive(Default)]
struct PlaceHasher(u64);

impl Hasher for PlaceHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u32(&mut self, place: u32) {
        // The table looks at the upper and at the lower bits.
        self.0 = u64::from(place).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(32);
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3);
        }
    }
}

/// The sessions, by their accounts. It is as large as there are sessions, however many accounts the
/// store has.
#[derive(Default)]
pub(super) struct OnlineTable {
    sessions: HashMap<AccountId, OnlineSession, BuildHasherDefault<PlaceHasher>>,
    /// Receipts that wait, in all.
    receipts: usize,
}

impl OnlineTable {
    pub(super) fn len(&self) -> usize {
        self.sessions.len()
    }

    pub(super) fn get(&self, account: AccountId) -> Option<&OnlineSession> {
        self.sessions.get(&account)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &OnlineSession> {
        self.sessions.values()
    }

    /// Enters a session, which goes on with the receipts of one that it takes over from.
    pub(super) fn begin(
        &mut self,
        account: AccountId,
        (session, rank): (u64, u64),
        signal: Arc<Signal>,
        wakes: &mut Wakes,
    ) {
        let mut receipts = ReceiptQueue::default();
        if let Some(older) = self.sessions.remove(&account) {
            wakes.add(&older.signal);
            receipts = older.receipts;
        }
        self.sessions.insert(account, OnlineSession { session, rank, signal, receipts, overrun: false });
    }

    /// Takes a session out. What it had is freed by the caller, while nobody waits.
    pub(super) fn end(&mut self, account: AccountId) -> Option<OnlineSession> {
        let gone = self.sessions.remove(&account);
        if let Some(online) = &gone {
            self.receipts -= online.receipts.len();
        }
        if self.sessions.len() < self.sessions.capacity() / 8 {
            self.sessions.shrink_to(self.sessions.len() * 2);
        }
        gone
    }

    /// Takes all out. What they had is freed by the caller, while nobody waits.
    pub(super) fn clear(&mut self, wakes: &mut Wakes) -> Self {
        let gone = std::mem::take(self);
        for online in gone.iter() {
            wakes.add(&online.signal);
        }
        gone
    }

    /// Keeps a receipt for its sender, if that is online.
    pub(super) fn tell(&mut self, sender: AccountId, receipt: Receipt, wakes: &mut Wakes) {
        let Some(online) = self.sessions.get_mut(&sender) else { return };
        wakes.add(&online.signal);
        if online.overrun {
            return;
        }
        online.receipts.push(receipt);
        self.receipts += 1;
        if online.receipts.len() > RECEIPTS {
            self.overrun(sender, wakes);
        } else if self.receipts > RECEIPTS_IN_ALL
            && let Some(most) = self.most_behind()
        {
            self.overrun(most, wakes);
        }
    }

    /// Takes the next receipt that waits for a session.
    pub(super) fn next_receipt(&mut self, account: AccountId) -> Option<Receipt> {
        let online = self.sessions.get_mut(&account)?;
        let receipt = online.receipts.pop()?;
        self.receipts -= 1;
        Some(receipt)
    }

    /// Returns how many receipts wait, and for how many more than are kept there is room.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> (usize, usize) {
        (self.receipts, self.sessions.values().map(|online| online.receipts.room()).sum())
    }

    /// Drops what waits for a session, which has to end. It is freed when the lock is not held any
    /// more: that takes milliseconds.
    fn overrun(&mut self, account: AccountId, wakes: &mut Wakes) {
        let Some(online) = self.sessions.get_mut(&account) else { return };
        online.overrun = true;
        let dropped = std::mem::take(&mut online.receipts);
        self.receipts -= dropped.len();
        wakes.dropped.push(dropped);
        wakes.add(&online.signal);
    }

    /// Looks through all sessions; what it finds has a share of [`RECEIPTS_IN_ALL`] at least, so
    /// that this is rare.
    fn most_behind(&self) -> Option<AccountId> {
        let most = self.sessions.iter().max_by_key(|(_, online)| online.receipts.len());
        most.map(|(account, _)| *account)
    }
}
