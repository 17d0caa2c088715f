//! Says why a file or a folder cannot be used.

use std::io::{self, ErrorKind};

use super::{fl, path};
use ephemeral_client::discovery_file::DiscoveryFileError;
use ephemeral_client::secret_file::SecretFileError;
use ephemeral_tor::FileError;
use ephemeral_tor::private_file::NoAccess;

/// Says what the operating system refuses.
pub(in super::super) fn system(error: &io::Error) -> String {
    let text = error.to_string();
    match error.kind() {
        // It has the text of its maker, who knows more.
        _ if error.raw_os_error().is_none() => text,
        ErrorKind::NotFound => fl!("os-not-found", text = text),
        ErrorKind::PermissionDenied => fl!("os-no-permission", text = text),
        ErrorKind::AlreadyExists => fl!("os-exists", text = text),
        ErrorKind::ConnectionRefused => fl!("os-refused", text = text),
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
            fl!("os-broken", text = text)
        }
        ErrorKind::TimedOut => fl!("os-timeout", text = text),
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => {
            fl!("os-unreachable", text = text)
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => fl!("os-full", text = text),
        ErrorKind::ReadOnlyFilesystem => fl!("os-read-only", text = text),
        ErrorKind::IsADirectory => fl!("os-directory", text = text),
        ErrorKind::NotADirectory => fl!("os-no-directory", text = text),
        ErrorKind::FileTooLarge => fl!("os-too-large", text = text),
        _ => text,
    }
}

/// Says why a private file cannot be used, and what to do.
pub(in super::super) fn private_file(error: &FileError) -> String {
    let why = match error.kind() {
        ErrorKind::PermissionDenied => denied(NoAccess::to(error.path())),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => fl!("file-disk-full"),
        ErrorKind::ReadOnlyFilesystem => fl!("file-read-only"),
        _ => system(error.cause()),
    };
    fl!("file-failed", action = error.action(), path = path(error.path()), why = why)
}

fn denied(access: Option<NoAccess>) -> String {
    let Some(NoAccess { user, seen }) = access else { return fl!("file-denied") };
    let user_id = user.to_string();
    let Some((seen, owner, mode)) = seen else { return fl!("file-denied-user", user = user_id) };
    let seen = path(&seen);
    let mode = format!("{mode:o}");
    match owner == user {
        true => fl!("file-denied-own", user = user_id, path = seen, mode = mode),
        false => fl!("file-denied-other", user = user_id, path = seen, owner = owner.to_string(), mode = mode),
    }
}

/// Says why a file with a secret cannot be used.
pub(in super::super) fn secret_file(error: &SecretFileError) -> String {
    match error {
        SecretFileError::Exists(file) => fl!("secret-exists", path = path(file)),
        SecretFileError::Missing(file) => fl!("secret-missing", path = path(file)),
        SecretFileError::Exposed(file) => fl!("secret-exposed", path = path(file)),
        SecretFileError::NotASecret(file) => fl!("secret-none", path = path(file)),
        SecretFileError::File(error) => private_file(error),
    }
}

/// Says why a discovery key cannot be used.
pub(in super::super) fn discovery_file(error: &DiscoveryFileError) -> String {
    match error {
        DiscoveryFileError::Exists(file) => fl!("discovery-exists", path = path(file)),
        DiscoveryFileError::NotAKey(file) => fl!("discovery-other", path = path(file)),
        DiscoveryFileError::File(error) => secret_file(error),
    }
}
