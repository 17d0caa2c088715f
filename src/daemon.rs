//! The composition root: builds the parts, supervises the tasks, drains.

mod announce;
mod listening;
mod memory;
mod notifier;
mod process;
mod reload;
mod signals;
pub mod wipe_mark;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::admin::{Actions, Plane};
use crate::admission::HandshakeSlots;
use crate::config::Config;
use crate::conn::{self, Server, Setup};
use crate::http::Health;
use crate::hub;
use crate::metrics::SAMPLE;
use crate::systemd;
use crate::transport::onion_service::OnionStatus;
use crate::transport::{CircuitStats, Incoming};
use ephemeral_core::limits::Rate;
use ephemeral_tor::{Keystore, Notice};
use listening::{Listening, Watched};
use memory::MessageStore;
use notifier::ManagerNotifier;
pub use process::harden;
pub use reload::ConfigSource;
use reload::Reload;
use signals::SignalRequest;
use wipe_mark::WipeMark;

/// Connections that have been accepted and not yet been given a task.
const BACKLOG: usize = 64;
/// What is held only for a time is looked through that often.
const HOUSEKEEPING: Duration = Duration::from_secs(60);

/// What is left to connections when the identity is to go: enough for the answer that it has gone.
const ERASE_GRACE: Duration = Duration::from_secs(2);

/// Runs until it is told to stop (SIGTERM or SIGINT), then drains. At SIGHUP it reads the configuration again, from
/// where `origin` says.
///
/// # Errors
/// What the operator has to mend: a busy port, an unusable state directory; or that a second signal cut the drain short.
pub async fn run(mut config: Config, origin: ConfigSource) -> anyhow::Result<()> {
    process::raise_file_limit();
    let mut signals = signals::Signals::listen().context("cannot listen for signals")?;
    let wipe_asked = signals::wipe().context("cannot listen for signals")?;
    let stop = CancellationToken::new();
    let (incoming, accepted) = mpsc::channel(BACKLOG);
    let (onion_status, status) = watch::channel(OnionStatus::default());
    let (health, health_now) = watch::channel(if config.onion.is_some() { Health::Starting } else { Health::Healthy });

    let waiting = MessageStore::open(hub::Config::from_config(&config), config.survive_restart, &config.state_dir)?;
    let actions = Actions::open(config.state_dir.clone(), config.dead_man);
    let circuits = Arc::<CircuitStats>::default();
    let onion_figures = config.onion.as_ref().map(|onion| (status.clone(), Arc::clone(&circuits), onion.circuits));
    let server = Server::new(Setup {
        hub: Arc::clone(&waiting.hub),
        rules: config.rules.clone(),
        timing: config.timing,
        policy: config.policy,
        limits: config.limits,
        onion: onion_figures,
        health: health_now,
        moved: moved(&config),
        dead_man: actions.dead_man(),
    })
    .context("the system has no random numbers")?;
    let seen = config.onion.is_some().then_some(status);
    let notifier = ManagerNotifier::new(Arc::clone(&waiting.hub), seen, actions.dead_man());
    // Before anything is opened that this would have to close again.
    actions.look(&server);
    let is_unfinished = wipe_mark::read(&config.state_dir) == Some(WipeMark::Identity);
    if actions.is_over() || is_unfinished {
        waiting.close_for_good();
        erase_identity(&actions)?;
        tracing::warn!("the identity was to be erased, and is gone: a further start makes a new one");
        return Ok(());
    }

    let watched = Watched { status: onion_status, circuits, health: health.clone() };
    let current = watch::Sender::new(Arc::clone(&server));
    let plane = Plane::new(current.subscribe(), Arc::clone(&actions));
    let listening = Listening::open(&config, incoming, watched, &plane, &stop).await?;
    let Listening { mut tasks, clearnet } = listening;
    let reload = Arc::new(Reload { origin, server: current, clearnet });
    let servers = reload.server.subscribe();
    let connections = tokio::spawn(serve(servers, accepted, None, stop.clone()));
    let mut connections = AbortOnDrop(connections);
    let keeping = AbortOnDrop(tokio::spawn(Arc::clone(&notifier).keep()));
    let mut upkeep = upkeep(&server, &actions, wipe_asked);

    let failed = until_asked_to_end(&actions, &mut signals, &notifier, &reload, &mut config, &mut tasks).await;
    // A supervisor is not to start it again, which would make a new identity: without its keys the onion service fails.
    let failed = failed.filter(|_| !actions.is_over());
    drop(keeping);
    systemd::stopping(config.grace + Duration::from_secs(10));

    // Senders are told first; then nobody new comes in, and every session is closed.
    health.send_replace(Health::Draining);
    waiting.hub.drain();
    server.sessions.drain.cancel();
    stop.cancel();
    let patience = config.grace.saturating_sub(Duration::from_millis(500));
    let patience = if actions.is_over() { patience.min(ERASE_GRACE) } else { patience };
    let drained = async {
        let _ = (&mut connections.0).await;
        // Among them the admin socket's: whoever ended it is to hear so.
        while tasks.join_next().await.is_some() {}
    };
    let cut_short = drain(drained, patience, &mut signals).await;
    // Nothing may expire from the file while it is let go of.
    upkeep.abort_all();
    let farewell = if actions.is_over() {
        let farewell = waiting.close_for_good();
        // Also what the Tor client wrote while it ended.
        erase_identity(&actions)?;
        farewell
    } else {
        waiting.close()
    };
    match failed.or(cut_short) {
        Some(error) => Err(error),
        None => {
            tracing::info!("{farewell}");
            Ok(())
        }
    }
}

/// Serves until a signal, a lost identity or a listener that fails ends it. Returns what failed, if anything did.
async fn until_asked_to_end(
    actions: &Actions,
    signals: &mut signals::Signals,
    notifier: &ManagerNotifier,
    reload: &Arc<Reload>,
    config: &mut Config,
    tasks: &mut JoinSet<anyhow::Result<()>>,
) -> Option<anyhow::Error> {
    loop {
        tokio::select! {
            () = actions.over() => return None,
            asked = signals.next() => match asked {
                SignalRequest::End(name) => {
                    tracing::info!("{name}: draining");
                    return None;
                }
                SignalRequest::Reload => {
                    notifier.reloading();
                    notifier.reloaded(reload::run(reload, config).await);
                }
            },
            Some(ended) = tasks.join_next() => return Some(match ended {
                Ok(Ok(())) => anyhow!("a listener ended without being told to"),
                Ok(Err(error)) => error,
                Err(_) => anyhow!("a listener failed: see the log"),
            }),
        }
    }
}

/// Waits until all is drained, for as long as `patience`. Returns an error if a second signal cuts that short.
async fn drain(
    drained: impl Future<Output = ()>,
    patience: Duration,
    signals: &mut signals::Signals,
) -> Option<anyhow::Error> {
    tokio::select! {
        () = drained => None,
        () = tokio::time::sleep(patience) => {
            tracing::warn!("the grace period is over: what still was open is closed");
            None
        }
        name = signals.end() => Some(anyhow!("a second signal ({name}) ended it at once")),
    }
}

/// Erases the identity. Where something is left, a mark makes every further start try again, and do nothing else: no
/// supervisor brings back an identity that was to be erased.
fn erase_identity(actions: &Actions) -> anyhow::Result<()> {
    let erased = actions.erase_identity();
    let marked = match &erased {
        Ok(()) => wipe_mark::clear(actions.state_dir()),
        Err(_) => wipe_mark::write(actions.state_dir(), WipeMark::Identity),
    };
    if let Err(error) = marked {
        tracing::error!("{}: {error}", wipe_mark::path(actions.state_dir()).display());
    }
    erased.context("the identity is not gone")
}

/// What is to be done from time to time, and what the operator asks for with a signal.
fn upkeep(server: &Arc<Server>, actions: &Arc<Actions>, mut wipe_asked: tokio::signal::unix::Signal) -> JoinSet<()> {
    let mut upkeep = JoinSet::new();
    let hub = Arc::clone(&server.sessions.hub);
    upkeep.spawn(async move { hub.keep_expiring().await });
    let sampled = Arc::clone(server);
    upkeep.spawn(async move {
        loop {
            tokio::time::sleep(SAMPLE).await;
            sampled.metrics.sample();
        }
    });
    let admission = Arc::clone(&server.admission);
    upkeep.spawn(async move {
        loop {
            tokio::time::sleep(HOUSEKEEPING).await;
            admission.settle();
        }
    });
    let (watching, watched) = (Arc::clone(actions), Arc::clone(server));
    upkeep.spawn(async move { watching.keep_looking(&watched).await });
    let (wiping, wiped) = (Arc::clone(actions), Arc::clone(server));
    upkeep.spawn(async move {
        while wipe_asked.recv().await.is_some() {
            // What is left is in the log.
            let _ = wiping.wipe(&wiped, "SIGUSR1", false);
        }
    });
    upkeep
}

/// The notices that `keys rotate` has left. A file that is not right keeps nobody from writing messages.
fn moved(config: &Config) -> Option<bytes::Bytes> {
    if let Some(onion) = &config.onion {
        let store = Keystore::open(&onion.tor, &config.state_dir, &onion.nickname);
        match store.and_then(|store| store.finish_move(&config.state_dir)) {
            Ok(true) => tracing::warn!("an interrupted `keys rotate` is finished: its notice is in force"),
            Ok(false) => {}
            // The onion service will say what the matter is with its key.
            Err(error) => tracing::debug!("an interrupted `keys rotate` is not finished: {error}"),
        }
    }
    match Notice::read_file(&config.state_dir.join(Notice::FILE)) {
        Ok(notices) => (!notices.is_empty()).then(|| Notice::write(&notices).into()),
        Err(error) => {
            tracing::warn!("{} in the state directory is left out: {error}", Notice::FILE);
            None
        }
    }
}

impl hub::Config {
    fn from_config(config: &Config) -> Self {
        let rate = Rate::new(config.rules.messages_per_minute, config.rules.message_burst);
        Self { bounds: config.bounds, rate, sessions: config.limits.sessions }
    }
}

/// Gives each connection a task, with the server as it is then, and returns when the last one has ended after `stop`.
/// `local`: the slots of those that come over this machine's own socket.
async fn serve(
    servers: watch::Receiver<Arc<Server>>,
    mut accepted: mpsc::Receiver<Incoming>,
    local: Option<Arc<HandshakeSlots>>,
    stop: CancellationToken,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            incoming = accepted.recv() => {
                let Some(mut incoming) = incoming else { break };
                if stop.is_cancelled() {
                    continue;
                }
                let server = Arc::clone(&servers.borrow());
                if let Some(local) = &local {
                    incoming.admitted = server.admission.admit_local(local.take_local());
                }
                connections.spawn(conn::serve(server, incoming));
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

/// A task that ends with its owner.
struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
