//! How a command ends: a small set of exit codes, and one sentence on stderr.

use std::io::Write as _;

use ephemeral_client::discovery_file::DiscoveryFileError;
use ephemeral_client::engine::EngineError;
use ephemeral_client::vault::VaultError;
use ephemeral_e2e::core::CoreError;
use ephemeral_tor::TorError;

use super::words::{files, fl, said};

/// What `--help` says about it.
pub(super) const HELP: &str = "\
Exit codes:
   0  done: for `send`, the contact's server has the message
   1  something on this machine: a file, the output, an interruption
   2  the command line is wrong
   3  refused: by the server, or because something is not as it should be
   4  the server was not reached, or the time was over
   5  there is no room now: try later
  65  the invite or the backup is none, or its time is over
  67  there is no such contact, group or file
  69  the server cannot be used
  74  the profile cannot be written or read
  75  the profile is in use, here or somewhere else
  77  the passphrase is wrong";

/// An exit code. Those from 65 on are sysexits(3)'s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    Ok = 0,
    Local = 1,
    Usage = 2,
    Refused = 3,
    Unreachable = 4,
    NotNow = 5,
    Data = 65,
    NoSuchName = 67,
    Unusable = 69,
    Storage = 74,
    InUse = 75,
    Passphrase = 77,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.message {
            Some(message) => formatter.write_str(message),
            None => formatter.write_str(&fl!("nobody-reads")),
        }
    }
}

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) exit: Exit,
    /// `None`: nothing that anybody needs to be told.
    message: Option<String>,
}

impl Failure {
    pub(super) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: Some(message.into()) }
    }

    pub(super) fn local(message: impl Into<String>) -> Self {
        Self::new(Exit::Local, message)
    }

    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// Returns how to end where output cannot be written. A pipeline that nobody reads any more is
    /// no news.
    pub(super) fn output(error: &std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Self { exit: Exit::Local, message: None },
            _ => Self::local(fl!("output-failed", why = files::system(error))),
        }
    }

    pub(super) fn report(&self) {
        if let Some(message) = &self.message {
            say(&format!("ephemeral: {message}"));
        }
    }
}

impl From<DiscoveryFileError> for Failure {
    fn from(error: DiscoveryFileError) -> Self {
        Self::local(said::of(&error))
    }
}

impl From<TorError> for Failure {
    fn from(error: TorError) -> Self {
        Self::local(said::of(&error))
    }
}

impl From<VaultError> for Failure {
    fn from(error: VaultError) -> Self {
        let exit = match &error {
            VaultError::Locked { .. } => Exit::InUse,
            VaultError::WrongPassphrase(_) | VaultError::OtherPassphrase(_) => Exit::Passphrase,
            VaultError::EmptyPassphrase | VaultError::Missing(_) | VaultError::Exists(_) => Exit::Usage,
            VaultError::NotABackup { .. } => Exit::Data,
            _ => Exit::Storage,
        };
        match error {
            VaultError::Locked { directory, process } => Self::new(exit, super::holder::in_use(&directory, process)),
            error => Self::new(exit, said::of(&error)),
        }
    }
}

impl From<CoreError> for Failure {
    fn from(error: CoreError) -> Self {
        let exit = match &error {
            CoreError::Stopped | CoreError::NotAState => Exit::Storage,
            CoreError::Unknown => Exit::NoSuchName,
            CoreError::Invite(_) | CoreError::Expired | CoreError::OwnInvite => Exit::Data,
            CoreError::Full(_) => Exit::NotNow,
            CoreError::TooLong => Exit::Usage,
            CoreError::ForeignServer(_) | CoreError::NotNow(_) | CoreError::Group => Exit::Refused,
        };
        Self::new(exit, said::of(&error))
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Vault(error) => error.into(),
            EngineError::Core(error) => error.into(),
            EngineError::Elsewhere => Self::new(Exit::InUse, said::of(&error)),
            EngineError::Dial(_) | EngineError::Address(..) | EngineError::Task(_) => Self::local(said::of(&error)),
        }
    }
}

/// Prints a line on stderr. If nobody reads that, there is nobody to tell.
pub(super) fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
