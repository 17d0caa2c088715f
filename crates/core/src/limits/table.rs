//! What each of many keys has used and done: requests, connections, strikes, blocks. Bounded, and
//! it forgets.
//!
//! A key of which there is nothing to remember has no entry. Where the table is full of keys that
//! must be remembered, those that have none share one entry: together they get what one of them
//! would. Nobody is blocked for what the others of that entry do: it has a rate, and no strikes.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

use serde::{Serialize, Serializer};

use super::{Bucket, Rate};
use crate::protocol::Millis;

/// The bounds on every key, and the consequences of exceeding them. Each is serialized under its
/// name in the configuration file, `table.key`, in the file's unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Config {
    /// Requests, and connections without one.
    #[serde(flatten, serialize_with = "serialize_requests")]
    pub requests: Rate,
    /// Connections at the same time.
    #[serde(rename = "limits.connections_per_peer")]
    pub connections: u32,
    /// More strikes than this within `window_ms` are answered with a block.
    #[serde(rename = "block.strikes")]
    pub strikes: u32,
    /// The time over which `strikes` are counted, in milliseconds.
    #[serde(rename = "block.window_s", serialize_with = "serialize_seconds")]
    pub window_ms: u64,
    /// How long a block lasts, in milliseconds.
    #[serde(rename = "block.duration_s", serialize_with = "serialize_seconds")]
    pub duration_ms: u64,
}

fn serialize_requests<S: Serializer>(rate: &Rate, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Requests {
        #[serde(rename = "limits.requests_per_minute")]
        per_minute: u64,
        #[serde(rename = "limits.burst")]
        burst: u64,
    }
    Requests { per_minute: rate.per_minute(), burst: rate.burst() }.serialize(serializer)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn serialize_seconds<S: Serializer>(milliseconds: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(milliseconds / 1000)
}

/// The default rate of requests: so many a minute, so many at once.
pub const REQUESTS: (u32, u32) = (100, 10);

impl Default for Config {
    fn default() -> Self {
        let requests = Rate::new(REQUESTS.0, REQUESTS.1);
        Self { requests, connections: 8, strikes: 10, window_ms: 60_000, duration_ms: 900_000 }
    }
}

/// A key has as many connections as it may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManyConnections;

/// The outcome of taking one from a key's rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateStatus {
    /// How many milliseconds to wait, if there was none.
    pub wait_ms: Option<u64>,
    /// Whether the key was told to wait, and goes on all the same.
    pub ignores: bool,
    /// The most that can be taken at once.
    pub burst: u64,
    /// What is left of it.
    pub left: u64,
    /// The time until the whole burst is there again, in milliseconds.
    pub reset_ms: u64,
}

/// The outcome of a strike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StrikeOutcome {
    /// It was counted.
    Counted,
    /// It was one too many: the key is blocked from now on.
    Blocked,
}

/// A key that is blocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block<K> {
    /// The key.
    pub key: K,
    /// When it ends.
    pub until: Millis,
}

/// The memory of one key.
#[derive(Debug, Default)]
struct KeyState {
    requests: Bucket,
    /// Whether it has been told to wait since its last request that passed.
    told: bool,
    connections: u32,
    strikes: VecDeque<Millis>,
    blocked_until: Millis,
}

impl KeyState {
    fn is_blocked(&self, now: Millis) -> bool {
        self.blocked_until > now
    }

    fn is_forgettable(&self, now: Millis, policy: &Config) -> bool {
        let old = self.strikes.back().is_none_or(|last| last.plus(policy.window_ms) <= now);
        self.connections == 0 && old && !self.is_blocked(now) && self.requests.unused_at() <= now
    }
}

/// A table of keys, with what each has used and done.
pub struct KeyTable<K> {
    policy: Config,
    capacity: usize,
    key_states: HashMap<K, KeyState>,
    /// The one of all those for whom there is no room.
    strangers: KeyState,
    /// When it was last looked through for what can be forgotten.
    swept: Millis,
}

/// A full table is looked through at most that often, in milliseconds: a flood of new keys must not
/// make it slow.
const SWEEP_MS: u64 = 1000;

impl<K: Eq + Hash + Copy> KeyTable<K> {
    /// Returns a table that remembers at most `capacity` keys at the same time.
    #[must_use]
    pub fn new(policy: Config, capacity: usize) -> Self {
        Self { policy, capacity, key_states: HashMap::new(), strangers: KeyState::default(), swept: Millis(0) }
    }

    /// Changes the bounds on every key. What each has used and done stays.
    pub fn set_policy(&mut self, policy: Config) {
        self.policy = policy;
    }

    /// Counts a connection of `key` that begins.
    ///
    /// # Errors
    /// [`TooManyConnections`]: it must not, and nothing was counted.
    pub fn open(&mut self, now: Millis, key: K) -> Result<(), TooManyConnections> {
        let bound = self.policy.connections;
        let key_state = self.key_state(now, key);
        if key_state.connections >= bound {
            return Err(TooManyConnections);
        }
        key_state.connections += 1;
        Ok(())
    }

    /// Counts a connection of `key` that has ended.
    pub fn close(&mut self, now: Millis, key: K) {
        match self.key_states.get_mut(&key) {
            Some(key_state) if key_state.connections > 0 => key_state.connections -= 1,
            _ => self.strangers.connections = self.strangers.connections.saturating_sub(1),
        }
        self.forget(now, key);
    }

    /// Takes one from the rate of `key`.
    pub fn request(&mut self, now: Millis, key: K) -> RateStatus {
        let rate = self.policy.requests;
        let key_state = self.key_state(now, key);
        let wait_ms = rate.take(&mut key_state.requests, now).err();
        let ignores = wait_ms.is_some() && key_state.told;
        key_state.told = wait_ms.is_some();
        let (left, reset_ms) = rate.left(&key_state.requests, now);
        RateStatus { wait_ms, ignores, burst: rate.burst(), left, reset_ms }
    }

    /// Counts that `key` has done what it must not do. Where there is no room to remember the key,
    /// nothing comes of it.
    pub fn strike(&mut self, now: Millis, key: K) -> StrikeOutcome {
        let Config { strikes, window_ms, duration_ms, .. } = self.policy;
        if !self.has_room_for(now, &key) {
            return StrikeOutcome::Counted;
        }
        let key_state = self.key_state(now, key);
        if key_state.is_blocked(now) {
            return StrikeOutcome::Counted;
        }
        while key_state.strikes.front().is_some_and(|first| first.plus(window_ms) <= now) {
            key_state.strikes.pop_front();
        }
        key_state.strikes.push_back(now);
        if key_state.strikes.len() <= strikes as usize {
            return StrikeOutcome::Counted;
        }
        key_state.strikes = VecDeque::new();
        key_state.blocked_until = now.plus(duration_ms);
        StrikeOutcome::Blocked
    }

    /// Returns the end of the block of `key`, if it is blocked.
    #[must_use]
    pub fn blocked(&self, now: Millis, key: &K) -> Option<Millis> {
        let key_state = self.key_states.get(key)?;
        key_state.is_blocked(now).then_some(key_state.blocked_until)
    }

    /// Tells whether `key` has an entry of its own, or would be given one.
    pub fn has_room_for(&mut self, now: Millis, key: &K) -> bool {
        let known = self.key_states.contains_key(key);
        if !known && self.key_states.len() >= self.capacity && now.since(self.swept) >= SWEEP_MS {
            self.sweep(now);
        }
        known || self.key_states.len() < self.capacity
    }

    /// Forgets a key that will not come back, unless it has connections still.
    pub fn retire(&mut self, key: &K) {
        if self.key_states.get(key).is_some_and(|key_state| key_state.connections == 0) {
            self.key_states.remove(key);
        }
    }

    /// Returns every key that is blocked.
    pub fn blocks(&self, now: Millis) -> impl Iterator<Item = Block<K>> + '_ {
        let blocked = self.key_states.iter().filter(move |(_, key_state)| key_state.is_blocked(now));
        blocked.map(|(&key, key_state)| Block { key, until: key_state.blocked_until })
    }

    /// Ends a block before its time. Whether there was one.
    pub fn unblock(&mut self, now: Millis, key: &K) -> bool {
        let Some(key_state) = self.key_states.get_mut(key).filter(|key_state| key_state.is_blocked(now)) else {
            return false;
        };
        key_state.blocked_until = now;
        self.forget(now, *key);
        true
    }

    /// Returns how many keys are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.key_states.len()
    }

    /// Returns whether no key is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.key_states.is_empty()
    }

    /// Forgets what need not be remembered.
    pub fn sweep(&mut self, now: Millis) {
        self.swept = now;
        let policy = self.policy;
        self.key_states.retain(|_, key_state| !key_state.is_forgettable(now, &policy));
        if self.key_states.len() * 4 < self.key_states.capacity() {
            self.key_states.shrink_to_fit();
        }
    }

    fn forget(&mut self, now: Millis, key: K) {
        if self.key_states.get(&key).is_some_and(|key_state| key_state.is_forgettable(now, &self.policy)) {
            self.key_states.remove(&key);
        }
    }

    fn key_state(&mut self, now: Millis, key: K) -> &mut KeyState {
        if self.has_room_for(now, &key) { self.key_states.entry(key).or_default() } else { &mut self.strangers }
    }
}

#[cfg(test)]
mod tests;
