//! One accepted message, and how it ends.

use zeroize::Zeroizing;

use super::{AccountId, Completion, Letter, RECORD_COST, Remembered, Store};
use crate::protocol::{Millis, ReceiptStatus};

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
    /// Its recipient took it, and lets its sender know. Not known of what an earlier process delivered.
    pub(super) delivered: bool,
}

impl Record {
    pub(super) fn new(
        now: Millis,
        sender: AccountId,
        recipient: AccountId,
        letter: &Letter<'_>,
        id_hash: u64,
        seq: u64,
    ) -> Self {
        let id_bytes = u8::try_from(letter.id.len()).unwrap_or(u8::MAX);
        Self {
            id_hash,
            seq,
            expires_at: letter.expires_at,
            body: Some(Zeroizing::new([letter.id, letter.escaped_content].concat().into_boxed_str())),
            sender: sender.0,
            recipient: recipient.0,
            lifetime: u32::try_from(letter.expires_at.since(now)).unwrap_or(u32::MAX),
            id_bytes,
            delivered: false,
        }
    }

    pub(super) fn recalled(sender: AccountId, recipient: AccountId, entry: Remembered) -> Self {
        let Remembered { id_hash, expires_at, waiting, .. } = entry;
        let (seq, lifetime, id_bytes) =
            waiting.as_ref().map_or((0, 0, 0), |waiting| (waiting.seq, waiting.lifetime, waiting.id_bytes));
        let body = waiting.map(|waiting| waiting.body);
        let (sender, recipient) = (sender.0, recipient.0);
        Self { id_hash, seq, expires_at, body, sender, recipient, lifetime, id_bytes, delivered: false }
    }

    /// Id and content; `None` if the message has met its end.
    pub(super) fn body(&self) -> Option<(&str, &str)> {
        self.body.as_ref()?.split_at_checked(usize::from(self.id_bytes))
    }

    pub(super) fn accepted_at(&self) -> Millis {
        Millis(self.expires_at.0.saturating_sub(u64::from(self.lifetime)))
    }
}

impl Store {
    /// Erases the body of a record that has been taken out of its mailbox. Its sender is told of `status`, if it is
    /// online. The record stays, for its id.
    pub(super) fn end(&mut self, record: u32, status: Option<ReceiptStatus>, at: Millis, ended: &mut Vec<Completion>) {
        let Some(entry) = self.records.get_mut(record as usize) else { return };
        let Some(body) = entry.body.take() else { return };
        entry.delivered = status == Some(ReceiptStatus::Delivered);
        if let Some(journal) = &mut self.journal {
            journal.end(record);
        }
        let (sender, recipient) = (AccountId(entry.sender), AccountId(entry.recipient));
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
