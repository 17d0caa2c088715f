//! Where connections go: they are served here, or passed on to the hub; on a machine of a cluster
//! the one or the other, by what it is at the moment.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::BACKLOG;
use super::serving;
use crate::cluster::lead::ClusterNode;
use crate::config::Config;
use crate::conn::Server;
use crate::transport::Incoming;
use crate::transport::link::front::{self, Front};
use crate::transport::link::hub::{BoundHub, LinkError};
use crate::transport::link::{self, KnownMachines, LinkKey, TermWatch};

/// Where listeners hand on what they accept.
pub(super) struct Doors {
    /// What this machine's own listeners accept.
    pub(super) own: mpsc::Sender<Incoming>,
    /// What comes over the link, if it listens for it. It is served here, and never passed on
    /// again.
    pub(super) link: Option<LinkDoor>,
}

/// The listener for the link, before it listens.
pub(super) struct LinkDoor {
    address: SocketAddr,
    key: Arc<LinkKey>,
    known: KnownMachines,
    /// What fronts are told that this machine is, where it is one of a cluster.
    standing: Option<TermWatch>,
    /// Who tells the other machines of the cluster where it listens, if they are to connect here.
    teller: Option<Arc<ClusterNode>>,
    pub(super) incoming: mpsc::Sender<Incoming>,
}

/// What becomes of what was accepted.
pub(super) enum Passage {
    /// It is served here.
    Serve(mpsc::Receiver<Incoming>),
    /// It is passed on to the hub.
    PassOn(mpsc::Receiver<Incoming>, Box<Front>),
    /// It is served while this machine is the active one, and else passed on to the one that is.
    ByTurns {
        own: mpsc::Receiver<Incoming>,
        served: (mpsc::Sender<Incoming>, mpsc::Receiver<Incoming>),
        front: Box<Front>,
        standing: TermWatch,
    },
}

/// Decides where connections go.
///
/// # Errors
/// If this machine's key for the link cannot be used.
pub(super) fn open(config: &Config, machine: Option<&Arc<ClusterNode>>) -> anyhow::Result<(Doors, Passage)> {
    let unusable = "the key of the link cannot be used";
    let (own, accepted) = mpsc::channel(BACKLOG);
    if let Some(front) = &config.front {
        let key = Arc::new(LinkKey::open(&config.state_dir)?);
        let hubs = watch::channel(front.hubs.clone()).1;
        let front = Front::new(key, hubs, None).context(unusable)?;
        return Ok((Doors { own, link: None }, Passage::PassOn(accepted, Box::new(front))));
    }
    let known = config.hub.as_ref().map_or_else(KnownMachines::default, |hub| KnownMachines::these(&hub.fronts));
    let listen = config.cluster.as_ref().and_then(|cluster| cluster.link);
    if let (Some(address), Some(machine)) = (listen, machine) {
        let key = Arc::new(LinkKey::open(&config.state_dir)?);
        let front = Front::new(Arc::clone(&key), machine.link_machines(), Some(machine.term())).context(unusable)?;
        let served = mpsc::channel(BACKLOG);
        let known = known.with_cluster(machine.link_machines());
        let link = LinkDoor {
            address,
            key,
            known,
            standing: Some(machine.term()),
            teller: Some(Arc::clone(machine)),
            incoming: served.0.clone(),
        };
        let passage = Passage::ByTurns { own: accepted, served, front: Box::new(front), standing: machine.term() };
        return Ok((Doors { own, link: Some(link) }, passage));
    }
    let link = match &config.hub {
        Some(hub) => {
            let key = Arc::new(LinkKey::open(&config.state_dir)?);
            let standing = machine.map(|machine| machine.term());
            Some(LinkDoor { address: hub.listen, key, known, standing, teller: None, incoming: own.clone() })
        }
        None => None,
    };
    Ok((Doors { own, link }, Passage::Serve(accepted)))
}

impl LinkDoor {
    /// Listens for the link, and tells the other machines where. The second value is what this
    /// machine says that it is.
    ///
    /// # Errors
    /// [`LinkError`], which names the setting.
    pub(super) async fn bind(&self) -> Result<(BoundHub, Option<TermWatch>), LinkError> {
        let bound = link::hub::bind(self.address, &self.key, self.known.clone()).await?;
        if let Some(teller) = &self.teller {
            teller.listens(bound.address, self.key.public());
        }
        Ok((bound, self.standing.clone()))
    }
}

impl Passage {
    /// Returns whether the active machine is reached while this one stands by, and will be; `None`:
    /// there is no such thing here.
    pub(super) fn reached(&self) -> Option<watch::Receiver<bool>> {
        match self {
            Self::ByTurns { front, .. } => Some(front.reached()),
            Self::Serve(_) | Self::PassOn(..) => None,
        }
    }

    /// Does that, in a task that returns when all has ended after `stop`.
    pub(super) fn run(self, servers: watch::Receiver<Arc<Server>>, stop: CancellationToken) -> JoinHandle<()> {
        match self {
            Self::Serve(accepted) => tokio::spawn(serving::serve(servers, accepted, stop)),
            Self::PassOn(accepted, front) => tokio::spawn(front::run(*front, accepted, stop)),
            Self::ByTurns { own, served: (serve, served), front, standing } => tokio::spawn(async move {
                let (pass_on, passed_on) = mpsc::channel(BACKLOG);
                tokio::join!(
                    serving::serve(servers, served, stop.clone()),
                    front::run(*front, passed_on, stop),
                    divide(own, standing, serve, pass_on),
                );
            }),
        }
    }
}

/// Hands each connection to the one or to the other, by whether this machine is the active one.
async fn divide(
    mut own: mpsc::Receiver<Incoming>,
    standing: TermWatch,
    serve: mpsc::Sender<Incoming>,
    pass_on: mpsc::Sender<Incoming>,
) {
    while let Some(incoming) = own.recv().await {
        let is_active = *standing.borrow() != 0;
        let to = if is_active { &serve } else { &pass_on };
        // When the server ends, nobody takes any more.
        let _ = to.send(incoming).await;
    }
}
