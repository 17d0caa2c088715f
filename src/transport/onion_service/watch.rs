//! The watch over one incarnation of the Tor client: it bootstraps, then looks again and again
//! whether clients reach the service. Clients who do are all it wants to know; it connects to the
//! own address where there are none.

use std::sync::Arc;
use std::time::Duration;

use arti_client::status::BootstrapStatus;
use futures::StreamExt as _;
use tokio::time::Instant;
use tor_hsservice::RunningOnionService;
use tor_hsservice::status::{OnionServiceStatusStream, State};

use super::probe::probe;
use super::reachability::{Course, Reachability};
use super::sharing::Sharing;
use super::sleep::sleep_until;
use super::{LOG, Probe, Reason};
use crate::clock::Clock;
use crate::transport::CircuitStats;
use ephemeral_core::backoff::random_fraction;
use ephemeral_tor::Client;

/// The first look waits until Arti has tried to publish the descriptor, and then for this long.
const PUBLISHED: Duration = Duration::from_secs(1);
/// But no longer than this.
const UNPUBLISHED: Duration = Duration::from_secs(20);
/// When Arti changes its mind about the service, the next look is at a random time from the first
/// of these to the second.
const SOON: (Duration, Duration) = (Duration::from_secs(3), Duration::from_secs(20));
/// How often, in a pause, clients are looked for, and the watch shows that it gets on.
const STEP: Duration = Duration::from_secs(10);

/// The parts that are watched, and how.
pub(super) struct Watched<'service> {
    pub(super) client: &'service Client,
    pub(super) running: &'service RunningOnionService,
    pub(super) address: &'service str,
    pub(super) port: u16,
    /// Whether it may connect to the own address.
    pub(super) self_probe: bool,
    /// Whom clients have reached.
    pub(super) circuits: Arc<CircuitStats>,
    /// What other machines have the same address, if there are any.
    pub(super) sharing: Option<&'service Sharing>,
}

/// Watches until something has to be done: [`Course::Republish`] or [`Course::StartAfresh`].
pub(super) async fn watch(watched: Watched<'_>, reachability: &mut Reachability) -> Course {
    reachability.heartbeat(Instant::now());
    if !bootstrap(watched.client, reachability).await {
        reachability.failed(reason(watched.client), Instant::now());
        if watched.circuits.established() == 0 {
            return Course::StartAfresh;
        }
        // Its circuits live, and are not to be ended.
        reachability.heartbeat(Instant::now());
        sleep_until(Instant::now() + reachability.retry()).await;
        return Course::Republish;
    }
    let mut evidence = Evidence { circuits: Arc::clone(&watched.circuits), seen: watched.circuits.evidence() };
    let events = watched.running.status_events();
    let client = watched.client;
    let mut pause =
        Pause { client, events, state: State::Bootstrapping, changed: false, published: false, troubled: false };
    pause.until(Instant::now() + UNPUBLISHED, PUBLISHED, reachability, &evidence).await;
    loop {
        watched.look(&mut pause, &mut evidence, reachability).await;
        let now = Instant::now();
        let verdict = reachability.verdict(now, watched.circuits.established() > 0);
        if verdict != Course::GoOn {
            return verdict;
        }
        let due = now + reachability.retry();
        pause.until(due, soon(), reachability, &evidence).await;
    }
}

impl Watched<'_> {
    /// Finds out whether clients reach the service, and says so.
    async fn look(&self, pause: &mut Pause<'_>, evidence: &mut Evidence, reachability: &mut Reachability) {
        let start = Instant::now();
        reachability.heartbeat(start);
        if evidence.take() {
            return reachability.succeeded(start);
        }
        if !self.self_probe {
            // Arti's word is all there is, of which "unreachable" says little: it holds for a
            // service that is published at enough places, but not at every one.
            let status = self.client.bootstrap_status();
            let works = !matches!(pause.state, State::Recovering | State::Broken | State::Shutdown);
            // What Arti has published is not what clients are told, where there are other machines.
            let is_published = match self.sharing {
                Some(sharing) => pause.listening(sharing.is_published(), reachability).await,
                None => pause.published,
            };
            return match trouble(&status) {
                None if works && is_published => reachability.succeeded(start),
                trouble => reachability.failed(trouble.unwrap_or(Reason::Unreachable), start),
            };
        }
        let answered =
            pause.listening(probe(self.client, self.address, self.port, reachability.haste()), reachability).await;
        let now = Instant::now();
        reachability.probed(Probe { at: Clock::System.now(), answered, took: now - start });
        // A flood may take every place from the probe. But then its circuits do come: the service
        // is reached.
        match self.sharing {
            _ if evidence.take() => reachability.succeeded(now),
            _ if !answered => reachability.failed(reason(self.client), now),
            None => reachability.succeeded(now),
            Some(sharing) => self.look_elsewhere(sharing, pause, reachability).await,
        }
    }

    /// Finds out what it means that another machine has answered: clients come to this one as well,
    /// if they are told of it.
    async fn look_elsewhere(&self, sharing: &Sharing, pause: &mut Pause<'_>, reachability: &mut Reachability) {
        let is_published = pause.listening(sharing.is_published(), reachability).await;
        let now = Instant::now();
        if is_published {
            reachability.succeeded(now);
        } else {
            reachability.elsewhere(now);
        }
    }
}

/// Clients who have reached the service.
struct Evidence {
    circuits: Arc<CircuitStats>,
    /// What there was at the last look.
    seen: u64,
}

impl Evidence {
    /// Returns whether some have come since the last look.
    fn is_fresh(&self) -> bool {
        self.circuits.evidence() != self.seen
    }

    /// Returns the same, and counts as a look.
    fn take(&mut self) -> bool {
        let fresh = self.is_fresh();
        self.seen = self.circuits.evidence();
        fresh
    }
}

fn soon() -> Duration {
    let (first, last) = SOON;
    first + (last - first).mul_f64(random_fraction())
}

/// Waits for a directory. Returns true when there is enough of it to build circuits.
async fn bootstrap(client: &Client, reachability: &Reachability) -> bool {
    let mut events = client.bootstrap_events();
    let attempt = client.bootstrap();
    tokio::pin!(attempt);
    let mut furthest = 0.0;
    let mut deadline = Instant::now() + reachability.stall();
    loop {
        tokio::select! {
            outcome = &mut attempt => {
                let status = client.bootstrap_status();
                reachability.progress(status.as_frac(), status.to_string(), trouble(&status));
                return outcome.is_ok();
            }
            Some(status) = events.next() => {
                reachability.progress(status.as_frac(), status.to_string(), trouble(&status));
                if status.as_frac() > furthest {
                    reachability.heartbeat(Instant::now());
                    furthest = status.as_frac();
                    deadline = Instant::now() + reachability.stall();
                }
            }
            _ = sleep_until(deadline) => return false,
        }
    }
}

fn reason(client: &Client) -> Reason {
    trouble(&client.bootstrap_status()).unwrap_or(Reason::Unreachable)
}

/// Returns what is in the way of the Tor client. That relays have another time than this machine,
/// only Arti's words tell.
fn trouble(status: &BootstrapStatus) -> Option<Reason> {
    if !status.ready_for_traffic() && status.to_string().contains("Clock is ") {
        return Some(Reason::Clock);
    }
    status.blocked().map(|blockage| Reason::from(Some(blockage.kind())))
}

/// The wait between two looks.
struct Pause<'service> {
    client: &'service Client,
    events: OnionServiceStatusStream,
    /// Arti's opinion of the service. What it says of reachability is not to be relied on, but a
    /// change of it means something.
    state: State,
    /// Whether it changed while the own address was being connected to.
    changed: bool,
    /// Whether the service has been published.
    published: bool,
    /// Whether the Tor client had no way to the network at the last look.
    troubled: bool,
}

impl Pause<'_> {
    /// Waits until `due`; but only for `soon` when Arti changes its mind about the service, or
    /// loses the network; and no longer when the machine has slept, or when a client has reached a
    /// service that was taken for unreachable.
    async fn until(&mut self, mut due: Instant, soon: Duration, reachability: &Reachability, evidence: &Evidence) {
        if std::mem::take(&mut self.changed) {
            due = due.min(Instant::now() + soon);
        }
        loop {
            let now = Instant::now();
            reachability.heartbeat(now);
            let troubled = trouble(&self.client.bootstrap_status()).is_some();
            if troubled && !std::mem::replace(&mut self.troubled, troubled) {
                due = due.min(now + soon);
            }
            self.troubled = troubled;
            if now >= due || (reachability.is_failing() && evidence.is_fresh()) {
                return;
            }
            tokio::select! {
                jumped = sleep_until(due.min(now + STEP)) => {
                    if jumped {
                        tracing::info!(target: LOG, "the machine slept or its clock was set");
                        return;
                    }
                }
                Some(status) = self.events.next() => {
                    if self.heard(status.state(), reachability) {
                        due = due.min(Instant::now() + soon);
                    }
                }
            }
        }
    }

    /// Lets something happen, and misses nothing of what Arti says meanwhile.
    async fn listening<T>(&mut self, happening: impl Future<Output = T>, reachability: &Reachability) -> T {
        let mut happening = std::pin::pin!(happening);
        loop {
            tokio::select! {
                outcome = &mut happening => return outcome,
                Some(status) = self.events.next() => {
                    self.changed |= self.heard(status.state(), reachability);
                }
            }
        }
    }

    /// Returns whether Arti has changed its mind. While it publishes, it is bootstrapping in its
    /// own words.
    fn heard(&mut self, state: State, reachability: &Reachability) -> bool {
        let changed = state != self.state;
        let uploaded = matches!(state, State::Running | State::DegradedReachable | State::DegradedUnreachable);
        let published = uploaded && self.state == State::Bootstrapping;
        self.published |= published;
        reachability.heard(word(state), published.then(|| Clock::System.now()));
        self.state = state;
        changed && !matches!(state, State::Bootstrapping | State::Shutdown)
    }
}

/// Returns the word for `status`.
fn word(state: State) -> &'static str {
    match state {
        State::Shutdown => "shut down",
        State::Bootstrapping => "publishing",
        State::DegradedReachable => "degraded, reachable",
        State::DegradedUnreachable => "degraded, unreachable",
        State::Running => "running",
        State::Recovering => "recovering",
        State::Broken => "broken",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::transport::circuit::{CircuitBounds, Registry};
    use ephemeral_core::store::Acquaintance;

    #[test]
    fn what_clients_have_reached_since_the_last_look_is_evidence_once() {
        let circuits = Arc::<CircuitStats>::default();
        let registry = Registry::new(CircuitBounds::of(8), Arc::clone(&circuits), Arc::new(|_, _| {}));
        let mut evidence = Evidence { seen: circuits.evidence(), circuits };
        assert!(!evidence.take());
        let slot = registry.admit(1).0.unwrap();
        assert!(!evidence.is_fresh(), "a circuit that is only asked for shows nothing");
        slot.built();
        assert!(evidence.is_fresh() && evidence.take() && !evidence.take());
        let _session = slot.handle().establish(Acquaintance::Stranger).unwrap();
        assert!(evidence.take() && !evidence.take());
    }

    #[test]
    fn a_change_of_artis_mind_is_followed_by_a_look_at_a_random_time() {
        let times: std::collections::HashSet<_> = (0..16).map(|_| soon()).collect();
        assert!(times.len() > 10);
        assert!(times.iter().all(|time| (SOON.0..=SOON.1).contains(time)));
    }
}
