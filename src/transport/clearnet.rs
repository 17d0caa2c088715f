//! The TCP listener: optional, with TLS, behind a proxy, or for local testing.

mod handshakes;
mod tls;

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ephemeral_core::protocol::WallTime;
use ipnet::IpNet;
use serde::{Serialize, Serializer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use self::handshakes::{Handshake, Handshakes};
pub use self::tls::{Tls, TlsError, TlsFile, TlsFiles, TlsProblem};
use super::{Incoming, Io, Listener, Peer};
use crate::admission::{Admission, Admitted, Refused};

/// How long the accept loop waits when the machine has no file descriptor or memory for one more
/// connection. Nobody tells when there is one again.
const BREATH: Duration = Duration::from_millis(100);

/// The `[clearnet]` table, validated, and serialized as it stands in the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Config {
    /// Where to listen; port 0: one that the system picks.
    #[serde(rename = "clearnet.listen")]
    pub listen: SocketAddr,
    /// Further accepted `Host` names, as [`super::host_name`] writes them.
    #[serde(rename = "clearnet.server_names")]
    pub server_names: Vec<String>,
    /// Whether `listen` may be off loopback although there is no TLS.
    #[serde(rename = "clearnet.allow_plaintext")]
    pub allow_plaintext: bool,
    /// The certificate and the key for TLS, if it is served.
    #[serde(flatten)]
    pub tls: Option<TlsFiles>,
    /// Proxies that are believed about whom they connect.
    #[serde(rename = "clearnet.trusted_proxies", serialize_with = "serialize_networks")]
    pub trusted_proxies: Vec<IpNet>,
    /// Whether the connections of these begin with a header of the PROXY protocol.
    #[serde(rename = "clearnet.proxy_protocol")]
    pub proxy_protocol: bool,
    /// Origins that may ask, as [`super::origin`] writes them, or `*` alone.
    #[serde(rename = "clearnet.allowed_origins")]
    pub allowed_origins: Vec<String>,
    /// How long the PROXY header and the TLS handshake may take together: as long as
    /// authentication.
    #[serde(skip)]
    pub preparation: Duration,
}

fn serialize_networks<S: Serializer>(networks: &[IpNet], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(networks.iter().map(ToString::to_string))
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
    /// The certificate was right when the configuration was read, and is not any more.
    #[error(transparent)]
    Tls(#[from] TlsError),
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
    /// The certificate, if it serves TLS: to have it read again.
    pub tls: Option<Arc<Tls>>,
    state: watch::Receiver<ListenerState>,
    /// Changes what holds for its connections, while it runs.
    pub control: Control,
}

/// The settings of the connections that come from now on.
#[derive(Debug, Clone)]
struct ListenerState {
    listener: Arc<Listener>,
    tls: Option<Arc<Tls>>,
    proxy_protocol: bool,
    preparation: Duration,
}

impl Config {
    /// Returns what clients will hold against the certificate, a sentence each.
    #[must_use]
    pub fn concerns(&self, now: WallTime) -> Vec<String> {
        self.tls.as_ref().map(|files| files.concerns(&self.server_names, now)).unwrap_or_default()
    }
}

impl ListenerState {
    /// Makes the listener's state. `address`: where it listens.
    fn new(settings: &Config, address: SocketAddr, tls: Option<Arc<Tls>>) -> Self {
        let listener = Listener {
            tls: tls.is_some(),
            trusted_proxies: settings.trusted_proxies.clone(),
            allowed_origins: settings.allowed_origins.clone(),
            ..Listener::clearnet(address, &settings.server_names)
        };
        let Config { proxy_protocol, preparation, .. } = *settings;
        Self { listener: Arc::new(listener), tls, proxy_protocol, preparation }
    }

    /// Returns what a connection of `peer` begins with. Only that of a trusted proxy begins with a
    /// PROXY header.
    fn preparation(&self, peer: IpAddr) -> Handshake {
        Handshake {
            tls: self.tls.as_ref().map(|tls| tls.acceptor()),
            header: self.proxy_protocol && self.listener.is_trusted_proxy(peer),
            time: self.preparation,
        }
    }

    /// Asks at the door, before anything is read or computed.
    fn admit(&self, admission: &Arc<Admission>, peer: IpAddr) -> Result<Admitted, Refused> {
        if self.listener.is_trusted_proxy(peer) {
            return admission.admit_proxy(Peer::Address(peer));
        }
        admission.admit(Peer::Address(peer), self.tls.is_some())
    }
}

/// Changes what holds for the connections of a listener, while it runs.
#[derive(Debug, Clone)]
pub struct Control {
    address: SocketAddr,
    state: Arc<watch::Sender<ListenerState>>,
}

impl Control {
    /// Applies `settings` to connections that come from now on, but for the address. The
    /// certificate is read again, also if its files have the same names. Blocks while it reads.
    ///
    /// # Errors
    /// Which file is to be mended, and how. Everything stays as it was then.
    pub fn apply(&self, settings: &Config) -> Result<(), TlsError> {
        let served = self.state.borrow().tls.clone();
        let tls = match (served, &settings.tls) {
            (Some(served), Some(files)) if served.files() == files => {
                served.reload()?;
                Some(served)
            }
            (_, Some(files)) => Some(Arc::new(Tls::load(files.clone())?)),
            (_, None) => None,
        };
        self.state.send_replace(ListenerState::new(settings, self.address, tls));
        Ok(())
    }
}

/// Listens. From here on connections wait in the kernel's queue, until [`run`] takes them.
///
/// # Errors
/// [`ClearnetError`]: a sentence for the person who chose the address.
pub async fn bind(settings: &Config) -> Result<Bound, ClearnetError> {
    let address = settings.listen;
    let failed = |source: io::Error| match source.kind() {
        ErrorKind::AddrInUse => ClearnetError::InUse(address),
        ErrorKind::PermissionDenied => ClearnetError::NotAllowed(address),
        ErrorKind::AddrNotAvailable => ClearnetError::NotOurs(address),
        _ => ClearnetError::Other { address, source },
    };
    let tls = settings.tls.clone().map(Tls::load).transpose()?.map(Arc::new);
    let socket = TcpListener::bind(address).await.map_err(failed)?;
    let address = socket.local_addr().map_err(failed)?;
    let (sender, state) = watch::channel(ListenerState::new(settings, address, tls.clone()));
    Ok(Bound { socket, address, tls, state, control: Control { address, state: Arc::new(sender) } })
}

/// Hands every connection on that `admission` lets in, once its handshakes are over, until it is
/// cancelled or nobody takes them any more. While `incoming` is full, new ones wait in the kernel's
/// queue.
pub async fn run(bound: Bound, incoming: mpsc::Sender<Incoming>, admission: Arc<Admission>, cancel: CancellationToken) {
    let Bound { socket, state, .. } = bound;
    let socket = &socket;
    let accept = move || async move {
        let (stream, address): (TcpStream, _) = socket.accept().await?;
        // Small frames back and forth: without this each would wait for the acknowledgement of the
        // one before. A connection that it fails on has ended already, and anyone who reads from it
        // notices.
        let _ = stream.set_nodelay(true);
        Ok((stream, address))
    };
    cancel.run_until_cancelled(accept_loop(accept, state, admission, incoming)).await;
}

/// Accepts connections. `accept` is dropped at any time, as that of a socket may be.
async fn accept_loop<S: Io, F: Future<Output = io::Result<(S, SocketAddr)>>>(
    mut accept: impl FnMut() -> F,
    state: watch::Receiver<ListenerState>,
    admission: Arc<Admission>,
    incoming: mpsc::Sender<Incoming>,
) {
    let mut exhausted = false;
    let mut handshakes = Handshakes::default();
    loop {
        let Ok(room) = incoming.reserve().await else { return };
        let accepted = tokio::select! {
            biased;
            Some(()) = handshakes.ended() => continue,
            accepted = accept() => accepted,
        };
        match accepted {
            Ok((stream, address)) => {
                if exhausted {
                    exhausted = false;
                    tracing::info!("connections are accepted again");
                }
                let peer = address.ip().to_canonical();
                let state = state.borrow().clone();
                // Refused: it is closed.
                let Ok(admitted) = state.admit(&admission, peer) else { continue };
                let first = state.preparation(peer);
                let listener = Arc::clone(&state.listener);
                if first.is_needed() {
                    let admission = Arc::clone(&admission);
                    handshakes.spawn(prepare(first, stream, peer, admitted, admission, listener, incoming.clone()));
                } else {
                    room.send(handed_on(peer, Box::new(stream), admitted, listener));
                }
            }
            Err(error) if concerns_one_connection(error.kind()) => {}
            // No file descriptors (EMFILE, ENFILE) or no memory (ENOMEM, ENOBUFS), mostly. Whatever
            // it is, the listener stays: the connections that are open need the process, and one
            // that ends may be what was lacking.
            Err(error) => {
                if !exhausted {
                    exhausted = true;
                    tracing::warn!(%error, "no further connection can be accepted for now");
                }
                drop(room);
                tokio::time::sleep(BREATH).await;
            }
        }
    }
}

fn handed_on(peer: IpAddr, io: Box<dyn Io>, admitted: Admitted, listener: Arc<Listener>) -> Incoming {
    let peer = Peer::Address(peer);
    let admitted = Some(admitted);
    Incoming { peer, io, listener, circuit: None, admitted, permit: None }
}

/// Does what a connection begins with, and hands it on; until its slot is lost.
async fn prepare<S: Io>(
    first: Handshake,
    stream: S,
    peer: IpAddr,
    admitted: Admitted,
    admission: Arc<Admission>,
    listener: Arc<Listener>,
    incoming: mpsc::Sender<Incoming>,
) {
    let lost = admitted.slot.lost();
    let costly = first.tls.is_some();
    let named = |client: IpAddr| {
        if client == peer || listener.is_trusted_proxy(client) {
            return Some(admitted);
        }
        admitted.named(&admission, Peer::Address(client), costly).ok()
    };
    let prepared = async {
        if let Ok((client, io, admitted)) = first.run(stream, peer, named).await {
            // Nobody takes them any more: then it ends like the others.
            let _ = incoming.send(handed_on(client, io, admitted, Arc::clone(&listener))).await;
        }
    };
    tokio::select! {
        () = prepared => {}
        () = lost => {}
    }
}

/// Returns whether it is the connection at the head of the queue that failed (accept(2), "Error
/// handling"): it is gone, and the next one may be taken at once.
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
