//! systemd: what the service manager is told (sd_notify(3)), and the FD store, which keeps a file while the process is
//! started again.
//!
//! A service manager with an FD store (`FileDescriptorStoreMax=` in the unit) holds what it was handed until the unit is
//! stopped for good, and passes it to every next process of the unit: sd_listen_fds(3). Without a manager
//! (`NOTIFY_SOCKET`), telling does nothing.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use sd_notify::NotifyState;

/// The name under which the manager holds the file.
const NAME: &str = "messages";
/// Bytes of a status, at most: it is a line on a terminal.
const STATUS_BYTES: usize = 500;

/// Whether a service manager listens.
#[must_use]
pub fn is_managed() -> bool {
    socket().is_some()
}

fn socket() -> Option<OsString> {
    std::env::var_os("NOTIFY_SOCKET").filter(|socket| !socket.is_empty())
}

/// It serves: for the first time, or again after [`reloading`]. Whether that could be told.
#[must_use]
pub fn ready() -> bool {
    tell(&[NotifyState::Ready])
}

/// How it is, in words, for whoever asks the manager. Whether that could be told.
#[must_use]
pub fn status(words: &str) -> bool {
    tell(&[NotifyState::Status(&line(words))])
}

/// It reads its configuration again, until [`ready`].
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(_) => tell(&[NotifyState::Reloading]),
    };
}

/// It ends, and may need so long for it.
pub fn stopping(within: Duration) {
    let extend = NotifyState::ExtendTimeoutUsec(microseconds(within));
    tell(&[NotifyState::Stopping, extend, NotifyState::Status("draining")]);
}

/// It is still starting, and will say something within this time: until then the manager lets it be.
pub fn extend_start(by: Duration) {
    tell(&[NotifyState::ExtendTimeoutUsec(microseconds(by))]);
}

/// It lives. The manager kills it if it does not hear that for [`watchdog`]'s time.
pub fn lives() {
    tell(&[NotifyState::Watchdog]);
}

/// How often the manager wants to hear that it lives, at least, if at all.
#[must_use]
pub fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled()
}

/// Not `sd_notify::notify`, which waits while the manager does not read: nobody's messages have to wait for that.
fn tell(state: &[NotifyState<'_>]) -> bool {
    let Some(socket) = socket() else { return false };
    let text: String = state.iter().map(|one| format!("{one}\n")).collect();
    let send = || {
        let address = match socket.as_bytes().strip_prefix(b"@") {
            Some(name) => SocketAddr::from_abstract_name(name)?,
            None => SocketAddr::from_pathname(&socket)?,
        };
        let datagrams = UnixDatagram::unbound()?;
        datagrams.set_nonblocking(true)?;
        datagrams.send_to_addr(text.as_bytes(), &address)
    };
    let told = send();
    if let Err(error) = &told {
        tracing::debug!("the service manager does not listen: {error}");
    }
    told.is_ok()
}

/// A line break would begin another assignment.
fn line(words: &str) -> String {
    let mut line = String::new();
    for character in words.chars().map(|c| if c.is_control() { ' ' } else { c }) {
        if line.len() + character.len_utf8() > STATUS_BYTES {
            break;
        }
        line.push(character);
    }
    line
}

fn microseconds(time: Duration) -> u32 {
    u32::try_from(time.as_micros()).unwrap_or(u32::MAX)
}

/// Takes the file that a process of this unit handed over before, if there is one. Called once, at the start, before any
/// child process could inherit it, and whatever is to become of it: what nobody takes is kept.
///
/// # Errors
/// If what the manager passed cannot be opened.
pub fn take_store_fd() -> io::Result<Option<File>> {
    let mut taken = Ok(None);
    for (descriptor, name) in sd_notify::listen_fds_with_names()? {
        if name != NAME {
            continue;
        }
        // Opened again, since a number that somebody passes is not a descriptor that this process can be sure to own.
        let path = format!("/proc/self/fd/{descriptor}");
        // It stays open beside this one. That keeps no memory: what is not used is overwritten and given back.
        let opened = File::options().read(true).write(true).open(path);
        if !matches!(taken, Ok(Some(_))) {
            taken = opened.map(Some);
        }
    }
    taken
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

/// Has the service manager let go of the file, where no next process is to get it.
pub fn drop_store_fd() {
    tell(&[NotifyState::FdStoreRemove, NotifyState::FdName(NAME)]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_one_short_line_whatever_is_in_it() {
        assert_eq!(line("degraded\nREADY=1"), "degraded READY=1");
        assert_eq!(line(&"é".repeat(400)).len(), STATUS_BYTES);
    }

    #[test]
    fn a_time_beyond_what_can_be_told_is_the_longest_that_can() {
        assert_eq!(microseconds(Duration::from_secs(90)), 90_000_000);
        assert_eq!(microseconds(Duration::from_secs(100_000)), u32::MAX);
    }
}
