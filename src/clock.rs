//! The only place that asks what time it is. Everything else is handed a [`Millis`], a
//! [`WallTime`], or both of one moment.
//!
//! What decides (how long a message lives, rates, strikes, blocks) follows `CLOCK_BOOTTIME`
//! (clock_gettime(2)): nobody can set it, it counts while the machine is suspended, and it is the
//! same for all processes until the machine is started again. The wall clock is for what people and
//! other machines read and write.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};
use tokio::time::Instant;

use ephemeral_core::protocol::{ClockReading, MINUTE_MS, Millis, WallTime};

/// How far the two clocks may seem to drift apart, in milliseconds, before the wall clock counts as
/// set. They run at one rate; but they are read one after the other, and the process may be
/// interrupted between.
const NOISE_MS: u64 = 20;

/// A source of time.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The machine's clocks.
    System,
    /// Clocks that follow tokio's, which tests pause; the wall clock can be set.
    Anchored(Arc<Anchor>),
}

/// The times that a clock of [`Clock::anchored`] is made of.
#[derive(Debug)]
pub struct Anchor {
    /// What the clock that cannot be set showed at `instant`.
    up: Millis,
    /// What the wall clock showed at `instant`.
    start: WallTime,
    /// When the clock was made.
    instant: Instant,
    /// How far the wall clock was set since, in milliseconds.
    stepped: AtomicI64,
    /// The precision in milliseconds of times that go over the wire.
    resolution_ms: u64,
}

impl Clock {
    /// What the clock that cannot be set shows when one is [`anchored`](Self::anchored): nothing
    /// like a wall clock.
    pub const UP: Millis = Millis(5_000_000);

    /// Returns clocks that follow tokio's from here; the wall clock shows `start` now.
    #[must_use]
    pub fn anchored(start: WallTime) -> Self {
        Self::anchored_at(Self::UP, start)
    }

    /// Returns such clocks, whose times go over the wire as they are: for tests that follow every
    /// message.
    #[must_use]
    pub fn exact(start: WallTime) -> Self {
        Self::with(Self::UP, start, 1)
    }

    /// Returns clocks that follow tokio's from here; they show `up` and `start` now.
    #[must_use]
    pub fn anchored_at(up: Millis, start: WallTime) -> Self {
        Self::with(up, start, MINUTE_MS)
    }

    fn with(up: Millis, start: WallTime, resolution_ms: u64) -> Self {
        let stepped = AtomicI64::new(0);
        Self::Anchored(Arc::new(Anchor { up, start, instant: Instant::now(), stepped, resolution_ms }))
    }

    /// Sets the wall clock forward, or back, by so many milliseconds. The machine's own is left
    /// alone.
    pub fn step(&self, milliseconds: i64) {
        if let Self::Anchored(anchor) = self {
            anchor.stepped.fetch_add(milliseconds, Ordering::Relaxed);
        }
    }

    /// Returns the time by the clock that cannot be set.
    #[must_use]
    pub fn now(&self) -> Millis {
        match self {
            Self::System => {
                let time = clock_gettime(ClockId::Boottime);
                let milliseconds = time.tv_sec.saturating_mul(1000).saturating_add(time.tv_nsec / 1_000_000);
                Millis(u64::try_from(milliseconds).unwrap_or(0))
            }
            Self::Anchored(anchor) => anchor.up.plus(anchor.elapsed()),
        }
    }

    /// Returns the time by the wall clock.
    #[must_use]
    pub fn wall(&self) -> WallTime {
        match self {
            Self::System => {
                let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                WallTime(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)).min(WallTime::MAX)
            }
            Self::Anchored(anchor) => {
                let stepped = anchor.start.0.saturating_add_signed(anchor.stepped.load(Ordering::Relaxed));
                WallTime(stepped).plus(anchor.elapsed())
            }
        }
    }

    /// Returns what both clocks show. Between two readings they go on by the same, unless the wall
    /// clock was set.
    #[must_use]
    pub fn read(&self) -> ClockReading {
        let steady = self.now();
        let wall = self.wall();
        match self {
            Self::System => ClockReading { steady, wall: settled(steady, wall), resolution_ms: MINUTE_MS },
            Self::Anchored(anchor) => ClockReading { steady, wall, resolution_ms: anchor.resolution_ms },
        }
    }
}

/// Returns the wall clock's time without the noise of reading two clocks one after the other.
fn settled(steady: Millis, wall: WallTime) -> WallTime {
    /// How far the machine's wall clock is ahead of its other one.
    static AHEAD: AtomicI64 = AtomicI64::new(0);
    let expected = WallTime(steady.0.saturating_add_signed(AHEAD.load(Ordering::Relaxed)));
    if expected.0.abs_diff(wall.0) <= NOISE_MS {
        return expected;
    }
    let ahead = i128::from(wall.0) - i128::from(steady.0);
    AHEAD.store(i64::try_from(ahead).unwrap_or(0), Ordering::Relaxed);
    wall
}

impl Anchor {
    fn elapsed(&self) -> u64 {
        u64::try_from(self.instant.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machines_clocks_go_on_by_the_same() {
        let first = Clock::System.read();
        let ahead = |reading: ClockReading| i128::from(reading.wall.0) - i128::from(reading.steady.0);
        for _ in 0..10_000 {
            let reading = Clock::System.read();
            assert!(reading.steady >= first.steady);
            // It may be interrupted for longer than the noise, but not for ever.
            assert!((ahead(reading) - ahead(first)).abs() < 60_000, "{reading:?} after {first:?}");
        }
        assert!(first.wall > WallTime(1_767_225_600_000), "it is later than 2025");
    }

    #[tokio::test(start_paused = true)]
    async fn a_wall_clock_that_is_set_leaves_the_other_one_alone() {
        let clock = Clock::anchored(WallTime(1_767_355_200_000));
        tokio::time::advance(std::time::Duration::from_secs(5)).await;
        clock.step(-86_400_000);
        assert_eq!(clock.now(), Clock::UP.plus(5000));
        assert_eq!(clock.wall(), WallTime(1_767_268_805_000));
        assert_eq!(clock.read().wall_at(Clock::UP), WallTime(1_767_268_800_000));
    }
}
