//! Rates, strikes and blocks. No clock, no task: time is passed in.

mod table;

use crate::protocol::Millis;
pub use table::{Block, Config, KeyTable, REQUESTS, RateStatus, StrikeOutcome, TooManyConnections};

/// A rate: how many a minute, and how many of them at once (a generic cell rate algorithm, ITU-T
/// I.371).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// The time between two, in microseconds.
    interval: u64,
    /// How far ahead of its time a bucket may run, in microseconds.
    tolerance: u64,
}

/// The used part of a key's [`Rate`]: one number. A new bucket is unused, and so is one whose
/// time has come.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bucket {
    /// When the bucket will be unused again, in microseconds on the clock that cannot be set.
    unused_at: u64,
}

impl Rate {
    /// Returns a rate of `per_minute` ≥ 1 on average and `burst` ≥ 1 at once.
    #[must_use]
    pub fn new(per_minute: u32, burst: u32) -> Self {
        let interval = 60_000_000 / u64::from(per_minute.max(1));
        Self { interval, tolerance: interval * u64::from(burst.max(1)) }
    }

    /// Takes one.
    ///
    /// # Errors
    /// How many milliseconds until there is one again, at least 1. Nothing was taken then.
    pub fn take(&self, bucket: &mut Bucket, now: Millis) -> Result<(), u64> {
        let now = now.0.saturating_mul(1000);
        let allowed = now.saturating_add(self.tolerance);
        // Beyond that it can only be where the time that is passed in went back.
        bucket.unused_at = bucket.unused_at.min(allowed);
        let next = bucket.unused_at.max(now).saturating_add(self.interval);
        if next > allowed {
            return Err((next - allowed).div_ceil(1000));
        }
        bucket.unused_at = next;
        Ok(())
    }

    /// Returns how many there are a minute.
    #[must_use]
    pub const fn per_minute(&self) -> u64 {
        60_000_000 / self.interval
    }

    /// Returns how many there are at once, at most.
    #[must_use]
    pub const fn burst(&self) -> u64 {
        self.tolerance / self.interval
    }

    /// Returns how many could be taken at once now, and in how many milliseconds it would be the
    /// whole burst.
    #[must_use]
    pub fn left(&self, bucket: &Bucket, now: Millis) -> (u64, u64) {
        let ahead = bucket.unused_at.saturating_sub(now.0.saturating_mul(1000)).min(self.tolerance);
        ((self.tolerance - ahead) / self.interval, ahead.div_ceil(1000))
    }
}

impl Bucket {
    /// Returns when the bucket will be as good as new, and may be forgotten.
    #[must_use]
    pub fn unused_at(&self) -> Millis {
        Millis(self.unused_at.div_ceil(1000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_000_000);

    #[test]
    fn the_burst_is_free_and_then_the_rate_counts() {
        let rate = Rate::new(100, 10);
        let mut bucket = Bucket::default();
        for _ in 0..10 {
            assert_eq!(rate.take(&mut bucket, NOW), Ok(()));
        }
        assert_eq!(rate.take(&mut bucket, NOW), Err(600));
        assert_eq!(rate.left(&bucket, NOW), (0, 6000));
        assert_eq!(rate.left(&bucket, NOW.plus(1800)), (3, 4200));
        assert_eq!(rate.left(&Bucket::default(), NOW), (10, 0));
        assert_eq!(rate.take(&mut bucket, NOW.plus(599)), Err(1));
        assert_eq!(rate.take(&mut bucket, NOW.plus(600)), Ok(()));
        assert_eq!(rate.take(&mut bucket, NOW.plus(600)), Err(600));
    }

    #[test]
    fn no_minute_lets_through_more_than_the_rate_and_the_burst() {
        let rate = Rate::new(100, 10);
        let mut bucket = Bucket::default();
        let passed = (0..60_000).filter(|&passed| rate.take(&mut bucket, NOW.plus(passed)).is_ok()).count();
        assert_eq!(passed, 109, "10 at once, then one each 600 ms before the minute is over");
        assert_eq!(bucket.unused_at(), Millis(NOW.0 + 109 * 600));
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_lock_a_key_out() {
        let rate = Rate::new(100, 10);
        let mut bucket = Bucket::default();
        assert_eq!(rate.take(&mut bucket, Millis(u64::MAX / 2)), Ok(()));
        assert_eq!(rate.take(&mut bucket, NOW), Err(600));
        assert_eq!(rate.take(&mut bucket, NOW.plus(600)), Ok(()));
    }
}
