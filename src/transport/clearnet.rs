//! The TCP listener: optional, for local testing or behind a proxy.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Incoming, Io, Listener, Peer};

/// How long the accept loop waits when the machine has no file descriptor or memory for one more connection. Nobody
/// tells when there is one again.
const BREATH: Duration = Duration::from_millis(100);

/// The `[clearnet]` table, validated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where to listen; port 0: one that the system picks.
    pub listen: SocketAddr,
    /// Further accepted `Host` names, as [`super::host_name`] writes them.
    pub server_names: Vec<String>,
    /// Whether `listen` may be off loopback although there is no TLS.
    pub allow_plaintext: bool,
}

/// The address cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum ClearnetError {
    /// Another program, or another instance of this one, listens there.
    #[error("{0} is in use by another program: end that one, or choose another address with --clearnet or PORT")]
    InUse(SocketAddr),
    /// Ports below 1024 are for the administrator.
    #[error("not allowed to listen on {0}: choose a port above 1023, or grant the capability CAP_NET_BIND_SERVICE")]
    NotAllowed(SocketAddr),
    /// No network interface has it.
    #[error("{0} is not an address of this machine: choose one that is, or 127.0.0.1")]
    NotOurs(SocketAddr),
    /// Anything else.
    #[error("cannot listen on {address}: {source}")]
    Other {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

/// A socket that listens.
#[derive(Debug)]
pub struct Bound {
    socket: TcpListener,
    /// Where it listens, with the port that the system picked if none was given.
    pub address: SocketAddr,
    /// What holds for its connections.
    pub listener: Arc<Listener>,
}

/// Listens. From here on connections wait in the kernel's queue, until [`run`] takes them.
///
/// # Errors
/// [`ClearnetError`]: a sentence for the person who chose the address.
pub async fn bind(settings: &Settings) -> Result<Bound, ClearnetError> {
    let address = settings.listen;
    let failed = |source: io::Error| match source.kind() {
        ErrorKind::AddrInUse => ClearnetError::InUse(address),
        ErrorKind::PermissionDenied => ClearnetError::NotAllowed(address),
        ErrorKind::AddrNotAvailable => ClearnetError::NotOurs(address),
        _ => ClearnetError::Other { address, source },
    };
    let socket = TcpListener::bind(address).await.map_err(failed)?;
    let address = socket.local_addr().map_err(failed)?;
    let listener = Arc::new(Listener::clearnet(address, &settings.server_names));
    Ok(Bound { socket, address, listener })
}

/// Hands every connection on, until it is cancelled or nobody takes them any more. While `incoming` is full, new ones
/// wait in the kernel's queue.
pub async fn run(bound: Bound, incoming: mpsc::Sender<Incoming>, cancel: CancellationToken) {
    let Bound { socket, listener, .. } = bound;
    let socket = &socket;
    let accept = move || async move {
        let (stream, address): (TcpStream, _) = socket.accept().await?;
        // Small frames back and forth: without this each would wait for the acknowledgement of the one before.
        // A connection that it fails on has ended already, and whoever reads from it notices.
        let _ = stream.set_nodelay(true);
        Ok((stream, address))
    };
    cancel.run_until_cancelled(accept_loop(accept, listener, incoming)).await;
}

async fn accept_loop<S: Io, F: Future<Output = io::Result<(S, SocketAddr)>>>(
    mut accept: impl FnMut() -> F,
    listener: Arc<Listener>,
    incoming: mpsc::Sender<Incoming>,
) {
    let mut exhausted = false;
    loop {
        let Ok(slot) = incoming.reserve().await else { return };
        match accept().await {
            Ok((stream, address)) => {
                if exhausted {
                    exhausted = false;
                    tracing::info!("connections are accepted again");
                }
                slot.send(Incoming {
                    circuit: None,
                    peer: Peer::Address(address.ip().to_canonical()),
                    io: Box::new(stream),
                    listener: Arc::clone(&listener),
                    permit: None,
                });
            }
            Err(error) if concerns_one_connection(error.kind()) => {}
            // No file descriptors (EMFILE, ENFILE) or no memory (ENOMEM, ENOBUFS), mostly. Whatever it is, the listener
            // stays: the connections that are open need the process, and one that ends may be what was lacking.
            Err(error) => {
                if !exhausted {
                    exhausted = true;
                    tracing::warn!(%error, "no further connection can be accepted for now");
                }
                drop(slot);
                tokio::time::sleep(BREATH).await;
            }
        }
    }
}

/// Whether it is the connection at the head of the queue that failed (accept(2), "Error handling"): it is gone, and the
/// next one may be taken at once.
fn concerns_one_connection(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionRefused
            | ErrorKind::Interrupted
            | ErrorKind::TimedOut
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::NetworkDown
    )
}

#[cfg(test)]
mod tests;
