//! The signed list of the service's nodes, which clients are told: signed anew long before it ends.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ephemeral_tor::{Keystore, NodeList};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::Config;
use crate::transport::onion_service;

/// How often the list is signed: so often that a client which is told has nearly its whole life.
const ANEW: Duration = Duration::from_secs(3600);
/// How soon it is tried again where there is no key: the onion service makes one at its first
/// start.
const AGAIN: Duration = Duration::from_secs(1);

/// Signs the list, if there is one.
pub(super) struct Signer {
    onion: Option<onion_service::Config>,
    state_dir: PathBuf,
    list: watch::Sender<Option<Arc<serde_json::Value>>>,
}

impl Signer {
    pub(super) fn new(config: &Config) -> Self {
        let onion = config.onion.clone().filter(|onion| !onion.nodes.is_empty());
        Self { onion, state_dir: config.state_dir.clone(), list: watch::Sender::default() }
    }

    /// Follows the list.
    pub(super) fn list(&self) -> watch::Receiver<Option<Arc<serde_json::Value>>> {
        self.list.subscribe()
    }

    /// Keeps the list signed, until `stop`. The key is read for each signature, and kept by nobody:
    /// where it was erased, there is no list any more.
    pub(super) async fn run(self, stop: CancellationToken) {
        let Some(onion) = self.onion else { return stop.cancelled().await };
        let mut complained = false;
        loop {
            let onion = onion.clone();
            let state_dir = self.state_dir.clone();
            let signed = tokio::task::spawn_blocking(move || sign(&onion, &state_dir)).await;
            let list = match signed {
                Ok(Ok(list)) => list,
                Ok(Err(why)) => {
                    if !std::mem::replace(&mut complained, true) {
                        tracing::warn!("clients are not told of the addresses in nodes: {why}");
                    }
                    None
                }
                // The panic hook has logged where.
                Err(_) => None,
            };
            let wait = if list.is_some() { ANEW } else { AGAIN };
            self.list.send_replace(list.map(Arc::new));
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }
}

/// Signs the list with the service's key. `None`: there is no key yet.
fn sign(onion: &onion_service::Config, state_dir: &std::path::Path) -> Result<Option<serde_json::Value>, String> {
    let store = Keystore::open(&onion.tor, state_dir, &onion.nickname).map_err(|error| error.to_string())?;
    let Some(key) = store.key().map_err(|error| error.to_string())? else { return Ok(None) };
    let list = NodeList::sign(&key, &onion.nodes, Clock::System.wall()).map_err(|error| error.to_string())?;
    serde_json::to_value(list).map(Some).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use ephemeral_tor::ServiceKey;

    #[tokio::test]
    async fn the_list_is_signed_as_soon_as_there_is_a_key_and_no_more_when_it_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let state_dir = folder.path().join("state");
        let node = ServiceKey::generate().unwrap().address().to_owned();
        let onion = onion_service::Config { nodes: vec![node.clone()], ..onion_service::Config::default() };
        assert_eq!(sign(&onion, &state_dir), Ok(None));
        let key = ServiceKey::generate().unwrap();
        let store = Keystore::open_to_change(&onion.tor, &state_dir, &onion.nickname).unwrap();
        store.insert(&key).unwrap();
        let signer =
            Signer { onion: Some(onion.clone()), state_dir: state_dir.clone(), list: watch::Sender::default() };
        let mut list = signer.list();
        let stop = CancellationToken::new();
        let running = tokio::spawn(signer.run(stop.clone()));
        let signed = list.wait_for(Option::is_some).await.unwrap().clone().unwrap();
        let read = NodeList::read(&signed, key.address(), Clock::System.wall()).unwrap();
        assert_eq!(read.onions().collect::<Vec<_>>(), [node.as_str()]);
        stop.cancel();
        running.await.unwrap();
        crate::erase::keys(&state_dir).unwrap();
        assert_eq!(sign(&onion, &state_dir), Ok(None));
    }
}
