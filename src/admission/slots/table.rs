//! Which slot has to go when there are too many. No clock, no lock: time is passed in.
//!
//! The slots are accounted by peer. The one that gives way is the oldest slot of the peers that
//! hold most, or have taken most of them lately: a newcomer with one slot is safe as long as there
//! are heavier peers. An IPv6 network is as heavy as what all of its peers have taken together,
//! measured by how many of them there may well be.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::super::PeerKey;
use super::tally::Tally;

/// Peers and networks that hold no slot, and whose count is remembered, at most: some 4 MB.
const REMEMBERED: usize = 32_768;
/// A full memory is looked through at most that often: a flood of new peers must not make it slow.
const SWEEP: Duration = Duration::from_secs(1);
/// Peers at least 0.7 times as heavy as the heaviest are all heavy (a difference of logarithms to
/// base 2): the oldest slot of any of them gives way, so that among equals it is the one that had
/// most time.
const HEAVY: f64 = 0.5;
/// Less than this, as a logarithm to base 2, has only who has come once lately.
const ONCE: f64 = 0.5;
/// What an authentication gives back of what the slot was charged. Not all: keys are free.
const GIVEN_BACK: f64 = 0.5;

/// The slots that are taken, and who has taken how many.
pub(super) struct SlotTable {
    bound: usize,
    next: u64,
    slots: BTreeMap<u64, TakenSlot>,
    /// The slots of peers that are blocked or over their rate: they give way first.
    spare: BTreeSet<u64>,
    holders: HashMap<PeerKey, BTreeSet<u64>>,
    tallies: HashMap<PeerKey, Tally>,
    swept: Duration,
}

struct TakenSlot {
    key: PeerKey,
    taken_at: Duration,
    lost: CancellationToken,
}

/// A slot that was taken.
pub(super) struct Taken {
    pub(super) number: u64,
    /// Cancelled when the slot is lost.
    pub(super) lost: CancellationToken,
    /// Whose slot gave way for it.
    pub(super) gave_way: Option<PeerKey>,
}

impl SlotTable {
    pub(super) fn new(bound: usize) -> Self {
        Self {
            bound: bound.max(1),
            next: 0,
            slots: BTreeMap::new(),
            spare: BTreeSet::new(),
            holders: HashMap::new(),
            tallies: HashMap::new(),
            swept: Duration::ZERO,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Changes the bound. Returns whose slots gave way at once.
    pub(super) fn set_bound(&mut self, now: Duration, bound: usize) -> Vec<PeerKey> {
        self.bound = bound.max(1);
        let mut gave_way = Vec::new();
        while self.slots.len() > self.bound
            && let Some(key) = self.give_way(now)
        {
            gave_way.push(key);
        }
        gave_way
    }

    /// Takes a slot, and where there is none free, the one that has to give way.
    pub(super) fn take(&mut self, now: Duration, key: PeerKey) -> Taken {
        let gave_way = if self.slots.len() >= self.bound { self.give_way(now) } else { None };
        self.charge(now, key);
        let (number, lost) = self.insert(now, key);
        self.holders.entry(key).or_default().insert(number);
        Taken { number, lost, gave_way }
    }

    /// Takes a slot that is free, if there is one, for a peer that nobody has to give way for.
    pub(super) fn take_spare(&mut self, now: Duration, key: PeerKey) -> Option<Taken> {
        if self.slots.len() >= self.bound {
            return None;
        }
        let (number, lost) = self.insert(now, key);
        self.spare.insert(number);
        Some(Taken { number, lost, gave_way: None })
    }

    /// Counts a slot as another peer's from now on, once it is known who that is. `over`: nobody
    /// has to give way for it.
    pub(super) fn rename(&mut self, now: Duration, number: u64, key: PeerKey, over: bool) {
        let Some(slot) = self.slots.get_mut(&number) else { return };
        let old = slot.key;
        let taken_at = slot.taken_at;
        slot.key = key;
        slot.taken_at = now;
        if !self.spare.remove(&number) {
            self.give_back(taken_at, old, 1.0);
            self.leave(now, old, number);
        }
        if over {
            self.spare.insert(number);
        } else {
            self.charge(now, key);
            self.holders.entry(key).or_default().insert(number);
        }
    }

    /// Charges the holder of a slot for keeping it: once for each further request.
    pub(super) fn keep(&mut self, now: Duration, number: u64) {
        if let Some(key) = self.slots.get(&number).map(|slot| slot.key) {
            self.charge(now, key);
        }
    }

    /// Gives a slot back. `authenticated`: it has served its purpose.
    pub(super) fn release(&mut self, now: Duration, number: u64, authenticated: bool) {
        let Some(TakenSlot { key, taken_at, .. }) = self.remove(now, number) else { return };
        if authenticated {
            self.give_back(taken_at, key, GIVEN_BACK);
            self.forget(now, key);
        }
    }

    /// Returns the logarithm to base 2 of what a peer has taken lately.
    pub(super) fn taken_lately(&self, now: Duration, key: PeerKey) -> f64 {
        self.tallies.get(&key).map_or(f64::NEG_INFINITY, |tally| tally.log2(now))
    }

    /// Forgets who has taken next to nothing lately.
    pub(super) fn settle(&mut self, now: Duration) {
        self.tallies.retain(|_, tally| !tally.is_forgettable(now));
        self.tallies.shrink_to(self.tallies.len() * 2);
    }

    fn insert(&mut self, now: Duration, key: PeerKey) -> (u64, CancellationToken) {
        let number = self.next;
        self.next += 1;
        let lost = CancellationToken::new();
        self.slots.insert(number, TakenSlot { key, taken_at: now, lost: lost.clone() });
        (number, lost)
    }

    fn remove(&mut self, now: Duration, number: u64) -> Option<TakenSlot> {
        let slot = self.slots.remove(&number)?;
        if !self.spare.remove(&number) {
            self.leave(now, slot.key, number);
        }
        Some(slot)
    }

    fn leave(&mut self, now: Duration, key: PeerKey, number: u64) {
        if let Some(held) = self.holders.get_mut(&key) {
            held.remove(&number);
            if held.is_empty() {
                self.holders.remove(&key);
            }
        }
        self.forget(now, key);
    }

    /// Takes the slot that has to go away from its holder, and returns whose it was.
    fn give_way(&mut self, now: Duration) -> Option<PeerKey> {
        let number = self.spare.first().copied().or_else(|| self.oldest_of_the_heavy(now))?;
        let slot = self.remove(now, number)?;
        slot.lost.cancel();
        Some(slot.key)
    }

    fn oldest_of_the_heavy(&self, now: Duration) -> Option<u64> {
        let mut networks: HashMap<PeerKey, f64> = HashMap::new();
        for (key, held) in &self.holders {
            for network in accounts(*key).skip(1) {
                *networks.entry(network).or_default() += amount(held.len());
            }
        }
        let weights: Vec<_> = self
            .holders
            .iter()
            .filter_map(|(key, held)| {
                let of =
                    |account: PeerKey, held: f64| held.log2().max(self.taken_lately(now, account)) - allowance(account);
                let own = of(*key, amount(held.len()));
                let wider = accounts(*key).skip(1).map(|key| of(key, networks.get(&key).copied().unwrap_or(0.0)));
                Some((wider.fold(own, f64::max), *held.first()?))
            })
            .collect();
        let heaviest = weights.iter().map(|(weight, _)| *weight).fold(f64::NEG_INFINITY, f64::max);
        weights.into_iter().filter(|(weight, _)| *weight >= heaviest - HEAVY).map(|(_, oldest)| oldest).min()
    }

    /// Charges a peer for a slot. Where there is no room to remember one more, only what it holds
    /// counts.
    fn charge(&mut self, now: Duration, key: PeerKey) {
        for account in accounts(key) {
            if self.tallies.len() >= REMEMBERED && !self.tallies.contains_key(&account) {
                self.sweep(now);
            }
            if self.tallies.len() < REMEMBERED || self.tallies.contains_key(&account) {
                self.tallies.entry(account).or_default().add(now, 1.0);
            }
        }
    }

    fn give_back(&mut self, then: Duration, key: PeerKey, amount: f64) {
        for account in accounts(key) {
            if let Some(tally) = self.tallies.get_mut(&account) {
                tally.take_back(then, amount);
            }
        }
    }

    /// Forgets who has taken next to nothing; where that is not enough, also who has come once.
    fn sweep(&mut self, now: Duration) {
        if now.saturating_sub(self.swept) < SWEEP {
            return;
        }
        self.swept = now;
        self.tallies.retain(|_, tally| !tally.is_forgettable(now));
        if self.tallies.len() > REMEMBERED / 4 * 3 {
            self.tallies.retain(|_, tally| tally.log2(now) > ONCE);
        }
    }

    fn forget(&mut self, now: Duration, left: PeerKey) {
        if self.tallies.get(&left).is_some_and(|tally| tally.is_forgettable(now)) {
            self.tallies.remove(&left);
        }
    }
}

/// Returns the accounts that a peer's slots are charged to: its own, and of IPv6 those of its
/// networks.
fn accounts(key: PeerKey) -> impl Iterator<Item = PeerKey> {
    let widens = matches!(key, PeerKey::V6(..));
    std::iter::successors(Some(key), move |key| key.wider().filter(|_| widens))
}

/// Returns how many peers may well be in a network, as a logarithm to base 2: some homes have a
/// /56, some sites a /48.
fn allowance(key: PeerKey) -> f64 {
    match key {
        PeerKey::V6(_, 56) => 2.0,
        PeerKey::V6(_, 48) => 4.0,
        PeerKey::V6(_, 32) => 8.0,
        _ => 0.0,
    }
}

#[allow(clippy::cast_precision_loss, reason = "there are not that many slots")]
fn amount(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests;
