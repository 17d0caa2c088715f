//! The address of several machines that have one key: this machine's part in what is published.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use super::{Config, LOG};
use ephemeral_tor::{Client, DiscoveryKey, Keystore, Union, UnionPorts};

/// How long the last publication of a machine that ends may take.
const FAREWELL: Duration = Duration::from_secs(5);

/// This machine's place among those that have the address.
#[derive(Clone)]
pub struct UnionSeat {
    /// What goes in and out of what is published.
    pub ports: UnionPorts,
    /// Which clients this machine lets find the service; `None`: everybody may.
    pub clients: watch::Sender<Option<Vec<DiscoveryKey>>>,
}

/// The part that one incarnation of the service has.
pub(super) struct Sharing {
    union: Union,
    ports: UnionPorts,
}

impl Sharing {
    /// Makes it; `None` where no other machine has the address.
    pub(super) fn new(
        seat: Option<&UnionSeat>,
        settings: &Config,
        state_dir: &Path,
        client: &Arc<Client>,
    ) -> Option<Self> {
        let ports = seat?.ports.clone();
        let store = Keystore::open(&settings.tor, state_dir, &settings.nickname);
        match store.and_then(|store| Union::new(Arc::clone(client), store)) {
            Ok(union) => Some(Self { union: union?, ports }),
            Err(error) => {
                tracing::error!(target: LOG, %error, "this machine takes no part in the descriptor of all machines");
                None
            }
        }
    }

    /// Takes part in what is published, for ever.
    pub(super) async fn run(&self) {
        self.union.run(self.ports.clone()).await;
        std::future::pending().await
    }

    /// Returns whether clients are told of this machine.
    pub(super) async fn is_published(&self) -> bool {
        self.union.has_own(&self.ports).await
    }

    /// Sees to it that clients are not told of this machine any more, if that is its business.
    pub(super) async fn leave(self) {
        if timeout(FAREWELL, self.union.leave(self.ports)).await.is_err() {
            tracing::debug!(target: LOG, "the descriptor still names this machine: the next active one mends it");
        }
    }
}
