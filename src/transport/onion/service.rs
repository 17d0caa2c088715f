//! One life of the onion service: a Tor client, the service that it publishes, and the watch over both.

use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use arti_client::config::onion_service::{OnionServiceConfig, OnionServiceConfigBuilder};
use arti_client::{HasKind as _, TorClientConfig};
use futures::{Stream, StreamExt as _};
use safelog::DisplayRedacted as _;
use tokio_util::sync::CancellationToken;
use tor_hsservice::{HsNickname, RendRequest, RunningOnionService};
use tor_keymgr::KeystoreSelector;

use super::circuits::{Circuits, hard_stream_bound};
use super::reach::Outlook;
use super::{OnionError, Settings, Vanguards, watch};
use crate::tor::{self, Client, EndOnDrop, TorError};

/// How a life ended.
pub(super) enum End {
    /// It was told to.
    Cancelled,
    /// It does not get anywhere.
    Stuck,
}

/// A launched service.
pub(super) struct Service {
    running: Arc<RunningOnionService>,
    requests: Pin<Box<dyn Stream<Item = RendRequest> + Send>>,
    address: String,
    port: u16,
    client: OwnedClient,
}

/// The Tor client below a service, and below its open streams when it has ended. Dropping it ends them.
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
    pub(super) fn launch(settings: &Settings, state_dir: &Path, address: &str) -> Result<Self, OnionError> {
        let service_config = service_config(settings)?;
        let (client, tasks) = tor::owned_client(client_config(settings, state_dir)?, state_dir)?;
        let client = OwnedClient { client, tasks: EndOnDrop(tasks) };
        let (running, requests) = client
            .client
            .launch_onion_service(service_config)
            .map_err(|e| TorError::from_arti("the onion service does not start", state_dir, e))?
            // The configuration above does not disable it.
            .ok_or_else(|| OnionError::Setting { key: "enabled", why: "Arti considers the service disabled".into() })?;
        Ok(Self { client, running, requests: Box::pin(requests), address: address.to_owned(), port: settings.port })
    }

    /// Admits rendezvous requests, and watches over the service, until it is told to end or is stuck.
    pub(super) async fn serve(
        &mut self,
        circuits: &mut Circuits,
        outlook: &mut Outlook,
        cancel: &CancellationToken,
    ) -> End {
        let watch =
            watch::watch(&self.client.client, &self.running, &self.address, self.port, outlook, circuits.gauge());
        tokio::pin!(watch);
        loop {
            tokio::select! {
                () = cancel.cancelled() => return End::Cancelled,
                request = self.requests.next() => match request {
                    Some(request) => circuits.admit(request),
                    None => return End::Stuck,
                },
                () = circuits.reap() => {}
                () = &mut watch => return End::Stuck,
            }
        }
    }

    /// Stops publishing and accepting. Open streams live as long as the client.
    pub(super) fn unpublish(self) -> OwnedClient {
        self.client
    }

    /// Ends the service and its client, and with them the streams that are open.
    pub(super) async fn end(self) {
        self.unpublish().end().await;
    }
}

/// See [`super::address`].
pub(super) fn address(settings: &Settings, state_dir: &Path) -> Result<String, OnionError> {
    let config = client_config(settings, state_dir)?;
    tor::make_directories(&config, state_dir)?;
    let service = Client::create_onion_service(&config, service_config(settings)?)
        .map_err(|e| TorError::from_arti("the keys cannot be opened", state_dir, e))?;
    let identity = match service.generate_identity_key(KeystoreSelector::Primary) {
        Ok(identity) => identity,
        // Another process may have made the key since it was looked for.
        Err(error) => service.onion_address().ok_or_else(|| TorError::Path {
            path: state_dir.to_path_buf(),
            why: format!("the key of the onion service can be neither read nor made ({})", error.kind()),
        })?,
    };
    Ok(identity.display_unredacted().to_string())
}

/// The `[tor]` table with what `[onion]` says about the client.
pub(super) fn client_config(settings: &Settings, state_dir: &Path) -> Result<TorClientConfig, TorError> {
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
    tor::config(table, state_dir)
}

fn service_config(settings: &Settings) -> Result<OnionServiceConfig, OnionError> {
    let nickname = HsNickname::new(settings.nickname.clone())
        .map_err(|e| OnionError::Setting { key: "nickname", why: e.to_string() })?;
    OnionServiceConfigBuilder::default()
        .nickname(nickname)
        .num_intro_points(settings.introduction_points)
        .max_concurrent_streams_per_circuit(hard_stream_bound(settings.streams_per_circuit))
        .build()
        .map_err(|e| OnionError::Setting { key: "introduction_points", why: e.to_string() })
}

#[cfg(test)]
mod tests;
