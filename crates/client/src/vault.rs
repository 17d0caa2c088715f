//! The vault: the state of a profile on the disk, encrypted with age, in a directory of its own.
//!
//! | file | contents |
//! | --- | --- |
//! | `key.age` | an X25519 identity of age's, encrypted with the passphrase |
//! | `state.age` | the state for that identity, its length hidden in steps of 64 KiB |
//! | `lock` | keeps a second process out |
//! | `state.tmp`, `key.new.age` | are there while a state is written, or the passphrase changed |
//!
//! A state replaces the one before as a whole, and the bytes of that are overwritten. After a
//! failed write nothing may be done that the state on the disk does not know of: the vault refuses
//! every further one.

pub mod backup;
mod erase;
mod error;
mod files;
mod lock;
mod passphrase;
mod seal;
mod state_writer;

use std::fs;
use std::path::Path;

use ephemeral_tor::private_file::FileError;
use zeroize::Zeroizing;

pub use erase::Erased;
pub use error::VaultError;
pub use passphrase::Passphrase;

use files::Folder;
use lock::Lock;
use state_writer::{KEY, NEW_KEY, NEW_STATE, STATE, StateWriter};

/// Keeps the states of one profile, of which it has the lock.
pub struct Vault(Option<OnDisk>);

struct OnDisk {
    writer: StateWriter<Folder>,
    /// The last to go: the lock is free when nothing writes any more.
    lock: Lock,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let directory = self.0.as_ref().map(|disk| disk.writer.files().directory());
        formatter.debug_struct("Vault").field("directory", &directory).finish_non_exhaustive()
    }
}

impl Vault {
    /// Returns whether there is a vault in a directory.
    #[must_use]
    pub fn exists(directory: &Path) -> bool {
        state_writer::exists(&Folder::new(directory))
    }

    /// Makes a vault with its first state, and the directory, 0700, where that is missing.
    ///
    /// # Errors
    /// [`VaultError`]; of a creation that failed, the next one needs nothing removed.
    pub fn create(directory: &Path, passphrase: &Passphrase, state: &[u8]) -> Result<Self, VaultError> {
        ephemeral_tor::private_directory(directory)?;
        let directory = real(directory)?;
        if Self::exists(&directory) {
            return Err(VaultError::Exists(directory));
        }
        let entries = fs::read_dir(&directory).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
        let entries = entries.map_err(FileError::of("read", &directory))?;
        let ours = [KEY, NEW_KEY, STATE, NEW_STATE, lock::FILE];
        if entries.iter().any(|entry| ours.iter().all(|name| entry.file_name() != *name)) {
            return Err(VaultError::Occupied(directory));
        }
        let lock = Lock::take(&directory)?;
        let writer = StateWriter::create(Folder::new(&directory), passphrase, state)?;
        Ok(Self(Some(OnDisk { writer, lock })))
    }

    /// Opens a vault, and returns its state, which is on the disk. What was interrupted is brought
    /// to its end.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn open(directory: &Path, passphrase: &Passphrase) -> Result<(Self, Zeroizing<Vec<u8>>), VaultError> {
        if !Self::exists(directory) {
            return Err(VaultError::Missing(directory.to_owned()));
        }
        ephemeral_tor::private_directory(directory)?;
        let directory = real(directory)?;
        let lock = Lock::take(&directory)?;
        let (writer, state) = StateWriter::open(Folder::new(&directory), passphrase)?;
        Ok((Self(Some(OnDisk { writer, lock })), state))
    }

    /// Returns a vault that keeps nothing: a write to it succeeds, and is forgotten.
    #[must_use]
    pub fn ephemeral() -> Self {
        Self(None)
    }

    /// Replaces the state. It is on the disk when this returns.
    ///
    /// # Errors
    /// [`VaultError`]: which of the two states the next process will find is not known, and this
    /// one has to end.
    pub fn write(&mut self, state: &[u8]) -> Result<(), VaultError> {
        self.change(|writer| writer.write(state))
    }

    /// Replaces the passphrase, the key that it protects, and the state. Who has the old passphrase
    /// and an old copy of the files reads the state in that copy, and no later one.
    ///
    /// # Errors
    /// As [`Self::write`]; which of the two passphrases is valid is not known either.
    pub fn change_passphrase(&mut self, passphrase: &Passphrase, state: &[u8]) -> Result<(), VaultError> {
        self.change(|writer| writer.change_passphrase(passphrase, state))
    }

    /// Overwrites and removes everything in the directory of a vault, and the directory: without a
    /// passphrase, and also while another process uses it, whose next write fails. It goes on after
    /// an error.
    ///
    /// # Errors
    /// [`VaultError::Missing`] if there is no vault, [`VaultError::File`] if the directory cannot
    /// be found. What else could not be done is in [`Erased`].
    pub fn erase(directory: &Path) -> Result<Erased, VaultError> {
        erase::directory(directory)
    }

    fn change(
        &mut self,
        step: impl FnOnce(&mut StateWriter<Folder>) -> Result<(), VaultError>,
    ) -> Result<(), VaultError> {
        let Some(OnDisk { writer, lock }) = &mut self.0 else { return Ok(()) };
        lock.check()?;
        let done = step(writer);
        // Of a vault that is gone meanwhile, the errors would be about files that are missing.
        lock.check()?;
        done
    }
}

/// Returns the path without links in it, so that everything that follows is about the same
/// directory.
fn real(directory: &Path) -> Result<std::path::PathBuf, VaultError> {
    Ok(fs::canonicalize(directory).map_err(FileError::of("open", directory))?)
}

#[cfg(test)]
mod tests;
