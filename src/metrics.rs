//! Gathers the figures of `status`, `/stats` and `/metrics` when they are asked for. Nothing in
//! them names anybody.
//!
//! [`Stats`] is read by the commands as it is written by the daemon: a key that is misspelt does
//! not compile.

mod onion;
mod process;
mod prometheus;
mod rates;

use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::admission::Admission;
use crate::cluster::ClusterStats;
use crate::cluster::lead::ClusterNode;
use crate::events::{Kind, RecentEvent};
use crate::hub::{Hub, Totals};
use crate::transport::CircuitStats;
use crate::transport::onion_service::OnionStatus;
use ephemeral_core::dead_man;
use ephemeral_core::protocol::{ClockReading, Millis, WallTime};
pub use onion::{Onion, OnionPhase, ProbeStats};
pub use process::Process;
use rates::Rates;
pub use rates::SAMPLE;

/// Security events that are shown.
const RECENT: usize = 50;

/// The parts that have the figures.
pub struct Metrics {
    hub: Arc<Hub>,
    admission: Arc<Admission>,
    bounds: Bounds,
    started: Millis,
    rates: Arc<Mutex<Rates>>,
    onion: Option<(watch::Receiver<OnionStatus>, Arc<CircuitStats>)>,
    dead_man: watch::Receiver<Option<dead_man::DeadManStats>>,
    cluster: Option<Arc<ClusterNode>>,
}

/// The bounds that the figures are to be read against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// Authenticated sessions.
    pub clients: usize,
    /// Connections that have not authenticated.
    pub unauthenticated: usize,
    /// Rendezvous circuits; 0 without an onion service.
    pub circuits: usize,
    /// Bytes of the store.
    pub bytes: usize,
    /// How long a message waits when its sender does not say, in seconds.
    pub ttl_s: u64,
    /// How long one may wait at most, in seconds.
    pub max_ttl_s: u64,
}

/// The figures at one moment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Stats {
    /// The daemon's version.
    pub version: String,
    /// When they were gathered.
    pub timestamp: WallTime,
    /// Since the process began, in seconds.
    pub uptime_s: u64,
    /// Authenticated sessions.
    pub clients: usize,
    /// Those of them whose messages another machine holds.
    #[serde(default)]
    pub clients_elsewhere: usize,
    /// Those of them that are connected to another machine.
    #[serde(default)]
    pub clients_by_others: usize,
    /// Connections that have not authenticated yet.
    pub unauthenticated: usize,
    /// Messages waiting.
    pub pending_messages: usize,
    /// Bytes that they and their bookkeeping count for.
    pub pending_bytes: usize,
    /// Message ids that are remembered, those of waiting messages included.
    pub remembered_ids: usize,
    /// Fingerprints of which something is known.
    pub known_fingerprints: usize,
    /// What became of messages since the process began.
    pub messages: Totals,
    /// The same for the last minute.
    pub last_minute: Totals,
    /// The bounds that the figures are read against.
    pub bounds: Bounds,
    /// What the process uses.
    pub process: Process,
    /// The events that should not happen.
    pub security: Security,
    /// The onion service, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub onion: Option<Onion>,
    /// The dead-man switch, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_man: Option<dead_man::DeadManStats>,
    /// This machine of a cluster, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterStats>,
}

/// The events that should not happen.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Security {
    /// How often, by kind, since the process began.
    pub counts: std::collections::BTreeMap<String, u64>,
    /// Peers and fingerprints that are blocked now.
    pub blocked: usize,
    /// Peers and fingerprints that are remembered for their rate, their strikes or their
    /// connections.
    pub remembered: usize,
    /// The last ones, the most recent first.
    pub recent: Vec<SecurityEvent>,
}

/// An event that should not happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityEvent {
    /// When it happened.
    pub at: WallTime,
    /// What happened, as [`Kind::name`] says it.
    pub kind: String,
    /// Who caused it, by today's pseudonym, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
}

impl SecurityEvent {
    fn new(event: RecentEvent, clocks: &ClockReading) -> Self {
        let RecentEvent { at, kind, who } = event;
        Self { at: clocks.wall_at(at), kind: kind.name().to_owned(), who: who.map(|who| who.to_string()) }
    }
}

impl Metrics {
    /// Makes the metrics. `onion`: where its status and its circuits are read, if there is an onion
    /// service. `dead_man`: where the dead-man switch is read; and this machine of a cluster, if it
    /// is one.
    #[must_use]
    pub fn new(
        hub: Arc<Hub>,
        admission: Arc<Admission>,
        bounds: Bounds,
        onion: Option<(watch::Receiver<OnionStatus>, Arc<CircuitStats>)>,
        (dead_man, cluster): (watch::Receiver<Option<dead_man::DeadManStats>>, Option<Arc<ClusterNode>>),
    ) -> Self {
        let started = hub.now();
        Self { hub, admission, bounds, started, rates: Arc::default(), onion, dead_man, cluster }
    }

    /// Returns the same figures, against other bounds.
    #[must_use]
    pub fn renewed(&self, bounds: Bounds) -> Self {
        let hub = Arc::clone(&self.hub);
        let admission = Arc::clone(&self.admission);
        Self {
            hub,
            admission,
            bounds,
            started: self.started,
            rates: Arc::clone(&self.rates),
            onion: self.onion.clone(),
            dead_man: self.dead_man.clone(),
            cluster: self.cluster.clone(),
        }
    }

    /// Returns the bounds that the figures are read against.
    #[must_use]
    pub const fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// Returns the hub, where messages wait.
    #[must_use]
    pub fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Returns the admission, which keeps the limits.
    #[must_use]
    pub fn admission(&self) -> &Admission {
        &self.admission
    }

    /// Takes a sample for the rates. Call it every [`SAMPLE`].
    pub fn sample(&self) {
        let now = self.hub.now();
        let totals = self.hub.totals();
        self.rates.lock().unwrap_or_else(PoisonError::into_inner).sample(now, totals);
    }

    /// Returns the state of the dead-man switch, if there is one.
    #[must_use]
    pub fn dead_man(&self) -> Option<dead_man::DeadManStats> {
        *self.dead_man.borrow()
    }

    /// Returns the figures now.
    #[must_use]
    pub fn figures(&self) -> Stats {
        let clocks = self.hub.clocks();
        let now = clocks.steady;
        let (_, store) = self.hub.figures();
        let (clients_elsewhere, clients_by_others) = self.hub.elsewhere();
        let events = self.admission.events();
        let messages = self.hub.totals();
        let last_minute = self.rates.lock().unwrap_or_else(PoisonError::into_inner).last_minute(now, &messages);
        Stats {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            timestamp: clocks.wall,
            uptime_s: now.since(self.started) / 1000,
            clients: self.hub.sessions(),
            clients_elsewhere,
            clients_by_others,
            unauthenticated: self.admission.slots().len(),
            pending_messages: store.messages,
            pending_bytes: store.bytes,
            remembered_ids: store.records,
            known_fingerprints: store.accounts,
            messages,
            last_minute,
            bounds: self.bounds,
            process: Process::now(),
            security: Security {
                counts: Kind::ALL.into_iter().map(|kind| (kind.name().to_owned(), events.count(kind))).collect(),
                blocked: self.admission.blocks().len(),
                remembered: self.admission.remembered(),
                recent: events.recent(RECENT).into_iter().map(|event| SecurityEvent::new(event, &clocks)).collect(),
            },
            onion: self.onion.as_ref().map(|(status, circuits)| Onion::new(&status.borrow(), circuits, &clocks)),
            dead_man: self.dead_man(),
            cluster: self.cluster.as_ref().map(|node| node.stats()),
        }
    }

    /// Returns the figures in the text format of Prometheus. `ready`: whether clients can connect.
    #[must_use]
    pub fn prometheus(&self, ready: bool) -> String {
        prometheus::text(&self.figures(), ready)
    }
}
