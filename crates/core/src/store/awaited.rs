//! Receipts of senders whose session was lost between two machines, and may go on here: they are
//! kept for them for a while, since nobody tells such a sender to ask.

use std::collections::HashMap;

use super::{AccountId, Completion, Receipt, Store};
use crate::protocol::{Fingerprint, Millis};

/// How long a sender is awaited: longer than a session waits for this machine.
const AWAITED_MS: u64 = 75_000;
/// How often senders who did not come are looked for.
const LOOK_MS: u64 = 15_000;
/// Senders who are awaited, and receipts that are kept for all of them together, at most.
pub(super) const MOST: usize = 65_536;

/// See the module.
pub(super) struct Awaited {
    /// Everybody is awaited until then: the store was restored.
    everybody_until: Millis,
    pub(super) senders: HashMap<Fingerprint, AwaitedSender>,
    /// Receipts of all of them.
    kept: usize,
    /// When senders who did not come are looked for next.
    look_at: Millis,
}

pub(super) struct AwaitedSender {
    until: Millis,
    /// Whether its session goes on here already: what does not hold yet is told to it later.
    is_here: bool,
    pub(super) receipts: Vec<Receipt>,
}

impl AwaitedSender {
    const fn new(until: Millis) -> Self {
        Self { until, is_here: false, receipts: Vec::new() }
    }
}

impl Store {
    /// Awaits everybody from now on.
    pub(super) fn await_everybody(&mut self) {
        let until = self.latest.plus(AWAITED_MS);
        self.awaited().everybody_until = until;
    }

    /// Awaits the sender `account`, whose session was lost, and keeps these receipts for it.
    pub fn await_sender(&mut self, account: AccountId, receipts: Vec<Receipt>) {
        let fingerprint = self.accounts[account.0].fingerprint;
        let until = self.latest.plus(AWAITED_MS);
        let awaited = self.awaited();
        if awaited.senders.len() >= MOST || awaited.kept + receipts.len() > MOST {
            return;
        }
        awaited.kept += receipts.len();
        let sender = awaited.senders.entry(fingerprint).or_insert(AwaitedSender::new(until));
        sender.until = until;
        sender.is_here = false;
        sender.receipts.extend(receipts);
    }

    fn awaited(&mut self) -> &mut Awaited {
        let look_at = self.latest.plus(LOOK_MS);
        self.awaited.get_or_insert_with(|| {
            Box::new(Awaited { everybody_until: Millis(0), senders: HashMap::new(), kept: 0, look_at })
        })
    }

    /// Awaits those no more who should have come by now.
    pub(super) fn give_up_waiting(&mut self) {
        let now = self.latest;
        let Some(awaited) = self.awaited.as_mut().filter(|awaited| awaited.look_at <= now) else { return };
        awaited.look_at = now.plus(LOOK_MS);
        awaited.senders.retain(|_, sender| sender.until > now);
        awaited.kept = awaited.senders.values().map(|sender| sender.receipts.len()).sum();
        if awaited.senders.is_empty() && awaited.everybody_until <= now {
            self.awaited = None;
        }
    }

    /// Keeps the receipt of a sender who is not here, if it is awaited.
    pub(super) fn keep_receipt(&mut self, fingerprint: Fingerprint, ended: Completion) {
        let now = self.latest;
        let Some(awaited) = self.awaited.as_mut().filter(|awaited| awaited.kept < MOST) else { return };
        let until = awaited.everybody_until;
        let has_room = awaited.senders.len() < MOST;
        let sender = match awaited.senders.get_mut(&fingerprint) {
            Some(sender) if sender.until > now => sender,
            _ if until > now && has_room => awaited.senders.entry(fingerprint).or_insert(AwaitedSender::new(until)),
            _ => return,
        };
        let Completion { sender: _, id, to, status, at } = ended;
        sender.receipts.push(Receipt { id, to, status, at });
        awaited.kept += 1;
    }

    /// Returns the receipts that were kept for a sender whose session goes on here now.
    pub(super) fn kept_receipts(&mut self, account: AccountId) -> Vec<Receipt> {
        let Some(awaited) = &mut self.awaited else { return Vec::new() };
        let fingerprint = self.accounts[account.0].fingerprint;
        let until = awaited.everybody_until;
        if until > self.latest && awaited.senders.len() < MOST {
            awaited.senders.entry(fingerprint).or_insert(AwaitedSender::new(until));
        }
        let Some(sender) = awaited.senders.get_mut(&fingerprint) else { return Vec::new() };
        sender.is_here = true;
        let receipts = std::mem::take(&mut sender.receipts);
        awaited.kept -= receipts.len();
        receipts
    }

    /// Returns whether a sender was awaited, and its session goes on here.
    pub(super) fn goes_on(&self, fingerprint: &Fingerprint) -> bool {
        let sender = self.awaited.as_ref().and_then(|awaited| awaited.senders.get(fingerprint));
        sender.is_some_and(|sender| sender.is_here)
    }
}
