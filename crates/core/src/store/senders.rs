//! For the operator: who takes most of the store, and out with it.

use super::{AccountId, Completion, EXPIRED_AT_ONCE, End, Store};
use crate::protocol::Fingerprint;

/// Accounts, or records, that one call looks at.
const LOOKED_AT: u32 = 500;

/// The share of one sender in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderFigures {
    /// Who.
    pub fingerprint: Fingerprint,
    /// Messages that wait.
    pub messages: usize,
    /// Bytes that they take, the ids that are remembered included; and what its recipients took in
    /// secret, until that expires.
    pub bytes: usize,
}

impl Store {
    /// Looks at some of the accounts, from `first` on, and keeps the `most` largest senders in
    /// `largest`, the largest first. Returns where to go on; `None`: all were looked at. What
    /// happens in between may be missed.
    pub fn look_for_largest(&self, first: u32, most: usize, largest: &mut Vec<SenderFigures>) -> Option<u32> {
        let (accounts, next) = self.accounts.some(first, LOOKED_AT as usize);
        for account in accounts.filter(|account| account.sent_cost > 0) {
            let place = largest.partition_point(|other| other.bytes >= account.sent_cost);
            if place < most {
                let fingerprint = account.fingerprint;
                let messages = account.sent_waiting;
                largest.insert(place, SenderFigures { fingerprint, messages, bytes: account.sent_cost });
                largest.truncate(most);
            }
        }
        next
    }

    /// Looks at some of the records, from the place `first` on, and erases those messages from
    /// `sender` that wait. Their ids stay known. Pushes what the sender is to be told, and who may
    /// be sent another message now. Returns how many messages were erased, and where to go on;
    /// `None`: all were looked at. What is accepted meanwhile may be missed.
    pub fn drop_some_from(
        &mut self,
        sender: AccountId,
        first: u32,
        ended: &mut Vec<Completion>,
        freed: &mut Vec<AccountId>,
    ) -> (usize, Option<u32>) {
        let mut dropped = 0;
        let mut work = 0;
        let places = self.records.places();
        for record in (first..places).take(LOOKED_AT as usize) {
            if work >= EXPIRED_AT_ONCE {
                return (dropped, Some(record));
            }
            if self.records.get(record).is_some_and(|entry| entry.sender == sender.0) && self.waits(record) {
                work += self.work(record) + self.take_out(record, freed);
                self.end(record, End::Expired, self.latest, ended);
                dropped += 1;
            }
        }
        let next = first.saturating_add(LOOKED_AT);
        (dropped, (next < places).then_some(next))
    }
}
