//! The hub's side of the link: lets fronts in, and hands their seats on.

mod control;

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

use self::control::ControlLink;
use super::wire::FirstFrame;
use super::{HANDSHAKE, KnownMachines, LOG, LinkKey, NodeKey, TermWatch, tls};
use crate::transport::Io;
use crate::transport::onion_service::stream::CircuitStream;

/// Connections that have not said yet what they are for, at most. For a further one the oldest is
/// closed: strangers cannot keep a front out by holding many.
const HANDSHAKES: usize = 256;
/// How long the accept loop waits when the machine has no file descriptor for one more connection.
const BREATH: Duration = Duration::from_millis(100);

/// Why a hub cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The address cannot be had.
    #[error("listen in [hub], or link in [cluster]: cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// This machine's key is of no use to TLS.
    #[error("the key of the link cannot be used: {0}")]
    Key(#[from] rustls::Error),
}

/// A socket that listens for fronts.
pub struct BoundHub {
    socket: TcpListener,
    /// Where it listens, with the port that the system picked if none was given.
    pub address: SocketAddr,
    tls: Arc<ServerConfig>,
    known: KnownMachines,
}

/// Listens. From here on connections wait in the kernel's queue, until [`run`] takes them.
///
/// # Errors
/// [`LinkError`], which names the setting.
pub async fn bind(address: SocketAddr, key: &LinkKey, known: KnownMachines) -> Result<BoundHub, LinkError> {
    let failed = |source| LinkError::Listen { address, source };
    let socket = TcpListener::bind(address).await.map_err(failed)?;
    let address = socket.local_addr().map_err(failed)?;
    let tls = tls::hub(key, known.clone())?;
    Ok(BoundHub { socket, address, tls, known })
}

/// The connection of a session whose client is connected to a front. It ends with the front.
pub struct IncomingSeat(pub Box<dyn Io>);

/// The values that the connections of all fronts share.
struct Shared {
    known: KnownMachines,
    standing: Option<TermWatch>,
    seats: mpsc::Sender<IncomingSeat>,
    /// The control connections by their names.
    links: Mutex<HashMap<u64, Arc<ControlLink>>>,
    handshakes: Mutex<VecDeque<(u64, CancellationToken)>>,
    cancel: CancellationToken,
}

/// Lets fronts in, and hands their seats on, until it is cancelled. `standing`: what fronts are
/// told that it is, where it is one of a cluster.
pub async fn run(
    bound: BoundHub,
    standing: Option<TermWatch>,
    seats: mpsc::Sender<IncomingSeat>,
    cancel: CancellationToken,
) {
    let BoundHub { socket, tls, known, address: _ } = bound;
    let acceptor = TlsAcceptor::from(tls);
    let shared = Arc::new(Shared {
        known,
        standing,
        seats,
        links: Mutex::default(),
        handshakes: Mutex::default(),
        cancel: cancel.clone(),
    });
    let mut tasks = JoinSet::new();
    let mut number = 0_u64;
    loop {
        let accepted = tokio::select! {
            () = cancel.cancelled() => return,
            accepted = socket.accept() => accepted,
            Some(_) = tasks.join_next() => continue,
        };
        let Ok((stream, _)) = accepted else {
            // Mostly there are no file descriptors; whatever it is, the listener stays.
            tokio::time::sleep(BREATH).await;
            continue;
        };
        // A front's frames are small.
        let _ = stream.set_nodelay(true);
        number += 1;
        let turn = shared.handshake(number);
        tasks.spawn(Arc::clone(&shared).connection(acceptor.clone(), stream, number, turn));
    }
}

impl Shared {
    /// Counts one more handshake. Resolves its token when it has to give way.
    fn handshake(&self, number: u64) -> CancellationToken {
        let token = CancellationToken::new();
        let mut handshakes = lock(&self.handshakes);
        handshakes.push_back((number, token.clone()));
        if handshakes.len() > HANDSHAKES
            && let Some((_, oldest)) = handshakes.pop_front()
        {
            oldest.cancel();
        }
        token
    }

    async fn connection(
        self: Arc<Self>,
        acceptor: TlsAcceptor,
        stream: TcpStream,
        number: u64,
        turn: CancellationToken,
    ) {
        let greeted = turn.run_until_cancelled(timeout(HANDSHAKE, greet(acceptor, stream))).await;
        lock(&self.handshakes).retain(|(other, _)| *other != number);
        // A stranger, or a front that gave up: it is closed without a word.
        let Some(Ok(Ok((io, hello)))) = greeted else { return };
        let Some(front) = self.front_of(&io) else { return };
        match hello {
            FirstFrame::Control => self.control(front, io).await,
            FirstFrame::Seat { link } => self.seat(front.0, link, io).await,
        }
    }

    /// Returns who has connected, and what it is called.
    fn front_of(&self, io: &TlsStream<TcpStream>) -> Option<(NodeKey, String)> {
        let (_, session) = io.get_ref();
        let presented = session.peer_certificates()?.first()?;
        self.known.find(presented.as_ref())
    }

    async fn control(&self, (front, called): (NodeKey, String), io: TlsStream<TcpStream>) {
        let Ok(name) = getrandom::u64() else { return };
        let link = ControlLink::new(name, front);
        {
            let mut links = lock(&self.links);
            // A front has one: an older one is of a process that has ended, or has lost its way
            // here.
            links.values().filter(|other| other.front == front).for_each(|other| other.over.cancel());
            links.insert(name, Arc::clone(&link));
        }
        tracing::info!(target: LOG, front = called, "a front has connected");
        link.serve(io, self.standing.clone(), &self.cancel).await;
        lock(&self.links).remove(&name);
        link.over.cancel();
        tracing::info!(target: LOG, front = called, "a front is gone, and the sessions that it holds");
    }

    async fn seat(&self, front: NodeKey, link: u64, io: TlsStream<TcpStream>) {
        let link = lock(&self.links).get(&link).filter(|link| link.front == front).cloned();
        let Some(link) = link else { return };
        let seat = IncomingSeat(Box::new(CircuitStream::new(io, &link.over)));
        // Where nobody takes it in time, the front tries again.
        let _ = timeout(HANDSHAKE, self.seats.send(seat)).await;
    }
}

/// Does what every connection begins with.
async fn greet(acceptor: TlsAcceptor, stream: TcpStream) -> io::Result<(TlsStream<TcpStream>, FirstFrame)> {
    let mut io = acceptor.accept(stream).await?;
    let hello = FirstFrame::read(&mut io).await?;
    Ok((io, hello))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
