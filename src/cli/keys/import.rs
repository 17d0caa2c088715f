//! What is taken over from an onion service of C tor's: its key, and the clients that may find it.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use super::{C_TOR_FILE, KeysError, complain};
use crate::transport::onion_service::clients::{self, ClientsError};
use ephemeral_tor::private_file::{self, FileError};
use ephemeral_tor::{DiscoveryKey, ServiceKey, ServiceKeyError};

/// Where C tor keeps the clients of a service, in its directory.
const CLIENTS: &str = "authorized_clients";
/// Bytes of a client's file, at most.
const CLIENT_BYTES: usize = 1024;
/// Bytes of a file `hostname`, at most.
const HOSTNAME_BYTES: usize = 128;

/// Reads the key from a HiddenServiceDir, or from the file in one.
pub(super) fn key(path: &Path) -> Result<ServiceKey, KeysError> {
    let (file, hostname) =
        if path.is_dir() { (path.join(C_TOR_FILE), Some(path.join("hostname"))) } else { (path.to_owned(), None) };
    let key = match private_file::read(&file, ServiceKey::C_TOR_BYTES) {
        Err(error) if error.kind() == ErrorKind::FileTooLarge => Err(ServiceKeyError::NotCTors),
        bytes => ServiceKey::from_c_tor(&bytes?),
    };
    let key = key.map_err(|source| KeysError::Key { path: file, source })?;
    if let Some(path) = hostname.filter(|path| path.exists()) {
        let says = String::from_utf8_lossy(&private_file::read(&path, HOSTNAME_BYTES)?).trim().to_owned();
        if says != key.address() {
            return Err(KeysError::Hostname { path, says, key: key.address().to_owned() });
        }
    }
    Ok(key)
}

/// Takes over the clients of a HiddenServiceDir. Each that cannot be is named. `restricted`:
/// whether the clients have an effect here.
pub(super) fn clients(path: &Path, state_dir: &Path, restricted: bool) -> Result<(), KeysError> {
    let directory = path.join(CLIENTS);
    let entries = match fs::read_dir(&directory) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(()),
        Err(error) => return Err(FileError::of("read", &directory)(error).into()),
    };
    let mut found = false;
    for entry in entries {
        let path = entry.map_err(FileError::of("read", &directory))?.path();
        let file_name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some(name) = file_name.strip_suffix(clients::EXTENSION) else { continue };
        found = true;
        match take_over(&path, name, state_dir) {
            Ok(()) => complain(format_args!("the client {name} can find the service here, too")),
            Err(why) => complain(format_args!(
                "the client in {} is NOT taken over: {why}. `ephemeral-server clients add NAME KEY` adds it",
                path.display()
            )),
        }
    }
    if found && !restricted {
        complain(
            "at C tor only these clients could find the service; here everybody can until restricted = true stands in \
             [onion]: set it before the server is started",
        );
    }
    Ok(())
}

fn take_over(path: &Path, name: &str, state_dir: &Path) -> Result<(), String> {
    let text = private_file::read_text(path, CLIENT_BYTES).map_err(|error| error.to_string())?;
    let key: DiscoveryKey = text.parse().map_err(|error: ephemeral_tor::NotADiscoveryKey| error.to_string())?;
    match clients::add(state_dir, name, &key) {
        // The same import a second time.
        Err(ClientsError::Exists(_)) if clients::list(state_dir).is_ok_and(|all| all.get(name) == Some(&key)) => Ok(()),
        outcome => outcome.map_err(|error| error.to_string()),
    }
}
