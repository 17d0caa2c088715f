//! Says what the operating system refuses.

use std::io::{self, ErrorKind};

use super::said;

/// Says what the operating system refuses.
pub(in super::super) fn system(error: &io::Error) -> String {
    said::of(error)
}

/// Returns the sentence for a kind of error, if there is one.
pub(super) fn name_of(kind: ErrorKind) -> Option<&'static str> {
    Some(match kind {
        ErrorKind::NotFound => "os-not-found",
        ErrorKind::PermissionDenied => "os-no-permission",
        ErrorKind::AlreadyExists => "os-exists",
        ErrorKind::ConnectionRefused => "os-refused",
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => "os-broken",
        ErrorKind::TimedOut => "os-timeout",
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => "os-unreachable",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "os-full",
        ErrorKind::ReadOnlyFilesystem => "os-read-only",
        ErrorKind::IsADirectory => "os-directory",
        ErrorKind::NotADirectory => "os-no-directory",
        ErrorKind::FileTooLarge => "os-too-large",
        _ => return None,
    })
}
