//! The service manager's socket (`NOTIFY_SOCKET`): datagrams, and a file that goes along with one.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, ErrorKind, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::AsFd as _;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::time::Duration;

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use sd_notify::NotifyState;

/// Tells the manager at `socket` something, and passes a file along: waits until it takes that, but
/// no longer than `patience`.
pub(super) fn hand_over(
    socket: &OsStr,
    state: &[NotifyState<'_>],
    file: Option<&File>,
    patience: Duration,
) -> io::Result<()> {
    let datagrams = connected(socket)?;
    datagrams.set_write_timeout(Some(patience))?;
    let files = file.map(|file| [file.as_fd()]);
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if let Some(files) = &files {
        ancillary.push(SendAncillaryMessage::ScmRights(files));
    }
    let text = text(state);
    match sendmsg(&datagrams, &[IoSlice::new(text.as_bytes())], &mut ancillary, SendFlags::NOSIGNAL) {
        Ok(_) => Ok(()),
        Err(rustix::io::Errno::AGAIN) => {
            let why = format!("{} is full, and nobody has read from it for {patience:?}", Path::new(socket).display());
            Err(io::Error::new(ErrorKind::TimedOut, why))
        }
        Err(error) => Err(error.into()),
    }
}

/// Returns what is sent: a line for each.
pub(super) fn text(state: &[NotifyState<'_>]) -> String {
    state.iter().map(|one| format!("{one}\n")).collect()
}

/// Returns a socket that sends to the manager's, which is a path or, with `@`, an abstract name.
pub(super) fn connected(socket: &OsStr) -> io::Result<UnixDatagram> {
    let address = match socket.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(socket)?,
    };
    let datagrams = UnixDatagram::unbound()?;
    datagrams.connect_addr(&address)?;
    Ok(datagrams)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manager_that_does_not_read_is_waited_for_only_so_long() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let file = tempfile::tempfile().unwrap();
        let state = [NotifyState::FdStore, NotifyState::FdName("messages")];
        let hand_over = || hand_over(path.as_os_str(), &state, Some(&file), Duration::from_millis(20));
        let mut taken = 0;
        let refused = loop {
            match hand_over() {
                Ok(()) => taken += 1,
                Err(error) => break error,
            }
            assert!(taken < 100_000, "its socket takes everything");
        };
        assert!(taken > 0, "{refused}");
        assert_eq!(refused.kind(), ErrorKind::TimedOut);
        assert!(refused.to_string().contains("nobody has read from it"), "{refused}");
        // As soon as the manager reads, it gets what it is told.
        manager.recv(&mut [0; 100]).unwrap();
        hand_over().unwrap();
        drop(manager);
        assert_eq!(hand_over().unwrap_err().kind(), ErrorKind::ConnectionRefused);
    }
}
