//! The onion service's identity key where Arti keeps it: read, put in and replaced, without a
//! network.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fs_mistrust::Mistrust;
use tor_hscrypto::pk::HsIdKeypair;
use tor_hsservice::{HsIdKeypairSpecifier, HsNickname};
use tor_keymgr::{ArtiNativeKeystore, KeyMgr, KeyMgrBuilder, KeystoreSelector};

use super::private_file::{self, Doomed, FileError};
use super::{
    LOCK, MovedError, Notice, ServiceKey, TorError, causes, config, directory, make_directories, refused_path,
    system_error,
};

/// Where Arti keeps keys, below its state directory. A test notices if it moves.
const KEYS: &str = "keystore";
/// Where keys and state of services are, below `keystore` and below the state directory.
const SERVICES: &str = "hss";
/// The identity key's name in the key store begins with this.
const IDENTITY: &str = "ks_hs_id.";

/// Why the key cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum KeystoreError {
    /// The state directory cannot be used, or is in use; the text says what to do.
    #[error(transparent)]
    Tor(#[from] TorError),
    /// There is a key, and it was not said to replace it.
    #[error("there is a key already: that of {0}")]
    Exists(String),
    /// Arti's key store reports this.
    #[error("the key store in {}: {why}", path.display())]
    Store {
        /// Where it is.
        path: PathBuf,
        /// Arti's report.
        why: String,
    },
    /// A notice of a move.
    #[error(transparent)]
    Moved(#[from] MovedError),
    /// The operating system refuses.
    #[error(transparent)]
    File(#[from] FileError),
}

/// The key store of one service.
pub struct Keystore {
    path: PathBuf,
    /// The state of the service beside the key store: introduction points and what they have seen.
    pub(super) state: PathBuf,
    pub(super) nickname: HsNickname,
    mistrust: Mistrust,
    /// Held while something may be changed, so that no daemon starts meanwhile.
    lock: Option<File>,
}

impl Keystore {
    /// Opens the key store to read from. Nothing is created, and it does not matter whether a
    /// daemon runs. `table`: the `[tor]` table, whose `storage.permissions` say whom to trust with
    /// the files.
    ///
    /// # Errors
    /// [`KeystoreError`]: a table, a name or a path that cannot be used.
    pub fn open(table: &toml::Table, state_dir: &Path, nickname: &str) -> Result<Self, KeystoreError> {
        let config = config(table.clone(), state_dir)?;
        let nickname = HsNickname::new(nickname.to_owned())
            .map_err(|error| TorError::Table(format!("onion.nickname: {error}")))?;
        let state = directory(state_dir, "state")?;
        Ok(Self {
            path: state.join(KEYS),
            state: state.join(SERVICES).join(nickname.to_string()),
            nickname,
            mistrust: config.fs_mistrust().clone(),
            lock: None,
        })
    }

    /// Opens the key store to change the key. While the value lives, no daemon can start on this
    /// state directory.
    ///
    /// # Errors
    /// [`KeystoreError`]; [`TorError::InUse`] while a daemon runs on it.
    pub fn open_to_change(table: &toml::Table, state_dir: &Path, nickname: &str) -> Result<Self, KeystoreError> {
        let mut store = Self::open(table, state_dir, nickname)?;
        make_directories(&config(table.clone(), state_dir)?, state_dir)?;
        let path = lock_file(state_dir)?;
        let failed = FileError::of("lock", &path);
        if let Some(parent) = path.parent() {
            store.mistrust.make_directory(parent).map_err(|error| store.failed(&error))?;
        }
        let lock = File::options().create(true).append(true).open(&path).map_err(&failed)?;
        match lock.try_lock() {
            Ok(()) => store.lock = Some(lock),
            Err(fs::TryLockError::WouldBlock) => return Err(TorError::InUse(state_dir.to_path_buf()).into()),
            Err(fs::TryLockError::Error(source)) => return Err(failed(source).into()),
        }
        Ok(store)
    }

    /// Returns the key, if there is one.
    ///
    /// # Errors
    /// [`KeystoreError`] if there is one that cannot be read.
    pub fn key(&self) -> Result<Option<ServiceKey>, KeystoreError> {
        // Opening it would create it.
        match self.path.try_exists() {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(source) => return Err(FileError::of("read", &self.path)(source).into()),
        }
        let pair = self.manager()?.get::<HsIdKeypair>(&self.specifier()).map_err(|error| self.failed(&error))?;
        Ok(pair.as_ref().map(ServiceKey::from_pair))
    }

    /// Makes this the service's key, where there is none yet.
    ///
    /// # Errors
    /// [`KeystoreError::Exists`] if there is another.
    pub fn insert(&self, key: &ServiceKey) -> Result<(), KeystoreError> {
        match self.key()? {
            None => self.replace(key),
            Some(there) if there.address() == key.address() => Ok(()),
            Some(there) => Err(KeystoreError::Exists(there.address().to_owned())),
        }
    }

    /// Makes this the service's key, whatever was there. The bytes of the one that was there are
    /// overwritten, and so are those of the keys that were derived from it; the new one is on the
    /// disk when this returns.
    ///
    /// # Errors
    /// [`KeystoreError`]; unless it says that bytes cannot be overwritten, the key that was there
    /// is still there then.
    pub fn replace(&self, key: &ServiceKey) -> Result<(), KeystoreError> {
        self.finish_forgetting()?;
        // Before the key itself: Arti would go on with keys that it has derived from the old one.
        self.forget_derived()?;
        let files = self.identity_files()?;
        let old = files.iter().map(|path| Doomed::open(path)).collect::<Result<Vec<_>, _>>()?;
        let second_name = self.second_name();
        if let Some(file) = files.first() {
            // With a second name it is found again, should this be killed before it is overwritten.
            // A file system that has no such names is no reason to keep a key.
            let named = fs::hard_link(file, &second_name);
            named.map_or(Ok(()), |()| private_file::sync_directory(&self.path))?;
        }
        let pair = key.to_pair().ok_or_else(|| self.failed(&std::io::Error::other("the key is not valid")))?;
        self.manager()?
            .insert(pair, &self.specifier(), KeystoreSelector::Primary, true)
            .map(drop)
            .map_err(|error| self.failed(&error))?;
        self.sync()?;
        old.into_iter().flatten().try_for_each(Doomed::overwrite)?;
        match private_file::remove(&second_name) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Finishes an exchange of the key that was killed before the bytes of the old one were
    /// overwritten.
    fn finish_forgetting(&self) -> Result<(), KeystoreError> {
        let second_name = self.second_name();
        if second_name.symlink_metadata().is_err() {
            return Ok(());
        }
        let is_in_force = self.identity_files()?.iter().any(|file| is_same(file, &second_name));
        let finished = if is_in_force { private_file::remove } else { private_file::erase };
        Ok(finished(&second_name)?)
    }

    /// Returns what the file of an old key is called besides while it is being replaced. Erasing
    /// all keys erases it.
    fn second_name(&self) -> PathBuf {
        self.path.join(format!("{}.replaced", self.nickname))
    }

    /// Finishes an exchange of the key that was killed: after the new key was in its place, and
    /// before the old one was overwritten, or the notice of the move was in its own. Returns
    /// whether there was such a notice.
    ///
    /// # Errors
    /// [`KeystoreError`]; what it names has not changed then.
    pub fn finish_move(&self, state_dir: &Path) -> Result<bool, KeystoreError> {
        let path = state_dir.join(Notice::FILE);
        if !private_file::staged(&path).exists() && !self.second_name().exists() {
            return Ok(false);
        }
        // Not while somebody is at it. A daemon that runs has done it before.
        let lock = lock_file(state_dir)?;
        let _lock = match File::options().append(true).open(&lock) {
            Ok(file) if file.try_lock().is_ok() => Some(file),
            Ok(_) => return Ok(false),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(FileError::of("lock", &lock)(error).into()),
        };
        self.finish_forgetting()?;
        match self.key()? {
            Some(key) => Ok(Notice::adopt(&path, key.address())?),
            None => Ok(false),
        }
    }

    /// Sees to it that the key survives a power cut: Arti writes it without waiting for the disk.
    ///
    /// # Errors
    /// [`KeystoreError`].
    pub fn sync(&self) -> Result<(), KeystoreError> {
        for path in self.identity_files()? {
            private_file::sync(&path)?;
        }
        // The directories above may be new, too.
        for directory in self.keys().ancestors().skip(1).take(4) {
            private_file::sync_directory(directory)?;
        }
        Ok(())
    }

    /// Returns where the keys of this service are.
    fn keys(&self) -> PathBuf {
        self.path.join(SERVICES).join(self.nickname.to_string())
    }

    /// Returns the files that the identity key is in. There is one, or none.
    fn identity_files(&self) -> Result<Vec<PathBuf>, KeystoreError> {
        let is_identity =
            |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(IDENTITY));
        Ok(self.entries()?.into_iter().filter(is_identity).collect())
    }

    fn entries(&self) -> Result<Vec<PathBuf>, KeystoreError> {
        let keys = self.keys();
        let entries = match fs::read_dir(&keys) {
            Ok(entries) => entries.map(|entry| entry.map(|entry| entry.path())).collect(),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        };
        Ok(entries.map_err(FileError::of("read", &keys))?)
    }

    fn forget_derived(&self) -> Result<(), KeystoreError> {
        let identity = self.identity_files()?;
        let derived = self.entries()?.into_iter().filter(|path| !identity.contains(path));
        for path in derived.chain([self.state.clone()]) {
            erase_below(&path)?;
        }
        Ok(())
    }

    pub(super) fn manager(&self) -> Result<KeyMgr, KeystoreError> {
        let store = ArtiNativeKeystore::from_path_and_mistrust(&self.path, &self.mistrust)
            .map_err(|error| self.failed(&error))?;
        KeyMgrBuilder::default().primary_store(Box::new(store)).build().map_err(|error| self.failed(&error))
    }

    fn specifier(&self) -> HsIdKeypairSpecifier {
        HsIdKeypairSpecifier::new(self.nickname.clone())
    }

    pub(super) fn failed(&self, error: &(dyn std::error::Error + 'static)) -> KeystoreError {
        match (refused(error), system_error(error, &self.path)) {
            (Some(refusal), _) => refusal.into(),
            (None, Some(refusal)) => refusal.into(),
            (None, None) => KeystoreError::Store { path: self.path.clone(), why: causes(error) },
        }
    }
}

/// Returns whether two names are those of one file.
fn is_same(one: &Path, other: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let of = |path: &Path| path.symlink_metadata().map(|file| (file.dev(), file.ino()));
        of(one).is_ok_and(|one| of(other).is_ok_and(|other| one == other))
    }
    // Elsewhere one cannot tell whether it is the same file: nothing is overwritten.
    #[cfg(not(unix))]
    {
        let _ = (one, other);
        true
    }
}

/// Overwrites and removes a file, or all files of a directory. Links are removed, and not followed.
fn erase_below(path: &Path) -> Result<(), FileError> {
    match path.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => {
            for entry in fs::read_dir(path).map_err(FileError::of("read", path))? {
                erase_below(&entry.map_err(FileError::of("read", path))?.path())?;
            }
            fs::remove_dir(path).map_err(FileError::of("remove", path))
        }
        _ => private_file::erase(path),
    }
}

/// Returns the file on which a running Tor client holds a lock (`flock`), so that no other writes
/// to the same state.
///
/// # Errors
/// If the state directory is relative, and the working directory is gone.
pub fn lock_file(state_dir: &Path) -> Result<PathBuf, TorError> {
    Ok(directory(state_dir, "state")?.join(LOCK))
}

/// Returns where a Tor client keeps all that is its own: keys, guards, introduction points.
///
/// # Errors
/// If the state directory is relative, and the working directory is gone.
pub fn state_directory(state_dir: &Path) -> Result<PathBuf, TorError> {
    directory(state_dir, "state")
}

/// Returns where the keys are, those of every service.
///
/// # Errors
/// If the state directory is relative, and the working directory is gone.
pub fn key_directory(state_dir: &Path) -> Result<PathBuf, TorError> {
    Ok(directory(state_dir, "state")?.join(KEYS))
}

/// Makes a service that is published next take new introduction points. False: the one that was
/// published before still writes its state.
///
/// # Errors
/// [`TorError`] if the state directory is relative, and the working directory is gone; or if a file
/// cannot be removed.
pub fn forget_introduction_points(state_dir: &Path, nickname: &str) -> Result<bool, TorError> {
    let services = directory(state_dir, "state")?.join(SERVICES);
    // Arti's lock on the state of one service: held while its tasks live, and here until the files
    // are gone.
    let lock = services.join(format!("{nickname}.lock"));
    let _lock = match File::options().append(true).open(&lock) {
        Ok(lock) => match lock.try_lock() {
            Ok(()) => Some(lock),
            Err(_) => return Ok(false),
        },
        Err(_) => None,
    };
    for file in ["ipts.json", "iptpub.json"] {
        private_file::erase(&services.join(nickname).join(file))?;
    }
    Ok(true)
}

/// Returns the refusal of a path in the chain of causes. The key store shares its causes, and a
/// shared one is another type.
fn refused(error: &(dyn std::error::Error + 'static)) -> Option<TorError> {
    let chain = std::iter::successors(Some(error), |error| error.source());
    let shared = chain.filter_map(|error| error.downcast_ref::<Arc<fs_mistrust::Error>>());
    refused_path(error).or_else(|| shared.filter_map(|error| refused_path(&**error)).next())
}
