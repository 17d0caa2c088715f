//! What each of many keys has used and done: requests, connections, strikes, blocks. Bounded, and it forgets.
//!
//! A key of which there is nothing to remember has no entry. Where the table is full of keys that must be remembered,
//! those that have none share one entry: together they get what one of them would.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

use super::{Bucket, Rate};
use crate::protocol::Millis;

/// What every key may do, and what becomes of it otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Requests, and connections without one.
    pub requests: Rate,
    /// Connections at the same time.
    pub connections: u32,
    /// More strikes than this within `window_ms` are answered with a block.
    pub strikes: u32,
    /// See `strikes`, in milliseconds.
    pub window_ms: u64,
    /// How long a block lasts, in milliseconds.
    pub duration_ms: u64,
}

/// The default rate of requests: so many a minute, so many at once.
pub const REQUESTS: (u32, u32) = (100, 10);

impl Default for Policy {
    fn default() -> Self {
        let requests = Rate::new(REQUESTS.0, REQUESTS.1);
        Self { requests, connections: 8, strikes: 10, window_ms: 60_000, duration_ms: 900_000 }
    }
}

/// As many connections as there may be of one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crowded;

/// What came of taking one from a key's rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateStatus {
    /// How many milliseconds to wait, if there was none.
    pub wait_ms: Option<u64>,
    /// Whether the key had been told to wait before, and does not.
    pub ignores: bool,
    /// What there is at once, at most.
    pub burst: u64,
    /// What is left of it.
    pub left: u64,
    /// Until the whole burst is there again, in milliseconds.
    pub reset_ms: u64,
}

/// What came of a strike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Struck {
    /// It was counted.
    Counted,
    /// It was one too many: the key is blocked from now on.
    Blocked,
}

/// One key that is blocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block<K> {
    /// The key.
    pub key: K,
    /// When it ends.
    pub until: Millis,
}

/// What is remembered of one key.
#[derive(Debug, Default)]
struct Standing {
    requests: Bucket,
    /// Whether it has been told to wait since its last request that passed.
    told: bool,
    connections: u32,
    strikes: VecDeque<Millis>,
    blocked_until: Millis,
}

impl Standing {
    fn is_blocked(&self, now: Millis) -> bool {
        self.blocked_until > now
    }

    fn is_forgettable(&self, now: Millis, policy: &Policy) -> bool {
        let old = self.strikes.back().is_none_or(|last| last.plus(policy.window_ms) <= now);
        self.connections == 0 && old && !self.is_blocked(now) && self.requests.unused_at() <= now
    }
}

/// What each of many keys has used and done.
pub struct Table<K> {
    policy: Policy,
    capacity: usize,
    standings: HashMap<K, Standing>,
    /// The one of all those for whom there is no room.
    strangers: Standing,
    /// When it was last looked through for what can be forgotten.
    swept: Millis,
}

/// A full table is looked through at most that often, in milliseconds: a flood of new keys must not make it slow.
const SWEEP_MS: u64 = 1000;

impl<K: Eq + Hash + Copy> Table<K> {
    /// `capacity`: keys that are remembered at the same time, at most.
    #[must_use]
    pub fn new(policy: Policy, capacity: usize) -> Self {
        Self { policy, capacity, standings: HashMap::new(), strangers: Standing::default(), swept: Millis(0) }
    }

    /// What holds for every key from now on. What each has used and done stays.
    pub fn set_policy(&mut self, policy: Policy) {
        self.policy = policy;
    }

    /// A connection of `key` begins.
    ///
    /// # Errors
    /// [`Crowded`]: it must not, and nothing was counted.
    pub fn open(&mut self, now: Millis, key: K) -> Result<(), Crowded> {
        let bound = self.policy.connections;
        let standing = self.standing(now, key);
        if standing.connections >= bound {
            return Err(Crowded);
        }
        standing.connections += 1;
        Ok(())
    }

    /// A connection of `key` has ended.
    pub fn close(&mut self, now: Millis, key: K) {
        match self.standings.get_mut(&key) {
            Some(standing) if standing.connections > 0 => standing.connections -= 1,
            _ => self.strangers.connections = self.strangers.connections.saturating_sub(1),
        }
        self.forget(now, key);
    }

    /// Takes one from the rate of `key`.
    pub fn request(&mut self, now: Millis, key: K) -> RateStatus {
        let rate = self.policy.requests;
        let standing = self.standing(now, key);
        let wait_ms = rate.take(&mut standing.requests, now).err();
        let ignores = wait_ms.is_some() && standing.told;
        standing.told = wait_ms.is_some();
        let (left, reset_ms) = rate.left(&standing.requests, now);
        RateStatus { wait_ms, ignores, burst: rate.burst(), left, reset_ms }
    }

    /// `key` has done what it must not do.
    pub fn strike(&mut self, now: Millis, key: K) -> Struck {
        let Policy { strikes, window_ms, duration_ms, .. } = self.policy;
        let standing = self.standing(now, key);
        if standing.is_blocked(now) {
            return Struck::Counted;
        }
        while standing.strikes.front().is_some_and(|first| first.plus(window_ms) <= now) {
            standing.strikes.pop_front();
        }
        standing.strikes.push_back(now);
        if standing.strikes.len() <= strikes as usize {
            return Struck::Counted;
        }
        standing.strikes = VecDeque::new();
        standing.blocked_until = now.plus(duration_ms);
        Struck::Blocked
    }

    /// Until when `key` is blocked, if it is.
    #[must_use]
    pub fn blocked(&self, now: Millis, key: &K) -> Option<Millis> {
        let full = self.standings.len() >= self.capacity;
        let standing = self.standings.get(key).or_else(|| full.then_some(&self.strangers))?;
        standing.is_blocked(now).then_some(standing.blocked_until)
    }

    /// Every key that is blocked.
    pub fn blocks(&self, now: Millis) -> impl Iterator<Item = Block<K>> + '_ {
        let blocked = self.standings.iter().filter(move |(_, standing)| standing.is_blocked(now));
        blocked.map(|(&key, standing)| Block { key, until: standing.blocked_until })
    }

    /// Ends a block before its time. Whether there was one.
    pub fn unblock(&mut self, now: Millis, key: &K) -> bool {
        let Some(standing) = self.standings.get_mut(key).filter(|standing| standing.is_blocked(now)) else {
            return false;
        };
        standing.blocked_until = now;
        self.forget(now, *key);
        true
    }

    /// How many keys are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.standings.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.standings.is_empty()
    }

    /// Forgets what need not be remembered.
    pub fn sweep(&mut self, now: Millis) {
        self.swept = now;
        let policy = self.policy;
        self.standings.retain(|_, standing| !standing.is_forgettable(now, &policy));
        if self.standings.len() * 4 < self.standings.capacity() {
            self.standings.shrink_to_fit();
        }
    }

    fn forget(&mut self, now: Millis, key: K) {
        if self.standings.get(&key).is_some_and(|standing| standing.is_forgettable(now, &self.policy)) {
            self.standings.remove(&key);
        }
    }

    fn standing(&mut self, now: Millis, key: K) -> &mut Standing {
        let known = self.standings.contains_key(&key);
        if !known && self.standings.len() >= self.capacity && now.since(self.swept) >= SWEEP_MS {
            self.sweep(now);
        }
        if known || self.standings.len() < self.capacity {
            self.standings.entry(key).or_default()
        } else {
            &mut self.strangers
        }
    }
}

#[cfg(test)]
mod tests;
