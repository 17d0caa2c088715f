//! A connection to the cluster's NATS servers for as long as one command takes, on a machine whose
//! server may not run.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;

use super::Config;
use super::lead::{ClusterError, SECRET};
use super::nats::{self, Nats, Unanswered, tls};
use ephemeral_tor::private_file;

/// How long connecting may take: two of three servers may have to be given up.
const CONNECT: Duration = Duration::from_secs(10);
/// Nobody asks a command anything.
pub(super) const NOBODY: &str = "ephemeral.none";

/// Connects, and does the errand with the connection and the cluster's secret.
///
/// # Errors
/// If the settings cannot be used, if no server is reached, if the connection is lost meanwhile,
/// and where the errand fails.
pub(super) async fn run<T, E>(config: &Config, errand: impl AsyncFnOnce(&Nats, &[u8]) -> Result<T, E>) -> Result<T, E>
where
    E: From<ClusterError> + From<Unanswered>,
{
    let secret = private_file::read_own(&config.secret_file, SECRET).map_err(ClusterError::from)?;
    if secret.len() != SECRET {
        return Err(ClusterError::NoSecret(secret.len()).into());
    }
    let connector = config.tls.as_ref().map(tls::connector).transpose().map_err(ClusterError::from)?;
    let (nats, outgoing) = Nats::new().map_err(ClusterError::from)?;
    let (questions, _none) = mpsc::channel(1);
    let kept = nats::keep(Arc::clone(&nats), outgoing, config.nats.clone(), connector, (NOBODY, questions));
    let done = async {
        let mut server = nats.server();
        if !matches!(timeout(CONNECT, server.wait_for(Option::is_some)).await, Ok(Ok(_))) {
            return Err(Unanswered::Disconnected.into());
        }
        errand(&nats, &secret).await
    };
    tokio::select! {
        done = done => done,
        () = kept => Err(Unanswered::Disconnected.into()),
    }
}
