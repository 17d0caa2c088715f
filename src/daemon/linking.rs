//! The link to other machines: where it is listened for, and the way to the hub of another one.

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
use crate::transport::link::front::{Front, HubWay};
use crate::transport::link::hub::{BoundHub, IncomingSeat, LinkError};
use crate::transport::link::{self, KnownMachines, LinkKey, TermWatch};

/// The senders by which listeners hand on what they accept.
pub(super) struct Doors {
    /// What this machine's own listeners accept.
    pub(super) own: mpsc::Sender<Incoming>,
    /// What comes over the link, if it listens for it.
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
    pub(super) seats: mpsc::Sender<IncomingSeat>,
}

/// The receivers of what comes through the doors.
pub(super) struct Intake {
    own: mpsc::Receiver<Incoming>,
    seats: mpsc::Receiver<IncomingSeat>,
    /// The connections to other machines, one of which may be the hub.
    front: Option<Front>,
}

/// Decides where connections come from, and whether there may be a hub elsewhere.
///
/// # Errors
/// If this machine's key for the link cannot be used.
pub(super) fn open(config: &Config, machine: Option<&Arc<ClusterNode>>) -> anyhow::Result<(Doors, Intake)> {
    let unusable = "the key of the link cannot be used";
    let (own, accepted) = mpsc::channel(BACKLOG);
    let (seats, taken) = mpsc::channel(BACKLOG);
    let with = |link, front| (Doors { own, link }, Intake { own: accepted, seats: taken, front });
    if let Some(front) = &config.front {
        let key = Arc::new(LinkKey::open(&config.state_dir)?);
        let hubs = watch::channel(front.hubs.clone()).1;
        let front = Front::new(key, hubs, None).context(unusable)?;
        return Ok(with(None, Some(front)));
    }
    let known = config.hub.as_ref().map_or_else(KnownMachines::default, |hub| KnownMachines::these(&hub.fronts));
    let standing = machine.map(|machine| machine.term());
    let listen = config.cluster.as_ref().and_then(|cluster| cluster.link);
    if let (Some(address), Some(machine)) = (listen, machine) {
        let key = Arc::new(LinkKey::open(&config.state_dir)?);
        let front = Front::new(Arc::clone(&key), machine.link_machines(), Some(machine.term())).context(unusable)?;
        let known = known.with_cluster(machine.link_machines());
        let link = LinkDoor { address, key, known, standing, teller: Some(Arc::clone(machine)), seats };
        return Ok(with(Some(link), Some(front)));
    }
    let link = match &config.hub {
        Some(hub) => {
            let key = Arc::new(LinkKey::open(&config.state_dir)?);
            Some(LinkDoor { address: hub.listen, key, known, standing, teller: None, seats })
        }
        None => None,
    };
    Ok(with(link, None))
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

impl Intake {
    /// Returns whether the hub of another machine is reached, and will be; `None`: there is no such
    /// thing here.
    pub(super) fn reached(&self) -> Option<watch::Receiver<bool>> {
        self.front.as_ref().map(Front::reached)
    }

    /// Returns the way to the hub of another machine, if there may be one.
    pub(super) fn way(&self) -> Option<HubWay> {
        self.front.as_ref().map(Front::way)
    }

    /// Serves all of it, in a task that returns when all has ended after `stop`.
    pub(super) fn serve(self, servers: watch::Receiver<Arc<Server>>, stop: CancellationToken) -> JoinHandle<()> {
        let Self { own, seats, front } = self;
        tokio::spawn(async move {
            let serving = serving::serve(servers, own, seats, stop);
            match front {
                Some(front) => tokio::select! {
                    () = serving => {}
                    () = front.run() => {}
                },
                None => serving.await,
            }
        })
    }
}
