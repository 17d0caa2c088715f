//! The order of steps in which a state and its key are written, so that a process or a machine may
//! end at any moment, and the next one finds the old state or the new one, whole.
//!
//! A change of the passphrase puts the new key beside the old one, then the new state in place,
//! then the new key. A process that opens the vault in between takes the key that opens the state,
//! and ends the change.

use ephemeral_tor::private_file::FileError;
use zeroize::Zeroizing;

use super::files::StateFiles;
use super::seal::{MOST_KEY_BYTES, MOST_STATE_BYTES, OpenError, StateKey};
use super::{Passphrase, VaultError};

/// The names of the files.
pub(super) const KEY: &str = "key.age";
pub(super) const NEW_KEY: &str = "key.new.age";
pub(super) const STATE: &str = "state.age";
pub(super) const NEW_STATE: &str = "state.tmp";

/// Why a state is not opened by a key that the passphrase opens.
const OTHER_KEY: &str = "it is encrypted with another key";

/// Writes the states of one vault.
pub(super) struct StateWriter<F> {
    files: F,
    key: StateKey,
    /// A write failed: nobody knows what the disk has.
    stopped: bool,
}

/// The state of a key file.
enum Unlocked {
    Absent,
    OtherPassphrase,
    Damaged(VaultError),
    Key(StateKey),
}

/// Returns whether there is a vault. A key that was never given its name counts only where a state
/// is for it.
pub(super) fn exists(files: &impl StateFiles) -> bool {
    files.has(KEY) || (files.has(NEW_KEY) && files.has(STATE))
}

impl<F: StateFiles> StateWriter<F> {
    /// Writes the first state, with a new key.
    pub(super) fn create(files: F, passphrase: &Passphrase, state: &[u8]) -> Result<Self, VaultError> {
        if exists(&files) {
            return Err(VaultError::Exists(files.path(KEY)));
        }
        let mut writer = Self { files, key: StateKey::generate(), stopped: false };
        // What an interrupted creation has left is not for any passphrase that somebody relies on.
        writer.files.discard(STATE)?;
        writer.switch(StateKey::generate(), passphrase, state)?;
        Ok(writer)
    }

    /// Reads the state, and ends what was interrupted. What it returns is on the disk.
    pub(super) fn open(files: F, passphrase: &Passphrase) -> Result<(Self, Zeroizing<Vec<u8>>), VaultError> {
        let Some(sealed) = files.read(STATE, MOST_STATE_BYTES)? else {
            return Err(damaged(&files, STATE, "there is none"));
        };
        let current = unlock(&files, KEY, passphrase)?;
        if let Unlocked::Key(key) = current {
            match key.open(&sealed) {
                Ok(state) => return Self::opened(files, key, state, false),
                Err(OpenError::OtherKey) if files.has(NEW_KEY) => {}
                Err(error) => return Err(damaged(&files, STATE, &error.to_string())),
            }
            return Self::open_changed(files, &sealed, Unlocked::Key(key), passphrase);
        }
        Self::open_changed(files, &sealed, current, passphrase)
    }

    /// Does as [`Self::open`] where `current` does not open the state.
    fn open_changed(
        files: F,
        sealed: &[u8],
        current: Unlocked,
        passphrase: &Passphrase,
    ) -> Result<(Self, Zeroizing<Vec<u8>>), VaultError> {
        use Unlocked::{Absent, Damaged, Key, OtherPassphrase};

        let new = unlock(&files, NEW_KEY, passphrase)?;
        if let Key(key) = new {
            match key.open(sealed) {
                Ok(state) => return Self::opened(files, key, state, true),
                Err(OpenError::Damaged(why)) => return Err(damaged(&files, STATE, &why)),
                Err(OpenError::OtherKey) => {}
            }
            return Err(match current {
                // It took no effect: the passphrase before it is valid.
                OtherPassphrase => VaultError::OtherPassphrase(files.path(KEY)),
                Damaged(error) => error,
                Key(_) | Absent => damaged(&files, STATE, OTHER_KEY),
            });
        }
        Err(match (current, new) {
            (Key(_) | OtherPassphrase, OtherPassphrase) => VaultError::OtherPassphrase(files.path(KEY)),
            (OtherPassphrase, _) => VaultError::WrongPassphrase(files.path(KEY)),
            (Key(_), _) => damaged(&files, STATE, OTHER_KEY),
            (Damaged(error), _) | (Absent, Damaged(error)) => error,
            (Absent, OtherPassphrase) => VaultError::WrongPassphrase(files.path(NEW_KEY)),
            (Absent, _) => damaged(&files, KEY, "there is none"),
        })
    }

    fn opened(
        files: F,
        key: StateKey,
        state: Zeroizing<Vec<u8>>,
        is_changed: bool,
    ) -> Result<(Self, Zeroizing<Vec<u8>>), VaultError> {
        let mut writer = Self { files, key, stopped: false };
        // Before a power failure after this could bring back an older one, whose effects have been
        // carried out.
        writer.files.sync_directory()?;
        if is_changed {
            let old = writer.rename(NEW_KEY, KEY)?;
            writer.forget(old);
        } else {
            writer.files.discard(NEW_KEY)?;
        }
        writer.files.discard(NEW_STATE)?;
        Ok((writer, state))
    }

    /// Replaces the state. It is on the disk when this returns.
    pub(super) fn write(&mut self, state: &[u8]) -> Result<(), VaultError> {
        self.guarded(|writer| {
            let sealed = writer.key.seal(state)?;
            let old = writer.put_state(&sealed)?;
            writer.forget(old);
            Ok(())
        })
    }

    /// Replaces the passphrase, the key and the state.
    pub(super) fn change_passphrase(&mut self, passphrase: &Passphrase, state: &[u8]) -> Result<(), VaultError> {
        self.guarded(|writer| writer.switch(StateKey::generate(), passphrase, state))
    }

    fn guarded(&mut self, step: impl FnOnce(&mut Self) -> Result<(), VaultError>) -> Result<(), VaultError> {
        if self.stopped {
            return Err(VaultError::Stopped(self.files.path(STATE)));
        }
        self.stopped = true;
        step(self)?;
        self.stopped = false;
        Ok(())
    }

    fn switch(&mut self, key: StateKey, passphrase: &Passphrase, state: &[u8]) -> Result<(), VaultError> {
        let sealed_key = key.seal_itself(passphrase)?;
        let sealed_state = key.seal(state)?;
        self.write_new(NEW_KEY, &sealed_key)?;
        self.files.sync_directory()?;
        let old_state = self.put_state(&sealed_state)?;
        let old_key = self.rename(NEW_KEY, KEY)?;
        self.key = key;
        // Not before both are in place. The key first: without it, nobody reads the state.
        self.forget(old_key);
        self.forget(old_state);
        Ok(())
    }

    /// Puts a state in place, and returns the one before, still to be overwritten.
    fn put_state(&mut self, sealed: &[u8]) -> Result<Option<F::Handle>, VaultError> {
        let new = self.write_new(NEW_STATE, sealed)?;
        self.rename(NEW_STATE, STATE).inspect_err(|_| self.files.abandon(new, NEW_STATE))
    }

    /// Writes a file to the disk, but not yet its name.
    fn write_new(&mut self, name: &str, sealed: &[u8]) -> Result<F::Handle, VaultError> {
        self.files.discard(name)?;
        let mut file = self.files.create(name)?;
        if let Err(error) = self.files.write(&mut file, sealed).and_then(|()| self.files.sync(&mut file)) {
            self.files.abandon(file, name);
            return Err(error.into());
        }
        Ok(file)
    }

    /// Gives a file its final name, on the disk, too. Returns the one that had the name.
    fn rename(&mut self, from: &str, to: &str) -> Result<Option<F::Handle>, VaultError> {
        let old = self.files.open(to)?;
        self.files.rename(from, to)?;
        self.files.sync_directory()?;
        Ok(old)
    }

    /// Overwrites a file that has no name any more. That it fails changes nothing of what was
    /// written.
    fn forget(&mut self, old: Option<F::Handle>) {
        if let Some(Err(error)) = old.map(|old| self.files.overwrite(old)) {
            tracing::warn!("an earlier state is left in free space of the disk: {error}");
        }
    }

    pub(super) fn files(&self) -> &F {
        &self.files
    }
}

fn unlock(files: &impl StateFiles, name: &str, passphrase: &Passphrase) -> Result<Unlocked, FileError> {
    let Some(sealed) = files.read(name, MOST_KEY_BYTES)? else { return Ok(Unlocked::Absent) };
    Ok(match StateKey::open_itself(&sealed, passphrase) {
        Ok(key) => Unlocked::Key(key),
        Err(OpenError::OtherKey) => Unlocked::OtherPassphrase,
        Err(OpenError::Damaged(why)) => Unlocked::Damaged(damaged(files, name, &why)),
    })
}

fn damaged(files: &impl StateFiles, name: &str, why: &str) -> VaultError {
    VaultError::Damaged { path: files.path(name), why: why.to_owned() }
}
