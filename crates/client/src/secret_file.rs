//! Reads and writes small secrets: discovery keys and passphrases. Only the owner may read such a
//! file, and nothing here overwrites one. A secret may also come through a pipe.

use std::fs::{File, Metadata};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use ephemeral_tor::private_file::{self, FileError};

/// Bounds a secret.
const MAX_BYTES: usize = 4096;

/// Says why a file with a secret cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    /// There is one already.
    #[error("{} exists already: it is never overwritten. Move it away first", .0.display())]
    Exists(PathBuf),
    /// There is none.
    #[error("there is no file {}", .0.display())]
    Missing(PathBuf),
    /// Others than its owner may read or write it.
    #[error("others can read {path}: run `chmod 600 {path}`", path = .0.display())]
    Exposed(PathBuf),
    /// It is no file or pipe with a short text.
    #[error("{} is no file or pipe with a text of at most 4 KiB", .0.display())]
    NotASecret(PathBuf),
    /// The operating system refuses.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Writes a secret into a file that did not exist.
///
/// # Errors
/// [`SecretFileError`]; if the file could not be written to the end, it is removed.
pub fn write_new(path: &Path, text: &str) -> Result<(), SecretFileError> {
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        private_file::create_directory(parent)?;
    }
    private_file::create_new(path, text.as_bytes()).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => SecretFileError::Exists(path.to_owned()),
        _ => error.into(),
    })
}

/// Reads a secret of some 4 KiB at most, out of a file or a pipe (`<(pass ephemeral)`): a pipe is
/// read to its end, and may take as long as somebody types a passphrase.
///
/// # Errors
/// [`SecretFileError`], also if others may read it.
pub fn read_text(path: &Path) -> Result<Zeroizing<String>, SecretFileError> {
    let failed = FileError::of("read", path);
    let file = File::open(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => SecretFileError::Missing(path.to_owned()),
        _ => failed(error).into(),
    })?;
    // Of the open file, not of the path: what is checked is what is read.
    let metadata = file.metadata().map_err(&failed)?;
    if !metadata.is_file() && !is_pipe(&metadata) {
        return Err(SecretFileError::NotASecret(path.to_owned()));
    }
    #[cfg(unix)]
    if std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o077 != 0 {
        return Err(SecretFileError::Exposed(path.to_owned()));
    }
    private_file::read_open_text(file, path, MAX_BYTES).map_err(|error| match error.kind() {
        ErrorKind::InvalidData | ErrorKind::FileTooLarge => SecretFileError::NotASecret(path.to_owned()),
        _ => error.into(),
    })
}

#[cfg(unix)]
fn is_pipe(metadata: &Metadata) -> bool {
    std::os::unix::fs::FileTypeExt::is_fifo(&metadata.file_type())
}

#[cfg(not(unix))]
fn is_pipe(_: &Metadata) -> bool {
    false
}
