//! Files and folders: what the operating system refuses, and what was to be sent or written.

use std::io::{self, ErrorKind};
use std::path::Path;

use ephemeral_e2e::payload::MAX_FILE;
use ephemeral_tor::FileError;
use ephemeral_tor::private_file::NoAccess;

use super::Cause;
use crate::discovery_file::DiscoveryFileError;
use crate::downloads::DownloadError;
use crate::secret_file::SecretFileError;
use crate::source::SourceError;

pub(super) fn named(path: &Path) -> String {
    path.display().to_string()
}

impl From<&io::Error> for Cause {
    fn from(error: &io::Error) -> Self {
        match error.raw_os_error() {
            Some(code) => Self::System { code: code.into(), text: error.to_string() },
            // It has the text of its maker, who knows more.
            None => Self::words(error),
        }
    }
}

impl From<&FileError> for Cause {
    fn from(error: &FileError) -> Self {
        let why = match error.kind() {
            ErrorKind::PermissionDenied => denied(NoAccess::to(error.path())),
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::FileDiskFull {},
            ErrorKind::ReadOnlyFilesystem => Self::FileReadOnly {},
            _ => error.cause().into(),
        };
        Self::FileFailed { action: error.action().to_owned(), path: named(error.path()), why: why.into() }
    }
}

fn denied(access: Option<NoAccess>) -> Cause {
    let Some(NoAccess { user, seen }) = access else { return Cause::FileDenied {} };
    let user = user.into();
    let Some((seen, owner, mode)) = seen else { return Cause::FileDeniedUser { user } };
    let path = named(&seen);
    let mode = format!("{mode:o}");
    match u64::from(owner) == user {
        true => Cause::FileDeniedOwn { user, path, mode },
        false => Cause::FileDeniedOther { user, path, owner: owner.into(), mode },
    }
}

impl From<&SecretFileError> for Cause {
    fn from(error: &SecretFileError) -> Self {
        match error {
            SecretFileError::Exists(path) => Self::SecretExists { path: named(path) },
            SecretFileError::Missing(path) => Self::SecretMissing { path: named(path) },
            SecretFileError::Exposed(path) => Self::SecretExposed { path: named(path) },
            SecretFileError::NotASecret(path) => Self::SecretNone { path: named(path) },
            SecretFileError::File(error) => error.into(),
        }
    }
}

impl From<&DiscoveryFileError> for Cause {
    fn from(error: &DiscoveryFileError) -> Self {
        match error {
            DiscoveryFileError::Exists(path) => Self::DiscoveryExists { path: named(path) },
            DiscoveryFileError::NotAKey(path) => Self::DiscoveryOther { path: named(path) },
            DiscoveryFileError::File(error) => error.into(),
        }
    }
}

impl From<&SourceError> for Cause {
    fn from(error: &SourceError) -> Self {
        match error {
            SourceError::Read { path, source } => {
                Self::SourceUnread { path: named(path), why: Box::new(source.into()) }
            }
            SourceError::NotAFile(path) => Self::SourceNoFile { path: named(path) },
            SourceError::Size { path, size } => Self::SourceSize { path: named(path), size: *size, most: MAX_FILE },
            SourceError::Path(path) => Self::SourcePath { path: named(path) },
            SourceError::Changed(path) => Self::SourceChanged { path: named(path) },
        }
    }
}

impl From<&DownloadError> for Cause {
    fn from(error: &DownloadError) -> Self {
        match error {
            DownloadError::Write { path, source } => {
                Self::DownloadUnwritten { path: named(path), why: Box::new(source.into()) }
            }
            DownloadError::NotAFolder(path) => Self::DownloadNoFolder { path: named(path) },
            DownloadError::Engine(error) => error.into(),
        }
    }
}
