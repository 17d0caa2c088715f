//! A message's way: into a mailbox, to its recipient, and out of it when that has acknowledged it.

use super::record::hash;
use super::{
    AccountId, Completion, Deposited, DueItem, EXPIRED_AT_ONCE, End, LongerContent, MessageOut, NeverDelivered,
    NewMessage, Next, QuotaExceeded, RECORD_COST, Record, Store, Waiting,
};
use crate::protocol::{DeliveryType, Millis};

impl Store {
    /// Keeps a message under `id`, the sender's name for it (at most 255 bytes), for a shorter time
    /// than its sender asked for if the store fills. The caller has checked that `message.to` is a
    /// key, and that the id is not [`known`](Self::known).
    ///
    /// # Errors
    /// [`QuotaExceeded`]; nothing is kept then, and nothing was evicted.
    pub fn deposit(
        &mut self,
        now: Millis,
        sender: AccountId,
        id: &str,
        message: &NewMessage<'_>,
    ) -> Result<Deposited, QuotaExceeded> {
        self.deposit_to(now, sender, self.find(&message.to), (id, message))
    }

    /// Does so for a recipient that was [found](Self::find), or was not.
    ///
    /// # Errors
    /// As above.
    pub fn deposit_to(
        &mut self,
        now: Millis,
        sender: AccountId,
        known_recipient: Option<AccountId>,
        (id, message): (&str, &NewMessage<'_>),
    ) -> Result<Deposited, QuotaExceeded> {
        self.latest = self.latest.max(now);
        // Where the clock was set back, the message has the life that was asked for all the same.
        let asked = message.expires_at.plus(self.latest.since(now));
        let id_bytes = id.len();
        let size = message.escaped_content.len();
        self.has_room(sender, known_recipient, (id_bytes, size))?;
        let expires_at = self.granted(asked);

        let recipient = known_recipient.unwrap_or_else(|| self.insert_account(message.to));
        let id_hash = self.hasher.hash(id.as_bytes());
        let seq = self.accounts[recipient.0].next_seq;
        // A life that was cut is not the one that the sender wrote.
        let given = self.note_given(message.given.filter(|_| expires_at == asked), expires_at);
        let mut entry = Record::new((sender, recipient), id_hash, expires_at, given);
        let waiting = Waiting::new((id, &message.escaped_content), seq, expires_at.since(self.latest));
        let expires_at = self.expiry_on_wire(&entry);
        if self.write_down((sender, recipient), self.records.vacant(), &entry, &waiting).is_err() {
            self.forget_if_idle(recipient);
            return Err(QuotaExceeded::Store);
        }
        entry.waiting = self.unended.insert(waiting);
        let record = self.records.insert(entry);
        self.charge(record, (sender, recipient), (id_bytes, size));
        self.accounts[recipient.0].next_seq += 1;
        let position = self.position();
        if position == 0 {
            self.place(record);
        } else {
            self.place_later(record, position);
        }
        let online = position == 0 && self.accounts[recipient.0].online;
        Ok(Deposited { online: online.then_some(recipient), expires_at, position })
    }

    /// Puts a message that has been counted into its mailbox, and notes when it is due.
    pub(super) fn place(&mut self, record: u32) {
        let Record { expires_at, recipient, .. } = self.records[record];
        self.accounts[recipient].mailbox.push_back(record);
        self.due.insert(expires_at, DueItem::Record(record));
    }

    /// Counts a message that waits, `id_bytes` and `size` bytes long.
    pub(super) fn charge(
        &mut self,
        record: u32,
        (sender, recipient): (AccountId, AccountId),
        (id_bytes, size): (usize, usize),
    ) {
        let counted = RECORD_COST + id_bytes + size;
        let cost = counted + (self.file_cost)(id_bytes + size);
        let account = &mut self.accounts[recipient.0];
        account.bytes += size;
        account.charged_messages += 1;
        account.charged_bytes += size;
        account.inbound += 1;
        let pair = self.pairs.get_or_insert(sender, recipient);
        pair.records += 1;
        pair.messages += 1;
        pair.bytes += size;
        let id_hash = self.records[record].id_hash;
        self.ids.insert(hash(sender, id_hash), record);
        let account = &mut self.accounts[sender.0];
        account.outbound += 1;
        account.sent_waiting += 1;
        account.sent_bytes += counted;
        account.sent_cost += cost;
        self.bytes += cost;
        self.waiting += 1;
    }

    /// Returns the next thing to send to `account`, which is online: a message while fewer than
    /// `window` are out.
    pub fn deliver(&mut self, now: Millis, account: AccountId, window: usize) -> Option<Next<'_>> {
        self.deliver_up_to(now, account, window, usize::MAX).ok().flatten()
    }

    /// Does the same, but leaves a message where it is whose content is longer than `most` bytes.
    ///
    /// # Errors
    /// [`LongerContent`]: such a message is the next one.
    pub fn deliver_up_to(
        &mut self,
        now: Millis,
        account: AccountId,
        window: usize,
        most: usize,
    ) -> Result<Option<Next<'_>>, LongerContent> {
        self.latest = self.latest.max(now);
        self.set_aside_expired(account);
        let state = &self.accounts[account.0];
        let next = state.mailbox.get(state.out).copied();
        if !state.caught_up && next.is_none_or(|record| self.seq(record) >= state.began_at) {
            self.accounts[account.0].caught_up = true;
            return Ok(Some(Next::CaughtUp));
        }
        let Some(next) = next else { return Ok(None) };
        let record = &self.records[next];
        if state.out >= window || record.expires_at <= self.latest {
            return Ok(None);
        }
        let Some(waiting) = self.unended.get(record.waiting) else { return Ok(None) };
        let (_, escaped_content) = waiting.body();
        if escaped_content.len() > most {
            return Err(LongerContent(escaped_content.len()));
        }
        let account = &mut self.accounts[account.0];
        account.out += 1;
        account.delivered_up_to = waiting.seq;
        let is_stored = waiting.seq < account.stored_below;
        let to = account.fingerprint;
        let (id, escaped_content) = waiting.body();
        let (timestamp, expires_at) = self.times_on_wire(record, waiting.lifetime);
        Ok(Some(Next::Message(MessageOut {
            id,
            from: self.accounts[record.sender].fingerprint,
            to,
            escaped_content,
            timestamp,
            expires_at,
            delivery_type: if is_stored { DeliveryType::Stored } else { DeliveryType::Direct },
            seq: waiting.seq,
        })))
    }

    /// Erases messages of `account`'s mailbox that were delivered, up to and including `seq`: a
    /// window of them, or as many as [`expire`](Self::expire) would. Pushes what the senders are to
    /// be told. Returns whether there are more.
    ///
    /// # Errors
    /// [`NeverDelivered`] if this session was not sent that far.
    pub fn acknowledge(
        &mut self,
        now: Millis,
        account: AccountId,
        seq: u64,
        ended: &mut Vec<Completion>,
    ) -> Result<bool, NeverDelivered> {
        self.latest = self.latest.max(now);
        let recipient = &mut self.accounts[account.0];
        if seq == 0 || seq > recipient.delivered_up_to.max(recipient.acknowledged_up_to) {
            return Err(NeverDelivered);
        }
        recipient.acknowledged_up_to = recipient.acknowledged_up_to.max(seq);
        self.set_aside_expired(account);
        let mut work = 0;
        loop {
            let recipient = &self.accounts[account.0];
            let first = recipient.mailbox.front().filter(|_| recipient.out > 0).copied();
            let Some(record) = first.filter(|&record| self.seq(record) <= seq) else { return Ok(false) };
            if work >= EXPIRED_AT_ONCE {
                return Ok(true);
            }
            work += self.work(record);
            let recipient = &mut self.accounts[account.0];
            recipient.mailbox.pop_front();
            recipient.out -= 1;
            let end = if recipient.wants_receipts { End::Delivered } else { End::Taken };
            self.end(record, end, self.latest, ended);
        }
    }
}
