//! Asks a machine of the cluster for the service's key, from a command on a new machine whose
//! server does not run yet.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

use super::Config;
use super::joining::parcel::ServiceParcel;
use super::joining::{JoinCode, JoinRequest};
use super::lead::{ClusterError, JOIN, SECRET};
use super::nats::{self, Nats, Unanswered, tls};
use ephemeral_tor::private_file;

/// How long connecting may take: two of three servers may have to be given up.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a machine may take with its answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Nobody asks a command anything.
const NOBODY: &str = "ephemeral.none";

/// Why the key is not there.
#[derive(Debug, thiserror::Error)]
pub enum NotGiven {
    /// The settings, or the files that they name, cannot be used.
    #[error(transparent)]
    Settings(#[from] ClusterError),
    /// There are no random numbers.
    #[error("the system has no random numbers")]
    Random,
    /// NATS is not there.
    #[error("{0}: `ephemeral-server doctor` looks at those that nats in [cluster] names")]
    Nats(#[from] Unanswered),
    /// Nobody knows the code.
    #[error(
        "no machine answers to this code: it is good for one machine, for ten minutes, and only while the machine that made it \
         runs and has the same secret_file. `ephemeral-server cluster invite` there makes a new one"
    )]
    Nobody,
}

/// Asks, for a bounded time.
///
/// # Errors
/// [`NotGiven`].
pub async fn ask(config: &Config, code: &JoinCode) -> Result<ServiceParcel, NotGiven> {
    let secret = private_file::read_own(&config.secret_file, SECRET).map_err(ClusterError::from)?;
    if secret.len() != SECRET {
        return Err(ClusterError::NoSecret(secret.len()).into());
    }
    let connector = config.tls.as_ref().map(tls::connector).transpose().map_err(ClusterError::from)?;
    let (nats, outgoing) = Nats::new().map_err(|_| NotGiven::Random)?;
    let request = JoinRequest::new(&secret, code).map_err(|_| NotGiven::Random)?;
    let (questions, _none) = mpsc::channel(1);
    let kept = nats::keep(std::sync::Arc::clone(&nats), outgoing, config.nats.clone(), connector, (NOBODY, questions));
    tokio::select! {
        answer = answer(&nats, &request) => answer,
        () = kept => Err(Unanswered::Disconnected.into()),
    }
}

/// Asks once: a second time would count as a second attempt where the code is wrong.
async fn answer(nats: &Nats, request: &JoinRequest) -> Result<ServiceParcel, NotGiven> {
    let mut server = nats.server();
    if !matches!(timeout(CONNECT, server.wait_for(Option::is_some)).await, Ok(Ok(_))) {
        return Err(Unanswered::Disconnected.into());
    }
    let (listening, mut messages) = nats.listen().await?;
    nats.ask_everybody(JOIN, &listening.subject, request.sealed()).await?;
    let deadline = Instant::now() + PATIENCE;
    while let Ok(Some(message)) = timeout_at(deadline, messages.recv()).await {
        // What a NATS server says by itself is no answer.
        let opened = request.open(&message.payload).and_then(|plain| ServiceParcel::read(&plain));
        if let Ok(parcel) = opened {
            return Ok(parcel);
        }
    }
    Err(NotGiven::Nobody)
}
