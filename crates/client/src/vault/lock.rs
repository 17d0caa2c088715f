//! The lock of a vault: two processes that write one state would each forget what the other one has
//! done.

use std::fs::{File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use ephemeral_tor::private_file::{self, FileError};

use super::VaultError;
use super::files::is_nameless;

pub(super) const FILE: &str = "lock";
/// Bytes of a process's id, at most.
const MOST_BYTES: u64 = 10;

/// Is the only one of its directory for as long as it lives.
pub(super) struct Lock {
    file: File,
    directory: PathBuf,
}

impl Lock {
    /// Takes the lock, and writes down which process has it.
    pub(super) fn take(directory: &Path) -> Result<Self, VaultError> {
        let path = directory.join(FILE);
        let mut file = private_file::open_or_create(&path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(VaultError::Locked { directory: directory.to_owned(), process: holder(&mut file) });
            }
            Err(TryLockError::Error(error)) => return Err(FileError::of("lock", &path)(error).into()),
        }
        let mut lock = Self { file, directory: directory.to_owned() };
        lock.check()?;
        // It is for a person to read: a full disk need not keep anybody out.
        let _ = lock.write_down(&std::process::id().to_string());
        Ok(lock)
    }

    /// Refuses once another process has erased the vault.
    pub(super) fn check(&self) -> Result<(), VaultError> {
        if is_nameless(&self.file) { Err(VaultError::Erased(self.directory.clone())) } else { Ok(()) }
    }

    fn write_down(&mut self, text: &str) -> std::io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.file.write_all(text.as_bytes())
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // While the lock is still held, so that no other process's id is erased.
        let _ = self.write_down("");
    }
}

fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(MOST_BYTES).read_to_string(&mut text).ok()?;
    text.parse().ok()
}
