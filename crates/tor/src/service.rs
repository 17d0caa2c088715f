//! An onion service on a Tor client, with an owner for its own tasks.
//!
//! Arti's tasks of a service live as long as its client, and with them the lock on the service's
//! state: it could never be published again. Here they have a set of their own, which can be ended
//! while the client and its circuits live on.

use std::path::Path;
use std::sync::Arc;

use arti_client::{ErrorKind, HasKind as _, TorClientConfig};
use futures::task::SpawnExt as _;
use futures::{FutureExt as _, Stream};
use tor_hsservice::{OnionServiceConfig, RendRequest, RunningOnionService};

use super::{Client, EndOnDrop, Tasks, TorError, TorStep, causes, system_error};

/// Publishes a service. Its tasks end with the last of the returned values, or when they are ended.
///
/// # Errors
/// [`TorError`]; [`TorError::InUse`] where the service is published already.
pub fn launch_service(
    client: &Arc<Client>,
    config: &TorClientConfig,
    service: OnionServiceConfig,
    state_dir: &Path,
) -> Result<(Arc<RunningOnionService>, impl Stream<Item = RendRequest> + use<>, EndOnDrop), TorError> {
    let failed = |error| TorError::from_arti(TorStep::Service, state_dir, error);
    let tasks = EndOnDrop(Tasks::new().map_err(TorError::Runtime)?);
    // The first step of a bootstrap makes the parts that are asked for below, and takes the lock on
    // the client's state. To give it up half-way would let go of that lock: the rest goes on by
    // itself, and anyone who waits for the network asks again.
    let owned = Arc::clone(client);
    let mut bootstrap = Box::pin(async move { owned.bootstrap().await });
    match bootstrap.as_mut().now_or_never() {
        Some(Err(error)) => return Err(failed(error)),
        Some(Ok(())) => {}
        None => {
            let rest = async move { drop(bootstrap.await) };
            let spawned = tasks.0.runtime().spawn(rest);
            spawned.map_err(|error| TorError::Runtime(std::io::Error::other(error)))?;
        }
    }
    let launched = Client::create_onion_service(config, service).map_err(failed)?.launch(
        tasks.0.runtime(),
        client.dirmgr().map_err(failed)?,
        client.hs_circ_pool().map_err(failed)?,
        Arc::default(),
    );
    match launched {
        Ok(Some((running, requests))) => Ok((running, requests, tasks)),
        Ok(None) => Err(TorError::Service("its configuration disables it".into())),
        Err(error) if error.kind() == ErrorKind::LocalResourceAlreadyInUse => Err(TorError::InUse(state_dir.into())),
        Err(error) => Err(match system_error(&error, state_dir) {
            Some(refusal) => refusal.into(),
            None => TorError::Service(causes(&error)),
        }),
    }
}
