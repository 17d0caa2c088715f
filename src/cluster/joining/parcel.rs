//! What a new machine is given: the key of the onion service, and the clients that can find it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use zeroize::Zeroizing;

use crate::cluster::keys::NotOpened;
use crate::transport::onion_service::clients::{self, Clients, ClientsError, MAX_CLIENTS};
use ephemeral_tor::{Keystore, KeystoreError, ServiceKey};

/// Bytes of a client as it is written, about.
const CLIENT_BYTES: usize = 160;

/// Where a machine has what it can give to another one.
#[derive(Debug, Clone)]
pub struct ServiceHome {
    /// Its state directory.
    pub state_dir: PathBuf,
    /// The key's name there.
    pub nickname: String,
    /// Whether only some clients can find the service.
    pub restricted: bool,
    /// The `[tor]` table.
    pub tor: toml::Table,
}

/// Why a machine has nothing to give.
#[derive(Debug, thiserror::Error)]
pub enum NoParcel {
    /// It has no key yet.
    #[error("this machine has no key of the onion service in {}", .0.display())]
    NoKey(PathBuf),
    /// The key cannot be read.
    #[error(transparent)]
    Keystore(#[from] KeystoreError),
    /// The clients cannot be read.
    #[error(transparent)]
    Clients(#[from] ClientsError),
}

/// What is handed over.
pub struct ServiceParcel {
    /// The service's key.
    pub key: ServiceKey,
    /// Whether only the clients can find the service.
    pub restricted: bool,
    /// The clients that can find it.
    pub clients: Clients,
}

/// What stands behind the key: nothing secret.
#[derive(Serialize, Deserialize)]
struct Beside {
    restricted: bool,
    clients: BTreeMap<String, String>,
}

impl ServiceHome {
    /// Reads what there is to be given.
    ///
    /// # Errors
    /// [`NoParcel`].
    pub fn parcel(&self) -> Result<ServiceParcel, NoParcel> {
        let store = Keystore::open(&self.tor, &self.state_dir, &self.nickname)?;
        let key = store.key()?.ok_or_else(|| NoParcel::NoKey(self.state_dir.clone()))?;
        Ok(ServiceParcel { key, restricted: self.restricted, clients: clients::list(&self.state_dir)? })
    }
}

impl ServiceParcel {
    /// Writes it down.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn written(&self) -> Result<Zeroizing<Vec<u8>>, NotOpened> {
        let clients = self.clients.iter().map(|(name, key)| (name.clone(), key.to_string())).collect();
        let beside = Beside { restricted: self.restricted, clients };
        let room = ServiceKey::BYTES + 64 + self.clients.len() * CLIENT_BYTES;
        // With the capacity from the start, no reallocation leaves a copy behind.
        let mut written = Zeroizing::new(Vec::with_capacity(room));
        written.extend_from_slice(self.key.expanded());
        serde_json::to_writer(&mut *written, &beside).map_err(|_| NotOpened)?;
        Ok(written)
    }

    /// Reads what [`written`](Self::written) wrote.
    ///
    /// # Errors
    /// [`NotOpened`] if it is of another program.
    pub fn read(written: &[u8]) -> Result<Self, NotOpened> {
        let (secret, beside) = written.split_first_chunk::<{ ServiceKey::BYTES }>().ok_or(NotOpened)?;
        let key = ServiceKey::from_expanded(secret).map_err(|_| NotOpened)?;
        let Beside { restricted, clients } = serde_json::from_slice(beside).map_err(|_| NotOpened)?;
        if clients.len() > MAX_CLIENTS || !clients.keys().all(|name| clients::is_name(name)) {
            return Err(NotOpened);
        }
        let parsed = clients.into_iter().map(|(name, key)| Some((name, key.parse().ok()?)));
        Ok(Self { key, restricted, clients: parsed.collect::<Option<Clients>>().ok_or(NotOpened)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ephemeral_tor::DiscoverySecret;

    #[test]
    fn a_key_and_its_clients_are_read_as_they_were_written() {
        let client = DiscoverySecret::generate().unwrap().public();
        let clients: Clients = [("alice".to_owned(), client)].into();
        let parcel = ServiceParcel { key: ServiceKey::generate().unwrap(), restricted: true, clients };
        let written = parcel.written().unwrap();
        let read = ServiceParcel::read(&written).unwrap();
        assert_eq!((read.key.expanded(), read.restricted), (parcel.key.expanded(), true));
        assert!(read.clients == parcel.clients);
        assert!(ServiceParcel::read(&written[..40]).is_err() && ServiceParcel::read(&written[..70]).is_err());
        let named = |name: &str| {
            let text = String::from_utf8(written[64..].to_vec()).unwrap().replace("alice", name);
            ServiceParcel::read(&[&written[..64], text.as_bytes()].concat())
        };
        assert!(named("bob").is_ok() && named("../../x").is_err(), "a name is no path");
    }
}
