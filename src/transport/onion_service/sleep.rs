//! Waiting in a world where machines sleep, are paused, and have their clocks set.

use std::time::Duration;

use tokio::time::Instant;

use crate::clock::Clock;
use ephemeral_core::protocol::WallTime;

/// How far the wall clock may drift from the monotonic one, or a timer be late, before it means
/// something.
const TOLERANCE: Duration = Duration::from_secs(15);
/// How soon a jump is noticed.
const STEP: Duration = Duration::from_secs(10);

/// Sleeps until `due`; less where it notices that the machine slept or that its clock was set, and
/// then returns true.
pub(super) async fn sleep_until(due: Instant) -> bool {
    loop {
        let start = Instant::now();
        let step = STEP.min(due.saturating_duration_since(start));
        let wall = Clock::System.wall();
        tokio::time::sleep(step).await;
        if jumped(step, start.elapsed(), wall, Clock::System.wall()) {
            return true;
        }
        if Instant::now() >= due {
            return false;
        }
    }
}

/// Returns whether a sleep of `asked`, which took `elapsed` on the monotonic clock, was longer than
/// that or in another time. The monotonic clock stands still while a machine is suspended; the wall
/// clock does not.
fn jumped(asked: Duration, elapsed: Duration, before: WallTime, after: WallTime) -> bool {
    let expected = before.0.saturating_add(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX));
    let drift = Duration::from_millis(after.0.abs_diff(expected));
    drift > TOLERANCE || elapsed.saturating_sub(asked) > TOLERANCE
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const HOUR_MS: u64 = 3_600_000;

    #[test]
    fn an_ordinary_sleep_is_no_jump() {
        assert!(!jumped(SECOND, SECOND, WallTime(HOUR_MS), WallTime(HOUR_MS + 1000)));
        assert!(!jumped(SECOND, SECOND * 3, WallTime(HOUR_MS), WallTime(HOUR_MS + 2500)));
    }

    #[test]
    fn a_suspended_machine_is_noticed() {
        assert!(jumped(SECOND, SECOND, WallTime(HOUR_MS), WallTime(2 * HOUR_MS)));
    }

    #[test]
    fn a_clock_that_is_set_back_is_noticed() {
        assert!(jumped(SECOND, SECOND, WallTime(2 * HOUR_MS), WallTime(HOUR_MS)));
    }

    #[test]
    fn a_paused_process_is_noticed() {
        assert!(jumped(SECOND, SECOND * 60, WallTime(HOUR_MS), WallTime(HOUR_MS + 60_000)));
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_jump_it_sleeps_until_it_is_due() {
        let due = Instant::now() + SECOND * 5;
        assert!(!sleep_until(due).await);
        assert!(Instant::now() >= due);
    }
}
