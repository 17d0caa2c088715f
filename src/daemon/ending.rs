//! Drains, and lets go of what waits or erases it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::clustering::Clustering;
use super::memory::MessageStore;
use super::serving::AbortOnDrop;
use super::signals::Signals;
use super::wipe_mark::{self, WipeMark};
use crate::admin::Actions;
use crate::cluster::lead::WIPE_PATIENCE;
use crate::conn::Server;
use crate::systemd;

/// What is left to connections when the identity is to go: enough for the answer that it has gone.
const ERASE_GRACE: Duration = Duration::from_secs(2);

/// The parts that have to end.
pub(super) struct Ending {
    pub(super) server: Arc<Server>,
    /// Ends the listeners.
    pub(super) stop: CancellationToken,
    pub(super) connections: AbortOnDrop,
    pub(super) tasks: JoinSet<anyhow::Result<()>>,
    pub(super) upkeep: JoinSet<()>,
    pub(super) actions: Arc<Actions>,
    pub(super) clustering: Option<Clustering>,
    pub(super) waiting: MessageStore,
}

impl Ending {
    /// Drains for as long as `grace`, then closes what is open. Returns the error that ended the
    /// daemon, if one did.
    pub(super) async fn finish(
        self,
        grace: Duration,
        failed: Option<anyhow::Error>,
        signals: &mut Signals,
    ) -> anyhow::Result<()> {
        let Self { server, stop, mut connections, mut tasks, mut upkeep, actions, clustering, waiting } = self;
        systemd::stopping(grace + Duration::from_secs(10));

        // Senders are told first; then nobody new comes in, and every session is closed.
        waiting.hub.drain();
        server.sessions.drain.cancel();
        stop.cancel();
        let patience = grace.saturating_sub(Duration::from_millis(500));
        let answering = if clustering.is_some() { ERASE_GRACE + WIPE_PATIENCE } else { ERASE_GRACE };
        let patience = if actions.is_over() { patience.min(answering) } else { patience };
        let drained = async {
            let _ = (&mut connections.0).await;
            // Among them the admin socket's: the operator who ended it is to hear so.
            while tasks.join_next().await.is_some() {}
        };
        let cut_short = drain(drained, patience, signals).await;
        // Nothing may expire from the file while it is let go of.
        upkeep.abort_all();
        if let Some(clustering) = clustering {
            clustering.end(actions.state_dir()).await;
        }
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
}

/// Waits until all is drained, for as long as `patience`. Returns an error if a second signal cuts
/// that short.
async fn drain(drained: impl Future<Output = ()>, patience: Duration, signals: &mut Signals) -> Option<anyhow::Error> {
    tokio::select! {
        () = drained => None,
        () = tokio::time::sleep(patience) => {
            tracing::warn!("the grace period is over: what still was open is closed");
            None
        }
        name = signals.end() => Some(anyhow!("a second signal ({name}) ended it at once")),
    }
}

/// Erases the identity of a server that was to do so before it began, and has nothing else to do.
pub(super) async fn before_it_began(
    actions: &Actions,
    clustering: Option<Clustering>,
    waiting: MessageStore,
) -> anyhow::Result<()> {
    if let Some(clustering) = clustering {
        clustering.end(actions.state_dir()).await;
    }
    waiting.close_for_good();
    erase_identity(actions)?;
    tracing::warn!("the identity was to be erased, and is gone: a further start makes a new one");
    Ok(())
}

/// Erases the identity. Where something is left, a mark makes every further start try again, and do
/// nothing else: no supervisor brings back an identity that was to be erased.
pub(super) fn erase_identity(actions: &Actions) -> anyhow::Result<()> {
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
