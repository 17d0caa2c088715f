//! What is known of one fingerprint, and when it is forgotten.

use std::cmp::Reverse;
use std::collections::VecDeque;

use hashbrown::HashTable;

use super::{ACCOUNT_COST, AccountId, Due, Store};
use crate::limits::Bucket;
use crate::protocol::{Fingerprint, Millis};

/// What is known of one fingerprint.
pub(super) struct Account {
    pub(super) fingerprint: Fingerprint,
    /// The records that wait for it, in the order of their sequence numbers. The first `out` have been delivered.
    pub(super) mailbox: VecDeque<u32>,
    pub(super) out: usize,
    /// Bytes of content in the mailbox.
    pub(super) bytes: usize,
    pub(super) next_seq: u64,
    /// The first sequence number that did not wait for the session to begin.
    pub(super) began_at: u64,
    /// Below it, a message had to wait for the recipient to come online, or has been delivered before.
    pub(super) stored_below: u64,
    /// In this session.
    pub(super) delivered_up_to: u64,
    /// In any session.
    pub(super) acknowledged_up_to: u64,
    /// The records it has sent, by the hash of their ids.
    pub(super) ids: HashTable<u32>,
    /// What these cost.
    pub(super) sent_bytes: usize,
    pub(super) rate: Bucket,
    /// Not forgotten before.
    pub(super) keep_until: Millis,
    pub(super) online: bool,
    pub(super) wants_receipts: bool,
    pub(super) caught_up: bool,
    /// Whether a look at `keep_until` is due.
    pub(super) forget_queued: bool,
}

impl Account {
    fn new(fingerprint: Fingerprint, next_seq: u64) -> Self {
        Self {
            fingerprint,
            mailbox: VecDeque::new(),
            out: 0,
            bytes: 0,
            next_seq,
            began_at: next_seq,
            stored_below: next_seq,
            delivered_up_to: 0,
            acknowledged_up_to: 0,
            ids: HashTable::new(),
            sent_bytes: 0,
            rate: Bucket::default(),
            keep_until: Millis(0),
            online: false,
            wants_receipts: true,
            caught_up: false,
            forget_queued: false,
        }
    }

    /// All that is in the mailbox has waited for this session.
    pub(super) fn begin_session(&mut self, wants_receipts: bool) {
        // Where this session takes over from another, the recipient has been online all the time.
        self.stored_below = if self.online { self.stored_below.max(self.delivered_up_to + 1) } else { self.next_seq };
        self.online = true;
        self.wants_receipts = wants_receipts;
        self.out = 0;
        self.began_at = self.next_seq;
        self.delivered_up_to = 0;
        self.caught_up = false;
    }

    fn is_idle(&self) -> bool {
        !self.online && self.mailbox.is_empty() && self.ids.is_empty()
    }
}

impl Store {
    /// A sequence number that no mailbox has reached: they count up from the microsecond in which they were made, so
    /// that a mailbox which was forgotten does not go back when it is made again, and tells nothing about any other.
    fn fresh_seq(&self) -> u64 {
        let elapsed = self.latest.since(self.opened).saturating_mul(1000);
        self.seq_floor.max(self.first_seq.saturating_add(elapsed))
    }

    pub(super) fn insert_account(&mut self, now: Millis, fingerprint: Fingerprint) -> AccountId {
        self.latest = self.latest.max(now);
        let mut account = Account::new(fingerprint, self.fresh_seq());
        if now < self.forgotten_until {
            account.acknowledged_up_to = self.forgotten_below - 1;
        }
        let account = self.accounts.insert(account);
        // An account costs at least 320 bytes of a bounded total, or a session: there are fewer than 2^32.
        let account = u32::try_from(account).unwrap_or(u32::MAX);
        let (accounts, hasher) = (&self.accounts, &self.hasher);
        self.by_fingerprint.insert_unique(hasher.hash(fingerprint.as_bytes()), account, |&other| {
            hasher.hash(accounts[other as usize].fingerprint.as_bytes())
        });
        self.bytes += ACCOUNT_COST;
        AccountId(account)
    }

    /// Forgets an account of which nothing needs to be known any more, or notes when to look again.
    pub(super) fn forget_if_idle(&mut self, id: AccountId, now: Millis) {
        let Some(account) = self.accounts.get_mut(id.index()).filter(|account| account.is_idle()) else { return };
        if account.keep_until > now {
            if !account.forget_queued {
                account.forget_queued = true;
                self.due.push(Reverse((account.keep_until, Due::Account(id.0))));
            }
            return;
        }
        let hash = self.hasher.hash(account.fingerprint.as_bytes());
        if let Ok(entry) = self.by_fingerprint.find_entry(hash, |&other| other == id.0) {
            entry.remove();
        }
        let reached = account.next_seq;
        self.accounts.remove(id.index());
        // Only a mailbox that was filled faster than one a microsecond is ahead of what a new one begins with.
        if reached > self.fresh_seq() {
            self.seq_floor = reached;
        }
        self.bytes -= ACCOUNT_COST;
    }
}
