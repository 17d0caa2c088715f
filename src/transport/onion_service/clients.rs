//! The clients of restricted discovery: one file each in `STATE_DIR/clients`, in C tor's format, so
//! that its `authorized_clients` can be copied here and back. A running service looks at the
//! directory every few seconds.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use ephemeral_tor::private_file::{self, FileError};
use ephemeral_tor::{DiscoveryKey, NotADiscoveryKey};

/// Clients of one service, at most: a descriptor that is encrypted to more keys may be too large
/// for the directories (`tor_hsservice` advises 160), and one of them is the server's own.
pub const MAX_CLIENTS: usize = tor_hsservice::config::restricted_discovery::MAX_RESTRICTED_DISCOVERY_CLIENTS - 1;

/// Letters of a name, at most.
const NAME_LEN: usize = 32;
/// What the names of their files end with.
pub const EXTENSION: &str = ".auth";
/// A key takes 71 bytes.
const FILE_BYTES: usize = 1024;

/// The names and keys of the clients.
pub type Clients = BTreeMap<String, DiscoveryKey>;

/// Why the clients cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum ClientsError {
    /// The name cannot be one.
    #[error(
        "{0:?} cannot be the name of a client: 1 to {NAME_LEN} of a-z, 0-9, - and _, the first one a letter or a digit"
    )]
    Name(String),
    /// The key is none.
    #[error(transparent)]
    Key(#[from] NotADiscoveryKey),
    /// There is a client of that name.
    #[error("there is a client {0} already: remove it first, or take another name")]
    Exists(String),
    /// Another client has this key.
    #[error("the client {0} has this key already")]
    SameKey(String),
    /// There is none of that name.
    #[error("there is no client {0}")]
    Missing(String),
    /// There are as many as there can be.
    #[error("there are {MAX_CLIENTS} clients, and a descriptor has no room for more: remove one first")]
    TooMany,
    /// A file in the directory is no client's.
    #[error("{} does not hold a discovery key: mend or remove it", .0.display())]
    NotAClient(PathBuf),
    /// The operating system refuses.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Lets the holder of a key find the service. It takes effect in a running one within about a
/// minute.
///
/// # Errors
/// [`ClientsError`]; nothing was changed then.
pub fn add(state_dir: &Path, name: &str, key: &DiscoveryKey) -> Result<(), ClientsError> {
    let name = checked(name)?;
    let clients = list(state_dir)?;
    if clients.contains_key(name) {
        return Err(ClientsError::Exists(name.to_owned()));
    }
    if let Some((other, _)) = clients.iter().find(|(_, has)| *has == key) {
        return Err(ClientsError::SameKey(other.clone()));
    }
    if clients.len() >= MAX_CLIENTS {
        return Err(ClientsError::TooMany);
    }
    let directory = directory(state_dir);
    private_file::create_directory(&directory)?;
    let path = directory.join(format!("{name}{EXTENSION}"));
    private_file::create_new(&path, format!("{key}\n").as_bytes()).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => ClientsError::Exists(name.to_owned()),
        _ => error.into(),
    })
}

/// Returns every client, by name.
///
/// # Errors
/// [`ClientsError`] if the directory, or a file in it, cannot be read.
pub fn list(state_dir: &Path) -> Result<Clients, ClientsError> {
    let mut clients = Clients::new();
    for (name, path) in files(state_dir)? {
        checked(&name)?;
        match key_in(&path)? {
            Some(key) => clients.insert(name, key),
            None => return Err(ClientsError::NotAClient(path)),
        };
    }
    Ok(clients)
}

/// Takes a client away. A running service closes its introduction points within seconds, and takes
/// new ones, which the client cannot find. A connection that is open stays open.
///
/// # Errors
/// [`ClientsError`] if there is none of that name, or its file cannot be removed.
pub fn remove(state_dir: &Path, name: &str) -> Result<(), ClientsError> {
    let name = checked(name)?;
    let path = directory(state_dir).join(format!("{name}{EXTENSION}"));
    private_file::remove(&path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => ClientsError::Missing(name.to_owned()),
        _ => error.into(),
    })
}

/// Returns the clients that a service goes by: at most [`MAX_CLIENTS`], and how many files had to
/// be left out, since they are no client's or are too many.
pub(super) fn usable(state_dir: &Path) -> Result<(Clients, usize), ClientsError> {
    let mut clients = Clients::new();
    let mut left_out = 0;
    for (name, path) in files(state_dir)? {
        match key_in(&path) {
            Ok(Some(key)) if clients.len() < MAX_CLIENTS && checked(&name).is_ok() => {
                clients.insert(name, key);
            }
            _ => left_out += 1,
        }
    }
    Ok((clients, left_out))
}

/// Returns the directory of the clients' files.
pub(crate) fn directory(state_dir: &Path) -> PathBuf {
    state_dir.join("clients")
}

/// Returns whether this can be the name of a client: one rule for adding, listing, importing,
/// backups and the service itself.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-');
    (1..=NAME_LEN).contains(&name.len()) && name.bytes().all(plain) && !name.starts_with(['-', '_'])
}

fn checked(name: &str) -> Result<&str, ClientsError> {
    if is_name(name) { Ok(name) } else { Err(ClientsError::Name(name.to_owned())) }
}

/// Returns names and paths of the clients' files; no directory, no clients. A file with another
/// extension is not meant.
fn files(state_dir: &Path) -> Result<BTreeMap<String, PathBuf>, ClientsError> {
    let directory = directory(state_dir);
    let entries = match fs::read_dir(&directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(FileError::of("read", &directory)(error).into()),
    };
    let mut files = BTreeMap::new();
    for entry in entries {
        let path = entry.map_err(FileError::of("read", &directory))?.path();
        let file_name = path.file_name().unwrap_or_default().to_string_lossy();
        if let Some(name) = file_name.strip_suffix(EXTENSION).filter(|name| !name.is_empty()) {
            files.insert(name.to_owned(), path);
        }
    }
    Ok(files)
}

/// Returns the key in a file; `None`: something else is in it.
fn key_in(path: &Path) -> Result<Option<DiscoveryKey>, ClientsError> {
    if !fs::metadata(path).map_err(FileError::of("read", path))?.is_file() {
        return Ok(None);
    }
    match private_file::read_text(path, FILE_BYTES) {
        Ok(text) => Ok(text.parse().ok()),
        Err(error) if matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::FileTooLarge) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests;
