//! Mailboxes, quotas, expiry and duplicates, in RAM only. No socket, no clock, no task: time is passed in.
//!
//! The mailbox is the one place where a message waits. A *account* is what is known of one fingerprint: its mailbox, what
//! it has sent, whether it is online. A *record* is one accepted message: its body until it is delivered or expires,
//! and its id until it expires. What outlives the process, if anything does, is written down in a [`Journal`].

mod account;
mod journal;
mod record;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use hashbrown::HashTable;
use siphasher::sip::SipHasher13;
use slab::Slab;

use crate::limits::Rate;
use crate::protocol::{DeliveryType, Fingerprint, MessageOut, Millis, ReceiptStatus};
use account::Account;
pub use journal::{Journal, JournalEntry, NoRoom, Remembered, WaitingMessage};
use record::Record;

/// The bounds of a store. At a bound the sender is told; nothing that was accepted is evicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// Messages waiting for one recipient.
    pub mailbox_messages: usize,
    /// Bytes of content waiting for one recipient.
    pub mailbox_bytes: usize,
    /// Bytes that one sender has waiting anywhere, its remembered message ids included.
    pub sender_bytes: usize,
    /// Bytes in all, bookkeeping included.
    pub total_bytes: usize,
    /// Of these, what only messages to recipients who are online may use: whoever fills the store with what nobody
    /// fetches does not silence those who are talking.
    pub kept_for_online: usize,
}

impl Default for Config {
    fn default() -> Self {
        let total_bytes = 256 << 20;
        Self { mailbox_messages: 1000, mailbox_bytes: 8 << 20, sender_bytes: 16 << 20, total_bytes, kept_for_online: 0 }
    }
}

/// Which part of [`Config::total_bytes`] a daemon keeps for recipients who are online: one of so many.
pub const KEPT_FOR_ONLINE: usize = 8;
/// What a record costs besides its body: itself, its places in the tables and the allocator's share.
pub const RECORD_COST: usize = 96;
/// What an account costs: itself and its place in the table. Counted for those that are not online (those that are, are
/// bounded by the number of sessions).
pub const ACCOUNT_COST: usize = 320;
/// How long an account is remembered after its last session, in milliseconds, so that its rate and its last
/// acknowledgement outlive a short interruption.
const LINGER_MS: u64 = 60_000;

/// An account's place in the store. It stays the same while the account is online.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AccountId(u32);

impl AccountId {
    /// Small numbers, reused: an index.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Why a message cannot be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuotaExceeded {
    /// Its recipient's mailbox.
    Mailbox,
    /// What its sender may have waiting.
    Sender,
    /// The store.
    Store,
}

/// An acknowledgement of what was never delivered in this session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NeverDelivered;

/// A message to be kept. Its id is not one that the sender has used.
#[derive(Debug, Clone, Copy)]
pub struct Letter<'letter> {
    /// The sender's name for it, at most 255 bytes.
    pub id: &'letter str,
    /// The recipient.
    pub to: Fingerprint,
    /// The content, as the inside of a JSON string.
    pub escaped_content: &'letter str,
    /// When it will be gone: later than now, at most 49 days.
    pub expires_at: Millis,
}

/// A message has met its end, and its sender is online.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// Who sent it.
    pub sender: AccountId,
    /// The sender's name for it.
    pub id: String,
    /// The recipient.
    pub to: Fingerprint,
    /// Which end.
    pub status: ReceiptStatus,
    /// When.
    pub at: Millis,
}

/// The next thing a session has to be sent from its mailbox.
#[derive(Debug)]
pub enum Next<'store> {
    /// A message; it counts as delivered now.
    Message(MessageOut<'store>),
    /// All that waited when the session began has been sent. Once a session.
    CaughtUp,
}

/// How full a store is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StoreStats {
    /// Messages waiting.
    pub messages: usize,
    /// Bytes counted against [`Config::total_bytes`].
    pub bytes: usize,
    /// Fingerprints known.
    pub accounts: usize,
    /// Message ids remembered, those of the waiting messages included.
    pub records: usize,
}

/// Random numbers that make a store unpredictable to those who fill it.
#[derive(Clone, Copy)]
pub struct Seed {
    /// The key of the hashes in its tables.
    pub hash_key: [u64; 2],
    /// Where its sequence numbers begin: below 2^52, so that they stay exact in every JSON reader.
    pub first_seq: u64,
}

/// What is due at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Record(u32),
    Account(u32),
}

/// Mailboxes, quotas, expiry and duplicates.
pub struct Store {
    bounds: Config,
    hasher: SipHasher13,
    accounts: Slab<Account>,
    by_fingerprint: HashTable<u32>,
    records: Slab<Record>,
    due: BinaryHeap<Reverse<(Millis, Due)>>,
    waiting: usize,
    bytes: usize,
    delivered: u64,
    expired: u64,
    opened: Millis,
    latest: Millis,
    first_seq: u64,
    seq_floor: u64,
    journal: Option<Box<dyn Journal>>,
    /// All sequence numbers are below it, as the journal knows.
    promised: u64,
    /// What a mailbox that is made before `forgotten_until` does not know: who acknowledged what below this number.
    forgotten_below: u64,
    forgotten_until: Millis,
}

impl Store {
    /// An empty one.
    #[must_use]
    pub fn new(bounds: Config, seed: Seed, now: Millis) -> Self {
        Self {
            bounds,
            hasher: SipHasher13::new_with_keys(seed.hash_key[0], seed.hash_key[1]),
            accounts: Slab::new(),
            by_fingerprint: HashTable::new(),
            records: Slab::new(),
            due: BinaryHeap::new(),
            waiting: 0,
            bytes: 0,
            delivered: 0,
            expired: 0,
            opened: now,
            latest: now,
            first_seq: seed.first_seq.max(1),
            seq_floor: 0,
            journal: None,
            promised: 0,
            forgotten_below: 1,
            forgotten_until: Millis(0),
        }
    }

    /// What holds from now on. What is kept already stays, be it more than that.
    pub fn set_bounds(&mut self, bounds: Config) {
        self.bounds = bounds;
    }

    /// Begins a session of `fingerprint`: what it had not acknowledged will be delivered again. Returns its place and
    /// how many messages wait. `wants_receipts`: whether senders are told when it acknowledges.
    pub fn attach(&mut self, now: Millis, fingerprint: Fingerprint, wants_receipts: bool) -> (AccountId, usize) {
        let id = self.find(&fingerprint).unwrap_or_else(|| self.insert_account(now, fingerprint));
        let account = &mut self.accounts[id.index()];
        if !account.online {
            self.bytes -= ACCOUNT_COST;
        }
        account.begin_session(wants_receipts);
        (id, account.mailbox.len())
    }

    /// Ends the session of `account`.
    pub fn detach(&mut self, now: Millis, account: AccountId) {
        let account_state = &mut self.accounts[account.index()];
        account_state.online = false;
        account_state.keep_until = now.plus(LINGER_MS).max(account_state.rate.unused_at());
        self.bytes += ACCOUNT_COST;
        self.forget_if_idle(account, now);
    }

    /// Takes one from the message rate of `account`.
    ///
    /// # Errors
    /// How many milliseconds until there is one again.
    pub fn take_rate(&mut self, now: Millis, account: AccountId, rate: &Rate) -> Result<(), u64> {
        rate.take(&mut self.accounts[account.index()].rate, now)
    }

    /// If `sender` has used `id` before, and it is remembered: when that message expires.
    #[must_use]
    pub fn known(&self, sender: AccountId, id: &str) -> Option<Millis> {
        let hash = self.hasher.hash(id.as_bytes());
        let record =
            self.accounts[sender.index()].ids.find(hash, |&record| self.records[record as usize].id_hash == hash)?;
        Some(self.records[*record as usize].expires_at)
    }

    /// Returns whether the message `id` of `sender` was delivered to a recipient who lets senders know. `false` also where
    /// that is not known any more.
    #[must_use]
    pub fn was_delivered(&self, sender: AccountId, id: &str) -> bool {
        let hash = self.hasher.hash(id.as_bytes());
        let ids = &self.accounts[sender.index()].ids;
        let record = ids.find(hash, |&record| self.records[record as usize].id_hash == hash);
        record.is_some_and(|&record| self.records[record as usize].delivered)
    }

    /// The place of `fingerprint`, if anything is known of it. Then it is a valid key.
    #[must_use]
    pub fn find(&self, fingerprint: &Fingerprint) -> Option<AccountId> {
        let hash = self.hasher.hash(fingerprint.as_bytes());
        let found =
            self.by_fingerprint.find(hash, |&account| self.accounts[account as usize].fingerprint == *fingerprint);
        found.map(|&account| AccountId(account))
    }

    /// Keeps a message. Returns its recipient, if that is online. The caller has checked that `letter.to` is a key, and
    /// that the id is not [`known`](Self::known).
    ///
    /// # Errors
    /// [`QuotaExceeded`]; nothing is kept then, and nothing was evicted.
    pub fn deposit(
        &mut self,
        now: Millis,
        sender: AccountId,
        letter: &Letter<'_>,
    ) -> Result<Option<AccountId>, QuotaExceeded> {
        let size = letter.escaped_content.len();
        let cost = RECORD_COST + letter.id.len() + size;
        let recipient = self.find(&letter.to);
        if let Some(recipient) = recipient {
            let mailbox = &self.accounts[recipient.index()];
            if mailbox.mailbox.len() >= self.bounds.mailbox_messages || mailbox.bytes + size > self.bounds.mailbox_bytes
            {
                return Err(QuotaExceeded::Mailbox);
            }
        } else if size > self.bounds.mailbox_bytes || self.bounds.mailbox_messages == 0 {
            return Err(QuotaExceeded::Mailbox);
        }
        if self.accounts[sender.index()].sent_bytes + cost > self.bounds.sender_bytes {
            return Err(QuotaExceeded::Sender);
        }
        let account_cost = if recipient.is_none() { ACCOUNT_COST } else { 0 };
        let online = recipient.is_some_and(|recipient| self.accounts[recipient.index()].online);
        let kept = if online { 0 } else { self.bounds.kept_for_online };
        if self.bytes + cost + account_cost + kept > self.bounds.total_bytes {
            return Err(QuotaExceeded::Store);
        }

        let recipient = recipient.unwrap_or_else(|| self.insert_account(now, letter.to));
        let id_hash = self.hasher.hash(letter.id.as_bytes());
        let entry = Record::new(now, sender, recipient, letter, id_hash, self.accounts[recipient.index()].next_seq);
        // A record costs at least 96 bytes of a bounded total: there are fewer than 2^32 below 400 GiB.
        let record = u32::try_from(self.records.vacant_key()).unwrap_or(u32::MAX);
        if self.write_down(sender, recipient, record, &entry).is_err() {
            self.forget_if_idle(recipient, now);
            return Err(QuotaExceeded::Store);
        }
        self.records.insert(entry);
        let account = &mut self.accounts[recipient.index()];
        account.next_seq += 1;
        account.mailbox.push_back(record);
        account.bytes += size;
        let online = account.online;
        let records = &self.records;
        let sending = &mut self.accounts[sender.index()];
        sending.sent_bytes += cost;
        sending.ids.insert_unique(id_hash, record, |&other| records[other as usize].id_hash);
        self.bytes += cost;
        self.waiting += 1;
        self.due.push(Reverse((letter.expires_at, Due::Record(record))));
        Ok(online.then_some(recipient))
    }

    /// The next thing to send to `account`, which is online: a message while fewer than `window` are out.
    pub fn deliver(&mut self, now: Millis, account: AccountId, window: usize) -> Option<Next<'_>> {
        let account = &mut self.accounts[account.index()];
        let next = account.mailbox.get(account.out).copied();
        if !account.caught_up && next.is_none_or(|record| self.records[record as usize].seq >= account.began_at) {
            account.caught_up = true;
            return Some(Next::CaughtUp);
        }
        let record = &self.records[next? as usize];
        if account.out >= window || record.expires_at <= now {
            return None;
        }
        account.out += 1;
        account.delivered_up_to = record.seq;
        let delivery_type = if record.seq < account.stored_below { DeliveryType::Stored } else { DeliveryType::Direct };
        let (to, from) = (account.fingerprint, self.accounts[record.sender as usize].fingerprint);
        let (id, escaped_content) = record.body()?;
        Some(Next::Message(MessageOut {
            id,
            from,
            to,
            escaped_content,
            timestamp: record.accepted_at(),
            expires_at: record.expires_at,
            delivery_type,
            seq: record.seq,
        }))
    }

    /// Erases every message of `account`'s mailbox that was delivered, up to and including `seq`. Pushes what the
    /// senders are to be told.
    ///
    /// # Errors
    /// [`NeverDelivered`] if this session was not sent that far.
    pub fn acknowledge(
        &mut self,
        now: Millis,
        account: AccountId,
        seq: u64,
        ended: &mut Vec<Completion>,
    ) -> Result<(), NeverDelivered> {
        let recipient = &mut self.accounts[account.index()];
        if seq == 0 || seq > recipient.delivered_up_to.max(recipient.acknowledged_up_to) {
            return Err(NeverDelivered);
        }
        recipient.acknowledged_up_to = recipient.acknowledged_up_to.max(seq);
        loop {
            let recipient = &mut self.accounts[account.index()];
            let first = recipient.mailbox.front().filter(|_| recipient.out > 0).copied();
            let Some(record) = first.filter(|&record| self.records[record as usize].seq <= seq) else { return Ok(()) };
            recipient.mailbox.pop_front();
            recipient.out -= 1;
            let status = recipient.wants_receipts.then_some(ReceiptStatus::Delivered);
            self.end(record, status, now, ended);
        }
    }

    /// Erases what is due by `now`. Pushes what the senders are to be told, and those who are online and for whom there
    /// may be something to [`deliver`](Self::deliver) now, because what kept them from it is gone.
    pub fn expire(&mut self, now: Millis, ended: &mut Vec<Completion>, freed: &mut Vec<AccountId>) {
        self.latest = self.latest.max(now);
        while let Some(&Reverse((at, due))) = self.due.peek() {
            if at > now {
                return;
            }
            self.due.pop();
            match due {
                Due::Account(account) => {
                    if let Some(state) = self.accounts.get_mut(account as usize) {
                        state.forget_queued = false;
                        self.forget_if_idle(AccountId(account), now);
                    }
                }
                Due::Record(record) => self.expire_record(record, at, now, ended, freed),
            }
        }
    }

    /// When [`expire`](Self::expire) will have something to do.
    #[must_use]
    pub fn next_due(&self) -> Option<Millis> {
        self.due.peek().map(|Reverse((at, _))| *at)
    }

    /// How many messages were delivered and acknowledged, and how many expired, since it was made.
    #[must_use]
    pub const fn ends(&self) -> (u64, u64) {
        (self.delivered, self.expired)
    }

    /// How full it is.
    #[must_use]
    pub fn figures(&self) -> StoreStats {
        StoreStats {
            messages: self.waiting,
            bytes: self.bytes,
            accounts: self.accounts.len(),
            records: self.records.len(),
        }
    }
}

#[cfg(test)]
mod tests;
