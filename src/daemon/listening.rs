//! What connections come through: the onion service, the TCP listener, the administrator's socket.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::announce;
use crate::admission::Admission;
use crate::config::Config;
use crate::events::Kind;
use crate::http::Health;
use crate::transport::onion_service::{OnionStatus, Phase};
use crate::transport::{CircuitRefused, CircuitStats, Incoming, OnRefusal, admin, clearnet, onion_service};

/// Connections of the administrator at the same time.
pub(super) const ADMINISTRATORS: usize = 16;

/// Everything that connections come through.
pub(super) struct Listening {
    /// Whatever of these ends before it is told to, ends the daemon.
    pub(super) tasks: JoinSet<anyhow::Result<()>>,
    /// Where the TCP listener is changed, if there is one.
    pub(super) clearnet: Option<clearnet::Control>,
    /// Where the administrator's connections come out.
    pub(super) administration: mpsc::Receiver<Incoming>,
}

/// What the onion service says of itself, and to whom.
pub(super) struct Watched {
    pub(super) status: watch::Sender<OnionStatus>,
    pub(super) circuits: Arc<CircuitStats>,
    pub(super) health: watch::Sender<Health>,
}

impl Listening {
    /// Begins to listen, until `stop`. Connections go to `incoming`.
    ///
    /// # Errors
    /// If an address or the administrator's socket cannot be had.
    pub(super) async fn open(
        config: &Config,
        incoming: mpsc::Sender<Incoming>,
        watched: Watched,
        admission: Arc<Admission>,
        stop: &CancellationToken,
    ) -> anyhow::Result<Self> {
        let mut tasks = JoinSet::new();
        let bound = match &config.clearnet {
            Some(settings) => Some(clearnet::bind(settings).await?),
            None => None,
        };
        let announced =
            bound.as_ref().map(|bound| announce::ClearnetAddress { address: bound.address, tls: bound.tls.is_some() });
        let control = bound.as_ref().map(|bound| bound.control.clone());
        if let Some(bound) = bound {
            let (incoming, stop) = (incoming.clone(), stop.clone());
            tasks.spawn(async move {
                clearnet::run(bound, incoming, stop).await;
                Ok(())
            });
        }
        let (administrators, administration) = mpsc::channel(ADMINISTRATORS);
        let (socket, until) = (admin::bind(&config.admin_socket)?, stop.clone());
        tasks.spawn(async move {
            admin::run(socket, administrators, until).await;
            Ok(())
        });
        let Some(settings) = config.onion.clone() else {
            announce::clearnet(announced);
            return Ok(Self { tasks, clearnet: control, administration });
        };
        let Watched { status, circuits, health } = watched;
        tasks.spawn(report(status.subscribe(), health, settings.port, announced, stop.clone()));
        let outlets = onion_service::Outlets { incoming, status, circuits, on_refusal: refusals(admission) };
        let onion = onion_service::run(settings, config.state_dir.clone(), outlets, stop.clone());
        tasks.spawn(async move { onion.await.map_err(anyhow::Error::from) });
        Ok(Self { tasks, clearnet: control, administration })
    }
}

/// What the onion service refuses is a security event; a rendezvous that fails is the network's doing.
fn refusals(admission: Arc<Admission>) -> OnRefusal {
    Arc::new(move |why, peer| {
        if why != CircuitRefused::Failed {
            admission.note(Kind::CircuitRefused, peer);
        }
    })
}

/// Tells the terminal and `/health` what becomes of the onion service.
async fn report(
    mut status: watch::Receiver<OnionStatus>,
    health: watch::Sender<Health>,
    port: u16,
    clearnet: Option<announce::ClearnetAddress>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let mut announcer = announce::Announcer::new(port);
    announce::clearnet(clearnet);
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
        // After `/health` knows: whoever reads the line may ask.
        announcer.show(&now);
        let is_waiting = announcer.is_waiting();
        tokio::select! {
            () = tokio::time::sleep(announce::Announcer::TICK), if is_waiting => {}
            changed = status.changed() => if changed.is_err() {
                // The onion service has ended, and its own task says why.
                stop.cancelled().await;
                return Ok(());
            },
            () = stop.cancelled() => return Ok(()),
        }
    }
}
