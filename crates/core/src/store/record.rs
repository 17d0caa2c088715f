//! One accepted message, and how it ends.

use zeroize::Zeroizing;

use super::table::NOWHERE;
use super::{AccountId, Completion, EndedEntry, RECORD_COST, Store, WaitingMessage};
use crate::protocol::{Millis, ReceiptStatus};

/// Stands in place of a recipient that is not known any more.
pub(super) const NOBODY: u32 = u32::MAX;
/// Added to the hash of an id times the place of its sender. It is odd, so that one id of many
/// senders is in as many buckets.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// The record of an accepted message until it expires: its id, above all.
pub(super) struct Record {
    /// A keyed hash of the id. Two ids of one sender share it with a probability of 2^-64.
    pub(super) id_hash: u64,
    pub(super) expires_at: Millis,
    pub(super) sender: u32,
    /// An account that stays for as long as the record does, or [`NOBODY`].
    pub(super) recipient: u32,
    /// The place of the rest, in [`Store::unended`]; [`NOWHERE`] once the message has met its end.
    pub(super) waiting: u32,
    /// Which of [`Store::given_ahead`], counted from 1, was added to `expires_at` where its sender
    /// wrote it; 0: none.
    pub(super) given: u8,
    /// Its recipient took it, and lets its sender know. Not known of what an earlier process
    /// delivered.
    pub(super) delivered: bool,
}

/// The rest of a message's record, until its end.
pub(super) struct Waiting {
    /// Id and content in one allocation, which is overwritten when it is dropped. Of a message that
    /// was taken in secret, the id alone.
    body: Zeroizing<Box<str>>,
    pub(super) seq: u64,
    /// The time from its acceptance to its expiry, in milliseconds: at most 49 days.
    pub(super) lifetime: u32,
    /// Bytes of content of a message that was taken in secret.
    taken_bytes: u32,
    id_bytes: u8,
    /// Its recipient took it, and does not let its sender know: it goes on counting as if it
    /// waited.
    taken: bool,
}

/// The ways in which a message that waits ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Its recipient took it, and its sender may know.
    Delivered,
    /// Its recipient took it, and its sender may not.
    Taken,
    /// Its time has run out, or the operator dropped it.
    Expired,
}

impl Record {
    /// Makes one without a place for the rest.
    pub(super) fn new(
        (sender, recipient): (AccountId, AccountId),
        id_hash: u64,
        expires_at: Millis,
        given: u8,
    ) -> Self {
        Self {
            id_hash,
            expires_at,
            sender: sender.0,
            recipient: recipient.0,
            waiting: NOWHERE,
            given,
            delivered: false,
        }
    }
}

/// Returns the hash of an id of a sender, as [`Store::ids`] has it.
pub(super) fn hash(sender: AccountId, id_hash: u64) -> u64 {
    id_hash.wrapping_add(u64::from(sender.0).wrapping_mul(SPREAD))
}

impl Waiting {
    /// Makes one for `lifetime` milliseconds.
    pub(super) fn new((id, escaped_content): (&str, &str), seq: u64, lifetime: u64) -> Self {
        Self {
            body: Zeroizing::new([id, escaped_content].concat().into_boxed_str()),
            seq,
            lifetime: u32::try_from(lifetime).unwrap_or(u32::MAX),
            taken_bytes: 0,
            id_bytes: u8::try_from(id.len()).unwrap_or(u8::MAX),
            taken: false,
        }
    }

    pub(super) fn recalled(waiting: WaitingMessage) -> Self {
        let WaitingMessage { recipient: _, seq, lifetime, body, id_bytes } = waiting;
        Self { body, seq, lifetime, taken_bytes: 0, id_bytes, taken: false }
    }

    /// Returns id and content.
    pub(super) fn body(&self) -> (&str, &str) {
        self.body.split_at_checked(usize::from(self.id_bytes)).unwrap_or_default()
    }

    /// Returns whether its recipient took it in secret.
    pub(super) const fn is_taken(&self) -> bool {
        self.taken
    }

    #[cfg(test)]
    pub(super) const fn whole_body(&self) -> &Zeroizing<Box<str>> {
        &self.body
    }

    /// Keeps the id alone. Returns how many bytes less that are.
    fn take(&mut self) -> usize {
        let (id, content) = self.body();
        let bytes = content.len();
        self.body = Zeroizing::new(Box::from(id));
        self.taken_bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.taken = true;
        bytes
    }
}

impl Store {
    /// Returns the number of a message in its mailbox. Of one that has met its end, 0.
    pub(super) fn seq(&self, record: u32) -> u64 {
        self.unended.get(self.records[record].waiting).map_or(0, |waiting| waiting.seq)
    }

    /// Returns whether a message has neither been taken nor erased.
    pub(super) fn waits(&self, record: u32) -> bool {
        let record = self.records.get(record);
        record.and_then(|record| self.unended.get(record.waiting)).is_some_and(|waiting| !waiting.taken)
    }

    /// Returns how much work it is to erase a message, in the units of [`Store::expire`].
    pub(super) fn work(&self, record: u32) -> usize {
        let waiting = self.unended.get(self.records[record].waiting);
        1 + waiting.map_or(0, |waiting| waiting.body.len()) / super::expiry::BYTES_A_UNIT
    }

    /// Erases the content of a record that has been taken out of its mailbox. Its sender is told,
    /// if it may know and is online. The record stays, for its id.
    pub(super) fn end(&mut self, record: u32, end: End, at: Millis, ended: &mut Vec<Completion>) {
        if !self.waits(record) {
            return;
        }
        let entry = &mut self.records[record];
        entry.delivered = end == End::Delivered;
        let id_hash = entry.id_hash;
        let sender = AccountId(entry.sender);
        if let Some(journal) = &mut self.journal {
            let left =
                EndedEntry { sender: &self.accounts[sender.0].fingerprint, id_hash, expires_at: entry.expires_at };
            journal.end(record, &left);
        }
        let recipient = AccountId(entry.recipient);
        let place = entry.waiting;
        let body = self.unended[place].body.len();
        let file = (self.file_cost)(body) - (self.file_cost)(0);
        self.waiting -= 1;
        *(if end == End::Expired { &mut self.expired } else { &mut self.delivered }) += 1;
        self.accounts[sender.0].sent_waiting -= 1;
        let status = match end {
            End::Taken => {
                let content = self.unended[place].take();
                self.bytes -= content + file;
                self.accounts[recipient.0].bytes -= content;
                return;
            }
            End::Delivered => ReceiptStatus::Delivered,
            End::Expired => ReceiptStatus::Expired,
        };
        self.bytes -= body + file;
        self.records[record].waiting = NOWHERE;
        let Some(waiting) = self.unended.remove(place) else { return };
        let (id, content) = waiting.body();
        self.accounts[recipient.0].bytes -= content.len();
        self.discharge((sender, recipient), content.len(), body);
        self.tell((sender, recipient), (id, id_hash), status, at, ended);
    }

    /// Ends a record whose time has come: a message that still waits expires, and its id is
    /// forgotten. Returns how much work that was, in the units of [`expire`](Self::expire).
    pub(super) fn expire_record(
        &mut self,
        record: u32,
        at: Millis,
        ended: &mut Vec<Completion>,
        freed: &mut Vec<AccountId>,
    ) -> usize {
        let Some(entry) = self.records.get(record) else { return 1 };
        let sender = AccountId(entry.sender);
        let recipient = AccountId(entry.recipient);
        let id_hash = entry.id_hash;
        let place = entry.waiting;
        let mut work = self.work(record);
        if self.waits(record) {
            work += self.take_out(record, freed);
            self.end(record, End::Expired, at, ended);
        } else if let Some(taken) = self.unended.remove(place) {
            // Its sender is told what it would have been told had nobody taken it.
            let id = &taken.body;
            let content = taken.taken_bytes as usize;
            self.bytes -= id.len();
            self.discharge((sender, recipient), content, id.len() + content);
            self.tell((sender, recipient), (id, id_hash), ReceiptStatus::Expired, at, ended);
        }
        self.forget_record(record, (sender, recipient));
        work
    }

    /// Takes a body of so many bytes off what its sender has sent.
    fn discharge(&mut self, (sender, recipient): (AccountId, AccountId), content: usize, body: usize) {
        let account = &mut self.accounts[recipient.0];
        account.charged_messages -= 1;
        account.charged_bytes -= content;
        if let Some(pair) = self.pairs.get_mut(sender, recipient) {
            pair.messages -= 1;
            pair.bytes -= content;
        }
        let account = &mut self.accounts[sender.0];
        account.sent_bytes -= body;
        account.sent_cost -= body + (self.file_cost)(body) - (self.file_cost)(0);
    }

    fn tell(
        &mut self,
        (sender, recipient): (AccountId, AccountId),
        (id, id_hash): (&str, u64),
        status: ReceiptStatus,
        at: Millis,
        ended: &mut Vec<Completion>,
    ) {
        let is_online = self.accounts[sender.0].online;
        if is_online || self.awaited.is_some() {
            let to = self.accounts[recipient.0].fingerprint;
            let at = self.on_wire(at, id_hash);
            let completion = Completion { sender, id: id.to_owned(), to, status, at };
            match self.position() {
                0 if is_online => ended.push(completion),
                0 => self.keep_receipt(self.accounts[sender.0].fingerprint, completion),
                position => self.tell_later(completion, position, is_online),
            }
        }
    }

    /// Returns the record of an id. Where it was used again between its expiry and its erasure, the
    /// later use counts.
    pub(super) fn known_record(&self, sender: AccountId, id: &str) -> Option<&Record> {
        let id_hash = self.hasher.hash(id.as_bytes());
        let some = self.ids.find(hash(sender, id_hash)).filter_map(|place| self.records.get(place));
        some.filter(|record| record.id_hash == id_hash && record.sender == sender.0)
            .max_by_key(|record| record.expires_at)
    }

    /// Forgets a message that has met its end: nothing is left of it.
    fn forget_record(&mut self, record: u32, (sender, recipient): (AccountId, AccountId)) {
        let remembered = RECORD_COST + (self.file_cost)(0);
        if let Some(Record { id_hash, .. }) = self.records.remove(record) {
            self.ids.remove(hash(sender, id_hash), record);
        }
        let account = &mut self.accounts[sender.0];
        account.outbound -= 1;
        account.sent_bytes -= RECORD_COST;
        account.sent_cost -= remembered;
        self.bytes -= remembered;
        if let Some(journal) = &mut self.journal {
            journal.forget(record);
        }
        if recipient.0 != NOBODY {
            self.accounts[recipient.0].inbound -= 1;
            self.pairs.forget_record(sender, recipient);
        }
        self.forget_if_idle(sender);
        if recipient != sender {
            self.forget_if_idle(recipient);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remembered_id_takes_less_than_64_bytes_with_all_that_finds_it() {
        const SCHEDULED: usize = 14;
        const IN_THE_TABLE: usize = 64 / 5 + 1;
        const ITS_PLACE: usize = 2;
        assert!(size_of::<Option<Record>>() + ITS_PLACE + SCHEDULED + IN_THE_TABLE < 64);
        assert!(size_of::<Option<Waiting>>() <= 40);
    }
}
