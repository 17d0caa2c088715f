//! Gives every connection a task, and every seat of another machine's session.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::conn::{self, Server};
use crate::transport::Incoming;
use crate::transport::link::hub::IncomingSeat;

/// Gives each connection a task, with the server as it is then, and returns when the last one has
/// ended after `stop`.
pub(super) async fn serve(
    servers: watch::Receiver<Arc<Server>>,
    mut accepted: mpsc::Receiver<Incoming>,
    mut seats: mpsc::Receiver<IncomingSeat>,
    stop: CancellationToken,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Some(incoming) = accepted.recv() => {
                if stop.is_cancelled() {
                    continue;
                }
                let server = Arc::clone(&servers.borrow());
                connections.spawn(conn::serve(server, incoming));
            }
            Some(seat) = seats.recv() => {
                if stop.is_cancelled() {
                    continue;
                }
                let server = Arc::clone(&servers.borrow());
                connections.spawn(conn::host(&server, seat));
            }
            Some(ended) = connections.join_next() => note(&ended),
            // Nobody accepts anything any more, and all of it has ended.
            else => return,
        }
    }
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
