//! `ephemeral-server keys`: the onion service's key is backed up, restored, moved in and out, and
//! exchanged for a new one. All of it works without a network; nothing is overwritten unless that
//! was asked for.

mod ask;
mod backup;
mod files;
mod import;
mod rotate;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::{complain, print};
use crate::config::Config;
use crate::erase::RETIRED;
use ask::PassphraseSource;
pub(super) use ask::to_type;
use backup::BackupError;
use ephemeral_tor::private_file::{self, FileError};
use ephemeral_tor::{Keystore, KeystoreError, MovedError, ServiceKey, ServiceKeyError};

/// What the help shows.
pub(super) const EXAMPLES: &str = "Examples:
  ephemeral-server keys backup onion.age
  ephemeral-server keys restore onion.age
  ephemeral-server keys import /var/lib/tor/service

Anyone who has the key is the service. Each command prints the address; where the key is changed, the server must not be \
running.";

/// What the key of a service is called in a directory of C tor's.
const C_TOR_FILE: &str = "hs_ed25519_secret_key";

#[derive(Debug, Clone, Subcommand)]
pub(super) enum Command {
    /// Write a backup of the key and of the clients that may connect, encrypted with a passphrase
    /// (the age format)
    #[command(after_help = "Examples:
  ephemeral-server keys backup /media/usb/onion.age
  ephemeral-server keys backup onion.age --passphrase-file /root/passphrase

Anyone who has the file and the passphrase can be the service. `age -d onion.age` decrypts it, too. \
Under systemd the passphrase is taken from the credential `backup-passphrase`, if there is one.")]
    Backup {
        /// The file to write; only you can read it
        file: PathBuf,
        #[command(flatten)]
        passphrase: PassphraseSource,
        #[command(flatten)]
        consent: Consent,
    },
    /// Make the key in a backup this server's
    #[command(after_help = "Examples:
  ephemeral-server keys restore /media/usb/onion.age
  ephemeral-server keys restore onion.age --passphrase-file secret --force --yes")]
    Restore {
        /// The backup
        file: PathBuf,
        #[command(flatten)]
        passphrase: PassphraseSource,
        #[command(flatten)]
        consent: Consent,
    },
    /// Write the key as C tor keeps it, and print the address
    #[command(after_help = "Example:
  install -d -m 700 service
  ephemeral-server keys export service/hs_ed25519_secret_key

C tor uses it with `HiddenServiceDir …/service` in the torrc, once its user owns the directory. The file is not encrypted: anyone who reads it can be the service. A key that was imported is written in its reduced \
form: other bytes, the same key, the same address. Two servers with one key take each other's \
clients: stop this one before the other is started.")]
    Export {
        /// The file to write; only you can read it
        file: PathBuf,
        #[command(flatten)]
        consent: Consent,
    },
    /// Move an onion service of C tor's here: make its key this server's, and its authorized
    /// clients
    #[command(after_help = "Examples:
  ephemeral-server keys import /var/lib/tor/service
  ephemeral-server keys import hs_ed25519_secret_key

Stop the other server first: two with one key take each other's clients.")]
    Import {
        /// A HiddenServiceDir, or the `hs_ed25519_secret_key` in one
        path: PathBuf,
        #[command(flatten)]
        consent: Consent,
    },
    /// Exchange the key for a new one; the old one signs a notice of the move, which clients check
    /// and follow
    #[command(after_help = "Example:
  ephemeral-server keys rotate

The notice is STATE_DIR/moved.json. Publish it where people look for the server: `ephemeral moved FILE` checks it \
and follows it from then on. The new server also answers `GET /moved` with it. Nobody answers at the old address \
any more, unless a second server is run with the old key (`keys import` in another --state-dir): give it \
the same moved.json, and `ephemeral moved ask` finds the notice there.")]
    Rotate {
        /// Do not keep the old key: nobody can be reached at the old address ever again
        #[arg(long)]
        forget_old: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// The steps that may be taken without asking.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct Consent {
    /// Replace what is there already, after asking; a key that is replaced is kept in
    /// STATE_DIR/retired
    #[arg(long)]
    force: bool,
    /// With --force: do not ask
    #[arg(long, requires = "force")]
    yes: bool,
}

/// Why a command about keys was not carried out.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeysError {
    #[error("the onion service is off in this configuration, so it has no key")]
    NoOnion,
    #[error("there is no key yet in {}: start the server once, or run `ephemeral-server address`", .0.display())]
    NoKey(PathBuf),
    #[error("{} exists already: it is not overwritten without --force", .0.display())]
    Exists(PathBuf),
    #[error(
        "there is a key already, that of {0}: it is not replaced without --force. \
             `keys backup` makes a copy of it first"
    )]
    KeyExists(String),
    #[error("not done: {0}")]
    NotAgreed(&'static str),
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{}: {source}", path.display())]
    Key { path: PathBuf, source: ServiceKeyError },
    #[error("{} says that its service is {says}, but the key beside it is that of {key}", path.display())]
    Hostname { path: PathBuf, says: String, key: String },
    #[error("{}: {source}", path.display())]
    Backup { path: PathBuf, source: BackupError },
    #[error(transparent)]
    Random(ServiceKeyError),
    #[error(transparent)]
    Keystore(#[from] KeystoreError),
    #[error("{}: {source}", path.display())]
    Moved { path: PathBuf, source: MovedError },
    #[error("the passphrase: {0}")]
    Passphrase(String),
}

impl KeysError {
    /// Returns whether the error is about the configuration, and not about what happened.
    pub(super) fn is_configuration(&self) -> bool {
        matches!(self, Self::NoOnion)
    }
}

/// The places of the keys.
struct Place<'config> {
    state_dir: &'config Path,
    nickname: &'config str,
    table: &'config toml::Table,
}

impl Place<'_> {
    fn to_read(&self) -> Result<Keystore, KeysError> {
        Ok(Keystore::open(self.table, self.state_dir, self.nickname)?)
    }

    fn to_change(&self) -> Result<Keystore, KeysError> {
        Ok(Keystore::open_to_change(self.table, self.state_dir, self.nickname)?)
    }

    fn key(&self) -> Result<ServiceKey, KeysError> {
        self.to_read()?.key()?.ok_or_else(|| KeysError::NoKey(self.state_dir.to_owned()))
    }

    /// Makes this the service's key. One that is there is kept in `retired`, unless it is to be
    /// forgotten.
    fn put(&self, store: &Keystore, key: &ServiceKey, consent: Consent) -> Result<(), KeysError> {
        match store.key()? {
            Some(there) if there.address() == key.address() => {
                complain(format_args!("it is this server's key already: {}", key.address()));
                Ok(())
            }
            Some(there) => {
                if !consent.force {
                    return Err(KeysError::KeyExists(there.address().to_owned()));
                }
                let question = format!(
                    "This server is {} now. It will be {} instead, and nobody will find it at the old address.",
                    there.address(),
                    key.address()
                );
                ask::to_type(&question, ask::first_letters(there.address()), consent.yes)?;
                self.retire(&there)?;
                Ok(store.replace(key)?)
            }
            None => Ok(store.insert(key)?),
        }
    }

    /// Keeps a key that is being replaced, as C tor would: `keys import` takes it back.
    fn retire(&self, key: &ServiceKey) -> Result<(), KeysError> {
        let directory = self.state_dir.join(RETIRED).join(key.address());
        private_file::create_directory(&directory)?;
        // There is one already if it was replaced before, and came back meanwhile.
        private_file::replace(&directory.join(C_TOR_FILE), &key.to_c_tor())?;
        complain(format_args!("the old key is kept in {}", directory.display()));
        Ok(())
    }
}

/// Does what the command line says.
pub(super) fn run(command: &Command, config: &Config) -> Result<(), KeysError> {
    let onion = config.onion.as_ref().ok_or(KeysError::NoOnion)?;
    rotate::finish_interrupted(&config.state_dir, onion);
    let place = Place { state_dir: &config.state_dir, nickname: &onion.nickname, table: &onion.tor };
    let address = match command {
        Command::Backup { file, passphrase, consent } => {
            let key = place.key()?;
            files::may_write(file, *consent)?;
            let passphrase = passphrase.new_one()?;
            let sealed = backup::seal(&place, &key, passphrase)?;
            files::write(file, &sealed, *consent)?;
            complain(format_args!("the backup is {}; without its passphrase it is worth nothing", file.display()));
            key.address().to_owned()
        }
        Command::Restore { file, passphrase, consent } => restore(&place, file, passphrase, *consent)?,
        Command::Export { file, consent } => {
            let key = place.key()?;
            files::write(file, &key.to_c_tor(), *consent)?;
            complain(format_args!("{} is not encrypted: anyone who reads it can be the service", file.display()));
            key.address().to_owned()
        }
        Command::Import { path, consent } => {
            let key = import::key(path)?;
            place.put(&place.to_change()?, &key, *consent)?;
            import::clients(path, &config.state_dir, onion.restricted)?;
            key.address().to_owned()
        }
        Command::Rotate { forget_old, yes } => rotate::run(&place, *forget_old, *yes)?,
    };
    // A closed stdout changes nothing about what was done.
    let _ = print(&format!("{address}\n"));
    Ok(())
}

fn restore(
    place: &Place<'_>,
    file: &Path,
    passphrase: &PassphraseSource,
    consent: Consent,
) -> Result<String, KeysError> {
    let sealed = private_file::read(file, backup::MOST_BYTES)?;
    // Before the passphrase is asked for: if it cannot be done, that is not needed.
    let store = place.to_change()?;
    if !consent.force
        && let Some(there) = store.key()?
    {
        return Err(KeysError::KeyExists(there.address().to_owned()));
    }
    let failed = |source| KeysError::Backup { path: file.to_owned(), source };
    let contents = backup::open(&sealed, passphrase.existing()?).map_err(failed)?;
    let key = contents.key().map_err(failed)?;
    if contents.nickname() != place.nickname {
        complain(format_args!(
            "the key was called {} and is called {} here (onion.nickname)",
            contents.nickname(),
            place.nickname
        ));
    }
    place.put(&store, &key, consent)?;
    contents.restore_rest(place, consent)?;
    Ok(key.address().to_owned())
}
