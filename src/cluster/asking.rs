//! Asks a machine of the cluster for the service's key, from a command on a new machine whose
//! server does not run yet.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::joining::parcel::ServiceParcel;
use super::joining::{JoinCode, JoinRequest};
use super::lead::{ClusterError, JOIN};
use super::nats::{Nats, Unanswered};
use super::{Config, errand};

/// How long a machine may take with its answer.
const PATIENCE: Duration = Duration::from_secs(5);

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
    errand::run(config, async |nats, secret| {
        let request = JoinRequest::new(secret, code).map_err(|_| NotGiven::Random)?;
        answer(nats, &request).await
    })
    .await
}

/// Asks once: a second time would count as a second attempt where the code is wrong.
async fn answer(nats: &Nats, request: &JoinRequest) -> Result<ServiceParcel, NotGiven> {
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
