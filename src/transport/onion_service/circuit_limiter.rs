//! How fast new circuits are taken on. Each costs the building of a circuit, which is what a flood
//! of introductions is after; the CPU that is left belongs to the sessions.
//!
//! With proof of work, requests are asked for no faster than that: the others wait in Arti's queue,
//! which hands over those with the most work first. Anyone who worked more than a flooder gets in
//! before it. Without, the queue knows no order and no bound: it is emptied at once, and what is
//! too much is dropped.

use tokio::time::{Duration, Instant};

use super::Config;
use ephemeral_core::limits::{Bucket, Rate};
use ephemeral_core::protocol::Millis;

/// See the module.
pub(super) struct CircuitLimiter {
    rate: Rate,
    bucket: Bucket,
    start: Instant,
    /// Requests may be left where they are: what waits there is in order, and bounded.
    holds_back: bool,
    /// The next one has been paid for.
    paid: bool,
}

impl CircuitLimiter {
    pub(super) fn new(settings: &Config, now: Instant) -> Self {
        Self {
            rate: Rate::new(settings.circuits_per_second.saturating_mul(60), settings.circuit_burst),
            bucket: Bucket::default(),
            start: now,
            holds_back: settings.proof_of_work,
            paid: false,
        }
    }

    /// Waits until the next request may be asked for.
    pub(super) async fn wait(&mut self) {
        while self.holds_back && !self.paid {
            match self.pay() {
                Ok(()) => self.paid = true,
                Err(milliseconds) => tokio::time::sleep(Duration::from_millis(milliseconds)).await,
            }
        }
    }

    /// Returns whether a request that has come may be admitted.
    pub(super) fn take(&mut self) -> bool {
        std::mem::take(&mut self.paid) || self.pay().is_ok()
    }

    fn pay(&mut self) -> Result<(), u64> {
        let elapsed = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.rate.take(&mut self.bucket, Millis(elapsed))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::VecDeque;

    use super::*;

    fn pace(proof_of_work: bool) -> CircuitLimiter {
        let settings = Config { proof_of_work, circuits_per_second: 10, circuit_burst: 5, ..Config::default() };
        CircuitLimiter::new(&settings, Instant::now())
    }

    #[tokio::test(start_paused = true)]
    async fn with_proof_of_work_requests_are_left_in_their_queue_until_their_time_has_come() {
        let mut pace = pace(true);
        let start = Instant::now();
        let mut queue: VecDeque<u32> = (0..25).collect();
        while !queue.is_empty() {
            pace.wait().await;
            queue.pop_front();
            assert!(pace.take(), "what was asked for is taken on");
        }
        assert_eq!(start.elapsed().as_millis() / 100, 20, "5 at once, then 10 a second");
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_was_given_up_costs_nothing() {
        let mut pace = pace(true);
        for _ in 0..100 {
            assert!(tokio::time::timeout(Duration::from_millis(1), pace.wait()).await.is_ok());
        }
        for _ in 0..5 {
            pace.wait().await;
            assert!(pace.take());
        }
        assert!(tokio::time::timeout(Duration::from_millis(99), pace.wait()).await.is_err());
        assert!(tokio::time::timeout(Duration::from_millis(2), pace.wait()).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn without_it_they_are_taken_out_at_once_and_those_too_many_dropped() {
        let mut pace = pace(false);
        let start = Instant::now();
        let mut admitted = 0;
        for _ in 0..1000 {
            pace.wait().await;
            admitted += u32::from(pace.take());
        }
        assert_eq!((admitted, start.elapsed()), (5, Duration::ZERO));
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(pace.take() && !pace.take());
    }
}
