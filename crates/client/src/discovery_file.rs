//! Keeps discovery keys in files: one for each server, readable by its owner alone, in the format
//! of C tor's `ClientOnionAuthDir`.

use std::path::{Path, PathBuf};

use super::secret_file::{self, SecretFileError};
use ephemeral_tor::DiscoverySecret;

/// The reason why a discovery key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DiscoveryFileError {
    /// There is one already.
    #[error("{} exists already: a key is never overwritten. `ephemeral discovery show` prints its public half", .0.display())]
    Exists(PathBuf),
    /// It is something else, or the key of another server.
    #[error("{} does not hold a discovery key for this server: move it away", .0.display())]
    NotAKey(PathBuf),
    /// The file cannot be written, read, or trusted.
    #[error(transparent)]
    File(SecretFileError),
}

/// Returns the file of the key for a server, below `directory`. `onion`: its name, without
/// `.onion`.
#[must_use]
pub fn path(directory: &Path, onion: &str) -> PathBuf {
    directory.join(format!("{onion}.auth_private"))
}

/// Writes a new key.
///
/// # Errors
/// [`DiscoveryFileError`]; nothing is left behind then.
pub fn create(path: &Path, secret: &DiscoverySecret, onion: &str) -> Result<(), DiscoveryFileError> {
    secret_file::write_new(path, &secret.to_line(onion)).map_err(|error| match error {
        SecretFileError::Exists(path) => DiscoveryFileError::Exists(path),
        error => DiscoveryFileError::File(error),
    })
}

/// Reads a key. Returns `None` if there is none.
///
/// # Errors
/// [`DiscoveryFileError`], also if others may read it.
pub fn read(path: &Path, onion: &str) -> Result<Option<DiscoverySecret>, DiscoveryFileError> {
    let wrong = || DiscoveryFileError::NotAKey(path.to_owned());
    match secret_file::read_text(path) {
        Ok(text) => DiscoverySecret::from_line(&text, onion).map(Some).ok_or_else(wrong),
        Err(SecretFileError::Missing(_)) => Ok(None),
        Err(SecretFileError::NotASecret(_)) => Err(wrong()),
        Err(error) => Err(DiscoveryFileError::File(error)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_is_kept_for_its_server_and_its_owner_alone() {
        let directory = tempfile::tempdir().unwrap();
        let onion = "a".repeat(56);
        let path = path(&directory.path().join("discovery"), &onion);
        assert!(read(&path, &onion).unwrap().is_none());
        let secret = DiscoverySecret::generate().unwrap();
        create(&path, &secret, &onion).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(read(&path, &onion).unwrap().unwrap().public(), secret.public());
        let again = create(&path, &DiscoverySecret::generate().unwrap(), &onion);
        assert!(matches!(again, Err(DiscoveryFileError::Exists(_))));
        assert!(matches!(read(&path, &"b".repeat(56)), Err(DiscoveryFileError::NotAKey(_))));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(read(&path, &onion), Err(DiscoveryFileError::File(SecretFileError::Exposed(_)))));
    }
}
