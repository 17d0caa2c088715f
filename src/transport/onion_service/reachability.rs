//! What the outcomes of connecting to the own address mean: the phase, when to try next, when to start afresh.
//! It reads no clock and sends nothing to the network.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::sleep::backoff;
use super::{LOG, OnionStatus, Phase, Probe, Reason};
use ephemeral_core::protocol::Millis;

/// Between two connections to the own address while all is well: half of this at least. It is doubled from the first
/// on: what was reached only just now may be lost as soon.
const FIRST_CALM: Duration = Duration::from_secs(20);
const CALM: Duration = Duration::from_secs(360);
/// After the first failure, and the bound that it is doubled up to.
const FIRST_RETRY: Duration = Duration::from_secs(4);
const LAST_RETRY: Duration = Duration::from_secs(60);
/// For so long after the start it is "starting", not "degraded".
const PATIENCE: Duration = Duration::from_secs(120);
/// Without a success for so long, the Tor client is started afresh. That ends the circuits that are open: while there are
/// any, somebody is still served, and it waits longer.
const GIVE_UP: Duration = Duration::from_secs(90);
const GIVE_UP_ON_USERS: Duration = Duration::from_secs(1800);
/// A bootstrap that makes no progress for so long is started afresh, too: Arti's own pauses have no bound. Each time it
/// gets longer: a network may be slow.
const FIRST_STALL: Duration = Duration::from_secs(30);
const LAST_STALL: Duration = Duration::from_secs(120);
/// Between two lives of the Tor client.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LAST_PAUSE: Duration = Duration::from_secs(60);

/// Failures in a row that make a reachable service a degraded one: a single circuit may fail for many reasons.
const FAILURES: u32 = 2;

/// The service's state as far as it is known, over all lives of the Tor client.
pub(super) struct Reachability {
    status: watch::Sender<OnionStatus>,
    start: Instant,
    incarnation: Instant,
    success: Option<Instant>,
    failures: u32,
    /// In a row.
    successes: u32,
    fruitless_incarnations: u32,
}

impl Reachability {
    pub(super) fn new(status: watch::Sender<OnionStatus>, now: Instant) -> Self {
        Self {
            status,
            start: now,
            incarnation: now,
            success: None,
            failures: 0,
            successes: 0,
            fruitless_incarnations: 0,
        }
    }

    /// A life of the Tor client begins.
    pub(super) fn begin(&mut self, now: Instant) {
        self.incarnation = now;
        // A new client need not wait as long as the old one had come to.
        self.failures = self.failures.min(FAILURES);
        self.fruitless_incarnations = self.fruitless_incarnations.saturating_add(1);
    }

    /// The Tor client has got so far. `trouble`: what Arti says is in its way.
    pub(super) fn progress(&self, fraction: f32, words: String, trouble: Option<Reason>) {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
        let percent = (fraction * 100.0).round().clamp(0.0, 100.0) as u8;
        self.status.send_if_modified(|status| {
            let changed = status.bootstrap_percent != percent || status.progress != words || status.trouble != trouble;
            status.bootstrap_percent = percent;
            status.progress = words;
            status.trouble = trouble;
            changed
        });
    }

    /// The watch gets on. Nobody is woken for it.
    pub(super) fn heartbeat(&self, now: Instant) {
        self.status.send_if_modified(|status| {
            status.heartbeat_at = Some(now);
            false
        });
    }

    /// Where what is known is told.
    pub(super) fn status(&self) -> watch::Sender<OnionStatus> {
        self.status.clone()
    }

    /// A connection to the own address has ended. Nobody is woken for it: what it means, comes with
    /// [`succeeded`](Self::succeeded) and [`failed`](Self::failed).
    pub(super) fn probed(&self, probe: Probe) {
        self.status.send_if_modified(|status| {
            status.probe = Some(probe);
            false
        });
    }

    /// Arti's opinion of the service. `published`: it has just come to be content with it.
    pub(super) fn heard(&self, word: &'static str, published: Option<Millis>) {
        self.status.send_if_modified(|status| {
            status.arti = word;
            status.published = published.or(status.published);
            false
        });
    }

    /// A connection to the own address was answered.
    pub(super) fn succeeded(&mut self, now: Instant) {
        self.success = Some(now);
        self.failures = 0;
        self.successes = self.successes.saturating_add(1);
        self.fruitless_incarnations = 0;
        self.enter(Phase::Reachable);
    }

    /// It was not, or there is no Tor network to do it over.
    pub(super) fn failed(&mut self, reason: Reason, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        self.successes = 0;
        let starting = self.success.is_none() && now.saturating_duration_since(self.start) < PATIENCE;
        if self.failures >= FAILURES && !starting {
            self.enter(Phase::Degraded(reason));
        }
    }

    /// How long to wait before the next connection.
    pub(super) fn retry(&self) -> Duration {
        match self.failures {
            0 => backoff(FIRST_CALM, CALM, self.successes.saturating_sub(1)),
            n => backoff(FIRST_RETRY, LAST_RETRY, n - 1),
        }
    }

    /// Whether this life of the Tor client has had its chance.
    pub(super) fn is_stuck(&self, now: Instant, in_use: bool) -> bool {
        let good = self.success.map_or(self.incarnation, |success| success.max(self.incarnation));
        let patience = if in_use { GIVE_UP_ON_USERS } else { GIVE_UP };
        self.failures >= FAILURES && now.saturating_duration_since(good) >= patience
    }

    /// How long a bootstrap may go without progress.
    pub(super) fn stall(&self) -> Duration {
        FIRST_STALL.saturating_mul(self.fruitless_incarnations.max(1)).min(LAST_STALL)
    }

    /// How long to wait before the next incarnation.
    pub(super) fn pause(&self) -> Duration {
        backoff(FIRST_PAUSE, LAST_PAUSE, self.fruitless_incarnations.saturating_sub(1))
    }

    /// A change of the reason alone is for the status: an outage has several in turn.
    fn enter(&self, phase: Phase) {
        let mut before = phase;
        self.status.send_if_modified(|status| {
            before = std::mem::replace(&mut status.phase, phase);
            before != phase
        });
        match (before, phase) {
            (before, phase) if before == phase => {}
            (_, Phase::Starting) => {}
            (_, Phase::Reachable) => tracing::info!(target: LOG, "reachable: clients can connect"),
            (Phase::Degraded(_), Phase::Degraded(reason)) => {
                tracing::debug!(target: LOG, %reason, "still not reachable");
            }
            (_, Phase::Degraded(reason)) => tracing::warn!(target: LOG, %reason, "not reachable, it goes on trying"),
        }
    }
}

#[cfg(test)]
mod tests;
