//! What evidence of reaching the service means: the phase, when to look next, when to mend
//! something. It reads no clock and sends nothing to the network.
//!
//! Users are the evidence: a rendezvous circuit that was built, a session that began. A connection
//! to the own address is made only where there is none for a while. It starts at the same guard as
//! it ends, at the same time, so its pauses have no bound that anybody could wait for: they are
//! spread over minutes and hours.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::{LOG, OnionStatus, Phase, Probe, Reason};
use ephemeral_core::backoff::{Backoff, Jitter, random_fraction};
use ephemeral_core::protocol::Millis;

/// The shortest pause between two looks while all is well, doubled with each success up to the
/// second.
const FIRST_CALM: Duration = Duration::from_secs(120);
const CALM: Duration = Duration::from_secs(3600);
/// The longest pause. The pauses are of Pareto's kind: half of them are twice the shortest or
/// longer, a tenth ten times.
const LAST_CALM: Duration = Duration::from_secs(12 * 3600);
/// The pause after the first failure, and the bound up to which it is doubled.
const FIRST_RETRY: Duration = Duration::from_secs(4);
const LAST_RETRY: Duration = Duration::from_secs(60);
/// How long after the start it is "starting", not "degraded".
const PATIENCE: Duration = Duration::from_secs(120);
/// The time without a success after which the Tor client is started afresh. That ends its circuits,
/// so it is never done while one of them carries a session: a session whose peer is silent ends by
/// itself (`session.idle_timeout_s`).
const GIVE_UP: Duration = Duration::from_secs(90);
/// While there are sessions, the service is published again, with new introduction points, on the
/// same Tor client: after so long, and then after pauses that double up to an hour.
const MEND: Duration = Duration::from_secs(300);
const LAST_MEND: Duration = Duration::from_secs(3600);
/// A bootstrap that makes no progress for so long is started afresh, too: Arti's own pauses have no
/// bound. The time grows with each attempt, since a network may be slow.
const FIRST_STALL: Duration = Duration::from_secs(30);
const LAST_STALL: Duration = Duration::from_secs(120);
/// The pause between two incarnations of the Tor client.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LAST_PAUSE: Duration = Duration::from_secs(60);

/// Failures in a row that make a reachable service a degraded one: a single circuit may fail for
/// many reasons.
const FAILURES: u32 = 2;

/// The step to take after a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Course {
    /// Nothing.
    GoOn,
    /// Publish the service again. No circuit ends.
    Republish,
    /// End the Tor client with all of its circuits, and start another.
    StartAfresh,
}

/// The service's state as far as it is known, over all incarnations of the Tor client.
pub(super) struct Reachability {
    status: watch::Sender<OnionStatus>,
    /// Divides the patience with failures; 1 but in tests.
    haste: u32,
    start: Instant,
    incarnation: Instant,
    success: Option<Instant>,
    /// The first failure since the last success.
    failing_since: Option<Instant>,
    failures: u32,
    /// The first time since the last success that another machine answered in this one's place.
    elsewhere_since: Option<Instant>,
    /// How many successes there were in a row.
    successes: u32,
    fruitless_incarnations: u32,
    /// When the service was last published again without a success since, and how often that was.
    mended: Option<Instant>,
    mendings: u32,
    retries: Backoff,
    pauses: Backoff,
}

impl Reachability {
    pub(super) fn new(status: watch::Sender<OnionStatus>, haste: u32, now: Instant) -> Self {
        Self {
            status,
            haste: haste.max(1),
            start: now,
            incarnation: now,
            success: None,
            failing_since: None,
            failures: 0,
            elsewhere_since: None,
            successes: 0,
            fruitless_incarnations: 0,
            mended: None,
            mendings: 0,
            retries: Backoff::new(FIRST_RETRY, LAST_RETRY).with_jitter(Jitter::Half),
            pauses: Backoff::new(FIRST_PAUSE, LAST_PAUSE).with_jitter(Jitter::Half),
        }
    }

    /// Returns what patience is divided by: 1 but in tests.
    pub(super) fn haste(&self) -> u32 {
        self.haste
    }

    /// Begins an incarnation of the Tor client.
    pub(super) fn begin(&mut self, now: Instant) {
        self.incarnation = now;
        // A new client need not wait as long as the old one had come to.
        self.failures = self.failures.min(FAILURES);
        self.fruitless_incarnations = self.fruitless_incarnations.saturating_add(1);
        self.retries.reset();
    }

    /// Takes note that the service is published again.
    pub(super) fn mended(&mut self, now: Instant) {
        self.mended = Some(now);
        self.mendings = self.mendings.saturating_add(1);
    }

    /// Notes how far the Tor client has got. `trouble`: what Arti says is in its way.
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

    /// Takes note that the watch gets on. Nobody is woken for it.
    pub(super) fn heartbeat(&self, now: Instant) {
        self.status.send_if_modified(|status| {
            status.heartbeat_at = Some(now);
            false
        });
    }

    /// Returns where what is known is shown.
    pub(super) fn status(&self) -> watch::Sender<OnionStatus> {
        self.status.clone()
    }

    /// Takes note that a connection to the own address has ended. Nobody is woken for it: what it
    /// means, comes with [`succeeded`](Self::succeeded) and [`failed`](Self::failed).
    pub(super) fn probed(&self, probe: Probe) {
        self.status.send_if_modified(|status| {
            status.probe = Some(probe);
            false
        });
    }

    /// Takes note of Arti's opinion of the service. `published`: it has just come to be content
    /// with it.
    pub(super) fn heard(&self, word: &'static str, published: Option<Millis>) {
        self.status.send_if_modified(|status| {
            status.arti = word;
            status.published = published.or(status.published);
            false
        });
    }

    /// Takes note that a client has reached the service, or that a connection to the own address
    /// was answered.
    pub(super) fn succeeded(&mut self, now: Instant) {
        self.success = Some(now);
        self.failing_since = None;
        self.failures = 0;
        self.elsewhere_since = None;
        self.successes = self.successes.saturating_add(1);
        self.fruitless_incarnations = 0;
        self.mended = None;
        self.mendings = 0;
        self.retries.reset();
        self.pauses.reset();
        self.enter(Phase::Reachable);
    }

    /// Takes note that a connection to the own address was not answered, or that there is no Tor
    /// network to do it over.
    pub(super) fn failed(&mut self, reason: Reason, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        self.failing_since.get_or_insert(now);
        self.successes = 0;
        let starting = self.success.is_none() && now.saturating_duration_since(self.start) < PATIENCE / self.haste;
        if self.failures >= FAILURES && !starting {
            self.enter(Phase::Degraded(reason));
        }
    }

    /// Takes note that a connection to the own address was answered by another machine that has it,
    /// and that clients are not told of this one. That passes when what is published is as it
    /// should be: there is nothing to be mended here, and no circuit is ended for it.
    pub(super) fn elsewhere(&mut self, now: Instant) {
        self.failing_since = None;
        self.failures = 0;
        self.successes = 0;
        let since = *self.elsewhere_since.get_or_insert(now);
        // Tor itself works again, where that was what was wrong.
        let was_degraded = matches!(self.status.borrow().phase, Phase::Degraded(_));
        if was_degraded || now.saturating_duration_since(since) >= PATIENCE / self.haste {
            self.enter(Phase::Degraded(Reason::Elsewhere));
        }
    }

    /// Returns whether the last look has failed.
    pub(super) fn is_failing(&self) -> bool {
        self.failures > 0 || self.elsewhere_since.is_some()
    }

    /// Returns what to do now. `serves`: a circuit carries a session, whose peer was heard lately.
    pub(super) fn verdict(&self, now: Instant, serves: bool) -> Course {
        let Some(since) = self.failing_since.filter(|_| self.failures >= FAILURES) else { return Course::GoOn };
        let fruitless = now.saturating_duration_since(since.max(self.incarnation));
        if !serves {
            // What was published again a moment ago has its chance, too.
            let fruitless =
                self.mended.map_or(fruitless, |mended| fruitless.min(now.saturating_duration_since(mended)));
            return if fruitless >= GIVE_UP / self.haste { Course::StartAfresh } else { Course::GoOn };
        }
        let pause = MEND.saturating_mul(1 << self.mendings.min(10)).min(LAST_MEND) / self.haste;
        let rested = self.mended.is_none_or(|mended| now.saturating_duration_since(mended) >= pause);
        if fruitless >= MEND / self.haste && rested { Course::Republish } else { Course::GoOn }
    }

    /// Returns how long to wait before the next look.
    pub(super) fn retry(&mut self) -> Duration {
        if self.is_failing() {
            return self.retries.next_wait() / self.haste;
        }
        let doublings = self.successes.saturating_sub(1).min(20);
        let shortest = FIRST_CALM.saturating_mul(1 << doublings).min(CALM) / self.haste;
        // A test that cannot wait cannot wait for the tail either.
        heavy_tailed(shortest, (LAST_CALM / self.haste.pow(3)).max(shortest), random_fraction())
    }

    /// Returns how long a bootstrap may go without progress.
    pub(super) fn stall(&self) -> Duration {
        FIRST_STALL.saturating_mul(self.fruitless_incarnations.max(1)).min(LAST_STALL)
    }

    /// Returns how long to wait before the next incarnation.
    pub(super) fn pause(&mut self) -> Duration {
        self.pauses.next_wait()
    }

    /// Enters a phase. A change of the reason alone is for the status: an outage has several in
    /// turn. The log has it before anybody is woken, so that who was told finds it there.
    fn enter(&self, phase: Phase) {
        let before = self.status.borrow().phase;
        if before == phase {
            return;
        }
        match (before, phase) {
            (_, Phase::Starting) => {}
            (_, Phase::Reachable) => tracing::info!(target: LOG, "reachable: clients can connect"),
            (Phase::Degraded(_), Phase::Degraded(reason)) => {
                tracing::debug!(target: LOG, %reason, "still not reachable");
            }
            (_, Phase::Degraded(reason)) => tracing::warn!(target: LOG, %reason, "not reachable, it goes on trying"),
        }
        self.status.send_modify(|status| status.phase = phase);
    }
}

/// Returns a time of Pareto's distribution with the exponent 1. `random` is uniform in `[0, 1)`.
fn heavy_tailed(shortest: Duration, longest: Duration, random: f64) -> Duration {
    let most = longest.as_secs_f64() / shortest.as_secs_f64();
    shortest.mul_f64((1.0 / (1.0 - random)).min(most))
}

#[cfg(test)]
mod tests;
