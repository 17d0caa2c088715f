//! A backup of a state: one age file with a passphrase of its own, which `age -d` reads, too. Its
//! length shows only in steps of 64 KiB.

use std::io::ErrorKind;
use std::path::Path;

use ephemeral_tor::private_file;
use zeroize::Zeroizing;

use super::seal::{self, MOST_STATE_BYTES, OpenError};
use super::{Passphrase, VaultError};

/// Writes a backup into a file that is not there yet. It is on the disk when this returns.
///
/// # Errors
/// [`VaultError::Exists`], [`VaultError::TooLong`], [`VaultError::File`]. Nothing is left behind
/// then.
pub fn write(file: &Path, passphrase: &Passphrase, state: &[u8]) -> Result<(), VaultError> {
    let sealed = seal::state_with_passphrase(state, passphrase)?;
    private_file::create_new(file, &sealed).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => VaultError::Exists(file.to_owned()),
        _ => error.into(),
    })
}

/// Returns the state in a backup. Who else may read the file does not matter: it is encrypted, and
/// a USB stick's file system may know no owners.
///
/// # Errors
/// [`VaultError::WrongPassphrase`], [`VaultError::NotABackup`], [`VaultError::File`].
pub fn read(file: &Path, passphrase: &Passphrase) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let sealed = private_file::read(file, MOST_STATE_BYTES)?;
    seal::open_state_with_passphrase(&sealed, passphrase).map_err(|error| match error {
        OpenError::OtherKey => VaultError::WrongPassphrase(file.to_owned()),
        OpenError::Damaged(why) => VaultError::NotABackup { path: file.to_owned(), why },
    })
}
