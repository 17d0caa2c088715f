//! Writes anew what a cluster is, from a command: after its first machine was the wrong one, or
//! when all of them are to have another key.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use super::{Belonging, Charter, OwnService};
use crate::cluster::Config;
use crate::cluster::jet::{Jet, JetError};
use crate::cluster::lead::{ClusterError, SECRET};
use crate::cluster::machine_name;
use crate::cluster::nats::{self, Nats, Unanswered, tls};
use crate::cluster::wipe::WipeSeal;
use ephemeral_tor::private_file;

/// How long connecting may take: two of three servers may have to be given up.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a lease that nobody renews is watched before nobody is there: longer than the machines
/// wait before they take it.
const WATCHED: Duration = Duration::from_millis(3500);
const AGAIN: Duration = Duration::from_millis(250);
/// Nobody asks a command anything.
const NOBODY: &str = "ephemeral.none";

/// Why it is not written anew.
#[derive(Debug, thiserror::Error)]
pub enum CharterNotSet {
    /// The settings, or the files that they name, cannot be used.
    #[error(transparent)]
    Settings(#[from] ClusterError),
    /// There are no random numbers.
    #[error("the system has no random numbers")]
    Random,
    /// NATS is not there, or refuses.
    #[error("{0}: `ephemeral-server doctor` looks at the servers that nats in [cluster] names")]
    Jet(#[from] JetError),
    /// A machine leads.
    #[error(
        "{0} holds the lease: what it leads stays as it is. Stop the machines that are wrong (or all of them) first. Nothing was \
         changed"
    )]
    Led(String),
    /// Somebody else has written it meanwhile.
    #[error("another machine wrote down meanwhile what the cluster is: nothing was changed")]
    Overtaken,
}

/// Writes that the cluster has this machine's secret and service. Returns whether that was not so
/// before.
///
/// # Errors
/// [`CharterNotSet`].
pub async fn set(config: &Config, own: &OwnService) -> Result<bool, CharterNotSet> {
    let secret = private_file::read_own(&config.secret_file, SECRET).map_err(ClusterError::from)?;
    if secret.len() != SECRET {
        return Err(ClusterError::NoSecret(secret.len()).into());
    }
    let connector = config.tls.as_ref().map(tls::connector).transpose().map_err(ClusterError::from)?;
    let (nats, outgoing) = Nats::new().map_err(|_| CharterNotSet::Random)?;
    let (questions, _none) = mpsc::channel(1);
    let kept = nats::keep(std::sync::Arc::clone(&nats), outgoing, config.nats.clone(), connector, (NOBODY, questions));
    let seal = WipeSeal::new(&secret);
    tokio::select! {
        set = write(&nats, &seal, own, &config.node) => set,
        () = kept => Err(JetError::from(Unanswered::Disconnected).into()),
    }
}

async fn write(nats: &Nats, seal: &WipeSeal, own: &OwnService, node: &str) -> Result<bool, CharterNotSet> {
    let mut server = nats.server();
    if !matches!(timeout(CONNECT, server.wait_for(Option::is_some)).await, Ok(Ok(_))) {
        return Err(JetError::from(Unanswered::Disconnected).into());
    }
    let jet = Jet(nats);
    let (revision, written) = jet.charter().await?.unzip();
    if Belonging::of(written.as_deref(), seal, own) == Belonging::Member {
        return Ok(false);
    }
    if let Some(holder) = held(jet).await? {
        return Err(CharterNotSet::Led(machine_name(&holder).to_owned()));
    }
    let sealed = Charter::new(own, node).sealed(seal).ok_or(CharterNotSet::Random)?;
    let is_written = jet.write_charter(&sealed, revision.unwrap_or(0)).await?;
    if is_written { Ok(true) } else { Err(CharterNotSet::Overtaken) }
}

/// Returns who renews the lease; `None`: nobody does.
async fn held(jet: Jet<'_>) -> Result<Option<String>, JetError> {
    let first = jet.lease().await?;
    let begun = Instant::now();
    let mut last = first.clone();
    while !last.node.is_empty() && begun.elapsed() < WATCHED {
        if last.revision != first.revision {
            return Ok(Some(last.node));
        }
        sleep(AGAIN).await;
        last = jet.lease().await?;
    }
    Ok(None)
}
