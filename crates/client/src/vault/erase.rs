//! Panic: a vault's files overwritten and removed, without a passphrase, also under the hands of a
//! process that uses them.
//!
//! Overwriting reaches the place where a file is *now*: see [`ephemeral_tor::private_file`].

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use ephemeral_tor::private_file::{self, Doomed, FileError};

use super::state_writer::{KEY, NEW_KEY, STATE};
use super::{VaultError, lock};

/// How often a directory is looked through again in which another process has made something
/// meanwhile.
const ROUNDS: usize = 20;

/// Says what became of the files of a vault that was erased.
#[derive(Debug, Default)]
#[must_use = "somebody has to be told what is left"]
pub struct Erased {
    /// What was there, and is not any more.
    pub removed: Vec<PathBuf>,
    /// What was removed without its bytes being overwritten, and why.
    pub not_overwritten: Vec<FileError>,
    /// What is still there, and why.
    pub left: Vec<FileError>,
}

impl Erased {
    /// Returns whether everything was overwritten and removed.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.left.is_empty() && self.not_overwritten.is_empty()
    }

    /// Removes a file, or a directory with all that is in it. Links are removed, and not followed.
    fn erase(&mut self, path: &Path) {
        match path.symlink_metadata() {
            Ok(metadata) if metadata.is_dir() => self.erase_directory(path),
            Ok(metadata) => self.erase_file(path, metadata.is_file()),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => self.left.push(FileError::of("erase", path)(error)),
        }
    }

    fn erase_file(&mut self, path: &Path, has_bytes: bool) {
        // What cannot be overwritten can still be removed.
        let overwritten = match has_bytes {
            true => Doomed::open(path).and_then(|old| old.map_or(Ok(()), Doomed::overwrite)),
            false => Ok(()),
        };
        match fs::remove_file(path) {
            Ok(()) => {
                self.removed.push(path.to_owned());
                self.not_overwritten.extend(overwritten.err());
            }
            // The process that uses the vault was faster.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => self.left.push(FileError::of("erase", path)(error)),
        }
    }

    fn erase_directory(&mut self, path: &Path) {
        let failed = FileError::of("erase", path);
        let mut rounds = ROUNDS;
        loop {
            let left = self.left.len();
            match fs::read_dir(path).and_then(Iterator::collect::<std::io::Result<Vec<_>>>) {
                Ok(entries) => entries.iter().for_each(|entry| self.erase(&entry.path())),
                Err(error) => return self.left.push(failed(error)),
            }
            rounds -= 1;
            match fs::remove_dir(path) {
                Ok(()) => return self.removed.push(path.to_owned()),
                // What cannot be removed was said already.
                Err(_) if self.left.len() > left => return,
                Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty && rounds > 0 => {}
                Err(error) => return self.left.push(failed(error)),
            }
        }
    }
}

/// Erases all that is in the directory of a vault, and the directory.
pub(super) fn directory(directory: &Path) -> Result<Erased, VaultError> {
    let missing = || VaultError::Missing(directory.to_owned());
    let directory = fs::canonicalize(directory).map_err(|error| match error.kind() {
        ErrorKind::NotFound => missing(),
        _ => FileError::of("erase", directory)(error).into(),
    })?;
    // It takes everything with it, and must not do so where somebody has mistaken a directory for a
    // vault's.
    if [KEY, NEW_KEY, STATE].iter().all(|name| directory.join(name).symlink_metadata().is_err()) {
        return Err(missing());
    }
    let mut erased = Erased::default();
    // The keys first: with them gone, no state can be read. Then the lock, by which another process
    // sees it.
    for name in [KEY, NEW_KEY, lock::FILE] {
        erased.erase(&directory.join(name));
    }
    let _ = private_file::sync_directory(&directory);
    erased.erase_directory(&directory);
    let parent = directory.parent().unwrap_or(&directory);
    erased.left.extend(private_file::sync_directory(parent).err());
    Ok(erased)
}
