//! One incarnation of the onion service: a Tor client, the service that it publishes, and the watch
//! over both.

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use arti_client::TorClientConfig;
use arti_client::config::onion_service::{OnionServiceConfig, OnionServiceConfigBuilder};
use futures::Stream;
use safelog::DisplayRedacted as _;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tor_hsservice::config::TokenBucketConfig;
use tor_hsservice::config::restricted_discovery::HsClientNickname;
use tor_hsservice::{HsNickname, RendRequest, RunningOnionService};
use tor_keymgr::KeystoreSelector;

use super::circuits::{Circuits, hard_stream_bound};
use super::reachability::{Reachability, Verdict};
use super::restriction::Restriction;
use super::watch::{self, Watched};
use super::{Config, OnionError, PROOF_OF_WORK, Vanguards};
use ephemeral_tor::{self as tor, Client, DiscoveryKey, EndOnDrop, Keystore, TorError};

/// For Arti's tasks of a service to end, before it is published again; and between two attempts.
const LETTING_GO: Duration = Duration::from_secs(10);
const LETTING_GO_STEP: Duration = Duration::from_millis(50);
/// Before a service is published again that Arti has given up.
const GIVEN_UP: Duration = Duration::from_secs(1);

/// Why the service has to be seen to.
pub(super) enum End {
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
    pub(super) fn launch(settings: &Config, state_dir: &Path, address: &str) -> Result<Self, OnionError> {
        let (client, tasks) = tor::owned_client(client_config(settings, state_dir)?, state_dir)?;
        let client = OwnedClient { client, tasks: EndOnDrop(tasks) };
        let restriction = Restriction::new(settings, state_dir, &client.client, address)?;
        let mut service = Self {
            published: None,
            restriction,
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
    /// whoever knows the old ones comes by them no more. Circuits that stand go on. It takes as
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
    ) -> End {
        let Some(Published { running, requests, tasks: _ }) = &mut self.published else { return End::Republish };
        let (running, status) = (&**running, reachability.status());
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
        };
        let watch = watch::watch(watched, reachability);
        tokio::pin!(watch, clients_removed);
        loop {
            tokio::select! {
                () = cancel.cancelled() => return End::Cancelled,
                request = circuits.next(requests) => match request {
                    Some(request) => circuits.admit(request),
                    None if circuits.figures().established() == 0 => return End::Stuck,
                    None => {
                        // Arti has given the service up. It is not asked for another one without a
                        // pause.
                        tokio::time::sleep(GIVEN_UP).await;
                        return End::Republish;
                    }
                },
                verdict = &mut watch => return match verdict {
                    Verdict::Republish => End::Republish,
                    Verdict::StartAfresh | Verdict::GoOn => End::Stuck,
                },
                () = &mut clients_removed => return End::Republish,
            }
        }
    }

    /// Stops publishing and accepting. Open streams live as long as the client.
    pub(super) fn unpublish(self) -> OwnedClient {
        self.client
    }

    /// Ends the service and its client, and with them the streams that are open.
    pub(super) async fn end(mut self) {
        if let Some(published) = self.published.take() {
            published.end().await;
        }
        self.unpublish().end().await;
    }
}

/// See [`super::address`].
pub(super) fn address(settings: &Config, state_dir: &Path) -> Result<String, OnionError> {
    let config = client_config(settings, state_dir)?;
    tor::make_directories(&config, state_dir)?;
    // Who may find it does not matter for its name.
    let service = Client::create_onion_service(&config, service_config(settings, None)?)
        .map_err(|e| TorError::from_arti("the keys cannot be opened", state_dir, e))?;
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

/// The key of the service can be neither read nor made.
fn no_key(state_dir: &Path, error: &(dyn std::error::Error + 'static)) -> TorError {
    tor::system_error(error, state_dir).map(TorError::File).unwrap_or_else(|| TorError::Path {
        path: state_dir.to_path_buf(),
        why: format!("the key of the onion service can be neither read nor made ({error})"),
    })
}

/// The `[tor]` table with what `[onion]` says about the client.
pub(super) fn client_config(settings: &Config, state_dir: &Path) -> Result<TorClientConfig, TorError> {
    let mut table = settings.tor.clone();
    let vanguards = table.entry("vanguards").or_insert_with(|| toml::Table::new().into());
    let Some(vanguards) = vanguards.as_table_mut() else {
        return Err(TorError::Table("tor.vanguards must be a table".into()));
    };
    if vanguards.contains_key("mode") {
        return Err(TorError::Table("tor.vanguards.mode cannot be set: use onion.vanguards".into()));
    }
    let mode = match settings.vanguards {
        Vanguards::Lite => "lite",
        Vanguards::Full => "full",
    };
    vanguards.insert("mode".to_owned(), mode.into());
    limit_memory(&mut table, settings.memory_bytes)?;
    tor::config(table, state_dir)
}

/// Whether a `[tor]` table says itself how much memory Arti's queues may take.
pub(super) fn limits_memory(table: &toml::Table) -> bool {
    let memory = table.get("system").and_then(|system| system.get("memory"));
    memory.is_some_and(|memory| memory.get("max").is_some())
}

fn limit_memory(table: &mut toml::Table, bytes: usize) -> Result<(), TorError> {
    if limits_memory(table) {
        return Ok(());
    }
    let mut below = table;
    for (key, name) in [("system", "tor.system"), ("memory", "tor.system.memory")] {
        let entry = below.entry(key).or_insert_with(|| toml::Table::new().into());
        let Some(next) = entry.as_table_mut() else { return Err(TorError::Table(format!("{name} must be a table"))) };
        below = next;
    }
    below.insert("max".to_owned(), i64::try_from(bytes).unwrap_or(i64::MAX).into());
    Ok(())
}

/// With `clients`, only these can find the service; there has to be one at least.
pub(super) fn service_config<'a>(
    settings: &Config,
    clients: Option<&mut dyn Iterator<Item = (&'a str, &'a DiscoveryKey)>>,
) -> Result<OnionServiceConfig, OnionError> {
    let nickname = HsNickname::new(settings.nickname.clone())
        .map_err(|e| OnionError::Setting { key: "nickname", why: e.to_string() })?;
    if settings.proof_of_work && !PROOF_OF_WORK {
        let why = "this program was built without it: build it with `--features pow`".into();
        return Err(OnionError::Setting { key: "proof_of_work", why });
    }
    let mut builder = OnionServiceConfigBuilder::default();
    builder
        .nickname(nickname)
        .num_intro_points(settings.introduction_points)
        .rate_limit_at_intro(Some(TokenBucketConfig::new(settings.introduction_rate, settings.introduction_burst)))
        .max_concurrent_streams_per_circuit(hard_stream_bound(settings.streams_per_circuit))
        .enable_pow(settings.proof_of_work)
        .pow_rend_queue_depth(queue_depth(settings.circuits_per_second))
        // It would need memory that is both writable and executable, which a hardened system
        // forbids.
        .disable_pow_compilation(true);
    if let Some(clients) = clients {
        let restricted = builder.restricted_discovery();
        restricted.enabled(true);
        for (name, key) in clients {
            let name: HsClientNickname = name
                .parse()
                .map_err(|_| OnionError::Setting { key: "restricted", why: "a client's name is refused".into() })?;
            restricted.static_keys().access().push((name, key.arti().clone()));
        }
    }
    builder.build().map_err(|error| {
        let key = if error.to_string().contains("rate_limit") { "introduction_rate" } else { "introduction_points" };
        OnionError::Setting { key, why: error.to_string() }
    })
}

/// Requests that wait for their turn, with proof of work: as many as can be taken on while their
/// clients are patient. Each takes some 4 KiB.
fn queue_depth(circuits_per_second: u32) -> usize {
    usize::try_from(circuits_per_second).unwrap_or(usize::MAX).saturating_mul(20).clamp(64, 8192)
}

#[cfg(test)]
mod tests;
