//! Which slot has to go when there are too many. No clock, no lock: time is passed in.
//!
//! The slots are accounted by peer. The one that gives way is the oldest slot of the peers that
//! hold most, or have taken most of them lately: a newcomer with one slot is safe as long as there
//! are heavier peers. An IPv6 network is as heavy as what all of its peers have taken together,
//! measured by how many of them there may well be.
//!
//! Where all are about as heavy as the newcomer, because each comes once, a slot first has the time
//! that a login takes from far away. Until then the newcomer is refused: so many are let in as can
//! get through, and none in vain.

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
/// A slot that has been held for less gives way only to its own peer, or to one that is [much
/// lighter](MUCH_HEAVIER): it is what a login takes over TLS, with a second in each direction.
const UNDISTURBED: Duration = Duration::from_secs(5);
/// A peer is much heavier than another one from 1.7 times its weight on (a difference of logarithms
/// to base 2): one that comes once and is refused twice before it gets in is not, compared with one
/// that comes for the first time.
const MUCH_HEAVIER: f64 = 0.75;
/// What a peer is charged for which there was no slot, so that those that knock often become heavy.
/// It pays for half of the slot that it gets then.
const REFUSED: f64 = 0.5;
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
    /// When it was charged to that peer.
    taken_at: Duration,
    accepted_at: Duration,
    lost: CancellationToken,
}

/// For whom a slot gives way.
#[derive(Debug, Clone, Copy)]
pub(super) enum Newcomer {
    /// A peer.
    Peer(PeerKey),
    /// Somebody whose name will be known later, so that nothing is held against it yet.
    Unnamed,
    /// Nobody: there are to be fewer.
    Nobody,
}

/// A slot that was taken.
pub(super) struct NewSlot {
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
            && let Some(key) = self.give_way(now, Newcomer::Nobody)
        {
            gave_way.push(key);
        }
        gave_way
    }

    /// Takes a slot, and where there is none free, the one that has to give way; `None` if none has
    /// to. `unnamed`: whose it is will be known later.
    pub(super) fn take(&mut self, now: Duration, key: PeerKey, unnamed: bool) -> Option<NewSlot> {
        let mut gave_way = None;
        if self.slots.len() >= self.bound {
            gave_way = self.give_way(now, if unnamed { Newcomer::Unnamed } else { Newcomer::Peer(key) });
            if gave_way.is_none() {
                self.charge(now, key, REFUSED);
                return None;
            }
        }
        // Who has had next to nothing lately may have been refused.
        let lately = self.taken_lately(now, key).exp2();
        let paid = if lately <= 1.0 { lately.min(REFUSED) } else { 0.0 };
        self.charge(now, key, 1.0 - paid);
        let (number, lost) = self.insert(now, key);
        self.holders.entry(key).or_default().insert(number);
        Some(NewSlot { number, lost, gave_way })
    }

    /// Takes a slot that is free, if there is one, for a peer that nobody has to give way for.
    pub(super) fn take_spare(&mut self, now: Duration, key: PeerKey) -> Option<NewSlot> {
        if self.slots.len() >= self.bound {
            return None;
        }
        let (number, lost) = self.insert(now, key);
        self.spare.insert(number);
        Some(NewSlot { number, lost, gave_way: None })
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
            self.charge(now, key, 1.0);
            self.holders.entry(key).or_default().insert(number);
        }
    }

    /// Charges the holder of a slot for keeping it: once for each further request.
    pub(super) fn keep(&mut self, now: Duration, number: u64) {
        if let Some(key) = self.slots.get(&number).map(|slot| slot.key) {
            self.charge(now, key, 1.0);
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
        self.slots.insert(number, TakenSlot { key, taken_at: now, accepted_at: now, lost: lost.clone() });
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
    fn give_way(&mut self, now: Duration, newcomer: Newcomer) -> Option<PeerKey> {
        let number = self.spare.first().copied().or_else(|| self.oldest_of_the_heavy(now, newcomer))?;
        let slot = self.remove(now, number)?;
        slot.lost.cancel();
        Some(slot.key)
    }

    /// Looks at every holder: 10 µs for 256.
    fn oldest_of_the_heavy(&self, now: Duration, newcomer: Newcomer) -> Option<u64> {
        let networks = self.held_in_networks();
        let (itself, newcomer) = match newcomer {
            Newcomer::Peer(key) => {
                let held = self.holders.get(&key).map_or(0, BTreeSet::len) + 1;
                (Some(key), self.weight(now, key, amount(held), &networks))
            }
            Newcomer::Unnamed => (None, 0.0),
            Newcomer::Nobody => (None, f64::NEG_INFINITY),
        };
        let weighs = |(key, held): (&PeerKey, &BTreeSet<u64>)| {
            let weight = self.weight(now, *key, amount(held.len()), &networks);
            let oldest = *held.first()?;
            // Nobody gives way to a peer that is much heavier, however long it has had; and a peer
            // always to itself.
            let excess = weight - newcomer;
            let may = excess >= MUCH_HEAVIER || (excess > -MUCH_HEAVIER && self.had_its_time(now, oldest));
            (may || itself == Some(*key)).then_some((weight, oldest))
        };
        let weights: Vec<_> = self.holders.iter().filter_map(weighs).collect();
        let heaviest = weights.iter().map(|(weight, _)| *weight).fold(f64::NEG_INFINITY, f64::max);
        weights.into_iter().filter(|(weight, _)| *weight >= heaviest - HEAVY).map(|(_, oldest)| oldest).min()
    }

    /// Returns how many slots are held in each network.
    fn held_in_networks(&self) -> HashMap<PeerKey, f64> {
        let mut networks: HashMap<PeerKey, f64> = HashMap::new();
        for (key, held) in &self.holders {
            for network in accounts(*key).skip(1) {
                *networks.entry(network).or_default() += amount(held.len());
            }
        }
        networks
    }

    /// Returns how heavy a peer is that holds so many slots: itself, or one of its networks.
    fn weight(&self, now: Duration, key: PeerKey, held: f64, networks: &HashMap<PeerKey, f64>) -> f64 {
        let of = |account: PeerKey, held: f64| held.log2().max(self.taken_lately(now, account)) - allowance(account);
        let wider = accounts(key).skip(1).map(|key| of(key, networks.get(&key).copied().unwrap_or(0.0)));
        wider.fold(of(key, held), f64::max)
    }

    fn had_its_time(&self, now: Duration, number: u64) -> bool {
        self.slots.get(&number).is_none_or(|slot| now.saturating_sub(slot.accepted_at) >= UNDISTURBED)
    }

    /// Charges a peer. Where there is no room to remember one more, only what it holds counts.
    fn charge(&mut self, now: Duration, key: PeerKey, amount: f64) {
        for account in accounts(key) {
            if self.tallies.len() >= REMEMBERED && !self.tallies.contains_key(&account) {
                self.sweep(now);
            }
            if self.tallies.len() < REMEMBERED || self.tallies.contains_key(&account) {
                self.tallies.entry(account).or_default().add(now, amount);
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
