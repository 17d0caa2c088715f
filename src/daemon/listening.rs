//! Opens every listener: the onion service, TCP, the admin socket, the one for Prometheus.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::announce;
use super::linking::Doors;
use super::sharing::AddressSharing;
use crate::admin::{Plane, scrape, socket};
use crate::admission::Admission;
use crate::clock::Clock;
use crate::cluster::lead::ClusterNode;
use crate::config::Config;
use crate::events::Kind;
use crate::http::Health;
use crate::transport::onion_service::{OnionStatus, Phase};
use crate::transport::{CircuitRefused, CircuitStats, Incoming, OnRefusal, clearnet, link, onion_service};

/// The listeners that connections come through.
pub(super) struct Listening {
    /// Whatever of these ends before it is told to, ends the daemon.
    pub(super) tasks: JoinSet<anyhow::Result<()>>,
    /// Where the TCP listener is changed, if there is one.
    pub(super) clearnet: Option<clearnet::Control>,
}

/// The reports of the onion service, and where they go.
pub(super) struct OnionReports {
    pub(super) status: watch::Sender<OnionStatus>,
    pub(super) circuits: Arc<CircuitStats>,
    pub(super) health: watch::Sender<Health>,
    /// This machine, where several have the address.
    pub(super) machine: Option<Arc<ClusterNode>>,
}

impl Listening {
    /// Begins to listen, until `stop`. Connections go to the `doors`.
    ///
    /// # Errors
    /// If an address or the admin socket cannot be had.
    pub(super) async fn open(
        config: &Config,
        doors: Doors,
        watched: OnionReports,
        plane: &Arc<Plane>,
        stop: &CancellationToken,
    ) -> anyhow::Result<Self> {
        let Doors { own: incoming, link } = doors;
        let mut tasks = JoinSet::new();
        let admission = Arc::clone(&plane.server().admission);
        let bound = bind_clearnet(config).await?;
        let clearnet =
            bound.as_ref().map(|bound| announce::ClearnetAddress { address: bound.address, tls: bound.tls.is_some() });
        let mut listens = announce::Listens { clearnet, metrics: None, hub: None };
        let control = bound.as_ref().map(|bound| bound.control.clone());
        if let Some(bound) = bound {
            let incoming = incoming.clone();
            let admission = Arc::clone(&admission);
            let stop = stop.clone();
            tasks.spawn(async move {
                clearnet::run(bound, incoming, admission, stop).await;
                Ok(())
            });
        }
        let admin = socket::bind(&config.admin_socket)?;
        let answering = Arc::clone(plane);
        let until = stop.clone();
        tasks.spawn(async move {
            socket::run(admin, answering, until).await;
            Ok(())
        });
        if let Some(settings) = config.metrics {
            let bound = scrape::bind(settings).await?;
            listens.metrics = Some(bound.address()?);
            let answering = Arc::clone(plane);
            let until = stop.clone();
            tasks.spawn(async move {
                scrape::run(bound, answering, until).await;
                Ok(())
            });
        }
        if let Some(door) = link {
            let (bound, standing) = door.bind().await?;
            listens.hub = Some(bound.address);
            let run = link::hub::run(bound, standing, door.seats, stop.clone());
            tasks.spawn(async move {
                run.await;
                Ok(())
            });
        }
        match config.onion.clone() {
            Some(settings) => {
                let state_dir = config.state_dir.clone();
                watched.begin(settings, state_dir, (incoming, admission, listens), (&mut tasks, stop));
            }
            None => announce::start(listens, None),
        }
        Ok(Self { tasks, clearnet: control })
    }
}

impl OnionReports {
    /// Begins the onion service, and what tells of it.
    fn begin(
        self,
        settings: onion_service::Config,
        state_dir: PathBuf,
        (incoming, admission, listens): (mpsc::Sender<Incoming>, Arc<Admission>, announce::Listens),
        (tasks, stop): (&mut JoinSet<anyhow::Result<()>>, &CancellationToken),
    ) {
        let Self { status, circuits, health, machine } = self;
        let shown = watch::Sender::new(status.borrow().clone());
        announce::start(listens, Some((settings.port, shown.subscribe())));
        tasks.spawn(report(status.subscribe(), health, shown, stop.clone()));
        let sharing = machine.map(|machine| AddressSharing::new(machine, status.subscribe(), settings.restricted));
        let seat = sharing.map(|(sharing, seat)| {
            tasks.spawn(sharing.run(stop.clone()));
            seat
        });
        let outlets = onion_service::Outlets {
            incoming,
            status,
            circuits,
            on_refusal: refusals(Arc::clone(&admission)),
            admission: Some(admission),
            seat,
            haste: 1,
        };
        let onion = onion_service::run(settings, state_dir, outlets, stop.clone());
        tasks.spawn(async move { onion.await.map_err(anyhow::Error::from) });
    }
}

/// Listens on TCP, if that is asked for, and says what clients will hold against the certificate.
async fn bind_clearnet(config: &Config) -> anyhow::Result<Option<clearnet::Bound>> {
    let Some(settings) = &config.clearnet else { return Ok(None) };
    settings.concerns(Clock::System.wall()).iter().for_each(|concern| tracing::warn!("{concern}"));
    Ok(Some(clearnet::bind(settings).await?))
}

/// Reports what the onion service refuses: that is a security event; a rendezvous that fails is the
/// network's doing.
fn refusals(admission: Arc<Admission>) -> OnRefusal {
    Arc::new(move |why, peer| {
        if why != CircuitRefused::Failed {
            admission.note(Kind::CircuitRefused, peer);
        }
    })
}

/// Tells `/health`, and then the terminal, what becomes of the onion service.
async fn report(
    mut status: watch::Receiver<OnionStatus>,
    health: watch::Sender<Health>,
    shown: watch::Sender<OnionStatus>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    loop {
        let now = status.borrow_and_update().clone();
        health.send_if_modified(|health| {
            let next = match now.phase {
                _ if *health == Health::Draining => Health::Draining,
                Phase::Starting => Health::Starting,
                Phase::Reachable => Health::Healthy,
                Phase::Degraded(_) => Health::Degraded,
            };
            std::mem::replace(health, next) != next
        });
        // After `/health` knows: anyone who reads the line may ask.
        shown.send_replace(now);
        tokio::select! {
            changed = status.changed() => if changed.is_err() {
                // The onion service has ended, and its own task says why.
                stop.cancelled().await;
                return Ok(());
            },
            () = stop.cancelled() => return Ok(()),
        }
    }
}
