//! One of several machines: what keeps it in touch with the others, from the beginning to the end.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::serving::AbortOnDrop;
use crate::clock::Clock;
use crate::cluster::lead::{ClusterNode, ClusterRole};
use crate::config::Config;
use crate::http::Health;
use crate::hub::Hub;

/// How long giving the lease up may take, with what is still to be written.
const FAREWELL: Duration = Duration::from_secs(8);

/// A running node.
pub(super) struct Clustering {
    /// The connection to NATS.
    _connection: AbortOnDrop,
    node: AbortOnDrop,
    stop: CancellationToken,
    standing: watch::Receiver<ClusterRole>,
}

impl Clustering {
    /// Begins to stand by, where the configuration has a cluster.
    pub(super) fn begin(config: &Config, hub: &Arc<Hub>) -> anyhow::Result<Option<Self>> {
        let Some(cluster) = &config.cluster else { return Ok(None) };
        let parts = (Arc::clone(hub), Clock::System, config.rules.frame_bytes());
        let (node, connection) = ClusterNode::new(cluster, parts).context("the cluster cannot begin")?;
        let stop = CancellationToken::new();
        let standing = node.standing();
        let until = stop.clone();
        Ok(Some(Self {
            _connection: AbortOnDrop(tokio::spawn(connection)),
            node: AbortOnDrop(tokio::spawn(async move { node.run(until).await })),
            stop,
            standing,
        }))
    }

    /// Tells `/health` whether this is the active machine, for ever. Where there is an onion
    /// service, that is a matter of its own.
    pub(super) fn watch(&self, health: watch::Sender<Health>) -> impl Future<Output = ()> + use<> {
        let mut standing = self.standing.clone();
        async move {
            loop {
                let now = match *standing.borrow_and_update() {
                    ClusterRole::By => Health::Starting,
                    ClusterRole::Active => Health::Healthy,
                };
                health.send_if_modified(|health| {
                    let next = if *health == Health::Draining { Health::Draining } else { now };
                    std::mem::replace(health, next) != next
                });
                if standing.changed().await.is_err() {
                    return;
                }
            }
        }
    }

    /// Writes what there still is into the journal, and gives the lease up: another machine goes on
    /// at once.
    pub(super) async fn end(mut self) {
        self.stop.cancel();
        if tokio::time::timeout(FAREWELL, &mut self.node.0).await.is_err() {
            tracing::warn!("NATS does not answer: another machine goes on in some seconds");
        }
    }
}
