//! One `.onion` for all machines of a cluster: what this machine's onion service is goes to the
//! others, and what they are goes into the descriptor.

mod kinship;

use std::collections::BTreeMap;
use std::sync::Arc;

use data_encoding::BASE64;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::cluster::lead::ClusterNode;
use crate::cluster::presence::{LiveMachine, OnionPart, PublishedPart};
use crate::transport::onion_service::clients::MAX_CLIENTS;
use crate::transport::onion_service::{OnionStatus, PROOF_OF_WORK, Phase, Reason, UnionSeat};
use ephemeral_core::protocol::Millis;
use ephemeral_tor::{DiscoveryKey, NodePoints, PublishedUnion, UnionPorts, address_digest};
use kinship::Kinship;

/// Goes between the cluster and the onion service.
pub(super) struct AddressSharing {
    machine: Arc<ClusterNode>,
    restricted: bool,
    hears: Hears,
    nodes: watch::Sender<Vec<NodePoints>>,
    publishes: watch::Sender<bool>,
    readers: watch::Sender<Option<Vec<DiscoveryKey>>>,
    /// How often this machine's Tor client has published, and when it did last.
    uploads: (u64, Option<Millis>),
    /// How often all of them had, when the descriptor was looked at last.
    all_uploads: u64,
    kinship: Kinship,
}

/// The values whose change may matter.
struct Hears {
    status: watch::Receiver<OnionStatus>,
    own: watch::Receiver<NodePoints>,
    clients: watch::Receiver<Option<Vec<DiscoveryKey>>>,
    published: watch::Receiver<Option<PublishedUnion>>,
    others: watch::Receiver<Option<Vec<LiveMachine>>>,
    lease: watch::Receiver<Option<u64>>,
    withdrawn: watch::Receiver<bool>,
}

impl Hears {
    async fn changed(&mut self) -> Result<(), watch::error::RecvError> {
        tokio::select! {
            changed = self.status.changed() => changed,
            changed = self.own.changed() => changed,
            changed = self.clients.changed() => changed,
            changed = self.published.changed() => changed,
            changed = self.others.changed() => changed,
            changed = self.lease.changed() => changed,
            changed = self.withdrawn.changed() => changed,
        }
    }

    /// Takes everything for seen that has changed until now.
    fn seen(&mut self) {
        let Self { status, own, clients, published, others, lease, withdrawn } = self;
        status.mark_unchanged();
        own.mark_unchanged();
        clients.mark_unchanged();
        published.mark_unchanged();
        others.mark_unchanged();
        lease.mark_unchanged();
        withdrawn.mark_unchanged();
    }
}

impl AddressSharing {
    /// Makes it, and the place that the onion service takes. `restricted`: whether only clients who
    /// were added can find it.
    pub(super) fn new(
        machine: Arc<ClusterNode>,
        status: watch::Receiver<OnionStatus>,
        restricted: bool,
    ) -> (Self, UnionSeat) {
        let nodes = watch::Sender::default();
        let publishes = watch::Sender::new(false);
        let readers = watch::Sender::new(restricted.then(Vec::new));
        let own = watch::Sender::default();
        let clients = watch::Sender::new(None);
        let published = watch::Sender::new(None);
        let hears = Hears {
            status,
            own: own.subscribe(),
            clients: clients.subscribe(),
            published: published.subscribe(),
            others: machine.others(),
            lease: machine.lease(),
            withdrawn: machine.withdrawn(),
        };
        let ports = UnionPorts {
            nodes: nodes.subscribe(),
            own,
            publishes: publishes.subscribe(),
            readers: readers.subscribe(),
            published,
        };
        let uploads = (0, None);
        let kinship = Kinship::default();
        let sharing = Self { machine, restricted, hears, nodes, publishes, readers, uploads, all_uploads: 0, kinship };
        (sharing, UnionSeat { ports, clients })
    }

    /// Passes messages between them until `stop`.
    ///
    /// # Errors
    /// If this machine's service is another one than that of the active machine.
    pub(super) async fn run(mut self, stop: CancellationToken) -> anyhow::Result<()> {
        if PROOF_OF_WORK {
            tracing::info!(
                "proof of work is off: each machine of a cluster would ask for another one, and a client can do one only"
            );
        }
        loop {
            self.turn()?;
            let changed = tokio::select! {
                changed = self.hears.changed() => changed,
                () = stop.cancelled() => break,
            };
            if changed.is_err() {
                // The onion service has ended, and its own task says why.
                stop.cancelled().await;
                break;
            }
        }
        // Clients come here no more, and what is published is to say so.
        self.machine.withdraw(true);
        self.turn()
    }

    /// Hands on how everything is now.
    fn turn(&mut self) -> anyhow::Result<()> {
        self.hears.seen();
        let Some(own) = self.own_part() else { return Ok(()) };
        self.machine.say(own.clone());
        let leads = self.hears.lease.borrow().is_some();
        let others = self.hears.others.borrow().clone();
        self.publishes.send_if_modified(|publishes| {
            let now = leads && others.is_some();
            std::mem::replace(publishes, now) != now
        });
        let kin = self.kinship.of(&own, others.unwrap_or_default(), leads)?;
        let parts = || kin.iter().map(|machine| &machine.onion).chain([&own]);
        let nodes: Vec<_> = parts().filter_map(points).collect();
        let all_uploads = parts().map(|part| part.uploads).sum();
        let is_new = all_uploads != self.all_uploads || *self.nodes.borrow() != nodes;
        self.all_uploads = all_uploads;
        if is_new {
            self.nodes.send_replace(nodes);
        }
        let readers = self.restricted.then(|| readers(parts()));
        self.readers.send_if_modified(|before| {
            let is_new = *before != readers;
            *before = readers;
            is_new
        });
        Ok(())
    }

    /// Returns what this machine says of its onion service; `None`: it has not begun.
    fn own_part(&mut self) -> Option<OnionPart> {
        let status = self.hears.status.borrow();
        let service = address_digest(status.address.as_deref()?);
        if status.published != self.uploads.1 {
            self.uploads = (self.uploads.0 + 1, status.published);
        }
        let is_found = !*self.hears.withdrawn.borrow() && can_be_reached(status.phase);
        let own = self.hears.own.borrow();
        let clients = self.hears.clients.borrow();
        let published = *self.hears.published.borrow();
        Some(OnionPart {
            service,
            restricted: self.restricted,
            points: if is_found { BASE64.encode(&own.to_bytes()) } else { String::new() },
            clients: clients.iter().flatten().map(ToString::to_string).collect(),
            uploads: self.uploads.0,
            published: published.map(|PublishedUnion { nodes, points }| PublishedPart { machines: nodes, points }),
        })
    }
}

/// Returns whether clients who come to this machine's introduction points can get further.
fn can_be_reached(phase: Phase) -> bool {
    match phase {
        // Whether its own descriptor was taken does not matter: the directories refuse it where the
        // one of all machines is newer.
        Phase::Starting | Phase::Reachable | Phase::Degraded(Reason::Elsewhere) => true,
        Phase::Degraded(_) => false,
    }
}

/// Returns where a machine can be reached; `None`: nowhere.
fn points(part: &OnionPart) -> Option<NodePoints> {
    let bytes = BASE64.decode(part.points.as_bytes()).ok()?;
    NodePoints::from_bytes(&bytes).ok().filter(|points| !points.is_empty())
}

/// Returns the clients of all machines, each once.
fn readers<'parts>(parts: impl Iterator<Item = &'parts OnionPart>) -> Vec<DiscoveryKey> {
    let clients = parts.flat_map(|part| &part.clients);
    let keys: BTreeMap<_, DiscoveryKey> = clients.filter_map(|key| Some((key, key.parse().ok()?))).collect();
    keys.into_values().take(MAX_CLIENTS).collect()
}

#[cfg(test)]
mod tests;
