//! A front's side of the link: keeps a connection to each machine that is the hub or may become it,
//! and opens seats with the one that is.

mod control;
mod hub_link;
mod hubs;
mod keeping;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, SemaphorePermit, watch};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use self::hubs::{BestHub, Hubs};
use super::wire::FirstFrame;
use super::{HANDSHAKE, LinkKey, LinkMachine, TermWatch, tls};
use crate::transport::Io;
use crate::transport::onion_service::stream::CircuitStream;

/// Seats that are opened at once, at most: after a failover all sessions want one.
const AT_ONCE: usize = 32;
/// How long another machine takes, at most, where nothing else is wrong, until it is the hub.
const SOON: Duration = Duration::from_secs(15);

/// The connections to the machines that are the hub, or may become it.
pub struct Front {
    key: Arc<LinkKey>,
    machines: watch::Receiver<Vec<LinkMachine>>,
    /// The term in which this machine serves by itself, where it is one of a cluster.
    own: Option<TermWatch>,
    hubs: Arc<Hubs>,
}

/// The way to the hub, whichever machine that is. Clones are the same one.
#[derive(Clone)]
pub struct HubWay {
    hubs: Arc<Hubs>,
    turns: Arc<Semaphore>,
}

/// The place of the hub.
pub enum HubPlace {
    /// This machine is the hub.
    Here,
    /// The bytes of a seat with another machine. They end when that machine is not the hub any
    /// more.
    There(Box<dyn Io>),
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

    /// Returns the way to the hub.
    #[must_use]
    pub fn way(&self) -> HubWay {
        HubWay { hubs: Arc::clone(&self.hubs), turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// Keeps the connections, for ever.
    pub async fn run(self) {
        let Self { key, machines, own, hubs } = self;
        keeping::keep(hubs, key, machines, own).await;
    }
}

impl HubWay {
    /// Returns whether the hub is reached now, or is this machine.
    #[must_use]
    pub fn is_there(&self) -> bool {
        !matches!(*self.hubs.best().borrow(), BestHub::None)
    }

    /// Returns whether the hub is reached, or was lost so lately that the next one may well come
    /// while somebody begins a session.
    #[must_use]
    pub fn is_expected(&self) -> bool {
        self.is_there() || self.hubs.missed_for().is_some_and(|missed| missed < SOON)
    }

    /// Waits until there is a hub, and for a turn among the sessions that want a seat there. Then
    /// opens one.
    ///
    /// # Errors
    /// If that machine does not answer, or not in time.
    pub async fn open(&self) -> io::Result<(HubPlace, Option<SemaphorePermit<'_>>)> {
        let mut best = self.hubs.best();
        let is_there = best.wait_for(|best| !matches!(best, BestHub::None)).await.map(|_| ());
        is_there.map_err(|_| io::Error::other("the link has ended"))?;
        let turn = self.turns.acquire().await.ok();
        let now = best.borrow().clone();
        let link = match now {
            BestHub::None => return Err(io::ErrorKind::NotConnected.into()),
            BestHub::Here => return Ok((HubPlace::Here, turn)),
            BestHub::There(link) => link,
        };
        let hello = FirstFrame::Seat { link: link.name };
        let io = timeout(HANDSHAKE, link.way.connect(&hello)).await??;
        Ok((HubPlace::There(Box::new(CircuitStream::new(io, &link.over))), turn))
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
        io.flush().await?;
        Ok(io)
    }
}
