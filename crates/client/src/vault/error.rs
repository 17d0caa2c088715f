//! Why a vault cannot be used: what happened, to which file, and what to do about it.

use std::path::PathBuf;

use ephemeral_tor::{FileError, TorError};

/// Says why a vault or a backup cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// Another process has the vault open.
    #[error("{} is in use by another process{}: end that one first, or let it do this", directory.display(), with_id(*process))]
    Locked {
        /// The vault's.
        directory: PathBuf,
        /// The id that the other one has written down, in its own namespace.
        process: Option<u32>,
    },
    /// The passphrase does not open the file.
    #[error("wrong passphrase for {}", .0.display())]
    WrongPassphrase(PathBuf),
    /// The passphrase does not open the vault, and a change of the passphrase was interrupted.
    #[error(
        "wrong passphrase for {}: a change of it was interrupted, and only one of the two is valid. Try the other one",
        .0.display()
    )]
    OtherPassphrase(PathBuf),
    /// There is no passphrase in what was given for one.
    #[error("a passphrase cannot be empty")]
    EmptyPassphrase,
    /// There is no vault.
    #[error("there is no profile in {}: make one with `ephemeral init`, or restore a backup", .0.display())]
    Missing(PathBuf),
    /// There is one already, and nothing is overwritten.
    #[error("{} exists already, and is not overwritten", .0.display())]
    Exists(PathBuf),
    /// The directory of a new vault has other files in it, which erasing the vault would take with
    /// it.
    #[error("{} has other files in it: a profile needs a directory of its own", .0.display())]
    Occupied(PathBuf),
    /// A file of the vault is not what was written.
    #[error("{} is damaged ({why}): restore a backup", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A file is no backup, or not what was written.
    #[error("{} is no backup, or is damaged ({why}): use another copy", path.display())]
    NotABackup {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The state is longer than a vault holds.
    #[error("the state is longer than 1 GiB")]
    TooLong,
    /// Another process has erased the vault.
    #[error("{} was erased by another process", .0.display())]
    Erased(PathBuf),
    /// An earlier write failed: what the disk has may be older than what this process knows.
    #[error("an earlier write to {} failed: end this process, and start again", .0.display())]
    Stopped(PathBuf),
    /// Encrypting failed.
    #[error("the state cannot be encrypted: {0}")]
    Encrypt(String),
    /// The directory is not its owner's alone, or cannot be one.
    #[error(transparent)]
    Directory(#[from] TorError),
    /// The operating system refuses.
    #[error(transparent)]
    File(#[from] FileError),
}

fn with_id(process: Option<u32>) -> String {
    process.map_or_else(String::new, |id| format!(" ({id})"))
}
