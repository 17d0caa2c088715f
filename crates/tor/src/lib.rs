//! The Tor client (Arti) that the onion service and the client library share: its configuration out
//! of the `[tor]` table, where it keeps its files, and what to do about each way it can fail to
//! start.

mod discovery;
mod keystore;
mod moved;
mod nodes;
pub mod private_file;
mod runtime;
mod service;
mod service_key;
mod union;

use std::error::Error;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arti_client::config::vanguards::VanguardConfig;
use arti_client::{ErrorKind, HasKind, TorClient, TorClientConfig};
use tor_config::ConfigurationTree;
use tor_config::load::{ConfigResolveOptions, resolve_return_results};

pub use discovery::set_discovery_key;
pub use discovery::{DiscoveryKey, DiscoverySecret, NotADiscoveryKey};
pub use keystore::{Keystore, KeystoreError, forget_introduction_points, key_directory, lock_file, state_directory};
pub use moved::{MovedError, Notice};
pub use nodes::{NodeList, NodeListError};
pub use private_file::FileError;
pub use runtime::EndOnDrop;
pub use runtime::{Runtime, Tasks};
pub use service::launch_service;
pub use service_key::{ServiceKey, ServiceKeyError, address_digest};
pub use union::{NodePoints, NotPoints, PublishedUnion, Union, UnionPorts};

/// Where Arti keeps its lock, below its state directory. A test notices if it moves.
const LOCK: &str = "state/state.lock";

/// What Arti reports.
pub use arti_client::Error as ArtiError;

/// The Tor client, as it is used everywhere here.
pub type Client = TorClient<Runtime>;

/// Why the Tor client cannot start.
#[derive(Debug, thiserror::Error)]
pub enum TorError {
    /// The `[tor]` table is wrong; the text names the key.
    #[error("{0}")]
    Table(String),
    /// The path of the state directory cannot be used.
    #[error("the state directory {} cannot be used: {why}", path.display())]
    Path {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Others could read or change the files of the Tor client.
    #[error("{} is not safe to keep the files of the Tor client in: {fix}", path.display())]
    Unsafe {
        /// The file or directory, which may be a parent of the state directory.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        fix: PathFix,
    },
    /// Another process uses the same state directory.
    #[error("another process uses the state directory {}: stop it first, or give this one another --state-dir", .0.display())]
    InUse(PathBuf),
    /// A file cannot be used; the text says what to do.
    #[error(transparent)]
    File(#[from] FileError),
    /// The service cannot be published.
    #[error("the onion service does not start: {0}")]
    Service(String),
    /// There is no runtime for the Tor client.
    #[error("the Tor client cannot use this async runtime: {0}")]
    Runtime(#[source] std::io::Error),
    /// Anything else that Arti reports.
    #[error("{action}: {}", causes(.source))]
    Arti {
        /// What was being done.
        action: TorStep,
        /// Arti's report.
        source: Box<arti_client::Error>,
    },
}

/// The step at which Arti failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TorStep {
    /// Making the client.
    #[error("the Tor client does not start")]
    Start,
    /// Bootstrapping.
    #[error("the Tor network cannot be reached")]
    Network,
    /// Connecting with an onion service.
    #[error("the server cannot be reached through Tor")]
    Server,
    /// Keeping the key for finding a restricted service.
    #[error("the discovery key cannot be kept")]
    DiscoveryKey,
    /// Opening the service's keys.
    #[error("the keys cannot be opened")]
    Keys,
    /// Starting the onion service.
    #[error("the onion service does not start")]
    Service,
}

/// The fault of a path, and its remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathFix {
    /// Others may do too much with it: what chmod takes from them.
    #[error("others have access to it. Run: chmod {mode} {}", path.display())]
    Mode {
        /// The path.
        path: PathBuf,
        /// What chmod takes from them: `g-w,o-rwx`.
        mode: String,
    },
    /// It is somebody else's.
    #[error("it belongs to user {0}. Run this as that user, or change the owner with chown")]
    Owner(u32),
}

impl TorError {
    /// Sorts an error of Arti's into what the operator can do about it.
    pub fn from_arti(action: TorStep, state_dir: &Path, error: arti_client::Error) -> Self {
        if let Some(refusal) = refused_path(&error) {
            return refusal;
        }
        if let Some(refusal) = system_error(&error, state_dir) {
            return refusal.into();
        }
        match error.kind() {
            ErrorKind::LocalResourceAlreadyInUse => Self::InUse(state_dir.to_path_buf()),
            _ => Self::Arti { action, source: Box::new(error) },
        }
    }
}

/// Returns whether this is the name of an onion service, its checksum included. Subdomains are not
/// looked at.
#[must_use]
pub fn is_onion_address(host: &str) -> bool {
    let mut labels = host.rsplitn(3, '.');
    let (Some(onion), Some(name)) = (labels.next(), labels.next()) else { return false };
    format!("{name}.{onion}").parse::<tor_hscrypto::pk::HsId>().is_ok()
}

/// Checks a `[tor]` table without starting anything. The text of the error names the key.
pub fn validate_table(table: &toml::Table) -> Result<(), String> {
    match config(table.clone(), Path::new("/nonexistent")) {
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

/// Returns the Tor client's configuration: the `[tor]` table, with its files under `STATE_DIR/tor`.
pub fn config(mut table: toml::Table, state_dir: &Path) -> Result<TorClientConfig, TorError> {
    set_storage(&mut table, state_dir)?;
    let mut tree = ConfigurationTree::default();
    tree.merge_from(&table).map_err(|e| TorError::Table(format!("[tor]: {}", causes(&e))))?;
    let results = resolve_return_results::<TorClientConfig>(&tree, &ConfigResolveOptions::default())
        .map_err(|e| TorError::Table(format!("[tor]: {}", causes(&e))))?;
    match results.unrecognized.first() {
        Some(key) => Err(TorError::Table(format!("unknown key tor.{key}"))),
        None => Ok(results.value),
    }
}

/// Returns a client that has not touched the network yet. It must be called within a tokio runtime,
/// and ends with that.
///
/// It only connects, so several processes may use the state directory at once: the first one
/// writes, the others read along (people receive in one terminal and send in another). Not with
/// full vanguards, which each has to write.
pub fn client(config: TorClientConfig, state_dir: &Path) -> Result<Arc<Client>, TorError> {
    let vanguards: &VanguardConfig = config.as_ref();
    let reads_along = vanguards.mode().to_string() != "full";
    start(config, state_dir, reads_along).map(|(client, _)| client)
}

/// Returns a client that has the state directory to itself, with the tasks that it starts: to end
/// them when the client has been dropped.
pub fn owned_client(config: TorClientConfig, state_dir: &Path) -> Result<(Arc<Client>, Tasks), TorError> {
    start(config, state_dir, false)
}

fn start(config: TorClientConfig, state_dir: &Path, reads_along: bool) -> Result<(Arc<Client>, Tasks), TorError> {
    // Arti panics without a default; where there is one already, it is ours.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let tasks = Tasks::new().map_err(TorError::Runtime)?;
    make_directories(&config, state_dir)?;
    if !reads_along && is_locked(&directory(state_dir, "state")?.join(LOCK)) {
        return Err(TorError::InUse(state_dir.to_path_buf()));
    }
    let client = TorClient::with_runtime(tasks.runtime())
        .config(config)
        .create_unbootstrapped()
        .map_err(|e| TorError::from_arti(TorStep::Start, state_dir, e))?;
    Ok((client, tasks))
}

/// Returns a client that is ready to connect. It waits for as long as the network takes: give it a
/// timeout.
pub async fn bootstrap(table: toml::Table, state_dir: &Path) -> Result<Arc<Client>, TorError> {
    let client = client(config(table, state_dir)?, state_dir)?;
    client.bootstrap().await.map_err(|e| TorError::from_arti(TorStep::Network, state_dir, e))?;
    Ok(client)
}

/// Creates the directories, 0700, and refuses them if others could change what is in them.
pub fn make_directories(config: &TorClientConfig, state_dir: &Path) -> Result<(), TorError> {
    for name in ["state", "cache"] {
        make_private_directory(config.fs_mistrust(), &directory(state_dir, name)?, state_dir)?;
    }
    Ok(())
}

/// Creates a directory that is to be its owner's alone, 0700, and those above it where they are
/// missing. One that is there is refused if others could look into it, or change what is in it or
/// in one above it.
///
/// # Errors
/// [`TorError::Unsafe`] with the command that mends it; [`TorError::File`]; [`TorError::Path`].
pub fn private_directory(path: &Path) -> Result<(), TorError> {
    // It looks up whose process this is, and there may be nothing to look that up in.
    let mistrust = fs_mistrust::Mistrust::builder()
        .build()
        .map_err(|error| TorError::Path { path: path.to_path_buf(), why: causes(&error) })?;
    make_private_directory(&mistrust, path, path)
}

/// Makes a private directory. `named`: the path that an error is about, if it does not know better.
fn make_private_directory(mistrust: &fs_mistrust::Mistrust, path: &Path, named: &Path) -> Result<(), TorError> {
    mistrust.make_directory(path).map_err(|error| {
        refused_path(&error)
            .or_else(|| system_error(&error, named).map(TorError::File))
            .unwrap_or_else(|| TorError::Path { path: named.to_path_buf(), why: causes(&error) })
    })
}

/// Returns whether a Tor client runs on this state, of this process or another. Arti itself would
/// go on without the lock, until it first has to write something.
fn is_locked(path: &Path) -> bool {
    match File::open(path) {
        Ok(file) => matches!(file.try_lock(), Err(TryLockError::WouldBlock)),
        // There has not been one yet, or Arti will say what the matter is.
        Err(_) => false,
    }
}

fn directory(state_dir: &Path, name: &str) -> Result<PathBuf, TorError> {
    let absolute = std::path::absolute(state_dir)
        .map_err(|e| TorError::Path { path: state_dir.to_path_buf(), why: e.to_string() })?;
    Ok(absolute.join("tor").join(name))
}

/// Sets where Arti keeps its files. That is not for the table to say: the lock, the keys and the
/// sandbox depend on it.
fn set_storage(table: &mut toml::Table, state_dir: &Path) -> Result<(), TorError> {
    let storage = table.entry("storage").or_insert_with(|| toml::Table::new().into());
    let Some(storage) = storage.as_table_mut() else {
        return Err(TorError::Table("tor.storage must be a table".into()));
    };
    for (key, name) in [("state_dir", "state"), ("cache_dir", "cache")] {
        if storage.contains_key(key) {
            return Err(TorError::Table(format!("tor.storage.{key} cannot be set: use state_dir or --state-dir")));
        }
        let path = directory(state_dir, name)?;
        let Some(path) = path.to_str() else {
            return Err(TorError::Path { path: state_dir.to_path_buf(), why: "its name is not UTF-8".into() });
        };
        // `literal`: else a `$` or `~` in the name would be expanded.
        let literal = toml::Table::from_iter([("literal".to_owned(), path.into())]);
        storage.insert(key.to_owned(), literal.into());
    }
    Ok(())
}

/// Returns the refusal of a path that is somewhere in the chain of causes, if one is.
fn refused_path(error: &(dyn Error + 'static)) -> Option<TorError> {
    let mut next = Some(error);
    while let Some(error) = next {
        match error.downcast_ref::<fs_mistrust::Error>() {
            Some(fs_mistrust::Error::BadPermission(path, _, bits)) => {
                let mode = fs_mistrust::format_access_bits(*bits, '-');
                return Some(TorError::Unsafe { path: path.clone(), fix: PathFix::Mode { path: path.clone(), mode } });
            }
            Some(fs_mistrust::Error::BadOwner(path, uid)) => {
                return Some(TorError::Unsafe { path: path.clone(), fix: PathFix::Owner(*uid) });
            }
            _ => next = error.source(),
        }
    }
    None
}

/// Returns what the operating system refuses, if that is somewhere in the chain of causes, and the
/// operator can mend it: no permission, no room, nothing may be written. `path`: where it was
/// tried.
pub fn system_error(error: &(dyn Error + 'static), path: &Path) -> Option<FileError> {
    let chain = std::iter::successors(Some(error), |&error| error.source());
    let mut kinds = chain.filter_map(|error| {
        let plain = error.downcast_ref::<std::io::Error>();
        plain.or_else(|| error.downcast_ref::<Arc<std::io::Error>>().map(|shared| &**shared)).map(std::io::Error::kind)
    });
    let mendable = |kind: &std::io::ErrorKind| {
        use std::io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
        matches!(kind, PermissionDenied | QuotaExceeded | ReadOnlyFilesystem | StorageFull)
    };
    kinds.find(mendable).map(|kind| FileError::of("use", path)(kind.into()))
}

/// Returns an error and its causes on one line: Arti's own texts say only the outermost.
fn causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        // Some of its errors print their cause themselves.
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests;
