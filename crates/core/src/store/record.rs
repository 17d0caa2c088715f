//! One accepted message, and how it ends.

use zeroize::Zeroizing;

use super::{AccountId, Completion, NewMessage, RECORD_COST, Remembered, Store};
use crate::protocol::{Millis, ReceiptStatus};

/// Stands in place of a recipient that is not known any more.
pub(super) const NOBODY: u32 = u32::MAX;

/// One accepted message. It outlives its body, so that its id is known until it expires.
pub(super) struct Record {
    /// A keyed hash of the id. Two ids of one sender share it with a probability of 2^-64.
    pub(super) id_hash: u64,
    pub(super) seq: u64,
    pub(super) expires_at: Millis,
    /// Id and content in one allocation, which is overwritten when it is dropped. Of a message that
    /// was taken in secret, the id alone.
    body: Option<Zeroizing<Box<str>>>,
    pub(super) sender: u32,
    /// An account that stays for as long as the record does, or [`NOBODY`].
    pub(super) recipient: u32,
    /// The time from its acceptance to its expiry, in milliseconds: at most 49 days.
    pub(super) lifetime: u32,
    /// Bytes of content of a message that was taken in secret.
    taken_bytes: u32,
    id_bytes: u8,
    /// Which of [`Store::given_ahead`], counted from 1, was added to `expires_at` where its sender
    /// wrote it; 0: none.
    pub(super) given: u8,
    /// Its recipient took it, and does not let its sender know: it goes on counting as if it
    /// waited.
    taken: bool,
    /// Its recipient took it, and lets its sender know. Not known of what an earlier process
    /// delivered.
    pub(super) delivered: bool,
}

/// How a message that waits ends.
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
    pub(super) fn new(
        (now, expires_at): (Millis, Millis),
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
            expires_at,
            body: Some(Zeroizing::new([id, &**message.escaped_content].concat().into_boxed_str())),
            sender: sender.0,
            recipient: recipient.0,
            lifetime: u32::try_from(expires_at.since(now)).unwrap_or(u32::MAX),
            taken_bytes: 0,
            id_bytes,
            given,
            taken: false,
            delivered: false,
        }
    }

    pub(super) fn recalled(sender: AccountId, recipient: Option<AccountId>, entry: Remembered) -> Self {
        let Remembered { sender: _, id_hash, expires_at, waiting } = entry;
        let (seq, lifetime, id_bytes) =
            waiting.as_ref().map_or((0, 0, 0), |waiting| (waiting.seq, waiting.lifetime, waiting.id_bytes));
        Self {
            id_hash,
            seq,
            expires_at,
            body: waiting.map(|waiting| waiting.body),
            sender: sender.0,
            recipient: recipient.map_or(NOBODY, |recipient| recipient.0),
            lifetime,
            taken_bytes: 0,
            id_bytes,
            // How its sender wrote the time is not written down.
            given: 0,
            taken: false,
            delivered: false,
        }
    }

    /// Returns id and content; `None` if the message does not wait any more.
    pub(super) fn body(&self) -> Option<(&str, &str)> {
        self.body.as_ref().filter(|_| !self.taken)?.split_at_checked(usize::from(self.id_bytes))
    }

    #[cfg(test)]
    pub(super) const fn whole_body(&self) -> Option<&Zeroizing<Box<str>>> {
        self.body.as_ref()
    }

    /// Returns whether the message has neither been taken nor erased.
    pub(super) const fn waits(&self) -> bool {
        self.body.is_some() && !self.taken
    }

    /// Returns how much work it is to erase it, in the units of [`Store::expire`].
    pub(super) fn work(&self) -> usize {
        1 + self.body.as_ref().map_or(0, |body| body.len()) / super::expiry::BYTES_A_UNIT
    }

    pub(super) fn accepted_at(&self) -> Millis {
        Millis(self.expires_at.0.saturating_sub(u64::from(self.lifetime)))
    }
}

impl Store {
    /// Erases the content of a record that has been taken out of its mailbox. Its sender is told,
    /// if it may know and is online. The record stays, for its id.
    pub(super) fn end(&mut self, record: u32, end: End, at: Millis, ended: &mut Vec<Completion>) {
        let Some(entry) = self.records.get_mut(record).filter(|entry| entry.waits()) else { return };
        let Some(body) = entry.body.take() else { return };
        entry.delivered = end == End::Delivered;
        if let Some(journal) = &mut self.journal {
            journal.end(record);
        }
        let (id, content) = body.split_at_checked(usize::from(entry.id_bytes)).unwrap_or_default();
        let mut freed = body.len() + (self.file_cost)(body.len()) - (self.file_cost)(0);
        if end == End::Taken {
            entry.taken = true;
            entry.taken_bytes = u32::try_from(content.len()).unwrap_or(u32::MAX);
            entry.body = Some(Zeroizing::new(Box::from(id)));
            freed -= id.len();
        }
        let id_hash = entry.id_hash;
        let sender = AccountId(entry.sender);
        let recipient = AccountId(entry.recipient);
        self.bytes -= freed;
        self.waiting -= 1;
        *(if end == End::Expired { &mut self.expired } else { &mut self.delivered }) += 1;
        self.accounts[recipient.0].bytes -= content.len();
        self.accounts[sender.0].sent_waiting -= 1;
        let status = match end {
            End::Taken => return,
            End::Delivered => ReceiptStatus::Delivered,
            End::Expired => ReceiptStatus::Expired,
        };
        self.discharge((sender, recipient), content.len(), body.len());
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
        let mut work = entry.work();
        if entry.waits() {
            work += self.take_out(record, freed);
            self.end(record, End::Expired, at, ended);
        } else if let Some(id) = self.records.get_mut(record).and_then(|entry| entry.body.take()) {
            // Its sender is told what it would have been told had nobody taken it.
            let content = self.records[record].taken_bytes as usize;
            self.bytes -= id.len();
            self.discharge((sender, recipient), content, id.len() + content);
            self.tell((sender, recipient), (&id, id_hash), ReceiptStatus::Expired, at, ended);
        }
        self.forget_record(record, (sender, recipient), id_hash);
        work
    }

    /// Takes a body of so many bytes off what its sender has sent.
    fn discharge(&mut self, (sender, recipient): (AccountId, AccountId), content: usize, body: usize) {
        let account = &mut self.accounts[recipient.0];
        account.charged_messages -= 1;
        account.charged_bytes -= content;
        if let Some(pair) = self.pairs.get_mut(&(sender.0, recipient.0)) {
            pair.messages -= 1;
            pair.bytes -= content;
        }
        let account = &mut self.accounts[sender.0];
        account.sent_bytes -= body;
        account.sent_cost -= body + (self.file_cost)(body) - (self.file_cost)(0);
    }

    fn tell(
        &self,
        (sender, recipient): (AccountId, AccountId),
        (id, id_hash): (&str, u64),
        status: ReceiptStatus,
        at: Millis,
        ended: &mut Vec<Completion>,
    ) {
        if self.accounts[sender.0].online {
            let to = self.accounts[recipient.0].fingerprint;
            let at = self.on_wire(at, id_hash);
            ended.push(Completion { sender, id: id.to_owned(), to, status, at });
        }
    }

    /// Knows the id of a record again. Where it was used again between its expiry and its erasure,
    /// the later use counts: what is restored comes in any order.
    pub(super) fn remember_id(&mut self, sender: AccountId, record: u32) {
        let Record { id_hash, expires_at, .. } = self.records[record];
        let known = self.accounts[sender.0].ids.get(&id_hash);
        if known.is_none_or(|&other| self.records[other].expires_at <= expires_at) {
            self.accounts[sender.0].ids.insert(id_hash, record);
        }
    }

    /// Forgets a message that has met its end: nothing is left of it.
    fn forget_record(&mut self, record: u32, (sender, recipient): (AccountId, AccountId), id_hash: u64) {
        let remembered = RECORD_COST + (self.file_cost)(0);
        let account = &mut self.accounts[sender.0];
        // The id may have been used again in the moment between its expiry and this.
        if account.ids.get(&id_hash) == Some(&record) {
            account.ids.remove(&id_hash);
        }
        account.outbound -= 1;
        account.sent_bytes -= RECORD_COST;
        account.sent_cost -= remembered;
        self.bytes -= remembered;
        self.records.remove(record);
        if let Some(journal) = &mut self.journal {
            journal.forget(record);
        }
        if recipient.0 != NOBODY {
            self.accounts[recipient.0].inbound -= 1;
            if let Some(pair) = self.pairs.get_mut(&(sender.0, recipient.0)) {
                pair.records -= 1;
                if pair.records == 0 {
                    self.pairs.remove(&(sender.0, recipient.0));
                }
            }
        }
        self.forget_if_idle(sender);
        if recipient != sender {
            self.forget_if_idle(recipient);
        }
    }
}
