//! Mailboxes, quotas, expiry and duplicates, in RAM only. No socket, no clock, no task: time is
//! passed in.
//!
//! The mailbox is the one place where a message waits. An *account* is what is known of one
//! fingerprint: its mailbox, what it has sent, whether it is online. A *record* is one accepted
//! message: its body until it is delivered or expires, and its id until it expires. What outlives
//! the process, if anything does, is written down in a [`Journal`].
//!
//! The store is behind a lock that everybody waits for, so each call does a bounded amount of work:
//! nothing that grows is ever copied as a whole, and what is due is erased bit by bit. Its time
//! does not go back: the latest time that it was told counts.

mod account;
mod acquaintance;
mod awaited;
mod committing;
mod content;
mod expiry;
mod journal;
mod mailbox;
mod outcome;
mod pairs;
mod record;
mod schedule;
mod senders;
mod shares;
mod slots;
mod table;
mod wire;

use serde::Serialize;
use siphasher::sip::SipHasher13;

use crate::limits::Rate;
use crate::protocol::{Fingerprint, MessageOut, Millis, ReceiptStatus, WallTime, WireTime};
use account::Account;
pub use account::SessionProgress;
pub use acquaintance::{Acquaintance, OLD_MS};
use awaited::Awaited;
pub use committing::Committed;
use committing::Uncommitted;
pub use content::EscapedContent;
pub use expiry::EXPIRED_AT_ONCE;
pub use journal::{EndedEntry, Journal, JournalEntry, NoRoom, Remembered, Restoring, WaitingMessage};
pub use outcome::{Accepted, AcknowledgeError, Delivery, JoinError, Receipt, SessionEnd, SubmitError};
use pairs::Pairs;
use record::{End, Record, Waiting};
use schedule::{DueItem, Schedule};
pub use senders::SenderFigures;
pub use shares::{
    CORRESPONDENT_SHARE, KEPT_FOR_ONLINE, KNOWN_SHARE, MAILBOX_SHARE, NEARLY_FULL_LIFE_MS, SENDER_SHARE, SMALL,
};
use slots::Slots;
use table::Table;

/// The bounds of a store. At a bound the sender is told; nothing that was accepted is evicted.
///
/// Each is serialized under its name in the configuration file, `table.key`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Config {
    /// Messages waiting for one recipient.
    #[serde(rename = "store.mailbox_messages")]
    pub mailbox_messages: usize,
    /// Bytes of content waiting for one recipient.
    #[serde(rename = "store.mailbox_bytes")]
    pub mailbox_bytes: usize,
    /// Bytes that one sender has waiting anywhere, its remembered message ids included.
    #[serde(rename = "store.sender_bytes")]
    pub sender_bytes: usize,
    /// Bytes in all, bookkeeping included.
    #[serde(rename = "store.total_bytes")]
    pub total_bytes: usize,
    /// The part of `total_bytes` that only messages to recipients who are online may use, so that
    /// filling the store with messages that nobody fetches does not silence a conversation.
    #[serde(skip)]
    pub kept_for_online: usize,
    /// The longest that a message is kept once half of the rest is in use, in milliseconds.
    #[serde(skip)]
    pub crowded_life_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        let total_bytes = 256 << 20;
        Self {
            mailbox_messages: 1000,
            mailbox_bytes: 16 << 20,
            sender_bytes: 16 << 20,
            total_bytes,
            kept_for_online: 0,
            crowded_life_ms: 86_400_000,
        }
    }
}

/// What a record costs on the heap besides its body: itself, its places in the tables and the
/// allocator's share.
pub const RECORD_COST: usize = 192;
/// What an account costs: itself and its places in the tables. Counted for those that are not
/// online (those that are, are bounded by the number of sessions).
pub const ACCOUNT_COST: usize = 448;
/// How long an account is remembered after its last session, in milliseconds, so that its rate and
/// its last acknowledgement outlive a short interruption.
const LINGER_MS: u64 = 60_000;

/// An account's place in the store. It stays the same while the account is online.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AccountId(u32);

impl AccountId {
    /// Returns a small number that is reused, as an index.
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

/// The next message has so many bytes of content: more than were asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LongerContent(pub usize);

/// A message to be kept, if its recipient is a key and there is room.
#[derive(Debug, PartialEq, Eq)]
pub struct NewMessage<'frame> {
    /// The recipient; not yet known to be a key.
    pub to: Fingerprint,
    /// The content, sanitized, as the inside of a JSON string.
    pub escaped_content: EscapedContent<'frame>,
    /// When it will be gone: later than now, at most 49 days.
    pub expires_at: Millis,
    /// The same as its sender wrote it. Nothing is decided by it.
    pub given: Option<WallTime>,
}

/// A message has been kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deposited {
    /// Its recipient, if that is online.
    pub online: Option<AccountId>,
    /// When it will be gone: sooner than its sender asked for, if the store fills.
    pub expires_at: WireTime,
    /// What has to hold before the sender is told, and the recipient is sent the message: see
    /// [`Store::commit`]. 0: it does.
    pub position: u64,
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
    pub at: WireTime,
}

/// The next thing a session has to be sent from its mailbox.
#[derive(Debug)]
pub enum Next<'store> {
    /// A message; it counts as delivered now.
    Message(MessageOut<'store>),
    /// All that waited when the session began has been sent. Once a session.
    CaughtUp,
}

/// The figures of how full a store is.
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

/// Random numbers that make a store unpredictable to clients that fill it.
#[derive(Clone, Copy)]
pub struct Seed {
    /// The key of the hashes in its tables.
    pub hash_key: [u64; 2],
    /// Where its sequence numbers begin: below 2^52, so that they stay exact in every JSON reader.
    pub first_seq: u64,
}

/// Mailboxes, quotas, expiry and duplicates.
pub struct Store {
    bounds: Config,
    hasher: SipHasher13,
    accounts: Slots<Account>,
    by_fingerprint: Table,
    records: Slots<Record>,
    /// The records by their senders and ids.
    ids: Table,
    /// What is left of the records that have not met their end.
    unended: Slots<Waiting>,
    /// What is known of each pair of a sender and a recipient.
    pairs: Pairs,
    due: Schedule,
    waiting: usize,
    bytes: usize,
    delivered: u64,
    expired: u64,
    opened: Millis,
    /// The store's time.
    latest: Millis,
    first_seq: u64,
    seq_floor: u64,
    journal: Option<Box<dyn Journal>>,
    /// What was written down and does not hold yet.
    uncommitted: Uncommitted,
    /// `None` most of the time.
    awaited: Option<Box<Awaited>>,
    /// What a body of so many bytes takes where it is written down.
    file_cost: fn(usize) -> usize,
    /// All sequence numbers are below it, as the journal knows.
    promised: u64,
    /// What a mailbox that is made before `forgotten_until` does not know: who acknowledged what
    /// below this number.
    forgotten_below: u64,
    forgotten_until: Millis,
    /// What the wall clock was ahead of the other one when senders wrote times of their own: one,
    /// unless it was set.
    given_ahead: Vec<i64>,
}

impl Store {
    /// Makes an empty one.
    #[must_use]
    pub fn new(bounds: Config, seed: Seed, now: Millis) -> Self {
        Self {
            bounds,
            hasher: SipHasher13::new_with_keys(seed.hash_key[0], seed.hash_key[1]),
            accounts: Slots::new(),
            by_fingerprint: Table::default(),
            records: Slots::new(),
            ids: Table::default(),
            unended: Slots::new(),
            pairs: Pairs::new(seed.hash_key),
            due: Schedule::default(),
            waiting: 0,
            bytes: 0,
            delivered: 0,
            expired: 0,
            opened: now,
            latest: now,
            first_seq: seed.first_seq.max(1),
            seq_floor: 0,
            journal: None,
            uncommitted: Uncommitted::default(),
            awaited: None,
            file_cost: |_| 0,
            promised: 0,
            forgotten_below: 1,
            forgotten_until: Millis(0),
            given_ahead: Vec::new(),
        }
    }

    /// Changes the bounds. What is kept already stays, be it more than that.
    pub fn set_bounds(&mut self, bounds: Config) {
        self.bounds = bounds;
    }

    /// Begins a session of `fingerprint`: what it had not acknowledged will be delivered again.
    /// Returns its place and how many messages wait. `wants_receipts`: whether senders are told
    /// when it acknowledges.
    pub fn attach(&mut self, now: Millis, fingerprint: Fingerprint, wants_receipts: bool) -> (AccountId, usize) {
        self.latest = self.latest.max(now);
        let id = self.find(&fingerprint).unwrap_or_else(|| self.insert_account(fingerprint));
        let account = &mut self.accounts[id.0];
        if !account.online {
            self.bytes -= ACCOUNT_COST;
        }
        account.begin_session(wants_receipts);
        (id, self.pending(id))
    }

    /// Ends the session of `account`.
    pub fn detach(&mut self, now: Millis, account: AccountId) {
        self.latest = self.latest.max(now);
        let state = &mut self.accounts[account.0];
        state.online = false;
        state.keep_until = self.latest.plus(LINGER_MS).max(state.rate.unused_at());
        self.bytes += ACCOUNT_COST;
        self.forget_if_idle(account);
    }

    /// Takes one from the message rate of `account`.
    ///
    /// # Errors
    /// How many milliseconds until there is one again.
    pub fn take_rate(&mut self, now: Millis, account: AccountId, rate: &Rate) -> Result<(), u64> {
        rate.take(&mut self.accounts[account.0].rate, now)
    }

    /// Returns the expiry of the message for which `sender` has used `id` before, if that is
    /// remembered.
    #[must_use]
    pub fn known(&self, sender: AccountId, id: &str) -> Option<WireTime> {
        let record = self.known_record(sender, id)?;
        (record.expires_at > self.latest).then(|| self.expiry_on_wire(record))
    }

    /// Returns whether the message `id` of `sender` was delivered to a recipient who lets senders
    /// know. `false` also where that is not known any more.
    #[must_use]
    pub fn was_delivered(&self, sender: AccountId, id: &str) -> bool {
        self.known_record(sender, id).is_some_and(|record| record.delivered)
    }

    /// Returns the account of `fingerprint`, if anything is known of it. Then it is a valid key.
    #[must_use]
    pub fn find(&self, fingerprint: &Fingerprint) -> Option<AccountId> {
        let hash = self.hasher.hash(fingerprint.as_bytes());
        let is_it = |account: &Account| account.fingerprint == *fingerprint;
        let mut some = self.by_fingerprint.find(hash);
        some.find(|&place| self.accounts.get(place).is_some_and(is_it)).map(AccountId)
    }

    /// Returns how many messages were delivered and acknowledged, and how many expired, since the
    /// store was made.
    #[must_use]
    pub const fn ends(&self) -> (u64, u64) {
        (self.delivered, self.expired)
    }

    /// Returns how full the store is.
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
