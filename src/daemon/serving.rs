//! Gives every accepted connection a task, or passes it on to the hub.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::conn::{self, Server};
use crate::transport::Incoming;
use crate::transport::link::front::{self, Front};
use crate::transport::link::{FrontConfig, LinkKey};

/// Gives each connection a task, with the server as it is then, and returns when the last one has
/// ended after `stop`.
pub(super) async fn serve(
    servers: watch::Receiver<Arc<Server>>,
    mut accepted: mpsc::Receiver<Incoming>,
    stop: CancellationToken,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            incoming = accepted.recv() => {
                let Some(incoming) = incoming else { break };
                if stop.is_cancelled() {
                    continue;
                }
                let server = Arc::clone(&servers.borrow());
                connections.spawn(conn::serve(server, incoming));
            }
            Some(ended) = connections.join_next() => note(&ended),
        }
    }
    while let Some(ended) = connections.join_next().await {
        note(&ended);
    }
}

/// Passes each connection on to the hub, in a task that returns after `stop`.
///
/// # Errors
/// If this machine's key for the link cannot be used.
pub(super) fn pass_on(
    front: FrontConfig,
    state_dir: &Path,
    accepted: mpsc::Receiver<Incoming>,
    stop: CancellationToken,
) -> anyhow::Result<JoinHandle<()>> {
    let front = Front::new(front, &LinkKey::open(state_dir)?).context("the key of the link cannot be used")?;
    Ok(tokio::spawn(front::run(front, accepted, stop)))
}

/// Logs that a panic, which is a bug, took one connection with it. Where it happened, the panic
/// hook has logged.
fn note(ended: &Result<(), tokio::task::JoinError>) {
    if ended.as_ref().is_err_and(tokio::task::JoinError::is_panic) {
        tracing::error!("a connection was ended by a bug in this program; the others go on");
    }
}

/// A task that ends with its owner.
pub(super) struct AbortOnDrop(pub(super) JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
