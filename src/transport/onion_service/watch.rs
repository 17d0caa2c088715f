//! The watch over one life of the Tor client: it bootstraps, then connects to the own address again and again.

use std::time::Duration;

use arti_client::status::BootstrapStatus;
use futures::StreamExt as _;
use tokio::time::Instant;
use tor_hsservice::RunningOnionService;
use tor_hsservice::status::{OnionServiceStatusStream, State};

use super::probe::probe;
use super::reachability::Reachability;
use super::sleep::sleep_until;
use super::{LOG, Probe, Reason};
use crate::clock::Clock;
use ephemeral_tor::Client;

/// The first connection waits until Arti has tried to publish the descriptor, and then for this long.
const PUBLISHED: Duration = Duration::from_secs(1);
/// But no longer than this.
const UNPUBLISHED: Duration = Duration::from_secs(20);
/// When Arti changes its mind about the service, the next connection is that soon.
const SOON: Duration = Duration::from_secs(5);

/// Returns when this life does not get anywhere any more.
pub(super) async fn watch(
    client: &Client,
    running: &RunningOnionService,
    address: &str,
    port: u16,
    reachability: &mut Reachability,
    in_use: impl Fn() -> bool,
) {
    reachability.begin(Instant::now());
    reachability.heartbeat(Instant::now());
    if !bootstrap(client, reachability).await {
        reachability.failed(reason(client), Instant::now());
        return;
    }
    let mut pause = Pause { events: running.status_events(), state: State::Bootstrapping, changed: false };
    pause.until(Instant::now() + UNPUBLISHED, PUBLISHED, reachability).await;
    loop {
        let start = Instant::now();
        reachability.heartbeat(start);
        let answered = pause.listening(probe(client, address, port), reachability).await;
        let now = Instant::now();
        reachability.probed(Probe { at: Clock::System.now(), answered, took: now - start });
        if answered {
            reachability.succeeded(now);
        } else {
            reachability.failed(reason(client), now);
        }
        if reachability.is_stuck(now, in_use()) {
            return;
        }
        pause.until(now + reachability.retry(), SOON, reachability).await;
    }
}

/// True when there is enough of a directory to build circuits.
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

/// What is in the way of the Tor client. That relays have another time than this machine, only Arti's words tell.
fn trouble(status: &BootstrapStatus) -> Option<Reason> {
    if !status.ready_for_traffic() && status.to_string().contains("Clock is ") {
        return Some(Reason::Clock);
    }
    status.blocked().map(|blockage| Reason::from(Some(blockage.kind())))
}

/// The wait between two connections.
struct Pause {
    events: OnionServiceStatusStream,
    /// Arti's opinion of the service. What it says of reachability is not to be relied on, but a change of it means something.
    state: State,
    /// Whether it changed while the own address was being connected to.
    changed: bool,
}

impl Pause {
    /// Waits until `due`; but only for `soon` when Arti changes its mind about the service, and no longer when the
    /// machine has slept.
    async fn until(&mut self, mut due: Instant, soon: Duration, reachability: &Reachability) {
        if std::mem::take(&mut self.changed) {
            due = due.min(Instant::now() + soon);
        }
        loop {
            tokio::select! {
                jumped = sleep_until(due) => {
                    if jumped {
                        tracing::info!(target: LOG, "the machine slept or its clock was set");
                    }
                    return;
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

    /// Whether Arti has changed its mind. While it publishes, it is bootstrapping in its own words.
    fn heard(&mut self, state: State, reachability: &Reachability) -> bool {
        let changed = state != self.state;
        let uploaded = matches!(state, State::Running | State::DegradedReachable | State::DegradedUnreachable);
        let published = uploaded && self.state == State::Bootstrapping;
        reachability.heard(word(state), published.then(|| Clock::System.now()));
        self.state = state;
        changed && !matches!(state, State::Bootstrapping | State::Shutdown)
    }
}

/// For `status`.
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
