//! The composition root: builds the parts, supervises the tasks, drains.

mod announce;
mod clustering;
mod ending;
mod linking;
mod listening;
mod memory;
mod moved;
mod nodes;
mod notifier;
mod process;
mod reload;
mod serving;
mod sharing;
mod signals;
mod upkeep;
pub mod wipe_mark;

use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::admin::{Actions, Plane};
use crate::cluster::joining::parcel::ServiceHome;
use crate::config::Config;
use crate::conn::{Server, Setup};
use crate::http::Health;
use crate::hub;
use crate::transport::CircuitStats;
use crate::transport::onion_service::OnionStatus;
use clustering::Clustering;
use ending::Ending;
use ephemeral_core::limits::Rate;
use listening::{Listening, OnionReports};
use memory::MessageStore;
use notifier::ManagerNotifier;
pub use process::harden;
pub use reload::ConfigSource;
use reload::Reload;
use serving::AbortOnDrop;
pub use signals::EarlySignals;
use signals::SignalRequest;
use wipe_mark::WipeMark;

/// Connections that have been accepted and not yet been given a task.
const BACKLOG: usize = 64;

/// Runs until it is told to stop (SIGTERM or SIGINT), then drains. At SIGHUP it reads the
/// configuration again, from where `origin` says. `early`: what signals asked for before.
///
/// # Errors
/// What the operator has to mend: a busy port, an unusable state directory; or that a second signal
/// cut the drain short.
pub async fn run(mut config: Config, origin: ConfigSource, early: &EarlySignals) -> anyhow::Result<()> {
    process::raise_file_limit();
    let (mut signals, wipe_asked) = signals::Signals::listen(early).context("cannot listen for signals")?;
    let stop = CancellationToken::new();
    let (onion_status, status) = watch::channel(OnionStatus::default());
    let (health, health_now) = watch::channel(if config.onion.is_some() { Health::Starting } else { Health::Healthy });

    let (waiting, clustering) = remember(&config, early)?;
    let machine = clustering.as_ref().map(|clustering| Arc::clone(&clustering.machine));
    let (doors, intake) = linking::open(&config, machine.as_ref())?;
    let reached = intake.reached();
    let actions = Actions::open(config.state_dir.clone(), config.dead_man, machine.clone());
    let circuits = Arc::<CircuitStats>::default();
    let onion_figures = config.onion.as_ref().map(|onion| (status.clone(), Arc::clone(&circuits), onion.circuits));
    let signer = nodes::Signer::new(&config);
    let server = Server::new(Setup {
        hub: Arc::clone(&waiting.hub),
        rules: config.rules.clone(),
        timing: config.timing,
        policy: config.policy,
        limits: config.limits,
        onion: onion_figures,
        health: health_now,
        moved: moved::notices(&config),
        nodes: signer.list(),
        way: intake.way(),
        dead_man: actions.dead_man(),
        cluster: machine,
    })
    .context("the system has no random numbers")?;
    let seen = config.onion.is_some().then_some(status);
    let notifier = ManagerNotifier::new(Arc::clone(&waiting.hub), seen, actions.dead_man());
    // Before anything is opened that this would have to close again. In a cluster, somebody may
    // have checked in on another machine: that is heard first.
    if !actions.has_others() {
        actions.look(&server);
    }
    let is_unfinished = wipe_mark::read(&config.state_dir) == Some(WipeMark::Identity);
    if actions.is_over() || is_unfinished {
        return ending::before_it_began(&actions, clustering, waiting).await;
    }

    let machine = clustering.as_ref().map(|clustering| Arc::clone(&clustering.machine));
    let watched = OnionReports { status: onion_status, circuits, health: health.clone(), machine };
    let current = watch::Sender::new(Arc::clone(&server));
    let plane = Plane::new(current.subscribe(), Arc::clone(&actions));
    let Listening { mut tasks, clearnet } = Listening::open(&config, doors, watched, &plane, &stop).await?;
    if let Some(clustering) = &clustering {
        tasks.spawn(clustering.refusal(stop.clone()));
    }
    let reload = Arc::new(Reload { origin, server: current, clearnet });
    let connections = AbortOnDrop(intake.serve(reload.server.subscribe(), stop.clone()));
    let keeping = AbortOnDrop(tokio::spawn(Arc::clone(&notifier).keep()));
    let mut upkeep = upkeep::spawn(&server, &actions, wipe_asked);
    if let Some(clustering) = clustering.as_ref().filter(|_| config.onion.is_none()) {
        upkeep.spawn(clustering.watch(health.clone(), reached));
    }
    upkeep.spawn(signer.run(stop.clone()));

    let failed = until_asked_to_end(&actions, &mut signals, &notifier, &reload, &mut config, &mut tasks).await;
    // A supervisor is not to start it again, which would make a new identity: without its keys the
    // onion service fails.
    let failed = failed.filter(|_| !actions.is_over());
    drop(keeping);
    health.send_replace(Health::Draining);
    let ending = Ending { server, stop, connections, tasks, upkeep, actions, clustering, waiting };
    ending.finish(config.grace, failed, &mut signals).await
}

/// Opens the store, and begins to stand by where there are other machines. A wipe that was asked
/// for before is theirs, too.
fn remember(config: &Config, early: &EarlySignals) -> anyhow::Result<(MessageStore, Option<Clustering>)> {
    let settings = hub::Config::from_config(config);
    let asked = wipe_mark::read(&config.state_dir).or(early.wipe());
    let Some(cluster) = &config.cluster else {
        // A front holds no message.
        let waiting = match config.front {
            Some(_) => MessageStore::elsewhere(settings, false, &config.state_dir, asked)?,
            None => MessageStore::open(settings, config.survive_restart, &config.state_dir, asked)?,
        };
        early.wiped();
        return Ok((waiting, None));
    };
    let waiting = MessageStore::elsewhere(settings, config.survive_restart, &config.state_dir, asked)?;
    let home = config.onion.as_ref().map(|onion| ServiceHome {
        state_dir: config.state_dir.clone(),
        nickname: onion.nickname.clone(),
        restricted: onion.restricted,
        tor: onion.tor.clone(),
    });
    let clustering = Clustering::begin(cluster, &waiting, (config.rules.frame_bytes(), home))?;
    if asked.is_some() {
        clustering.machine.begin_wipe();
    }
    early.wiped();
    Ok((waiting, Some(clustering)))
}

/// Serves until a signal, a lost identity or a listener that fails ends it. Returns what failed, if
/// anything did.
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

impl hub::Config {
    fn from_config(config: &Config) -> Self {
        let rate = Rate::new(config.rules.messages_per_minute, config.rules.message_burst);
        Self { bounds: config.bounds, rate, sessions: config.limits.sessions }
    }
}
