//! A front's side of the link: what its listeners accept goes to the hub, byte by byte.
//!
//! The front asks its own admission at the door, as a server does, and holds the slot and the
//! circuit's place by what the hub says of the session. It reads nothing of what it passes on.

mod control;
mod hub_link;
mod hubs;
mod keeping;
mod refusal;

use std::io;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncWriteExt as _, copy, split};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

use self::hub_link::{HubLink, Registered};
use self::hubs::Hubs;
use super::wire::{FirstFrame, StreamHello, WireListener};
use super::{HANDSHAKE, LinkKey, LinkMachine, TermWatch, tls};
use crate::admission::Slot;
use crate::transport::{CircuitHandle, Incoming, Io, Listener, Peer};

/// The ways to the machines that are the hub, or may become it.
pub struct Front {
    key: Arc<LinkKey>,
    machines: watch::Receiver<Vec<LinkMachine>>,
    /// The term in which this machine serves by itself, where it is one of a cluster.
    own: Option<TermWatch>,
    hubs: Arc<Hubs>,
}

impl Front {
    /// Makes the front with this key.
    ///
    /// # Errors
    /// If the key is of no use to TLS.
    pub fn new(
        key: Arc<LinkKey>,
        machines: watch::Receiver<Vec<LinkMachine>>,
        own: Option<TermWatch>,
    ) -> Result<Self, rustls::Error> {
        tls::front(&key, key.public())?;
        Ok(Self { key, machines, own, hubs: Arc::default() })
    }

    /// Returns whether the hub is reached, and will be.
    #[must_use]
    pub fn reached(&self) -> watch::Receiver<bool> {
        self.hubs.reached()
    }
}

/// The way to one machine.
struct Way {
    machine: LinkMachine,
    tls: Arc<ClientConfig>,
}

impl Way {
    /// Connects, and says what the connection is for.
    async fn connect(&self, hello: &FirstFrame) -> io::Result<TlsStream<TcpStream>> {
        let address = self.machine.address;
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::IpAddress(address.ip().into());
        let mut io = TlsConnector::from(Arc::clone(&self.tls)).connect(name, stream).await?;
        hello.write(&mut io).await?;
        Ok(io)
    }
}

/// Passes every connection on to the hub, until `stop`; whom it cannot reach the hub for, it says
/// so.
pub async fn run(front: Front, mut accepted: mpsc::Receiver<Incoming>, stop: CancellationToken) {
    let Front { key, machines, own, hubs } = front;
    let link = hubs.best();
    let mut streams = JoinSet::new();
    let control = keeping::keep(hubs, key, machines, own);
    tokio::pin!(control);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = &mut control => return,
            incoming = accepted.recv() => match incoming {
                Some(incoming) => {
                    let link = link.borrow().clone();
                    streams.spawn(forward(link, incoming));
                }
                None => return,
            },
            Some(_) = streams.join_next() => {}
        }
    }
}

/// Passes one connection on until it ends.
async fn forward(link: Option<Arc<HubLink>>, incoming: Incoming) {
    let Incoming { peer, io, listener, circuit, admitted, permit } = incoming;
    let (connection, slot) = admitted.map_or((None, None), |admitted| (admitted.connection, Some(admitted.slot)));
    let opened = match link {
        Some(link) => open(link, peer, &listener, circuit.clone()).await,
        None => None,
    };
    match opened {
        Some(stream) => stream.pass_on(io, slot, circuit).await,
        None => refusal::no_hub(io, &listener).await,
    }
    drop((connection, permit));
}

/// A stream to the hub, before anything was passed on.
struct Opened {
    hub: TlsStream<TcpStream>,
    link: Arc<HubLink>,
    /// Its entry among those that the hub may say something of.
    _registered: Registered,
    authenticated: oneshot::Receiver<bool>,
}

async fn open(link: Arc<HubLink>, peer: Peer, listener: &Listener, circuit: Option<CircuitHandle>) -> Option<Opened> {
    let (registered, authenticated) = link.register(circuit);
    let hello = StreamHello {
        link: link.name,
        stream: registered.number(),
        peer: peer.into(),
        listener: WireListener::from(listener),
    };
    let hub = timeout(HANDSHAKE, link.way.connect(&FirstFrame::Stream(Box::new(hello)))).await.ok()?.ok()?;
    Some(Opened { hub, link, _registered: registered, authenticated })
}

impl Opened {
    async fn pass_on(self, client: Box<dyn Io>, slot: Option<Slot>, circuit: Option<CircuitHandle>) {
        let Self { hub, link, _registered, authenticated } = self;
        let lost = slot.as_ref().map(Slot::lost);
        let passing = pass(client, hub);
        tokio::pin!(passing);
        // Until the client has authenticated, another one may need its slot.
        let stranger = tokio::select! {
            () = &mut passing => return,
            () = link.over.cancelled() => return,
            () = given_away(lost) => return,
            stranger = authenticated => stranger,
        };
        // The hub is gone: so is the stream.
        let Ok(stranger) = stranger else { return };
        if let Some(slot) = slot {
            slot.authenticated();
        }
        let _place = match &circuit {
            Some(circuit) => match circuit.establish(stranger) {
                Some(place) => Some(place),
                None => return,
            },
            None => None,
        };
        tokio::select! {
            () = passing => {}
            () = link.over.cancelled() => {}
        }
    }
}

async fn given_away(lost: Option<impl Future<Output = ()>>) {
    match lost {
        Some(lost) => lost.await,
        None => std::future::pending().await,
    }
}

/// Passes bytes on in both directions. What the hub says last still reaches the client; after that
/// there is nothing to wait for.
async fn pass(client: Box<dyn Io>, hub: TlsStream<TcpStream>) {
    let (mut from_client, mut to_client) = split(client);
    let (mut from_hub, mut to_hub) = split(hub);
    let up = async {
        let _ = copy(&mut from_client, &mut to_hub).await;
        let _ = to_hub.shutdown().await;
        // The hub ends it, by its own patience.
        std::future::pending::<()>().await;
    };
    let down = async {
        let _ = copy(&mut from_hub, &mut to_client).await;
        let _ = timeout(HANDSHAKE, to_client.shutdown()).await;
    };
    tokio::select! {
        () = up => {}
        () = down => {}
    }
}
