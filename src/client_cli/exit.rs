//! How a command ends: a small set of exit codes, and one sentence on stderr.

use std::io::Write as _;
use std::process::ExitCode;

use ephemeral_client::connection::ConnectError;
use ephemeral_client::dial::DialError;
use ephemeral_client::discovery_file::DiscoveryFileError;
use ephemeral_client::key_file::KeyFileError;
use ephemeral_client::text::printable;
use ephemeral_core::protocol::ErrorCode;
use ephemeral_tor::TorError;

/// What `--help` says about it.
pub(super) const HELP: &str = "\
Exit codes:
  0  done: for `send`, the server has accepted the message
  1  something on this machine: a key file, the output, an interruption
  2  the command line is wrong, or --plaintext is missing
  3  the server refused, and would again
  4  the server was not reached, or the time was over
  5  the server cannot take the message now (a mailbox or the server is full): try later
  6  the message expired before its recipient took it (--wait-delivered)";

/// An exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    Ok = 0,
    Local = 1,
    Usage = 2,
    Refused = 3,
    Unreachable = 4,
    NotNow = 5,
    Expired = 6,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
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

    /// Nobody reads the output any more: that is how pipelines end, and no news.
    pub(super) fn output(error: &std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Self { exit: Exit::Local, message: None },
            _ => Self::local(format!("cannot write the output: {error}")),
        }
    }

    /// The server does not take a message.
    pub(super) fn refused(code: ErrorCode, message: &str) -> Self {
        let exit = match code {
            ErrorCode::MailboxFull | ErrorCode::SenderQuota | ErrorCode::StoreFull | ErrorCode::Internal => {
                Exit::NotNow
            }
            _ => Exit::Refused,
        };
        Self::new(exit, format!("not accepted: {} ({})", printable(message), name(code)))
    }

    pub(super) fn report(&self) {
        if let Some(message) = &self.message {
            say(&format!("ephemeral: {message}"));
        }
    }
}

impl From<KeyFileError> for Failure {
    fn from(error: KeyFileError) -> Self {
        Self::local(error.to_string())
    }
}

impl From<DiscoveryFileError> for Failure {
    fn from(error: DiscoveryFileError) -> Self {
        Self::local(error.to_string())
    }
}

impl From<TorError> for Failure {
    fn from(error: TorError) -> Self {
        Self::local(error.to_string())
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        let exit = match &error {
            ConnectError::Dial(DialError::Unsuitable(_)) => Exit::Usage,
            ConnectError::Dial(DialError::Tor(tor)) if !matches!(tor, TorError::Arti { .. }) => Exit::Local,
            error if error.is_permanent() => Exit::Refused,
            _ => Exit::Unreachable,
        };
        Self::new(exit, error.to_string())
    }
}

/// A line on stderr. If nobody reads that, there is nobody to tell.
pub(super) fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// The protocol's name for it.
fn name(code: ErrorCode) -> String {
    serde_json::to_value(code).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}
