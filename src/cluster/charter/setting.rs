//! Writes anew what a cluster is, from a command: after its first machine was the wrong one, or
//! when all of them are to have another key.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{Belonging, Charter, OwnService};
use crate::cluster::jet::{Jet, JetError};
use crate::cluster::lead::ClusterError;
use crate::cluster::nats::{Nats, Unanswered};
use crate::cluster::wipe::WipeSeal;
use crate::cluster::{Config, errand, machine_name};

/// How long a lease that nobody renews is watched before nobody is there: longer than the machines
/// wait before they take it.
const WATCHED: Duration = Duration::from_millis(3500);
const AGAIN: Duration = Duration::from_millis(250);

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

impl From<Unanswered> for CharterNotSet {
    fn from(error: Unanswered) -> Self {
        Self::Jet(error.into())
    }
}

/// Writes that the cluster has this machine's secret and service. Returns whether that was not so
/// before.
///
/// # Errors
/// [`CharterNotSet`].
pub async fn set(config: &Config, own: &OwnService) -> Result<bool, CharterNotSet> {
    errand::run(config, async |nats, secret| write(nats, &WipeSeal::new(secret), own, &config.node).await).await
}

async fn write(nats: &Nats, seal: &WipeSeal, own: &OwnService, node: &str) -> Result<bool, CharterNotSet> {
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
