//! systemd: the FD store, which keeps a file while the process is started again.
//!
//! A service manager with an FD store (`FileDescriptorStoreMax=` in the unit) holds what it was handed until the unit is
//! stopped for good, and passes it to every next process of the unit: sd_notify(3) and sd_listen_fds(3).

use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;

use sd_notify::NotifyState;

/// The name under which the manager holds the file.
const NAME: &str = "messages";

/// Whether a service manager listens.
#[must_use]
pub fn is_managed() -> bool {
    std::env::var_os("NOTIFY_SOCKET").is_some_and(|socket| !socket.is_empty())
}

/// The file that a process of this unit handed over before, if there is one. Called once, at the start, before any
/// child process could inherit it.
///
/// # Errors
/// If what the manager passed cannot be opened.
pub fn take_store_fd() -> io::Result<Option<File>> {
    let mut passed = sd_notify::listen_fds_with_names()?;
    let Some((descriptor, _)) = passed.find(|(_, name)| name == NAME) else { return Ok(None) };
    // Opened again, since a number that somebody passes is not a descriptor that this process can be sure to own.
    let path = format!("/proc/self/fd/{descriptor}");
    File::options().read(true).write(true).open(path).map(Some)
}

/// Hands a file to the service manager, in place of one that it has, and waits until it is on its way. The manager does
/// not say whether it keeps it; it does not if the unit allows none.
///
/// # Errors
/// If the manager's socket does not take it.
pub fn keep_store_fd(file: &File) -> io::Result<()> {
    sd_notify::notify(&[NotifyState::FdStoreRemove, NotifyState::FdName(NAME)])?;
    // Not watched for hangups: a memfd has none.
    let state = [NotifyState::FdStore, NotifyState::FdName(NAME), NotifyState::Custom("FDPOLL=0")];
    sd_notify::notify_with_fds(&state, &[file.as_fd()])
}
