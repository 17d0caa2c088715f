//! For the operator: who takes most of the store, and out with it.

use super::{AccountId, Completion, EXPIRED_AT_ONCE, End, Store};
use crate::protocol::Fingerprint;

/// Accounts that one call looks at.
const LOOKED_AT: usize = 500;

/// What one sender has in the store.
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
        let (accounts, next) = self.accounts.some(first, LOOKED_AT);
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

    /// Erases some of the messages from `sender` that wait, from the id with the hash `first` on.
    /// Their ids stay known. Pushes what the sender is to be told, and who may be sent another
    /// message now. Returns how many messages were erased, and where to go on; `None`: none is
    /// left.
    pub fn drop_some_from(
        &mut self,
        sender: AccountId,
        first: u64,
        ended: &mut Vec<Completion>,
        freed: &mut Vec<AccountId>,
    ) -> (usize, Option<u64>) {
        let Some(account) = self.accounts.get(sender.0) else { return (0, None) };
        let some = account.ids.range(first..).take(EXPIRED_AT_ONCE);
        let some: Vec<(u64, u32)> = some.map(|(&hash, &id)| (hash, id)).collect();
        let mut dropped = 0;
        let mut work = 0;
        for (hash, record) in some.iter().copied() {
            if work >= EXPIRED_AT_ONCE {
                return (dropped, Some(hash));
            }
            let entry = &self.records[record];
            work += entry.work();
            if entry.waits() {
                work += self.take_out(record, freed);
                self.end(record, End::Expired, self.latest, ended);
                dropped += 1;
            }
        }
        let next = some.last().filter(|_| some.len() == EXPIRED_AT_ONCE).and_then(|(hash, _)| hash.checked_add(1));
        (dropped, next)
    }
}
