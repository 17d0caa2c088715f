//! One of several machines: what keeps it in touch with the others, from the beginning to the end.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::memory::MessageStore;
use super::serving::AbortOnDrop;
use super::wipe_mark::{self, WipeMark};
use crate::clock::Clock;
use crate::cluster;
use crate::cluster::ClusterRole;
use crate::cluster::joining::parcel::ServiceHome;
use crate::cluster::lead::ClusterNode;
use crate::http::Health;

/// How long giving the lease up may take, with what is still to be written.
const FAREWELL: Duration = Duration::from_secs(8);

/// A running node.
pub(super) struct Clustering {
    /// The machine.
    pub(super) machine: Arc<ClusterNode>,
    /// The connection to NATS.
    _connection: AbortOnDrop,
    node: AbortOnDrop,
    stop: CancellationToken,
    standing: watch::Receiver<ClusterRole>,
}

impl Clustering {
    /// Begins to stand by. `largest`: bytes of a frame, at most.
    /// `home`: where the onion service is, if there is one.
    pub(super) fn begin(
        config: &cluster::Config,
        waiting: &MessageStore,
        (largest, home): (usize, Option<ServiceHome>),
    ) -> anyhow::Result<Self> {
        let parts = (Arc::clone(&waiting.hub), Clock::System, largest);
        let (node, connection) =
            ClusterNode::new(config, parts, (waiting.keys(), home)).context("the cluster cannot begin")?;
        let stop = CancellationToken::new();
        let standing = node.standing();
        let until = stop.clone();
        let machine = Arc::clone(&node);
        Ok(Self {
            machine,
            _connection: AbortOnDrop(tokio::spawn(connection)),
            node: AbortOnDrop(tokio::spawn(async move { node.run(until).await })),
            stop,
            standing,
        })
    }

    /// Tells `/health` whether clients are served here, for ever: this is the active machine, or
    /// `reached` says that sessions here have their place with it. Where there is an onion service,
    /// that is a matter of its own.
    pub(super) fn watch(
        &self,
        health: watch::Sender<Health>,
        reached: Option<watch::Receiver<bool>>,
    ) -> impl Future<Output = ()> + use<> {
        let mut standing = self.standing.clone();
        let mut reached = reached.unwrap_or_else(|| watch::channel(false).1);
        async move {
            loop {
                let has_hub = *reached.borrow_and_update();
                let now = match *standing.borrow_and_update() {
                    ClusterRole::StandsBy if has_hub => Health::Healthy,
                    ClusterRole::StandsBy => Health::Starting,
                    ClusterRole::Active => Health::Healthy,
                };
                health.send_if_modified(|health| {
                    let next = if *health == Health::Draining { Health::Draining } else { now };
                    std::mem::replace(health, next) != next
                });
                tokio::select! {
                    changed = standing.changed() => if changed.is_err() {
                        return;
                    },
                    Ok(()) = reached.changed() => {}
                }
            }
        }
    }

    /// Returns when this machine turns out not to be of its cluster, and says why; or at `stop`.
    pub(super) fn refusal(&self, stop: CancellationToken) -> impl Future<Output = anyhow::Result<()>> + use<> {
        let machine = Arc::clone(&self.machine);
        async move {
            tokio::select! {
                why = machine.refused() => Err(why.into()),
                () = stop.cancelled() => Ok(()),
            }
        }
    }

    /// Lets a wipe that is on its way come to its end, for a bounded time; else the next start is
    /// to carry it out. Then it writes what there still is into the journal, and gives the lease
    /// up: another machine goes on at once.
    pub(super) async fn end(mut self, state_dir: &Path) {
        // What is left is in the log.
        let _ = self.machine.wiped().await;
        if self.machine.owes_wipe()
            && let Err(error) = wipe_mark::write(state_dir, WipeMark::Messages)
        {
            tracing::error!("{}: {error}", wipe_mark::path(state_dir).display());
        }
        self.stop.cancel();
        if tokio::time::timeout(FAREWELL, &mut self.node.0).await.is_err() {
            tracing::warn!("NATS does not answer: another machine goes on in some seconds");
        }
    }
}
