//! One connection: HTTP/1 with timeouts and limits, then an upgrade to a session.

mod requests;
mod stall;

use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::admission::{Admission, Admitted, PeerConnection, Refused, Slot};
use crate::cluster::lead::ClusterNode;
use crate::events::{Events, Kind};
use crate::http;
use crate::hub::Hub;
use crate::metrics::{self, Metrics};
use crate::pump::{self, NodesWatch, Upgraded};
use crate::transport::link::front::HubWay;
use crate::transport::link::hub::IncomingSeat;
use crate::transport::onion_service::OnionStatus;
use crate::transport::{CircuitHandle, CircuitStats, Incoming, Io, Listener, Peer};
use ephemeral_core::dead_man::DeadManStats;
use ephemeral_core::limits;
use ephemeral_core::session;
pub use requests::requests;

/// The bounds of connections. Each is serialized under its name in the configuration file,
/// `table.key`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Config {
    /// Connections that have not authenticated yet, in all.
    #[serde(rename = "limits.unauthenticated")]
    pub unauthenticated: usize,
    /// Authenticated sessions.
    #[serde(rename = "limits.sessions")]
    pub sessions: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { unauthenticated: 256, sessions: 10_000 }
    }
}

/// The parts that every connection needs.
pub struct Server {
    /// What every session needs.
    pub sessions: Arc<pump::SessionContext>,
    /// Who may come in.
    pub admission: Arc<Admission>,
    /// Where figures come from.
    pub metrics: Metrics,
    /// Whether the service is ready.
    pub health: watch::Receiver<http::Health>,
    /// The notices of this server's moves (`GET /moved`), if there are any.
    pub moved: Option<Bytes>,
}

/// The parts that a [`Server`] is made of.
pub struct Setup {
    /// Where messages wait.
    pub hub: Arc<Hub>,
    /// What holds for every session.
    pub rules: session::Config,
    /// How long one waits for its peer.
    pub timing: pump::Config,
    /// What each peer may do.
    pub policy: limits::Config,
    /// How many connections there may be.
    pub limits: Config,
    /// The onion service's status and circuits, if there is one, and how many circuits there may
    /// be.
    pub onion: Option<(watch::Receiver<OnionStatus>, Arc<CircuitStats>, usize)>,
    /// Whether the service is ready.
    pub health: watch::Receiver<http::Health>,
    /// The notices of this server's moves, if there are any.
    pub moved: Option<Bytes>,
    /// The signed list of the service's nodes, if there is one.
    pub nodes: NodesWatch,
    /// The way to the hub of another machine, if there may be one.
    pub way: Option<HubWay>,
    /// How the dead-man switch stands, if there is one.
    pub dead_man: watch::Receiver<Option<DeadManStats>>,
    /// This machine of a cluster, if it is one.
    pub cluster: Option<Arc<ClusterNode>>,
}

impl Server {
    /// Makes a server to which nobody has connected yet.
    ///
    /// # Errors
    /// If the operating system has no random numbers.
    pub fn new(setup: Setup) -> Result<Arc<Self>, getrandom::Error> {
        let Setup { hub, rules, timing, policy, limits, onion, health, moved, nodes, way, dead_man, cluster } = setup;
        let circuits = onion.as_ref().map_or(0, |(_, _, circuits)| *circuits);
        let bounds = bounds(&hub, limits, &rules, circuits);
        let events = Arc::new(Events::new(hub.now())?);
        let admission = Admission::new(policy, limits.unauthenticated, Arc::clone(&hub), events);
        let onion = onion.map(|(status, circuits, _)| (status, circuits));
        let metrics = Metrics::new(Arc::clone(&hub), Arc::clone(&admission), bounds, onion, (dead_man, cluster));
        let drain = CancellationToken::new();
        let sessions = Arc::new(pump::SessionContext { hub, rules, timing, drain, nodes, way });
        Ok(Arc::new(Self { sessions, admission, metrics, health, moved }))
    }

    /// Erases everything that waits, and ends every session; it goes on with a new epoch. It is
    /// noted.
    ///
    /// # Errors
    /// If the operating system has no random numbers. What waited is erased nevertheless.
    pub fn wipe(&self) -> Result<(), getrandom::Error> {
        let wiped = self.sessions.hub.wipe();
        self.admission.note_nobody(Kind::Wiped);
        wiped
    }

    /// Returns the same server with other rules, for connections that come from now on; those that
    /// are here keep the ones that they were told.
    #[must_use]
    pub fn renewed(&self, rules: session::Config, timing: pump::Config, limits: Config) -> Arc<Self> {
        let hub = Arc::clone(&self.sessions.hub);
        let drain = self.sessions.drain.clone();
        let metrics = self.metrics.renewed(bounds(&hub, limits, &rules, self.metrics.bounds().circuits));
        let admission = Arc::clone(&self.admission);
        let nodes = self.sessions.nodes.clone();
        let way = self.sessions.way.clone();
        let sessions = Arc::new(pump::SessionContext { hub, rules, timing, drain, nodes, way });
        let health = self.health.clone();
        let moved = self.moved.clone();
        Arc::new(Self { sessions, admission, metrics, health, moved })
    }
}

/// Serves a session whose client is connected to another machine.
pub fn host(server: &Server, seat: IncomingSeat) -> impl Future<Output = ()> + Send + use<> {
    pump::host(Arc::clone(&server.sessions), Arc::clone(&server.admission), seat.0)
}

fn bounds(hub: &Hub, limits: Config, rules: &session::Config, circuits: usize) -> metrics::Bounds {
    metrics::Bounds {
        clients: limits.sessions,
        unauthenticated: limits.unauthenticated,
        circuits,
        bytes: hub.bounds().total_bytes,
        ttl_s: rules.default_ttl_s,
        max_ttl_s: rules.max_ttl_s,
    }
}

/// Serves one connection to its end. Its slot is free again once the peer has authenticated; when
/// it is lost before, the connection ends.
///
/// The future holds next to nothing by itself, and an idle session nothing of what the request
/// needed: each phase is in a box of its own.
pub fn serve(server: Arc<Server>, incoming: Incoming) -> impl Future<Output = ()> + Send {
    let Incoming { peer, io, listener, circuit, admitted, permit } = incoming;
    let sessions = Arc::clone(&server.sessions);
    let admission = Arc::clone(&server.admission);
    // A circuit that is blocked is closed with all of its streams, and nothing more comes of it.
    let closing = circuit.clone().map(|circuit| CloseIfBlocked { admission, peer, circuit });
    let admitted = admitted.map_or_else(|| admit(&server, peer, &listener), Ok);
    let requested = admitted
        .ok()
        .map(|Admitted { connection, slot }| Box::pin(unless_lost(server, peer, io, listener, connection, slot)));
    async move {
        let _until_the_end = (permit, closing);
        let Some(requested) = requested else { return };
        if let Some(upgraded) = requested.await {
            Box::pin(pump::run(sessions, upgraded, circuit)).await;
        }
    }
}

/// Answers the requests of a connection, as [`requests`] does, until it loses its slot.
async fn unless_lost(
    server: Arc<Server>,
    peer: Peer,
    io: Box<dyn Io>,
    listener: Arc<Listener>,
    connection: Option<PeerConnection>,
    slot: Slot,
) -> Option<Box<Upgraded>> {
    let lost = slot.lost();
    tokio::select! {
        upgraded = requests(server, peer, io, listener, connection, slot) => upgraded.map(Box::new),
        () = lost => None,
    }
}

/// Asks at the door for a transport that has not.
fn admit(server: &Server, peer: Peer, listener: &Listener) -> Result<Admitted, Refused> {
    if is_proxy(peer, listener) {
        return server.admission.admit_proxy(peer);
    }
    server.admission.admit(peer, false)
}

fn is_proxy(peer: Peer, listener: &Listener) -> bool {
    matches!(peer, Peer::Address(address) if listener.is_trusted_proxy(address))
}

/// Closes a circuit, when one of its connections ends, if it is blocked and carries no session.
struct CloseIfBlocked {
    admission: Arc<Admission>,
    peer: Peer,
    circuit: CircuitHandle,
}

impl Drop for CloseIfBlocked {
    fn drop(&mut self) {
        if self.admission.is_over(self.peer) {
            self.circuit.close();
            self.admission.retire(self.peer);
        }
    }
}
