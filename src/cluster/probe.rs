//! Looks at a cluster from a command, without a server: `doctor` does.

use std::net::SocketAddr;
use std::time::Duration;

use futures::future::join_all;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::charter::{Belonging, OwnService};
use super::errand::NOBODY;
use super::jet::Jet;
use super::lead::SECRET;
use super::nats::{self, Nats, tls};
use super::survey::{self, NatsReport, StreamReport};
use super::talk::{ClusterQuestion, MachineReport, Question};
use super::wipe::WipeSeal;
use super::{Config, NatsTls};
use ephemeral_core::protocol::WallTime;
use ephemeral_tor::private_file;

/// How long connecting to one of the servers may take.
const CONNECT: Duration = Duration::from_secs(4);
/// How long connecting to another machine may take.
const LINK: Duration = Duration::from_secs(3);

/// What a command can see of a cluster.
#[derive(Debug, Clone, Default)]
pub struct ClusterProbe {
    /// The NATS servers.
    pub servers: Vec<NatsReport>,
    /// The streams; or why they cannot be asked.
    pub streams: Option<Result<Vec<StreamReport>, String>>,
    /// The machines that answer, with how far their clocks are ahead of this one, in milliseconds;
    /// or why they cannot be asked.
    pub machines: Option<Result<Vec<(MachineReport, i64)>, String>>,
    /// Whether this machine is of the cluster that is there.
    pub belonging: Option<Belonging>,
    /// The other machines that listen for this one, where that is, and whether they are reached
    /// there.
    pub links: Vec<(String, SocketAddr, Result<(), String>)>,
}

/// Looks, for a bounded time. `now`: reads this machine's clock.
///
/// # Errors
/// Which file of the configuration cannot be used.
pub async fn look(config: &Config, own: &OwnService, now: impl Fn() -> WallTime) -> Result<ClusterProbe, String> {
    let connector = config.tls.as_ref().map(|tls: &NatsTls| tls::connector(tls).map_err(|error| error.to_string()));
    let connector = connector.transpose()?;
    let servers = survey::servers(&config.nats, connector.as_ref()).await;
    let mut probe = ClusterProbe { servers, ..ClusterProbe::default() };
    if probe.servers.iter().all(|server| server.server.is_err()) {
        return Ok(probe);
    }
    let (nats, outgoing) = Nats::new().map_err(|error| error.to_string())?;
    let (questions, _none) = mpsc::channel(1);
    let kept = nats::keep(std::sync::Arc::clone(&nats), outgoing, config.nats.clone(), connector, (NOBODY, questions));
    let asking = async {
        let mut server = nats.server();
        if timeout(CONNECT, server.wait_for(Option::is_some)).await.is_err() {
            return;
        }
        probe.streams = Some(survey::streams(Jet(&nats)).await.map_err(|error| error.to_string()));
        let secret = private_file::read_own(&config.secret_file, SECRET).map_err(|error| error.to_string());
        let seal = secret.map(|secret| WipeSeal::new(&secret));
        if let (Ok(seal), Ok(written)) = (&seal, Jet(&nats).charter().await) {
            probe.belonging = Some(Belonging::of(written.as_ref().map(|(_, sealed)| &**sealed), seal, own));
        }
        probe.machines = Some(match &seal {
            Ok(seal) => machines(&nats, seal, now).await,
            Err(error) => Err(error.clone()),
        });
        let reports = probe.machines.iter().flatten().flatten().map(|(report, _)| report);
        probe.links = join_all(reports.filter(|report| report.node != config.node).filter_map(link)).await;
    };
    tokio::select! {
        () = asking => {}
        () = kept => {}
    }
    Ok(probe)
}

/// Tries where another machine says that it listens.
fn link(report: &MachineReport) -> Option<impl Future<Output = (String, SocketAddr, Result<(), String>)> + use<>> {
    let node = report.node.clone();
    let address = report.link?;
    Some(async move {
        let connected = timeout(LINK, TcpStream::connect(address)).await;
        let reached = match connected {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("no answer within {} s", LINK.as_secs())),
        };
        (node, address, reached)
    })
}

async fn machines(
    nats: &Nats,
    seal: &WipeSeal,
    now: impl Fn() -> WallTime,
) -> Result<Vec<(MachineReport, i64)>, String> {
    let asked = ClusterQuestion::new(Question::HowAreYou, now()).map_err(|error| error.to_string())?;
    let reports = asked.ask_all(nats, seal).await.map_err(|error| error.to_string())?;
    // They read their clocks after this one was read, and before it was read again.
    let earliest = asked.at;
    let latest = now();
    Ok(reports
        .into_iter()
        .map(|report| (ahead(report.clock, earliest, latest), report))
        .map(|(ms, report)| (report, ms))
        .collect())
}

/// Returns how far a clock is ahead for certain, in milliseconds; behind is negative.
fn ahead(clock: WallTime, earliest: WallTime, latest: WallTime) -> i64 {
    let ahead = i64::try_from(clock.since(latest)).unwrap_or(i64::MAX);
    let behind = i64::try_from(earliest.since(clock)).unwrap_or(i64::MAX);
    ahead - behind
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_read_meanwhile_is_neither_ahead_nor_behind() {
        let at = |clock| ahead(WallTime(clock), WallTime(1000), WallTime(3000));
        assert_eq!([at(1000), at(3000), at(4500), at(400)], [0, 0, 1500, -600]);
    }
}
