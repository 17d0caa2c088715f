//! What a store writes down as it changes, for a memory that outlives the process; and how it
//! begins again from that.
//!
//! The store does no writing itself: it is handed a [`Journal`], or none. The heap stays what it
//! works with.

use zeroize::Zeroizing;

use super::record::{NOBODY, Record, Waiting, hash};
use super::{AccountId, Config, DueItem, LINGER_MS, RECORD_COST, Seed, Store};
use crate::protocol::{Fingerprint, Millis};

/// How many sequence numbers are promised at once: those of a minute, as mailboxes are made (one a
/// microsecond). So a promise is written a few times a minute at most, and a crash skips no more
/// than that.
const PROMISED_AT_ONCE: u64 = 60_000_000;

/// A store's way to write down what has to outlive the process.
///
/// Where [`position`](Self::position) is 0, each call is over when it returns: then it holds even
/// if the process is killed in the next instant; killed within the call, it either holds or has not
/// happened. Where it is not, what was written holds when the store is told so
/// ([`Store::commit`]), in the order in which it was written.
///
/// A record is named by the place that the store has for it: small numbers, reused.
pub trait Journal: Send {
    /// Writes an accepted message down.
    ///
    /// # Errors
    /// [`NoRoom`]; nothing is kept then.
    fn accept(&mut self, record: u32, entry: &JournalEntry<'_>) -> Result<(), NoRoom>;
    /// Overwrites a message that has met its end, except for what its id needs to be remembered.
    fn end(&mut self, record: u32, left: &EndedEntry<'_>);
    /// Forgets the id of an ended message: nothing is left of it.
    fn forget(&mut self, record: u32);
    /// Writes down that sequence numbers below `below` may have been used from now on.
    fn promise(&mut self, below: u64);
    /// Overwrites everything.
    fn erase(&mut self);
    /// Begins the lifetime of an empty store after [`erase`](Self::erase).
    fn begin(&mut self, epoch: [u8; 16], seed: &Seed);
    /// Returns what tells how many bytes of memory a message takes here, by the bytes of its body:
    /// of a message that has met its end, none.
    fn cost(&self) -> fn(usize) -> usize;
    /// Returns how much has been written: a number that grows with each call, and never is 0, where
    /// what is written holds later only.
    fn position(&self) -> u64 {
        0
    }
}

/// The remains of a message that has met its end.
#[derive(Debug, Clone, Copy)]
pub struct EndedEntry<'entry> {
    /// Who sent it.
    pub sender: &'entry Fingerprint,
    /// The keyed hash of the id.
    pub id_hash: u64,
    /// When its id will be forgotten.
    pub expires_at: Millis,
}

/// There is no memory for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoRoom;

/// An accepted message as it is written down.
#[derive(Debug, Clone, Copy)]
pub struct JournalEntry<'entry> {
    /// Who sent it.
    pub sender: Fingerprint,
    /// The recipient.
    pub recipient: Fingerprint,
    /// The sender's name for it, at most 255 bytes.
    pub id: &'entry str,
    /// The content, as the inside of a JSON string.
    pub escaped_content: &'entry str,
    /// The keyed hash of the id.
    pub id_hash: u64,
    /// Its number in the recipient's mailbox.
    pub seq: u64,
    /// When it will be gone.
    pub expires_at: Millis,
    /// The time from its acceptance to its expiry, in milliseconds.
    pub lifetime: u32,
}

/// An accepted message whose id is remembered, as it was read back.
pub struct Remembered {
    /// Who sent it.
    pub sender: Fingerprint,
    /// The keyed hash of the id.
    pub id_hash: u64,
    /// When it will be gone.
    pub expires_at: Millis,
    /// The message itself, unless it has met its end.
    pub waiting: Option<WaitingMessage>,
}

/// The part of an entry that a message needs until its end.
pub struct WaitingMessage {
    /// The recipient.
    pub recipient: Fingerprint,
    /// Its number in the recipient's mailbox.
    pub seq: u64,
    /// The time from its acceptance to its expiry, in milliseconds.
    pub lifetime: u32,
    /// Id and content.
    pub body: Zeroizing<Box<str>>,
    /// How much of it is the id.
    pub id_bytes: u8,
}

/// A store that goes on where another was killed, while it is told what that one had. There is no
/// second copy of it.
pub struct Restoring(Store);

impl Restoring {
    /// Begins to restore a store. `seed` has the hash key of the other store, and the sequence
    /// number that it had promised to stay below. `cost` is that of the journal from which the
    /// messages are read.
    #[must_use]
    pub fn begin(bounds: Config, seed: Seed, now: Millis, cost: fn(usize) -> usize) -> Self {
        let mut store = Store::new(bounds, seed, now);
        store.file_cost = cost;
        // Who acknowledged what is not written down. For as long as a fingerprint would have been
        // remembered, whatever does not wait any more counts as acknowledged: a late
        // acknowledgement of it is no error.
        store.forgotten_below = store.first_seq;
        store.forgotten_until = now.plus(LINGER_MS);
        Self(store)
    }

    /// Takes over one message. The records have the places in which they come, beginning with 0.
    pub fn recall(&mut self, entry: Remembered) {
        let store = &mut self.0;
        let place = |store: &mut Store, fingerprint| {
            store.find(&fingerprint).unwrap_or_else(|| store.insert_account(fingerprint))
        };
        let sender = place(store, entry.sender);
        let Remembered { sender: _, id_hash, expires_at, waiting } = entry;
        let Some(waiting) = waiting else {
            let record = store.records.insert(Record::new((sender, AccountId(NOBODY)), id_hash, expires_at, 0));
            let remembered = RECORD_COST + (store.file_cost)(0);
            store.ids.insert(hash(sender, id_hash), record);
            let account = &mut store.accounts[sender.0];
            account.outbound += 1;
            account.sent_bytes += RECORD_COST;
            account.sent_cost += remembered;
            store.bytes += remembered;
            store.due.insert(expires_at, DueItem::Record(record));
            return;
        };
        let bytes = waiting.body.len();
        let id_bytes = usize::from(waiting.id_bytes);
        let recipient = place(store, waiting.recipient);
        // Of what does not wait any more, it is not written down when it was accepted.
        let accepted = Millis(expires_at.0.saturating_sub(u64::from(waiting.lifetime)));
        store.known_at(sender, accepted);
        store.known_at(recipient, accepted);
        // How its sender wrote the time is not written down.
        let mut record = Record::new((sender, recipient), id_hash, expires_at, 0);
        record.waiting = store.unended.insert(Waiting::recalled(waiting));
        let record = store.records.insert(record);
        store.charge(record, (sender, recipient), (id_bytes, bytes - id_bytes));
        store.place(record);
    }

    /// Returns the store, which writes down in `journal` what happens from now on. Nobody is
    /// online. What is due is gone. All that was accepted is kept, be it more than the bounds
    /// allow: then there is no room for anything new.
    #[must_use]
    pub fn finish(self, journal: Box<dyn Journal>) -> Store {
        let mut store = self.0;
        store.promised = store.first_seq;
        store.journal = Some(journal);
        let records = &store.records;
        let unended = &store.unended;
        let seq = |record: u32| unended[records[record].waiting].seq;
        for account in store.accounts.values_mut() {
            account.mailbox.make_contiguous().sort_unstable_by_key(|&record| seq(record));
            if let Some(&first) = account.mailbox.front() {
                account.acknowledged_up_to = seq(first).saturating_sub(1);
            }
            if let Some(&last) = account.mailbox.back() {
                account.next_seq = account.next_seq.max(seq(last) + 1);
            }
        }
        // Nobody is online who could be told now.
        store.await_everybody();
        while store.expire(store.latest, &mut Vec::new(), &mut Vec::new()) {}
        store
    }
}

impl Store {
    /// Makes an empty one that is written down.
    #[must_use]
    pub fn with_journal(bounds: Config, seed: Seed, now: Millis, journal: Box<dyn Journal>) -> Self {
        let mut store = Self::new(bounds, seed, now);
        store.promised = store.first_seq;
        store.file_cost = journal.cost();
        store.journal = Some(journal);
        store
    }

    /// Takes the journal away: from now on nothing is written down.
    pub fn take_journal(&mut self) -> Option<Box<dyn Journal>> {
        self.journal.take()
    }

    /// Writes a message down before anything else knows of it.
    pub(super) fn write_down(
        &mut self,
        (sender, recipient): (AccountId, AccountId),
        place: u32,
        record: &Record,
        waiting: &Waiting,
    ) -> Result<(), NoRoom> {
        let Some(journal) = &mut self.journal else { return Ok(()) };
        let (id, escaped_content) = waiting.body();
        if waiting.seq >= self.promised {
            self.promised = waiting.seq.saturating_add(PROMISED_AT_ONCE);
            journal.promise(self.promised);
        }
        let entry = JournalEntry {
            sender: self.accounts[sender.0].fingerprint,
            recipient: self.accounts[recipient.0].fingerprint,
            id,
            escaped_content,
            id_hash: record.id_hash,
            seq: waiting.seq,
            expires_at: record.expires_at,
            lifetime: waiting.lifetime,
        };
        journal.accept(place, &entry)
    }
}
