//! The identity of the onion service, gone from the state directory: keys are overwritten and
//! removed, and the rest of what Tor keeps is removed.
//!
//! Overwriting reaches the place where a file is *now*. A file system that journals or copies on
//! write, a flash disk that moves blocks around, a snapshot or a backup may keep an earlier copy,
//! and no program can know. Only a disk that is encrypted, and whose key is destroyed, is certain.

use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::transport::link;
use crate::transport::onion_service::clients;
use ephemeral_tor::private_file::{Doomed, FileError};
use ephemeral_tor::{self as tor, Notice, TorError};

/// Where keys that were replaced are kept, below the state directory.
pub const RETIRED: &str = "retired";
/// The times of the dead-man switch, in the state directory.
pub const CHECK_IN: &str = "check-in";
/// How often a directory is looked through again in which something has appeared meanwhile.
const ROUNDS: usize = 20;

/// Why something is left.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// The operating system refuses.
    #[error("{} is left: {source}", path.display())]
    Io {
        /// What is left; there may be more.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A process uses the state directory. Nothing was removed.
    #[error("a process uses the state directory {}", .0.display())]
    InUse(PathBuf),
    /// What was removed had not been overwritten.
    #[error("not all of the identity in {} was overwritten before it was removed: the log says what", .0.display())]
    NotOverwritten(PathBuf),
    /// The path cannot be used.
    #[error(transparent)]
    Path(#[from] TorError),
}

/// Overwrites and removes every key, the clients' and retired ones included, and the notices of
/// moves. For a running server, whose Tor client still writes the rest of its state. It goes on
/// after an error.
///
/// # Errors
/// The first one.
pub fn keys(state_dir: &Path) -> Result<(), EraseError> {
    let mut first = None;
    overwrite_below(&tor::key_directory(state_dir)?, &mut first);
    for name in [RETIRED, Notice::FILE, CHECK_IN, link::KEY_FILE] {
        overwrite_below(&state_dir.join(name), &mut first);
        // What an interrupted change has left.
        overwrite_below(&state_dir.join(format!("{name}.new")), &mut first);
    }
    overwrite_below(&clients::directory(state_dir), &mut first);
    first.map_or(Ok(()), Err)
}

/// Returns whether anything of an identity is in the state directory; yes, where that cannot be
/// told.
#[must_use]
pub fn has_identity(state_dir: &Path) -> bool {
    let Ok(kept) = tor::state_directory(state_dir) else { return true };
    let has_entries = |path: PathBuf| match fs::read_dir(path) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) => !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
    };
    has_entries(kept) || has_entries(state_dir.join(RETIRED)) || has_entries(clients::directory(state_dir))
}

/// Erases as [`keys`] does, and all that Tor keeps: guards, vanguards, introduction points, its
/// directory of relays.
///
/// # Errors
/// The first one.
pub fn identity(state_dir: &Path) -> Result<(), EraseError> {
    let keys = keys(state_dir);
    let mut first = None;
    let state = tor::state_directory(state_dir)?;
    overwrite_below(&state, &mut first);
    // The directory of relays is the same for everybody.
    if let Some(all) = state.parent() {
        remove(all, false, &mut first);
    }
    keys?;
    first.map_or(Ok(()), Err)
}

/// Erases as [`identity`] does, where no server runs.
///
/// # Errors
/// [`EraseError::InUse`] if one does; else the first one.
pub fn identity_offline(state_dir: &Path) -> Result<(), EraseError> {
    let path = tor::lock_file(state_dir)?;
    // Held until everything is gone.
    let _lock = match File::options().append(true).open(&path) {
        Ok(lock) => match lock.try_lock() {
            Ok(()) => Some(lock),
            Err(TryLockError::WouldBlock) => return Err(EraseError::InUse(state_dir.to_owned())),
            Err(TryLockError::Error(source)) => return Err(EraseError::Io { path, source }),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(source) => return Err(EraseError::Io { path, source }),
    };
    identity(state_dir)
}

fn overwrite_below(path: &Path, first: &mut Option<EraseError>) {
    remove(path, true, first);
    sync(path.parent());
}

/// Removes a file, or a directory with all that is in it. Links are removed, and not followed.
fn remove(path: &Path, overwritten: bool, first: &mut Option<EraseError>) {
    let removed = fs::symlink_metadata(path).and_then(|metadata| {
        if metadata.is_dir() {
            return remove_directory(path, overwritten, first);
        }
        // What cannot be overwritten can still be removed.
        let written = if overwritten && metadata.is_file() { overwrite(path) } else { Ok(()) };
        fs::remove_file(path).and(written)
    });
    if let Err(source) = removed
        && source.kind() != ErrorKind::NotFound
    {
        first.get_or_insert(EraseError::Io { path: path.to_owned(), source });
    }
}

/// Removes a directory, although a Tor client that is ending may still write a last key into it.
fn remove_directory(path: &Path, overwritten: bool, first: &mut Option<EraseError>) -> std::io::Result<()> {
    let mut again = ROUNDS;
    loop {
        for entry in fs::read_dir(path)? {
            remove(&entry?.path(), overwritten, first);
        }
        sync(Some(path));
        match fs::remove_dir(path) {
            Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty && again > 0 => again -= 1,
            other => return other,
        }
    }
}

fn overwrite(path: &Path) -> std::io::Result<()> {
    Doomed::open(path).and_then(|old| old.map_or(Ok(()), Doomed::overwrite)).map_err(FileError::into_io)
}

/// Syncs a directory, so that the removal is on the disk, too. Some file systems cannot.
fn sync(directory: Option<&Path>) {
    if let Some(directory) = directory.and_then(|path| File::open(path).ok()) {
        let _ = directory.sync_all();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn put(path: &Path) -> File {
        fs::create_dir_all(path.parent().expect("a parent")).expect("to create");
        fs::write(path, "secret").expect("to write");
        File::open(path).expect("to open")
    }

    #[test]
    fn keys_are_overwritten_in_place_before_they_are_removed() {
        let directory = tempfile::tempdir().expect("a directory");
        let at = |name: &str| directory.path().join(name);
        let secrets = [
            "tor/state/keystore/hss/ephemeral/ks_hs_id.ed25519_expanded_private",
            "retired/x.onion/hs_ed25519_secret_key",
            "clients/alice.auth",
            "moved.json",
            "moved.json.new",
            "check-in",
        ];
        let mut open: Vec<File> = secrets.iter().map(|name| put(&at(name))).collect();
        put(&at("tor/state/guards.json"));
        put(&at("mine"));
        keys(directory.path()).expect("all of it");
        for (file, name) in open.iter_mut().zip(secrets) {
            assert!(!at(name).exists(), "{name}");
            let mut text = Vec::new();
            file.read_to_end(&mut text).expect("to read");
            assert_eq!(text, [0; 6], "{name}");
        }
        assert!(at("tor/state/guards.json").exists(), "a running Tor client still writes it");
        identity(directory.path()).expect("the rest");
        let left: Vec<_> =
            fs::read_dir(directory.path()).expect("to read").map(|e| e.expect("one").file_name()).collect();
        assert_eq!(left, ["mine"]);
        identity(directory.path()).expect("nothing to do");
    }

    #[test]
    fn keys_that_appear_while_the_others_are_removed_are_removed_too() {
        let directory = tempfile::tempdir().expect("a directory");
        let retired = directory.path().join("retired");
        for _ in 0..5 {
            (0..10).for_each(|number| drop(put(&retired.join(format!("first-{number}")))));
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    // Until the directory is gone.
                    (0..ROUNDS).try_for_each(|number| fs::write(retired.join(format!("more-{number}")), "secret"))
                });
                keys(directory.path()).expect("all of it");
            });
            assert!(!retired.exists());
        }
    }

    #[test]
    fn a_link_is_removed_and_what_it_leads_to_is_not_touched() {
        let directory = tempfile::tempdir().expect("a directory");
        let elsewhere = tempfile::tempdir().expect("a directory");
        put(&elsewhere.path().join("file"));
        fs::create_dir(directory.path().join("clients")).expect("to create");
        for (link, target) in [("clients/a.auth", "file"), ("retired", "")] {
            let target = elsewhere.path().join(target);
            std::os::unix::fs::symlink(target, directory.path().join(link)).expect("to link");
        }
        identity(directory.path()).expect("all of it");
        assert_eq!(fs::read(elsewhere.path().join("file")).expect("to read"), b"secret");
        assert_eq!(fs::read_dir(directory.path()).expect("to read").count(), 0);
    }

    #[test]
    fn nothing_is_removed_while_a_tor_client_holds_the_lock() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = tor::lock_file(directory.path()).expect("a path");
        let lock = put(&path);
        lock.lock().expect("to lock");
        assert!(matches!(identity_offline(directory.path()), Err(EraseError::InUse(_))));
        assert_eq!(fs::read(&path).expect("to read"), b"secret");
        drop(lock);
        identity_offline(directory.path()).expect("all of it");
        assert!(!directory.path().join("tor").exists());
    }
}
