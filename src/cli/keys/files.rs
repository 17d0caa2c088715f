//! Files with secrets in them: readable by their owner alone, never overwritten unless that was asked for.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{Consent, KeysError, ask};

fn io(path: &Path) -> impl Fn(std::io::Error) -> KeysError {
    let path = path.to_owned();
    move |source| KeysError::Io { path: path.clone(), source }
}

/// All of a file, if it has at most so many bytes; one byte more if it is longer, so that whoever reads it notices.
pub(super) fn read(path: &Path, most: usize) -> Result<Zeroizing<Vec<u8>>, KeysError> {
    // With the capacity from the start, no reallocation leaves a copy behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(most + 2));
    let file = File::open(path).map_err(io(path))?;
    file.take(most as u64 + 1).read_to_end(&mut bytes).map_err(io(path))?;
    Ok(bytes)
}

/// Refuses early what [`write`] would refuse, and asks what it would ask.
pub(super) fn may_write(path: &Path, consent: Consent) -> Result<(), KeysError> {
    if path.symlink_metadata().is_err() {
        return Ok(());
    }
    if !consent.force {
        return Err(KeysError::Exists(path.to_owned()));
    }
    ask::to_type(&format!("{} will be overwritten.", path.display()), "yes", consent.yes)
}

/// Writes a file that is new, or that may be replaced: by a new file with its name, so that it is never half one.
pub(super) fn write(path: &Path, bytes: &[u8], consent: Consent) -> Result<(), KeysError> {
    match write_new(path, bytes) {
        Err(KeysError::Exists(_)) if consent.force => {
            ask::to_type(&format!("{} will be overwritten.", path.display()), "yes", consent.yes)?;
            replace(path, bytes)
        }
        outcome => outcome,
    }
}

/// Replaces a file, or makes it.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), KeysError> {
    put_in_place(&stage(path, bytes)?, path)
}

/// Writes what is to replace a file beside it: what can fail, fails here.
pub(super) fn stage(path: &Path, bytes: &[u8]) -> Result<PathBuf, KeysError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let beside = path.with_file_name(name);
    // Leftover over from one that was interrupted.
    match std::fs::remove_file(&beside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(io(&beside)(error)),
        _ => {}
    }
    write_new(&beside, bytes)?;
    Ok(beside)
}

/// Gives a staged file its name.
pub(super) fn put_in_place(staged: &Path, path: &Path) -> Result<(), KeysError> {
    std::fs::rename(staged, path).map_err(io(path))?;
    sync_directory(path)
}

/// Writes a new file, 0600. If it could not be written to the end, it is removed.
pub(super) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), KeysError> {
    // `create_new` is O_EXCL: also a link to nowhere is refused.
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = opened.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => KeysError::Exists(path.to_owned()),
        _ => io(path)(error),
    })?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(|error| {
        let _ = std::fs::remove_file(path);
        io(path)(error)
    })?;
    sync_directory(path)
}

/// A file that was written is found again after a power failure only if its directory was written, too.
fn sync_directory(path: &Path) -> Result<(), KeysError> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.map_or_else(|| PathBuf::from("."), Path::to_owned);
    match File::open(&parent).and_then(|directory| directory.sync_all()) {
        // Some file systems cannot.
        Err(error) if error.kind() != ErrorKind::InvalidInput => Err(io(&parent)(error)),
        _ => Ok(()),
    }
}

/// A directory, 0700, and those above it where they are missing.
pub(super) fn private_directory(path: &Path) -> Result<(), KeysError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io(path))
}
