//! A count that halves every few minutes: how much a peer has taken lately.

use std::time::Duration;

/// How long it takes until half of a count is forgotten. Long enough to tell an address that comes
/// once a minute for hours from one that tries three times in a row.
pub(in crate::admission) const HALF_LIFE: Duration = Duration::from_secs(300);

/// A decaying count. It is kept as a logarithm that time does not change, so that it never
/// overflows.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub(in crate::admission) struct Tally(f64);

impl Default for Tally {
    fn default() -> Self {
        Self(f64::NEG_INFINITY)
    }
}

/// Writes a moment, counted from any start, in half-lives.
fn half_lives(now: Duration) -> f64 {
    now.as_secs_f64() / HALF_LIFE.as_secs_f64()
}

impl Tally {
    /// Adds so much (more than 0) now.
    pub(in crate::admission) fn add(&mut self, now: Duration, amount: f64) {
        let added = amount.log2() + half_lives(now);
        let (more, less) = if self.0 > added { (self.0, added) } else { (added, self.0) };
        self.0 = more + (less - more).exp2().ln_1p() / std::f64::consts::LN_2;
    }

    /// Takes back so much of what was added at `then`.
    pub(in crate::admission) fn take_back(&mut self, then: Duration, amount: f64) {
        let share = (amount.log2() + half_lives(then) - self.0).exp2();
        // What rounding leaves of nothing is nothing.
        self.0 = if share < 1.0 - 1e-9 { self.0 + (1.0 - share).log2() } else { f64::NEG_INFINITY };
    }

    /// Returns the logarithm of the count to base 2; minus infinity for nothing.
    pub(in crate::admission) fn log2(&self, now: Duration) -> f64 {
        self.0 - half_lives(now)
    }

    /// Tells whether it is too little to be remembered.
    pub(in crate::admission) fn is_forgettable(&self, now: Duration) -> bool {
        self.log2(now) < -4.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1_000_000);

    #[test]
    fn a_count_adds_up_and_halves() {
        let mut tally = Tally::default();
        assert!(tally.is_forgettable(NOW));
        for _ in 0..8 {
            tally.add(NOW, 1.0);
        }
        assert!((tally.log2(NOW) - 3.0).abs() < 1e-6);
        assert!((tally.log2(NOW + HALF_LIFE) - 2.0).abs() < 1e-6);
        tally.take_back(NOW, 4.0);
        assert!((tally.log2(NOW) - 2.0).abs() < 1e-6);
        tally.take_back(NOW, 4.0);
        assert!(tally.is_forgettable(NOW), "{tally:?}");
    }

    #[test]
    fn it_still_counts_after_a_hundred_years() {
        let now = Duration::from_secs(100 * 365 * 86_400);
        let mut tally = Tally::default();
        tally.add(now, 1.0);
        tally.add(now, 1.0);
        assert!((tally.log2(now) - 1.0).abs() < 1e-5, "{}", tally.log2(now));
    }
}
