//! Time as the core counts it.
//!
//! The clock of a machine jumps: batteries die, virtual machines sleep, somebody lies about NTP.
//! What is deleted for age cannot be brought back, so that deletions go by an `age` that grows
//! slowly unless a server agrees with the clock. What is only *sent* again goes by `elapsed`, which
//! follows the clock forwards.

use serde::{Deserialize, Serialize};

/// One second in milliseconds.
pub(crate) const SECOND: u64 = 1_000;
/// One minute in milliseconds.
pub(crate) const MINUTE: u64 = 60 * SECOND;
/// One hour in milliseconds.
pub(crate) const HOUR: u64 = 60 * MINUTE;
/// One day in milliseconds.
pub(crate) const DAY: u64 = 24 * HOUR;
/// How long nothing is deleted if the clock and the servers disagree.
const DISPUTE: u64 = 30 * DAY;
/// How long what waits at servers has time to be fetched, before time that passed without this
/// process counts.
const FETCHING: u64 = HOUR;

/// Counts time.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ProfileClock {
    /// Milliseconds since 1970 by the machine's clock, when the core was called last.
    pub(crate) wall: u64,
    /// Milliseconds by which deletions go.
    pub(crate) age: u64,
    /// Milliseconds by which repetitions go.
    pub(crate) elapsed: u64,
    /// What `age` did not get of the clock's advance, until a server agrees.
    owed: u64,
    /// What a server agreed to, and when it is added, by `elapsed`.
    agreed: Option<(u64, u64)>,
    /// How much of the advance came while a server disagreed with the clock.
    disputed: Option<u64>,
}

impl ProfileClock {
    pub(crate) fn new(wall: u64) -> Self {
        Self { wall, age: 0, elapsed: 0, owed: 0, agreed: None, disputed: None }
    }

    /// Takes note of what the machine's clock shows.
    pub(crate) fn advance(&mut self, wall: u64) {
        let forward = wall.saturating_sub(self.wall);
        let back = self.wall.saturating_sub(wall);
        self.wall = wall;
        self.elapsed = self.elapsed.saturating_add(forward);
        self.owed = self.owed.saturating_sub(back);
        let slow = forward.min(HOUR);
        self.owed = self.owed.saturating_add(forward - slow);
        match &mut self.disputed {
            Some(running) if *running < DISPUTE => {
                *running += slow;
                self.owed = self.owed.saturating_add(slow);
            }
            _ => self.age += slow,
        }
        if let Some((agreed, at)) = self.agreed
            && self.elapsed >= at
        {
            self.age = self.age.saturating_add(agreed);
            self.agreed = None;
        }
    }

    /// Returns what `age` will be when all that it is owed has been added. What comes now is dated
    /// so: the time of an absence that ends only now is not its age.
    pub(crate) fn settled_age(&self) -> u64 {
        let agreed = self.agreed.map_or(0, |(agreed, _)| agreed);
        self.age.saturating_add(self.owed).saturating_add(agreed)
    }

    /// Takes note of a server's time, and tells whether it agrees with the clock to an hour.
    pub(crate) fn compare(&mut self, server: u64) -> bool {
        if server.abs_diff(self.wall) <= HOUR {
            let owed = std::mem::take(&mut self.owed);
            if owed > 0 {
                let (before, at) = self.agreed.unwrap_or((0, self.elapsed + FETCHING));
                self.agreed = Some((before.saturating_add(owed), at));
            }
            self.disputed = None;
            return true;
        }
        self.disputed.get_or_insert(0);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_of_forty_days_adds_an_hour_until_a_server_agrees() {
        let mut clock = ProfileClock::new(DAY);
        clock.advance(41 * DAY);
        assert_eq!((clock.age, clock.elapsed), (HOUR, 40 * DAY));
        assert!(clock.compare(41 * DAY + MINUTE));
        assert_eq!(clock.age, HOUR);
        clock.advance(41 * DAY + HOUR);
        assert_eq!(clock.age, 40 * DAY + HOUR);
    }

    #[test]
    fn what_a_server_agreed_to_does_not_let_the_next_jump_through() {
        let mut clock = ProfileClock::new(0);
        clock.advance(DAY);
        assert!(clock.compare(DAY));
        clock.advance(400 * DAY);
        assert_eq!(clock.age, DAY + HOUR);
    }

    #[test]
    fn a_jump_there_and_back_leaves_nothing_to_be_added() {
        let mut clock = ProfileClock::new(DAY);
        clock.advance(4_000 * DAY);
        clock.advance(DAY);
        assert!(clock.compare(DAY));
        clock.advance(DAY + HOUR);
        assert_eq!(clock.age, 2 * HOUR);
    }

    #[test]
    fn while_a_server_disagrees_nothing_ages_for_thirty_days_of_running() {
        let mut clock = ProfileClock::new(1_000 * DAY);
        assert!(!clock.compare(0));
        for _ in 0..30 * 24 {
            clock.advance(clock.wall + HOUR);
        }
        assert_eq!(clock.age, 0);
        clock.advance(clock.wall + HOUR);
        assert_eq!(clock.age, HOUR);
    }
}
