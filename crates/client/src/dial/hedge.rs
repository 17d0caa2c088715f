//! A second attempt beside one that hangs, on a circuit of its own: a rendezvous that was lost on
//! the way is noticed only after tens of seconds, while another one takes one or two.
//!
//! Both attempts ask the same server for the same thing, so a server under a flood is asked twice.
//! Therefore attempts that did not pay make the next one wait longer, and there are never more than
//! two.

use std::future::Future;
use std::time::Duration;

use ephemeral_core::backoff::random_fraction;
use tokio::time::{Instant, sleep};

/// The way in which a connection came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finish {
    /// The first attempt came to its end before there was a second one.
    Alone,
    /// There were two, and the first one won, or neither did.
    InVain,
    /// The second attempt won.
    Won,
}

/// Decides how long an attempt is left alone. Pure but for its random numbers.
#[derive(Debug)]
pub(super) struct Hedge {
    wait: Duration,
}

impl Hedge {
    /// The shortest wait; up to a quarter of it more is left to chance, so that clients which
    /// failed together do not come together again.
    pub(super) const SHORTEST: Duration = Duration::from_secs(4);
    /// The longest wait.
    pub(super) const LONGEST: Duration = Duration::from_secs(16);

    /// Returns the time after which the next attempt gets a second one beside it.
    pub(super) fn delay(&self) -> Duration {
        self.wait.mul_f64(1.0 + random_fraction() / 4.0)
    }

    /// Notes how a connection came about, and how long that took.
    pub(super) fn ended(&mut self, finish: Finish, took: Duration) {
        self.wait = match finish {
            Finish::Won => Self::SHORTEST,
            Finish::InVain => (2 * self.wait).min(Self::LONGEST),
            Finish::Alone if took < self.wait / 2 => (self.wait / 2).max(Self::SHORTEST),
            Finish::Alone => self.wait,
        };
    }
}

impl Default for Hedge {
    /// Returns one that has seen nothing yet.
    fn default() -> Self {
        Self { wait: Self::SHORTEST }
    }
}

/// Makes an attempt, and a second one beside it when the first has come to nothing after `delay`.
/// Returns what the first one to succeed returns, how it came about, and how long that took. The
/// other one is dropped.
///
/// An attempt that fails before the second one has begun is the end: when to try again is the
/// caller's matter. Where both fail, the later error is returned.
pub(super) async fn race<T, E, First, Second>(
    first: First,
    delay: Duration,
    second: impl FnOnce() -> Second,
) -> (Result<T, E>, Finish, Duration)
where
    First: Future<Output = Result<T, E>>,
    Second: Future<Output = Result<T, E>>,
{
    let start = Instant::now();
    let mut first = Box::pin(first);
    tokio::select! {
        biased;
        outcome = &mut first => return (outcome, Finish::Alone, start.elapsed()),
        () = sleep(delay) => {}
    }
    let mut second = Box::pin(second());
    let (outcome, finish) = tokio::select! {
        biased;
        outcome = &mut first => match outcome {
            Ok(value) => (Ok(value), Finish::InVain),
            Err(_) => second_thoughts(second.await, Finish::Won),
        },
        outcome = &mut second => match outcome {
            Ok(value) => (Ok(value), Finish::Won),
            Err(_) => second_thoughts(first.await, Finish::InVain),
        },
    };
    (outcome, finish, start.elapsed())
}

/// Returns the outcome of the attempt that is left: won by it, or in vain.
fn second_thoughts<T, E>(outcome: Result<T, E>, won: Finish) -> (Result<T, E>, Finish) {
    let finish = if outcome.is_ok() { won } else { Finish::InVain };
    (outcome, finish)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::pending;

    use super::*;

    const DELAY: Duration = Duration::from_secs(4);

    async fn after(seconds: u64, outcome: Result<u8, u8>) -> Result<u8, u8> {
        sleep(Duration::from_secs(seconds)).await;
        outcome
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_that_succeeds_or_fails_in_time_stays_alone() {
        for outcome in [Ok(1), Err(1)] {
            let asked = Cell::new(false);
            let second = || {
                asked.set(true);
                pending()
            };
            let ended = race(after(3, outcome), DELAY, second).await;
            assert_eq!(ended, (outcome, Finish::Alone, Duration::from_secs(3)));
            assert!(!asked.get());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_second_attempt_wins_over_one_that_hangs() {
        let ended = race(pending(), DELAY, || after(2, Ok::<_, u8>(2))).await;
        assert_eq!(ended, (Ok(2), Finish::Won, Duration::from_secs(6)));
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_attempt_wins_if_it_is_sooner_after_all() {
        let ended = race(after(5, Ok::<_, u8>(1)), DELAY, || after(2, Ok(2))).await;
        assert_eq!(ended, (Ok(1), Finish::InVain, Duration::from_secs(5)));
    }

    #[tokio::test(start_paused = true)]
    async fn when_one_of_two_fails_the_other_one_decides() {
        for (first, second, expected) in [
            ((5, Err(1)), (9, Ok(2)), (Ok(2), Finish::Won, 13)),
            ((5, Err(1)), (9, Err(2)), (Err(2), Finish::InVain, 13)),
            ((9, Ok(1)), (1, Err(2)), (Ok(1), Finish::InVain, 9)),
            ((9, Err(1)), (1, Err(2)), (Err(1), Finish::InVain, 9)),
        ] {
            let ended = race(after(first.0, first.1), DELAY, || after(second.0, second.1)).await;
            assert_eq!(ended, (expected.0, expected.1, Duration::from_secs(expected.2)), "{first:?}, {second:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_attempt_that_lost_is_dropped() {
        struct Dropped<'a>(&'a Cell<u8>);
        impl Drop for Dropped<'_> {
            fn drop(&mut self) {
                self.0.set(self.0.get() + 1);
            }
        }
        let dropped = Cell::new(0);
        let first = async {
            let _first = Dropped(&dropped);
            pending::<Result<u8, u8>>().await
        };
        let (outcome, ..) = race(first, DELAY, || after(1, Ok(2))).await;
        assert_eq!((outcome, dropped.get()), (Ok(2), 1));
    }

    #[test]
    fn the_wait_is_random_within_a_quarter() {
        let delays: Vec<_> = (0..64).map(|_| Hedge::default().delay()).collect();
        assert!(delays.iter().all(|delay| (4000..5000).contains(&delay.as_millis())), "{delays:?}");
        assert!(delays.iter().any(|delay| *delay != delays[0]));
    }

    #[test]
    fn second_attempts_that_do_not_pay_come_later_and_those_that_do_come_soon() {
        let mut hedge = Hedge::default();
        let second = Duration::from_secs(1);
        for expected in [8, 16, 16] {
            hedge.ended(Finish::InVain, 7 * second);
            assert_eq!(hedge.wait.as_secs(), expected, "a server that is slow is not asked twice");
        }
        hedge.ended(Finish::Alone, 9 * second);
        assert_eq!(hedge.wait.as_secs(), 16, "it is still slow");
        for expected in [8, 4, 4] {
            hedge.ended(Finish::Alone, second);
            assert_eq!(hedge.wait.as_secs(), expected, "it is quick again");
        }
        hedge.ended(Finish::InVain, 7 * second);
        hedge.ended(Finish::Won, 9 * second);
        assert_eq!(hedge.wait, Hedge::SHORTEST);
    }
}
