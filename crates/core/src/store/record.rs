//! One accepted message, and how it ends.

use zeroize::Zeroizing;

use super::{AccountId, Completion, NewMessage, RECORD_COST, Remembered, Store};
use crate::protocol::{Millis, ReceiptStatus, WallTime, WireTime};

/// One accepted message. It outlives its body, so that its id is known until it expires.
pub(super) struct Record {
    /// A keyed hash of the id. Two ids of one sender share it with a probability of 2^-64.
    pub(super) id_hash: u64,
    pub(super) seq: u64,
    pub(super) expires_at: Millis,
    /// Id and content in one allocation, which is overwritten when it is dropped.
    pub(super) body: Option<Zeroizing<Box<str>>>,
    pub(super) sender: u32,
    recipient: u32,
    /// From the time it was accepted to its expiry, in milliseconds: at most 49 days.
    pub(super) lifetime: u32,
    id_bytes: u8,
    /// Which of [`Store::given_ahead`], counted from 1, was added to `expires_at` where its sender wrote it; 0: none.
    given: u8,
}

impl Record {
    pub(super) fn new(
        now: Millis,
        (sender, recipient): (AccountId, AccountId),
        (id, id_hash): (&str, u64),
        message: &NewMessage,
        seq: u64,
        given: u8,
    ) -> Self {
        let id_bytes = u8::try_from(id.len()).unwrap_or(u8::MAX);
        Self {
            id_hash,
            seq,
            expires_at: message.expires_at,
            body: Some(Zeroizing::new([id, &**message.escaped_content].concat().into_boxed_str())),
            sender: sender.0,
            recipient: recipient.0,
            lifetime: u32::try_from(message.expires_at.since(now)).unwrap_or(u32::MAX),
            id_bytes,
            given,
        }
    }

    pub(super) fn recalled(sender: AccountId, recipient: AccountId, entry: Remembered) -> Self {
        let Remembered { id_hash, expires_at, waiting, .. } = entry;
        let (seq, lifetime, id_bytes) =
            waiting.as_ref().map_or((0, 0, 0), |waiting| (waiting.seq, waiting.lifetime, waiting.id_bytes));
        let body = waiting.map(|waiting| waiting.body);
        // How its sender wrote the time is not written down.
        let (sender, recipient, given) = (sender.0, recipient.0, 0);
        Self { id_hash, seq, expires_at, body, sender, recipient, lifetime, id_bytes, given }
    }

    /// Id and content; `None` if the message has met its end.
    pub(super) fn body(&self) -> Option<(&str, &str)> {
        self.body.as_ref()?.split_at_checked(usize::from(self.id_bytes))
    }

    fn accepted_at(&self) -> Millis {
        Millis(self.expires_at.0.saturating_sub(u64::from(self.lifetime)))
    }
}

impl Store {
    /// Returns `at` as it goes over the wire. Of what it is the time, `about` says: the same time of the same thing is
    /// always rounded in the same way.
    #[must_use]
    pub fn on_wire(&self, at: Millis, about: u64) -> WireTime {
        WireTime::Own { at, draw: self.draws(at, about).0 }
    }

    /// Returns two random numbers that are always the same for the same time of the same thing.
    fn draws(&self, at: Millis, about: u64) -> (u32, u32) {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&at.0.to_le_bytes());
        bytes[8..].copy_from_slice(&about.to_le_bytes());
        let [a, b, c, d, e, f, g, h] = self.hasher.hash(&bytes).to_le_bytes();
        (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]))
    }

    /// Returns when a message will be gone: as its sender wrote it, where it did.
    pub(super) fn expiry_on_wire(&self, record: &Record) -> WireTime {
        let ahead = usize::from(record.given).checked_sub(1).and_then(|place| self.given_ahead.get(place));
        match ahead {
            Some(&ahead) => WireTime::Given(WallTime(record.expires_at.0.saturating_add_signed(ahead))),
            None => self.on_wire(record.expires_at, record.id_hash),
        }
    }

    /// Returns when a message was accepted.
    pub(super) fn acceptance_on_wire(&self, record: &Record) -> WireTime {
        WireTime::Own { at: record.accepted_at(), draw: self.draws(record.expires_at, record.id_hash).1 }
    }

    /// Remembers by how much the time that the sender wrote is ahead of the one that counts. That is the same for all
    /// messages until the wall clock is set: should it be set too often, the later ones are written like any other.
    pub(super) fn note_given(&mut self, message: &NewMessage) -> u8 {
        let Some(given) = message.given else { return 0 };
        let ahead = i128::from(given.0) - i128::from(message.expires_at.0);
        let Ok(ahead) = i64::try_from(ahead) else { return 0 };
        if let Some(place) = self.given_ahead.iter().rposition(|&known| known == ahead) {
            return u8::try_from(place + 1).unwrap_or(0);
        }
        let Ok(place) = u8::try_from(self.given_ahead.len() + 1) else { return 0 };
        self.given_ahead.push(ahead);
        place
    }

    /// Erases the body of a record that has been taken out of its mailbox. Its sender is told of `status`, if it is
    /// online. The record stays, for its id.
    pub(super) fn end(&mut self, record: u32, status: Option<ReceiptStatus>, at: Millis, ended: &mut Vec<Completion>) {
        let Some(entry) = self.records.get_mut(record as usize) else { return };
        let Some(body) = entry.body.take() else { return };
        if let Some(journal) = &mut self.journal {
            journal.end(record);
        }
        let (sender, recipient, id_hash) = (AccountId(entry.sender), AccountId(entry.recipient), entry.id_hash);
        let (id, content) = body.split_at_checked(usize::from(entry.id_bytes)).unwrap_or_default();
        self.waiting -= 1;
        let expired = status == Some(ReceiptStatus::Expired);
        *(if expired { &mut self.expired } else { &mut self.delivered }) += 1;
        self.bytes -= body.len();
        self.accounts[recipient.index()].bytes -= content.len();
        let to = self.accounts[recipient.index()].fingerprint;
        let account = &mut self.accounts[sender.index()];
        account.sent_bytes -= body.len();
        if let Some(status) = status.filter(|_| account.online) {
            let at = self.on_wire(at, id_hash);
            ended.push(Completion { sender, id: id.to_owned(), to, status, at });
        }
    }

    /// A record's time has come: a message that still waits expires, and its id is forgotten.
    pub(super) fn expire_record(
        &mut self,
        record: u32,
        at: Millis,
        now: Millis,
        ended: &mut Vec<Completion>,
        freed: &mut Vec<AccountId>,
    ) {
        let Some(entry) = self.records.get(record as usize) else { return };
        let (sender, recipient, seq, id_hash) =
            (AccountId(entry.sender), AccountId(entry.recipient), entry.seq, entry.id_hash);
        let waits = entry.body.is_some();
        if waits {
            let account = &mut self.accounts[recipient.index()];
            if let Ok(place) = account.mailbox.binary_search_by_key(&seq, |&other| self.records[other as usize].seq) {
                account.mailbox.remove(place);
                // There is room in the window, or another message is the next one, or none is and it has caught up.
                if account.online && place <= account.out {
                    freed.push(recipient);
                }
                account.out -= usize::from(place < account.out);
            }
            self.end(record, Some(ReceiptStatus::Expired), at, ended);
        }
        let account = &mut self.accounts[sender.index()];
        if let Ok(id) = account.ids.find_entry(id_hash, |&other| other == record) {
            id.remove();
        }
        account.sent_bytes -= RECORD_COST;
        self.bytes -= RECORD_COST;
        self.records.remove(record as usize);
        if let Some(journal) = &mut self.journal {
            journal.forget(record);
        }
        self.forget_if_idle(sender, now);
        if waits && recipient != sender {
            self.forget_if_idle(recipient, now);
        }
    }
}
