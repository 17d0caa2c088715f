//! One incarnation of the onion service: a Tor client, the service that it publishes, and the watch
//! over both.

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::Stream;
use safelog::DisplayRedacted as _;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tor_hsservice::{RendRequest, RunningOnionService};
use tor_keymgr::KeystoreSelector;

use super::arti_config::{client_config, service_config};
use super::circuits::Circuits;
use super::reachability::{Course, Reachability};
use super::restriction::Restriction;
use super::sharing::{Sharing, UnionSeat};
use super::watch::{self, Watched};
use super::{Config, OnionError};
use ephemeral_tor::{self as tor, Client, DiscoverySecret, EndOnDrop, Keystore, KeystoreError, TorError, TorStep};

/// How long Arti's tasks of a service get to end before it is published again; and the pause
/// between two attempts.
const LETTING_GO: Duration = Duration::from_secs(10);
const LETTING_GO_STEP: Duration = Duration::from_millis(50);
/// The pause before a service is published again that Arti has given up.
const GIVEN_UP: Duration = Duration::from_secs(1);

/// The reasons for which the service has to be seen to.
pub(super) enum ServiceEnd {
    /// It was told to end.
    Cancelled,
    /// The Tor client does not get anywhere: start another.
    Stuck,
    /// It has to be [published again](Service::republish), with new introduction points.
    Republish,
}

/// A service that is being published, and the requests that it brings. Dropping it closes its
/// introduction points and leaves the circuits that were built alone.
struct Published {
    running: Arc<RunningOnionService>,
    requests: Pin<Box<dyn Stream<Item = RendRequest> + Send>>,
    tasks: EndOnDrop,
}

impl Published {
    /// Ends it. The lock on the service's state is free then.
    async fn end(self) {
        let Self { running, requests, tasks } = self;
        drop((running, requests));
        tasks.0.end().await;
    }
}

/// A launched service.
pub(super) struct Service {
    /// `None`: between two publications.
    published: Option<Published>,
    restriction: Option<Restriction>,
    sharing: Option<Sharing>,
    address: String,
    settings: Config,
    state_dir: PathBuf,
    client: OwnedClient,
}

/// The Tor client below a service, and below its open streams when it has ended. Dropping it ends
/// them.
pub(super) struct OwnedClient {
    client: Arc<Client>,
    tasks: EndOnDrop,
}

impl OwnedClient {
    /// Ends the client. Its state directory is free then.
    pub(super) async fn end(self) {
        drop(self.client);
        self.tasks.0.end().await;
    }
}

impl Service {
    /// Creates the client and publishes the service as soon as there is a network.
    pub(super) fn launch(
        settings: &Config,
        state_dir: &Path,
        address: &str,
        seat: Option<&UnionSeat>,
    ) -> Result<Self, OnionError> {
        let (client, tasks) = tor::owned_client(client_config(settings, state_dir)?, state_dir)?;
        let client = OwnedClient { client, tasks: EndOnDrop(tasks) };
        let told = seat.map(|seat| seat.clients.clone());
        let restriction = if settings.restricted {
            let own = own_key(settings, state_dir)?;
            Some(Restriction::new(settings, state_dir, (&client.client, address, &own), told)?)
        } else {
            None
        };
        let sharing = Sharing::new(seat, settings, state_dir, &client.client);
        let mut service = Self {
            published: None,
            restriction,
            sharing,
            address: address.to_owned(),
            settings: settings.clone(),
            state_dir: state_dir.to_owned(),
            client,
        };
        service.published = Some(service.publish()?);
        Ok(service)
    }

    fn publish(&self) -> Result<Published, OnionError> {
        let service_config = match &self.restriction {
            Some(restriction) => restriction.config()?,
            None => service_config(&self.settings, None)?,
        };
        let config = client_config(&self.settings, &self.state_dir)?;
        let (running, requests, tasks) =
            tor::launch_service(&self.client.client, &config, service_config, &self.state_dir)?;
        Ok(Published { running, requests: Box::pin(requests), tasks })
    }

    /// Publishes the service again, on the same Tor client and with new introduction points:
    /// anyone who knows the old ones comes by them no more. Circuits that stand go on. It takes as
    /// long as Arti needs to let go of the old ones.
    ///
    /// # Errors
    /// [`OnionError`], after [`LETTING_GO`]: the service is not published. It can be called again.
    pub(super) async fn republish(&mut self) -> Result<(), OnionError> {
        if let Some(published) = self.published.take() {
            published.end().await;
        }
        let deadline = Instant::now() + LETTING_GO;
        loop {
            let forgotten = tor::forget_introduction_points(&self.state_dir, &self.settings.nickname);
            match forgotten {
                Ok(true) => match self.publish() {
                    Ok(published) => {
                        self.published = Some(published);
                        return Ok(());
                    }
                    Err(error) if Instant::now() >= deadline => return Err(error),
                    Err(_) => {}
                },
                Err(error) if Instant::now() >= deadline => return Err(error.into()),
                Ok(false) if Instant::now() >= deadline => return Err(TorError::InUse(self.state_dir.clone()).into()),
                Ok(false) | Err(_) => {}
            }
            tokio::time::sleep(LETTING_GO_STEP).await;
        }
    }

    /// Admits rendezvous requests, and watches over the service, until it has to be seen to.
    pub(super) async fn serve(
        &mut self,
        circuits: &mut Circuits,
        reachability: &mut Reachability,
        cancel: &CancellationToken,
    ) -> ServiceEnd {
        let Some(Published { running, requests, tasks: _ }) = &mut self.published else { return ServiceEnd::Republish };
        let running = &**running;
        let status = reachability.status();
        let restriction = &mut self.restriction;
        status.send_modify(|status| status.restricted = restriction.as_ref().map(Restriction::clients));
        let clients_removed = async {
            match restriction {
                Some(restriction) => restriction.keep(running, &status).await,
                None => std::future::pending().await,
            }
        };
        let watched = Watched {
            client: &self.client.client,
            running,
            address: &self.address,
            port: self.settings.port,
            self_probe: self.settings.self_probe,
            circuits: circuits.figures(),
            sharing: self.sharing.as_ref(),
        };
        let sharing = async {
            match &self.sharing {
                Some(sharing) => sharing.run().await,
                None => std::future::pending().await,
            }
        };
        let watch = watch::watch(watched, reachability);
        tokio::pin!(watch, clients_removed, sharing);
        loop {
            tokio::select! {
                () = cancel.cancelled() => return ServiceEnd::Cancelled,
                request = circuits.next(requests) => match request {
                    Some(request) => circuits.admit(request),
                    None if circuits.figures().established() == 0 => return ServiceEnd::Stuck,
                    None => {
                        // Arti has given the service up. It is not asked for another one without a
                        // pause.
                        tokio::time::sleep(GIVEN_UP).await;
                        return ServiceEnd::Republish;
                    }
                },
                verdict = &mut watch => return match verdict {
                    Course::Republish => ServiceEnd::Republish,
                    Course::StartAfresh | Course::GoOn => ServiceEnd::Stuck,
                },
                () = &mut clients_removed => return ServiceEnd::Republish,
                () = &mut sharing => {}
            }
        }
    }

    /// Stops publishing and accepting. Open streams live as long as the client. Returns this
    /// machine's part in what others go on publishing, too, if there are any.
    pub(super) fn unpublish(self) -> (OwnedClient, Option<Sharing>) {
        (self.client, self.sharing)
    }

    /// Ends the service and its client, and with them the streams that are open.
    pub(super) async fn end(mut self) {
        if let Some(published) = self.published.take() {
            published.end().await;
        }
        let (client, sharing) = self.unpublish();
        drop(sharing);
        client.end().await;
    }
}

/// Returns what [`super::address`] describes.
pub(super) fn address(settings: &Config, state_dir: &Path) -> Result<String, OnionError> {
    let config = client_config(settings, state_dir)?;
    tor::make_directories(&config, state_dir)?;
    // Who may find it does not matter for its name.
    let service = Client::create_onion_service(&config, service_config(settings, None)?)
        .map_err(|e| TorError::from_arti(TorStep::Keys, state_dir, e))?;
    let identity = match service.onion_address() {
        Some(identity) => identity,
        None => match service.generate_identity_key(KeystoreSelector::Primary) {
            Ok(identity) => {
                let made = Keystore::open(&settings.tor, state_dir, &settings.nickname).and_then(|store| store.sync());
                made.map_err(|error| no_key(state_dir, &error))?;
                identity
            }
            // Another process may have made the key since it was looked for.
            Err(error) => service.onion_address().ok_or_else(|| no_key(state_dir, &error))?,
        },
    };
    Ok(identity.display_unredacted().to_string())
}

/// Returns the key by which the server reaches itself.
fn own_key(settings: &Config, state_dir: &Path) -> Result<DiscoverySecret, OnionError> {
    let key = Keystore::open(&settings.tor, state_dir, &settings.nickname).and_then(|store| store.key());
    match key {
        Ok(Some(key)) => Ok(DiscoverySecret::of_service(&key)),
        Ok(None) => Err(no_key(state_dir, &std::io::Error::from(std::io::ErrorKind::NotFound)).into()),
        Err(KeystoreError::Tor(error)) => Err(error.into()),
        Err(error) => Err(no_key(state_dir, &error).into()),
    }
}

/// Returns the error that the service's key can be neither read nor made.
fn no_key(state_dir: &Path, error: &(dyn std::error::Error + 'static)) -> TorError {
    tor::system_error(error, state_dir).map(TorError::File).unwrap_or_else(|| TorError::Path {
        path: state_dir.to_path_buf(),
        why: format!("the key of the onion service can be neither read nor made ({error})"),
    })
}

#[cfg(test)]
mod tests;
