//! What was written down and does not hold yet: a journal on other machines answers later.
//!
//! Until it does, a message is in no mailbox, and a sender is told of no end. Everything else is as
//! if it held: its room is taken, its number is given, its id is known. So an answer that a client
//! has seen is never taken back, and nothing is delivered that could still be lost.

use std::collections::VecDeque;

use super::{AccountId, Completion, DueItem, EXPIRED_AT_ONCE, EndedEntry, JournalEntry, Store};
use crate::protocol::Fingerprint;

/// The operations that wait for their positions, in the order of the positions.
#[derive(Default)]
pub(super) struct Uncommitted(VecDeque<(u64, Pending)>);

/// The effect of an operation, once it holds.
enum Pending {
    /// A message comes into its mailbox.
    Accept(u32),
    /// A sender is told of an end, if it is the one whose fingerprint this is: its account's place
    /// may be another's by then. And whether it was there at that end.
    End(Box<(Fingerprint, Completion)>, bool),
}

/// The outcome of a part of what holds now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// How far it goes.
    pub upto: u64,
    /// Whether there is more.
    pub more: bool,
}

impl Store {
    /// Returns what has to hold before what was done last does. 0: it does.
    pub(super) fn position(&self) -> u64 {
        self.journal.as_ref().map_or(0, |journal| journal.position())
    }

    pub(super) fn place_later(&mut self, record: u32, position: u64) {
        let recipient = self.records[record].recipient;
        self.accounts[recipient].unplaced += 1;
        self.uncommitted.0.push_back((position, Pending::Accept(record)));
    }

    pub(super) fn tell_later(&mut self, completion: Completion, position: u64, was_there: bool) {
        let sender = self.accounts[completion.sender.0].fingerprint;
        self.uncommitted.0.push_back((position, Pending::End(Box::new((sender, completion)), was_there)));
    }

    /// Returns how much is written down that does not hold yet.
    #[must_use]
    pub fn uncommitted(&self) -> usize {
        self.uncommitted.0.len()
    }

    /// Returns what has to hold before the sender of a [known](Self::known) message may be told so.
    /// 0: it does.
    #[must_use]
    pub fn known_position(&self, sender: AccountId, id: &str) -> u64 {
        if self.uncommitted.0.is_empty() {
            return 0;
        }
        let Some(known) = self.known_record(sender, id) else { return 0 };
        let is_it = |record: u32| self.records.get(record).is_some_and(|other| std::ptr::eq(other, known));
        let of = |(position, pending): &(u64, Pending)| match pending {
            Pending::Accept(record) if is_it(*record) => Some(*position),
            _ => None,
        };
        // Most likely it was among the last.
        self.uncommitted.0.iter().rev().find_map(of).unwrap_or(0)
    }

    /// Lets a part of what was written down count, since it holds up to the position `upto`:
    /// messages come into their mailboxes. Pushes the accounts that are online and have something
    /// to be sent or to be told now, and what senders are to be told.
    pub fn commit(&mut self, upto: u64, woken: &mut Vec<AccountId>, ended: &mut Vec<Completion>) -> Committed {
        for _ in 0..EXPIRED_AT_ONCE {
            let holds = self.uncommitted.0.front().is_some_and(|(position, _)| *position <= upto);
            let first = if holds { self.uncommitted.0.pop_front() } else { None };
            let Some((_, pending)) = first else { return Committed { upto, more: false } };
            match pending {
                Pending::Accept(record) => self.commit_accept(record, woken),
                Pending::End(told, was_there) => {
                    let (fingerprint, completion) = *told;
                    let sender = self.accounts.get(completion.sender.0);
                    let is_there = sender.is_some_and(|sender| sender.online && sender.fingerprint == fingerprint);
                    if is_there && (was_there || self.goes_on(&fingerprint)) {
                        ended.push(completion);
                    } else {
                        self.keep_receipt(fingerprint, completion);
                    }
                }
            }
        }
        // What is at the front has not been done: everything before it has.
        let next = self.uncommitted.0.front().map(|(position, _)| *position).filter(|&position| position <= upto);
        next.map_or(Committed { upto, more: false }, |next| Committed { upto: next - 1, more: true })
    }

    fn commit_accept(&mut self, record: u32, woken: &mut Vec<AccountId>) {
        let Some(entry) = self.records.get(record) else { return };
        let recipient = AccountId(entry.recipient);
        let sender = AccountId(entry.sender);
        self.accounts[recipient.0].unplaced -= 1;
        // The operator may have dropped it meanwhile: then its id is remembered, until it is due.
        if self.waits(record) {
            self.place(record);
        } else {
            let expires_at = self.records[record].expires_at;
            self.due.insert(expires_at, DueItem::Record(record));
        }
        woken.extend([recipient, sender].into_iter().filter(|account| self.accounts[account.0].online));
    }

    /// Writes some of the records down again, as they are now, from the place `first` on: for a
    /// journal that has lost them, or is to have them under another key. Returns where to go on;
    /// `None`: all were written. Where there is no room for a message, it says so by returning the
    /// same place.
    pub fn write_again(&mut self, first: u32, most: u32) -> Option<u32> {
        let places = self.records.places();
        for record in (first..places).take(most as usize) {
            if !self.write_one_again(record) {
                return Some(record);
            }
        }
        let next = first.saturating_add(most);
        (next < places).then_some(next)
    }

    fn write_one_again(&mut self, record: u32) -> bool {
        let Some(journal) = &mut self.journal else { return true };
        let Some(entry) = self.records.get(record) else { return true };
        let sender = &self.accounts[entry.sender].fingerprint;
        let waiting = self.unended.get(entry.waiting).filter(|waiting| !waiting.is_taken());
        let Some(waiting) = waiting else {
            let left = EndedEntry { sender, id_hash: entry.id_hash, expires_at: entry.expires_at };
            journal.end(record, &left);
            return true;
        };
        let (id, escaped_content) = waiting.body();
        let written = JournalEntry {
            sender: *sender,
            recipient: self.accounts[entry.recipient].fingerprint,
            id,
            escaped_content,
            id_hash: entry.id_hash,
            seq: waiting.seq,
            expires_at: entry.expires_at,
            lifetime: waiting.lifetime,
        };
        journal.accept(record, &written).is_ok()
    }

    /// Writes down again below what all sequence numbers are.
    pub fn promise_again(&mut self) {
        if let Some(journal) = &mut self.journal {
            journal.promise(self.promised);
        }
    }
}

#[cfg(test)]
mod tests;
