//! The composition root: builds the parts, supervises the tasks, drains.

mod announce;
mod listening;
mod memory;
mod notifier;
mod operator;
mod process;
mod reload;
mod signals;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::admission::HandshakeSlots;
use crate::config::Config;
use crate::conn::{self, Server, Setup};
use crate::events::Kind;
use crate::http::Health;
use crate::hub;
use crate::metrics::SAMPLE;
use crate::systemd;
use crate::transport::onion_service::OnionStatus;
use crate::transport::{CircuitStats, Incoming};
use ephemeral_core::limits::{Bucket, Rate};
use ephemeral_tor::{Keystore, Notice};
use listening::{ADMINISTRATORS, Listening, Watched};
use memory::MessageStore;
use notifier::ManagerNotifier;
use operator::Actions;
pub use process::harden;
pub use reload::ConfigSource;
use reload::Reload;
use signals::SignalRequest;

/// Connections that have been accepted and not yet been given a task.
const BACKLOG: usize = 64;
/// New connections a minute that are given a task, from wherever they come, and at once. The others wait where they
/// came from: most of the processor stays with the sessions, however many knock.
const ADMISSIONS_PER_MINUTE: u32 = 60_000;
const ADMISSIONS_AT_ONCE: u32 = 256;
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

    let waiting = MessageStore::open(hub::Config::from_config(&config), config.survive_restart)?;
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
        operator: actions.operator(),
    })
    .context("the system has no random numbers")?;
    let seen = config.onion.is_some().then_some(status);
    let notifier = ManagerNotifier::new(Arc::clone(&waiting.hub), seen, actions.operator().dead_man);
    // Before anything is opened that this would have to close again.
    actions.look(&server);
    if actions.is_over() {
        waiting.close_for_good();
        return actions.erase_identity().context("the identity is not gone");
    }

    let watched = Watched { status: onion_status, circuits, health: health.clone() };
    let listening = Listening::open(&config, incoming, watched, Arc::clone(&server.admission), &stop).await?;
    let Listening { mut tasks, clearnet, administration } = listening;
    let reload = Arc::new(Reload { origin, server: watch::Sender::new(Arc::clone(&server)), clearnet });
    let servers = reload.server.subscribe();
    let connections = tokio::spawn(serve(servers.clone(), accepted, Arc::clone(&server.slots), stop.clone()));
    let mut connections = AbortOnDrop(connections);
    let admin_slots = HandshakeSlots::new(ADMINISTRATORS);
    let mut administration = AbortOnDrop(tokio::spawn(serve(servers, administration, admin_slots, stop.clone())));
    let keeping = AbortOnDrop(tokio::spawn(Arc::clone(&notifier).keep()));
    let mut upkeep = upkeep(&server, &actions, wipe_asked);

    let failed = loop {
        tokio::select! {
            () = actions.over() => break None,
            asked = signals.next() => match asked {
                SignalRequest::End(name) => {
                    tracing::info!("{name}: draining");
                    break None;
                }
                SignalRequest::Reload => {
                    notifier.reloading();
                    notifier.reloaded(reload::run(&reload, &mut config).await);
                }
            },
            Some(ended) = tasks.join_next() => break Some(match ended {
                Ok(Ok(())) => anyhow!("a listener ended without being told to"),
                Ok(Err(error)) => error,
                Err(_) => anyhow!("a listener failed: see the log"),
            }),
        }
    };
    // A supervisor is not to start it again, which would make a new identity: without its keys the onion service fails.
    let failed = failed.filter(|_| !actions.is_over());
    drop(keeping);
    systemd::stopping(config.grace + Duration::from_secs(10));

    // Senders are told first; then nobody new comes in, and every session is closed.
    health.send_replace(Health::Draining);
    waiting.hub.drain();
    server.sessions.drain.cancel();
    stop.cancel();
    let drained = async {
        let _ = (&mut connections.0).await;
        // Whoever ended it is to hear so.
        let _ = (&mut administration.0).await;
        while tasks.join_next().await.is_some() {}
    };
    let patience = config.grace.saturating_sub(Duration::from_millis(500));
    let patience = if actions.is_over() { patience.min(ERASE_GRACE) } else { patience };
    let cut_short = tokio::select! {
        () = drained => None,
        () = tokio::time::sleep(patience) => {
            tracing::warn!("the grace period is over: what still was open is closed");
            None
        }
        name = signals.end() => Some(anyhow!("a second signal ({name}) ended it at once")),
    };
    // Nothing may expire from the file while it is let go of.
    upkeep.abort_all();
    let farewell = if actions.is_over() {
        let farewell = waiting.close_for_good();
        // Also what the Tor client wrote while it ended.
        actions.erase_identity().context("the identity is not gone")?;
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
            wiping.wipe(&wiped, "SIGUSR1", false);
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
async fn serve(
    servers: watch::Receiver<Arc<Server>>,
    mut accepted: mpsc::Receiver<Incoming>,
    slots: Arc<HandshakeSlots>,
    stop: CancellationToken,
) {
    let (pace, mut admitted) = (Rate::new(ADMISSIONS_PER_MINUTE, ADMISSIONS_AT_ONCE), Bucket::default());
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            incoming = accepted.recv() => {
                let Some(incoming) = incoming else { break };
                if stop.is_cancelled() {
                    continue;
                }
                let server = Arc::clone(&servers.borrow());
                let (slot, took) = slots.enter();
                if took {
                    server.admission.note_nobody(Kind::Overload);
                }
                let now = server.sessions.hub.now();
                connections.spawn(conn::serve(server, incoming, slot));
                if let Err(wait) = pace.take(&mut admitted, now) {
                    tokio::time::sleep(Duration::from_millis(wait)).await;
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

/// A task that ends with its owner.
struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
