//! How long to wait before the next attempt: exponential, and random, so that peers which failed
//! together do not come back together. The only back-off of the workspace: the client's, and the
//! onion service's.

use std::time::Duration;

/// The part of a wait that is left to chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Jitter {
    /// All of it: between nothing and the ceiling. For many who come back to one.
    Full,
    /// Half of it: between half the ceiling and the ceiling. For one who must not hurry.
    Half,
}

/// The waits between attempts. Pure but for its random numbers.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    jitter: Jitter,
    attempts: u32,
}

impl Backoff {
    /// Waits with full jitter: the first is up to `first`, each further one up to twice as long,
    /// none longer than `longest`.
    #[must_use]
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, jitter: Jitter::Full, attempts: 0 }
    }

    /// Returns the same back-off with another jitter.
    #[must_use]
    pub const fn with_jitter(self, jitter: Jitter) -> Self {
        Self { jitter, ..self }
    }

    /// Returns the next wait, and counts an attempt.
    #[must_use]
    pub fn next_wait(&mut self) -> Duration {
        let ceiling = self.ceiling();
        self.attempts = self.attempts.saturating_add(1);
        match self.jitter {
            Jitter::Full => ceiling.mul_f64(random_fraction()),
            Jitter::Half => ceiling.mul_f64(0.5 + random_fraction() / 2.0),
        }
    }

    /// Makes the next wait a long one: for when coming back soon would do harm.
    pub fn slow_down(&mut self) {
        self.attempts = self.attempts.max(4);
    }

    /// Starts again from the first wait, after a success.
    pub fn reset(&mut self) {
        self.attempts = 0;
    }

    fn ceiling(&self) -> Duration {
        // 2^20 of any first wait worth the name is past any longest one.
        self.first.saturating_mul(1 << self.attempts.min(20)).min(self.longest)
    }
}

impl Default for Backoff {
    /// Returns the back-off from half a second to a minute.
    fn default() -> Self {
        Self::new(Duration::from_millis(500), Duration::from_secs(60))
    }
}

/// Returns a number that is uniform in `[0, 1)`. Without random numbers from the system it is 0.5,
/// which only costs the spreading.
#[must_use]
pub fn random_fraction() -> f64 {
    getrandom::u32().map_or(0.5, |number| f64::from(number) / (f64::from(u32::MAX) + 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ceiling_doubles_up_to_the_longest_and_starts_again_after_a_success() {
        let mut backoff = Backoff::default();
        let ceilings: Vec<_> = (0..9)
            .map(|_| {
                let ceiling = backoff.ceiling();
                assert!(backoff.next_wait() <= ceiling);
                ceiling.as_millis()
            })
            .collect();
        assert_eq!(ceilings, [500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
        backoff.reset();
        assert_eq!(backoff.ceiling(), Duration::from_millis(500));
    }

    #[test]
    fn with_half_a_jitter_no_wait_is_shorter_than_half_its_ceiling() {
        let minute = Duration::from_secs(60);
        let mut backoff = Backoff::new(Duration::from_secs(1), minute).with_jitter(Jitter::Half);
        for _ in 0..64 {
            let ceiling = backoff.ceiling();
            let wait = backoff.next_wait();
            assert!(wait >= ceiling / 2 && wait <= ceiling, "{wait:?} of {ceiling:?}");
        }
        assert!(backoff.next_wait() >= minute / 2);
    }

    #[test]
    fn any_number_of_attempts_is_fine() {
        let mut backoff = Backoff { attempts: u32::MAX, ..Backoff::default() };
        assert!(backoff.next_wait() <= Duration::from_secs(60));
    }

    #[test]
    fn two_clients_do_not_wait_equally_long() {
        let mut backoff = Backoff::new(Duration::from_secs(60), Duration::from_secs(60));
        let waits: std::collections::HashSet<_> = (0..16).map(|_| backoff.next_wait()).collect();
        assert!(waits.len() > 10);
    }
}
