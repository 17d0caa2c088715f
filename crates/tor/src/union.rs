//! One onion service on several nodes at once: the union of their introduction points in one
//! descriptor, as Onionbalance does for C tor.
//!
//! All nodes have the service's key, and each one's Arti publishes a descriptor of its own: with
//! its own introduction points alone. That is harmless, since that node is alive; but clients
//! would come to it alone. So one of the nodes, the publisher, puts together the points that all
//! of them announce, and publishes them all.
//!
//! A node finds its own points where its Arti keeps them. The publisher looks what the directories
//! have, and publishes when that is not the union. Who is the publisher, and how nodes announce
//! their points, is the caller's matter.
//!
//! Proof of work has seeds of each process, so the descriptor offers none.

mod descriptor;
mod directories;
mod own;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};
use tor_hscrypto::pk::{HsClientDescEncKeypair, HsIdKeypair};
use tor_netdoc::doc::hsdesc::IntroPointDesc;

use super::{Client, DiscoveryKey, DiscoverySecret, Keystore, KeystoreError};
use ephemeral_core::backoff::random_fraction;

/// The target of every log line of the union.
const LOG: &str = "ephemeral::union";
/// Introduction points in one descriptor, at most (rend-spec-v3, section 2.5.2.2).
const MOST: usize = 20;
/// A directory keeps the descriptor with the highest revision, which counts seconds: the next one
/// has to wait for the next second.
const SECOND: Duration = Duration::from_millis(1100);

/// The introduction points of one node.
#[derive(Clone, Default)]
pub struct NodePoints(Vec<IntroPointDesc>);

impl NodePoints {
    /// Returns how many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn names(&self) -> HashSet<PointName> {
        self.0.iter().map(name).collect()
    }
}

impl PartialEq for NodePoints {
    /// Compares by the session keys: each introduction point has its own.
    fn eq(&self, other: &Self) -> bool {
        self.names() == other.names()
    }
}

/// The public session key of an introduction point (`KP_hs_ipt_sid`).
type PointName = [u8; 32];

fn name(point: &IntroPointDesc) -> PointName {
    let key: &tor_llcrypto::pk::ed25519::PublicKey = point.ipt_sid_key().as_ref();
    *key.as_bytes()
}

/// Who can read the descriptor of a restricted service.
#[derive(Clone)]
pub struct UnionReaders {
    own: Arc<HsClientDescEncKeypair>,
    all: Vec<DiscoveryKey>,
}

impl UnionReaders {
    /// Makes them of the key that all nodes read with, and of the clients'. Each node's own
    /// descriptor has to be for the former, too.
    #[must_use]
    pub fn new(own: &DiscoverySecret, clients: &[DiscoveryKey]) -> Self {
        let all = clients.iter().cloned().chain([own.public()]).collect();
        Self { own: Arc::new(HsClientDescEncKeypair::new(own.public().arti().clone(), own.arti())), all }
    }
}

/// What goes in and out of a union.
pub struct UnionPorts {
    /// What every live node has announced, this one included.
    pub nodes: watch::Receiver<Vec<NodePoints>>,
    /// Where this node's own points are announced.
    pub own: watch::Sender<NodePoints>,
    /// Whether this node is the publisher.
    pub publishes: watch::Receiver<bool>,
    /// Who can read the descriptor; `None`: everybody who knows the address.
    pub readers: watch::Receiver<Option<UnionReaders>>,
}

/// One node's part in the union.
pub struct Union {
    client: Arc<Client>,
    identity: HsIdKeypair,
    store: Keystore,
    /// How often the directories are asked.
    look: Duration,
}

impl Union {
    /// How often a node looks what the directories have. Arti publishes when it starts, when an
    /// introduction point is lost, and about hourly.
    pub const LOOK: Duration = Duration::from_secs(10);

    /// Makes the union's part of the node whose service has its key in `store`.
    ///
    /// # Errors
    /// [`KeystoreError`] if the key cannot be read. `Ok(None)`: there is none yet.
    pub fn new(client: Arc<Client>, store: Keystore, look: Duration) -> Result<Option<Self>, KeystoreError> {
        let Some(identity) = store.key()?.as_ref().and_then(super::ServiceKey::to_pair) else { return Ok(None) };
        Ok(Some(Self { client, identity, store, look }))
    }

    /// Finds this node's own points, and publishes those of all nodes while this node is the
    /// publisher. It goes on until it is dropped, or nobody holds the other ends of the ports.
    pub async fn run(self, mut ports: UnionPorts) {
        loop {
            let next = Instant::now() + self.look.mul_f64(0.75 + random_fraction() / 2.0);
            if let Err(error) = self.look(&mut ports).await {
                tracing::debug!(target: LOG, %error, "the descriptor is not looked at");
            }
            let changed = async {
                tokio::select! {
                    changed = ports.nodes.changed() => changed,
                    changed = ports.publishes.changed() => changed,
                    changed = ports.readers.changed() => changed,
                }
            };
            if let Ok(Err(_)) = timeout_at(next, changed).await {
                return;
            }
        }
    }

    async fn look(&self, ports: &mut UnionPorts) -> Result<(), UnionError> {
        let network = directories::network(&self.client)?;
        let own = self.store.own_points(&network)?;
        if !own.is_empty() {
            ports.own.send_if_modified(|announced| {
                let is_new = *announced != own;
                if is_new {
                    announced.clone_from(&own);
                }
                is_new
            });
        }
        let publishes = *ports.publishes.borrow_and_update();
        let wanted = union(&ports.nodes.borrow_and_update());
        let readers = ports.readers.borrow_and_update().clone();
        if !publishes || wanted.is_empty() {
            return Ok(());
        }
        let found = directories::fetch(&self.client, &self.identity, readers.as_ref()).await?;
        if wanted == found.points {
            return Ok(());
        }
        sleep(SECOND).await;
        let outcome = directories::publish(&self.client, &self.identity, &wanted, &found, readers.as_ref()).await?;
        tracing::debug!(target: LOG, points = wanted.len(), taken = outcome.taken, refused = outcome.refused, "published");
        Ok(())
    }
}

/// Puts the points of all nodes together, each node's first ones first where there are too many.
fn union(nodes: &[NodePoints]) -> NodePoints {
    let longest = nodes.iter().map(NodePoints::len).max().unwrap_or_default();
    let in_turns = (0..longest).flat_map(|at| nodes.iter().filter_map(move |node| node.0.get(at)));
    let mut seen = HashSet::new();
    NodePoints(in_turns.filter(|point| seen.insert(name(point))).take(MOST).cloned().collect())
}

/// Why the descriptor was not read or published this time. It is tried again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnionError {
    /// The Tor client is not ready.
    #[error("the Tor client is not ready")]
    NotReady,
    /// No directory has a descriptor that can be read.
    #[error("no directory has the descriptor")]
    NotFound,
    /// It cannot be made.
    #[error("the descriptor cannot be made: {0}")]
    NotMade(&'static str),
    /// No directory took it.
    #[error("no directory took the descriptor")]
    NotTaken,
    /// The key store.
    #[error(transparent)]
    Keystore(#[from] KeystoreError),
}
