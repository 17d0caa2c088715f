//! The composition root: builds the parts, supervises the tasks, drains.

mod announce;
mod process;
mod signals;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::Config;
use crate::conn::{self, Server};
use crate::http::Health;
use crate::hub::{self, Hub};
use crate::limits::Rate;
use crate::pump;
use crate::transport::onion::{OnionStatus, Phase};
use crate::transport::{Incoming, clearnet, onion};

/// Connections that have been accepted and not yet been given a task.
const BACKLOG: usize = 64;

/// Runs until it is told to stop (SIGTERM or SIGINT), then drains.
///
/// # Errors
/// What the operator has to mend: a busy port, an unusable state directory; or that a second signal cut the drain short.
pub async fn run(config: Config) -> anyhow::Result<()> {
    process::silence_panics();
    process::forbid_core_dumps();
    process::raise_file_limit();
    let mut signals = signals::Signals::listen().context("cannot listen for signals")?;
    let (stop, drain) = (CancellationToken::new(), CancellationToken::new());
    let (incoming, accepted) = mpsc::channel(BACKLOG);
    let (onion_status, status) = watch::channel(OnionStatus::default());
    let (health, health_now) = watch::channel(if config.onion.is_some() { Health::Starting } else { Health::Healthy });

    let hub = Hub::new(hub_settings(&config), Clock::System).context("the system has no random numbers")?;
    let sessions = pump::Settings { hub: Arc::clone(&hub), rules: config.rules, timing: config.timing, drain };
    let server = Arc::new(Server { sessions: Arc::new(sessions), health: health_now });

    // Whatever of these ends before it is told to, ends the daemon.
    let mut tasks = JoinSet::new();
    let bound = match &config.clearnet {
        Some(settings) => Some(clearnet::bind(settings).await?),
        None => None,
    };
    let clearnet_address = bound.as_ref().map(|bound| bound.address);
    if let Some(bound) = bound {
        let (incoming, stop) = (incoming.clone(), stop.clone());
        tasks.spawn(async move {
            clearnet::run(bound, incoming, stop).await;
            Ok(())
        });
    }
    if let Some(settings) = config.onion {
        let port = settings.port;
        let outlets = onion::Outlets::new(incoming.clone(), onion_status);
        let onion = onion::run(settings, config.state_dir, outlets, stop.clone());
        tasks.spawn(async move { onion.await.map_err(anyhow::Error::from) });
        tasks.spawn(report(status, health.clone(), port, clearnet_address, stop.clone()));
    } else {
        announce::clearnet(clearnet_address);
    }
    drop(incoming);
    let connections = tokio::spawn(serve(Arc::clone(&server), accepted, config.limits.unauthenticated, stop.clone()));
    let mut connections = AbortOnDrop(connections);
    let expiring = Arc::clone(&hub);
    let mut expiry = JoinSet::new();
    expiry.spawn(async move { expiring.keep_expiring().await });

    let failed = tokio::select! {
        name = signals.next() => {
            tracing::info!("{name}: draining");
            None
        }
        Some(ended) = tasks.join_next() => Some(match ended {
            Ok(Ok(())) => anyhow!("a listener ended without being told to"),
            Ok(Err(error)) => error,
            Err(_) => anyhow!("a listener failed: see the log"),
        }),
    };

    // Senders are told first; then nobody new comes in, and every session is closed.
    health.send_replace(Health::Draining);
    hub.drain();
    server.sessions.drain.cancel();
    stop.cancel();
    let drained = async {
        let _ = (&mut connections.0).await;
        while tasks.join_next().await.is_some() {}
    };
    let cut_short = tokio::select! {
        () = drained => None,
        () = tokio::time::sleep(config.grace.saturating_sub(Duration::from_millis(500))) => {
            tracing::warn!("the grace period is over: what still was open is closed");
            None
        }
        name = signals.next() => Some(anyhow!("a second signal ({name}) ended it at once")),
    };
    hub.erase();
    match failed.or(cut_short) {
        Some(error) => Err(error),
        None => {
            tracing::info!("drained, and everything that waited is erased");
            Ok(())
        }
    }
}

fn hub_settings(config: &Config) -> hub::Settings {
    hub::Settings {
        bounds: config.bounds,
        rate: Rate::new(config.rules.messages_per_minute, config.rules.message_burst),
        sessions: config.limits.sessions,
    }
}

/// Gives each connection a task, and returns when the last one has ended after `stop`.
async fn serve(
    server: Arc<Server>,
    mut accepted: mpsc::Receiver<Incoming>,
    unauthenticated: usize,
    stop: CancellationToken,
) {
    let permits = Arc::new(Semaphore::new(unauthenticated));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            incoming = accepted.recv() => {
                let Some(incoming) = incoming else { break };
                // Without a permit it is dropped: whoever has authenticated goes on undisturbed.
                if let Ok(permit) = Arc::clone(&permits).try_acquire_owned()
                    && !stop.is_cancelled()
                {
                    connections.spawn(conn::serve(Arc::clone(&server), incoming, permit));
                }
            }
            Some(ended) = connections.join_next() => note(&ended),
        }
    }
    while let Some(ended) = connections.join_next().await {
        note(&ended);
    }
}

/// A panic is a bug, and it took one connection with it. Where it happened, the panic hook has logged.
fn note(ended: &Result<(), tokio::task::JoinError>) {
    if ended.as_ref().is_err_and(tokio::task::JoinError::is_panic) {
        tracing::error!("a connection was ended by a bug in this program; the others go on");
    }
}

/// Tells the terminal and `/health` what becomes of the onion service.
async fn report(
    mut status: watch::Receiver<OnionStatus>,
    health: watch::Sender<Health>,
    port: u16,
    clearnet: Option<std::net::SocketAddr>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let mut announcer = announce::Announcer::new(port);
    announce::clearnet(clearnet);
    loop {
        let now = status.borrow_and_update().clone();
        health.send_if_modified(|health| {
            let next = match now.phase {
                _ if *health == Health::Draining => Health::Draining,
                Phase::Starting => Health::Starting,
                Phase::Reachable => Health::Healthy,
                Phase::Degraded(_) => Health::Degraded,
            };
            std::mem::replace(health, next) != next
        });
        // After `/health` knows: whoever reads the line may ask.
        announcer.show(&now);
        tokio::select! {
            changed = status.changed() => if changed.is_err() {
                // The onion service has ended, and its own task says why.
                stop.cancelled().await;
                return Ok(());
            },
            () = stop.cancelled() => return Ok(()),
        }
    }
}

/// A task that ends with its owner.
struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
