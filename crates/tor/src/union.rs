//! One onion service on several nodes at once: the union of their introduction points in one
//! descriptor, as Onionbalance does for C tor.
//!
//! All nodes have the service's key, and each one's Arti publishes a descriptor of its own: with
//! its own introduction points alone. That is harmless, since that node is alive; but clients
//! would come to it alone. So one of the nodes, the publisher, puts together the points that all
//! of them announce, and publishes them all.
//!
//! A node finds its own points where its Arti keeps them. The publisher looks what the directories
//! have, and publishes when that is not the union: when a node says something new, and from time to
//! time. Who is the publisher, and how nodes announce their points, is the caller's matter.
//!
//! Of a restricted service, the nodes read the descriptor by the key that follows from the
//! service's own ([`DiscoverySecret::of_service`]).
//!
//! Proof of work has seeds of each process, so the descriptor offers none.

mod descriptor;
mod directories;
mod own;
mod points;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};
use tor_hscrypto::pk::{HsClientDescEncKeypair, HsIdKeypair};

use super::{Client, DiscoveryKey, DiscoverySecret, Keystore, KeystoreError};
use descriptor::HeldDescriptor;
use ephemeral_core::backoff::random_fraction;
use points::union;
pub use points::{NodePoints, NotPoints};

/// The target of every log line of the union.
const LOG: &str = "ephemeral::union";
/// Introduction points in one descriptor, at most (rend-spec-v3, section 2.5.2.2).
const MOST: usize = 20;
/// A directory keeps the descriptor with the highest revision, which counts seconds: the next one
/// has to wait for the next second.
const SECOND: Duration = Duration::from_millis(1100);
/// How often the publisher looks what the directories have although nobody has said anything new.
/// Each look costs others something, and shows them a habit.
const LOOK: Duration = Duration::from_secs(60);
/// How often a node looks for its own points, in files of its own.
const LOOK_FOR_OWN: Duration = Duration::from_secs(5);
/// Until something that failed is tried again.
const AGAIN: Duration = Duration::from_secs(2);
/// Between two publications, at least.
const REST: Duration = Duration::from_secs(5);

/// The last state that the publisher has seen to be published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublishedUnion {
    /// Nodes whose points are in it.
    pub nodes: usize,
    /// Introduction points.
    pub points: usize,
}

/// The channels into a union and out of it.
#[derive(Clone)]
pub struct UnionPorts {
    /// What every live node has announced, this one included. It is marked as changed, too, when
    /// one of them has published a descriptor of its own.
    pub nodes: watch::Receiver<Vec<NodePoints>>,
    /// Where this node's own points are announced.
    pub own: watch::Sender<NodePoints>,
    /// Whether this node is the publisher.
    pub publishes: watch::Receiver<bool>,
    /// Which clients can read the descriptor; `None`: everybody who knows the address.
    pub readers: watch::Receiver<Option<Vec<DiscoveryKey>>>,
    /// What this node has published; `None`: it is not the publisher.
    pub published: watch::Sender<Option<PublishedUnion>>,
}

/// A node's part in the union.
pub struct Union {
    client: Arc<Client>,
    identity: HsIdKeypair,
    /// The key by which the nodes read the descriptor of a restricted service.
    own: DiscoverySecret,
    store: Keystore,
    /// When the service began: what is older is of an earlier one.
    began: SystemTime,
}

/// The readers of a restricted service's descriptor: the nodes, by the first key, and all.
struct Readers {
    own: HsClientDescEncKeypair,
    all: Vec<DiscoveryKey>,
}

/// The publisher's work so far.
#[derive(Default)]
struct Done {
    at: Option<Instant>,
    /// For whom it has published.
    readers: Option<Vec<DiscoveryKey>>,
    /// The union that did not fit into a descriptor, and how many points of it did.
    cut: Option<(NodePoints, usize)>,
}

impl Union {
    /// Makes the union's part of the node whose service has its key in `store`, and is about to
    /// begin.
    ///
    /// # Errors
    /// [`KeystoreError`] if the key cannot be read. `Ok(None)`: there is none yet.
    pub fn new(client: Arc<Client>, store: Keystore) -> Result<Option<Self>, KeystoreError> {
        let Some(key) = store.key()? else { return Ok(None) };
        let Some(identity) = key.to_pair() else { return Ok(None) };
        Ok(Some(Self { client, identity, own: DiscoverySecret::of_service(&key), store, began: SystemTime::now() }))
    }

    /// Finds this node's own points, and publishes those of all nodes while this node is the
    /// publisher. It goes on until it is dropped, or nobody holds the other ends of the ports.
    pub async fn run(&self, mut ports: UnionPorts) {
        let mut done = Done::default();
        let mut due = Instant::now();
        loop {
            if let Err(error) = self.find_own(&ports) {
                tracing::debug!(target: LOG, %error, "the own introduction points are not found");
            }
            due = done.at.map_or(due, |at| due.max(at + REST));
            if Instant::now() >= due {
                let looked = self.look(&mut ports, &mut done).await;
                due = Instant::now() + looked.as_ref().map_or(AGAIN, |_| LOOK.mul_f64(0.75 + random_fraction() / 2.0));
                if let Err(error) = looked {
                    tracing::debug!(target: LOG, %error, "the descriptor is not as it should be");
                }
            }
            let changed = async {
                tokio::select! {
                    changed = ports.nodes.changed() => changed,
                    changed = ports.publishes.changed() => changed,
                    changed = ports.readers.changed() => changed,
                }
            };
            match timeout_at(due.min(Instant::now() + LOOK_FOR_OWN), changed).await {
                Ok(Ok(())) => due = Instant::now(),
                Ok(Err(_)) => return,
                Err(_) => {}
            }
        }
    }

    /// Publishes until what the directories have is without this node's own points, if this node is
    /// the publisher, and others have some. Bound it from outside.
    pub async fn leave(&self, mut ports: UnionPorts) {
        let own = ports.own.borrow().clone();
        let mut done = Done::default();
        while *ports.publishes.borrow() {
            match self.look(&mut ports, &mut done).await {
                Ok(Some(published)) if own.has_one_in(&published) => {}
                Ok(_) => return,
                Err(error) => tracing::debug!(target: LOG, %error, "the descriptor is not as it should be"),
            }
            sleep(SECOND).await;
        }
    }

    /// Returns whether the directories have one of this node's own points, so that clients come to
    /// this node.
    pub async fn has_own(&self, ports: &UnionPorts) -> bool {
        let readers = self.readers(&ports.readers.borrow());
        match directories::fetch(&self.client, &self.identity, readers.as_ref()).await {
            Ok(found) => ports.own.borrow().has_one_in(&found.points),
            Err(error) => {
                tracing::debug!(target: LOG, %error, "the descriptor is not read");
                false
            }
        }
    }

    fn readers(&self, clients: &Option<Vec<DiscoveryKey>>) -> Option<Readers> {
        let clients = clients.as_ref()?;
        let own = HsClientDescEncKeypair::new(self.own.public().arti().clone(), self.own.arti());
        Some(Readers { own, all: clients.iter().cloned().chain([self.own.public()]).collect() })
    }

    fn find_own(&self, ports: &UnionPorts) -> Result<(), UnionError> {
        let own = self.store.own_points(&*directories::network(&self.client)?, self.began)?;
        if !own.is_empty() {
            ports.own.send_if_modified(|announced| {
                let is_new = *announced != own;
                if is_new {
                    announced.clone_from(&own);
                }
                is_new
            });
        }
        Ok(())
    }

    /// Looks what the directories have, and publishes the union if it is something else. Returns
    /// what they have then; `None`: it is not this node's to look.
    async fn look(&self, ports: &mut UnionPorts, done: &mut Done) -> Result<Option<NodePoints>, UnionError> {
        let publishes = *ports.publishes.borrow_and_update();
        let nodes = ports.nodes.borrow_and_update().clone();
        let readers = self.readers(&ports.readers.borrow_and_update());
        let mut wanted = union(&nodes);
        if !publishes || wanted.is_empty() {
            note(ports, None);
            return Ok(None);
        }
        if let Some((whole, fits)) = &done.cut
            && *whole == wanted
        {
            wanted.0.truncate(*fits);
        }
        let held = directories::fetch(&self.client, &self.identity, readers.as_ref()).await?;
        // For whom it is cannot be seen in a descriptor.
        let all = readers.as_ref().map(|readers| readers.all.clone());
        if wanted != held.points || all != done.readers {
            sleep(SECOND).await;
            if !*ports.publishes.borrow() {
                return Ok(None);
            }
            wanted = self.publish(wanted, &held, readers.as_ref(), done).await?;
            done.at = Some(Instant::now());
            done.readers = all;
        }
        let in_it = nodes.iter().filter(|node| node.has_one_in(&wanted)).count();
        note(ports, Some(PublishedUnion { nodes: in_it, points: wanted.len() }));
        Ok(Some(wanted))
    }

    /// Publishes as many of the points as fit into a descriptor, and returns them.
    async fn publish(
        &self,
        mut wanted: NodePoints,
        held: &HeldDescriptor,
        readers: Option<&Readers>,
        done: &mut Done,
    ) -> Result<NodePoints, UnionError> {
        let whole = wanted.clone();
        let outcome = loop {
            match directories::publish(&self.client, &self.identity, &wanted, held, readers).await {
                Err(UnionError::TooLong) if wanted.len() > 1 => {
                    wanted.0.pop();
                    done.cut = Some((whole.clone(), wanted.len()));
                }
                outcome => break outcome?,
            }
        };
        tracing::debug!(target: LOG, points = wanted.len(), taken = outcome.taken, refused = outcome.refused, "published");
        Ok(wanted)
    }
}

/// Says what is published, if that is something else than before.
fn note(ports: &UnionPorts, published: Option<PublishedUnion>) {
    ports.published.send_if_modified(|said| std::mem::replace(said, published) != published);
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
    /// It would be longer than directories take.
    #[error("the descriptor is too long")]
    TooLong,
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
