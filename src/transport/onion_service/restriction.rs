//! Restricted discovery of one incarnation of the service: only the clients that were added, and
//! the server itself, can read where it is to be found. Who is added while it runs can from the
//! next descriptor on, which is at most a minute away. Who is removed cannot from then on, and
//! cannot come by the way that it knows: the introduction points are exchanged.

use std::path::{Path, PathBuf};
use std::time::Duration;

use arti_client::config::onion_service::OnionServiceConfig;
use tokio::sync::watch;
use tor_config::Reconfigure;
use tor_hsservice::RunningOnionService;

use super::clients::{self, Clients};
use super::{Config, LOG, OnionError, OnionStatus, arti_config};
use ephemeral_tor::{self as tor, Client, DiscoveryKey, DiscoverySecret};

/// The time between two looks at the directory of the clients.
const INTERVAL: Duration = Duration::from_secs(2);
/// What Arti calls the server's own key. No client's name begins like that.
pub(super) const OWN: &str = "_self";

/// See the module.
pub(super) struct Restriction {
    settings: Config,
    state_dir: PathBuf,
    own: DiscoveryKey,
    clients: Clients,
    left_out: usize,
    /// Where the other machines hear of the clients, if there are any.
    told: Option<watch::Sender<Option<Vec<DiscoveryKey>>>>,
}

impl Restriction {
    /// Makes the restriction. `own`: the key by which the server reaches itself, the same on each
    /// machine that has the service's key: of several machines, each may find what another one has
    /// published.
    pub(super) fn new(
        settings: &Config,
        state_dir: &Path,
        (client, address, own): (&Client, &str, &DiscoverySecret),
        told: Option<watch::Sender<Option<Vec<DiscoveryKey>>>>,
    ) -> Result<Self, OnionError> {
        let name = address.trim_end_matches(".onion");
        tor::set_discovery_key(client, state_dir, name, Some(own))?;
        let mut restriction = Self {
            settings: settings.clone(),
            state_dir: state_dir.to_owned(),
            own: own.public(),
            clients: Clients::new(),
            left_out: 0,
            told,
        };
        let read = clients::usable(state_dir);
        restriction.take_over(read);
        restriction.tell();
        if restriction.clients.is_empty() {
            tracing::warn!(target: LOG, "restricted, and no client was added: nobody can find the service");
        }
        Ok(restriction)
    }

    /// Returns the service's configuration with the clients of now.
    pub(super) fn config(&self) -> Result<OnionServiceConfig, OnionError> {
        let own = (OWN, &self.own);
        let clients = self.clients.iter().map(|(name, key)| (name.as_str(), key));
        arti_config::service_config(&self.settings, Some(&mut clients.chain([own])))
    }

    pub(super) fn clients(&self) -> usize {
        self.clients.len()
    }

    /// Tells the running service who is added. It returns when somebody was taken away: then the
    /// service has to be published again, or they would come in by the introduction points that
    /// they know.
    pub(super) async fn keep(&mut self, running: &RunningOnionService, status: &watch::Sender<OnionStatus>) {
        loop {
            tokio::time::sleep(INTERVAL).await;
            let state_dir = self.state_dir.clone();
            let Ok(read) = tokio::task::spawn_blocking(move || clients::usable(&state_dir)).await else { continue };
            let before = self.clients.clone();
            if !self.take_over(read) {
                continue;
            }
            status.send_modify(|status| status.restricted = Some(self.clients.len()));
            if before.iter().any(|(name, key)| self.clients.get(name) != Some(key)) {
                tracing::info!(
                    target: LOG,
                    clients = self.clients.len(),
                    "a client was removed: the service gets new introduction points"
                );
                return;
            }
            let changed = self.config().map_err(|error| error.to_string()).and_then(|config| {
                running.reconfigure(config, Reconfigure::AllOrNothing).map_err(|error| error.to_string())
            });
            match changed {
                Ok(()) => tracing::info!(target: LOG, clients = self.clients.len(), "the clients have changed"),
                Err(error) => tracing::warn!(target: LOG, %error, "the change of the clients has no effect"),
            }
        }
    }

    /// Takes over the clients of now. Returns whether they have changed. What cannot be read
    /// changes nothing.
    fn take_over(&mut self, read: Result<(Clients, usize), clients::ClientsError>) -> bool {
        let (clients, left_out) = match read {
            Ok(read) => read,
            Err(error) => {
                // Once, until it can be read again.
                if self.left_out != usize::MAX {
                    tracing::warn!(target: LOG, %error, "the clients cannot be read: those of before stay");
                }
                self.left_out = usize::MAX;
                return false;
            }
        };
        if left_out != self.left_out && left_out > 0 {
            tracing::warn!(target: LOG, files = left_out, "some clients are left out: see `ephemeral-server clients list`");
        }
        self.left_out = left_out;
        let changed = clients != self.clients;
        self.clients = clients;
        if changed {
            self.tell();
        }
        changed
    }

    fn tell(&self) {
        if let Some(told) = &self.told {
            told.send_replace(Some(self.clients.values().cloned().collect()));
        }
    }
}
