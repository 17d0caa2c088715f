//! systemd: what the service manager is told (sd_notify(3)), and the FD store, which keeps a file
//! while the process is started again.
//!
//! A service manager with an FD store (`FileDescriptorStoreMax=` in the unit) holds what it was
//! handed until the unit is stopped for good, and passes it to every next process of the unit:
//! sd_listen_fds(3). Without a manager (`NOTIFY_SOCKET`), telling does nothing.

#[cfg(test)]
mod tests;

use std::ffi::{OsStr, OsString};
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

/// The name under which the manager holds the file.
const NAME: &str = "messages";
/// Bytes of a status, at most: it is a line on a terminal.
const STATUS_BYTES: usize = 500;
/// The first descriptor that is passed (sd_listen_fds(3)).
const FIRST_PASSED: u32 = 3;
/// Descriptors among which the file is looked for.
const MOST_PASSED: usize = 64;
/// A watchdog that wants to hear more often is told so often.
const SHORTEST_WATCHDOG: Duration = Duration::from_millis(100);
/// How long a manager that does not read is waited for before messages wait without it.
const HANDED_OVER_WITHIN: Duration = Duration::from_secs(10);

/// Returns whether a service manager listens.
#[must_use]
pub fn is_managed() -> bool {
    socket().is_some()
}

fn socket() -> Option<OsString> {
    std::env::var_os("NOTIFY_SOCKET").filter(|socket| !socket.is_empty())
}

/// Tells the manager that the daemon serves: for the first time, or again after [`reloading`].
/// Returns whether that could be told.
#[must_use]
pub fn ready() -> bool {
    tell(&[NotifyState::Ready])
}

/// Tells the manager the daemon's state in words. Returns whether that could be told.
#[must_use]
pub fn status(words: &str) -> bool {
    tell(&[NotifyState::Status(&line(words))])
}

/// Tells the manager that the daemon reads its configuration again, until [`ready`].
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(_) => tell(&[NotifyState::Reloading]),
    };
}

/// Tells the manager that the daemon ends, and may need so long for it.
pub fn stopping(within: Duration) {
    let extend = NotifyState::ExtendTimeoutUsec(microseconds(within));
    tell(&[NotifyState::Stopping, extend, NotifyState::Status("draining")]);
}

/// Tells the manager that the daemon is still starting, and will say more within this time.
pub fn extend_start(by: Duration) {
    tell(&[NotifyState::ExtendTimeoutUsec(microseconds(by))]);
}

/// Tells the manager that the daemon lives. Without that for [`watchdog`]'s time, the manager kills
/// it.
pub fn lives() {
    tell(&[NotifyState::Watchdog]);
}

/// Returns how often the manager wants to hear that it lives, at least, if at all.
#[must_use]
pub fn watchdog() -> Option<Duration> {
    watchdog_of(&environment, std::process::id())
}

/// Returns the watchdog's time, unless it was given to another process or cannot be used.
fn watchdog_of(environment: &dyn Fn(&str) -> Option<String>, me: u32) -> Option<Duration> {
    let number = |name: &str| environment(name).filter(|text| !text.trim().is_empty());
    if let Some(process) = number("WATCHDOG_PID")
        && process.trim().parse() != Ok(me)
    {
        return None;
    }
    let microseconds = number("WATCHDOG_USEC")?.trim().parse::<u64>().ok()?;
    (microseconds > 0).then(|| Duration::from_micros(microseconds).max(SHORTEST_WATCHDOG))
}

/// Returns a variable that is text.
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Tells the manager. `sd_notify::notify` would wait while the manager does not read, and messages
/// with it.
fn tell(state: &[NotifyState<'_>]) -> bool {
    let Some(socket) = socket() else { return false };
    let send = || {
        let datagrams = connected(&socket)?;
        datagrams.set_nonblocking(true)?;
        datagrams.send(text(state).as_bytes())
    };
    let told = send();
    if let Err(error) = &told {
        tracing::debug!("the service manager does not listen: {error}");
    }
    told.is_ok()
}

/// Tells the manager at `socket` something, and passes a file along: waits until it takes that, but
/// no longer than `patience`.
fn hand_over(socket: &OsStr, state: &[NotifyState<'_>], file: Option<&File>, patience: Duration) -> io::Result<()> {
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

fn text(state: &[NotifyState<'_>]) -> String {
    state.iter().map(|one| format!("{one}\n")).collect()
}

fn connected(socket: &OsStr) -> io::Result<UnixDatagram> {
    let address = match socket.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(socket)?,
    };
    let datagrams = UnixDatagram::unbound()?;
    datagrams.connect_addr(&address)?;
    Ok(datagrams)
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

/// Returns whether the manager has passed the file that a process of this unit handed over before.
#[must_use]
pub fn has_store_fd() -> bool {
    store_fd().is_some()
}

fn store_fd() -> Option<u32> {
    let is_open = |descriptor: u32| std::fs::symlink_metadata(format!("/proc/self/fd/{descriptor}")).is_ok();
    store_fd_of(&environment, std::process::id()).filter(|&descriptor| is_open(descriptor))
}

/// Returns the number under which the file was passed (sd_listen_fds(3)). Variables that are
/// another process's, or make no sense, pass nothing.
fn store_fd_of(environment: &dyn Fn(&str) -> Option<String>, me: u32) -> Option<u32> {
    let number = |name: &str| environment(name)?.trim().parse::<u32>().ok();
    if number("LISTEN_PID")? != me {
        return None;
    }
    let count = usize::try_from(number("LISTEN_FDS")?).ok()?;
    let names = environment("LISTEN_FDNAMES")?;
    let place = names.split(':').take(count.min(MOST_PASSED)).position(|name| name == NAME)?;
    u32::try_from(place).ok()?.checked_add(FIRST_PASSED)
}

/// Returns whether stdout is a journal: what is written there stays on a disk.
#[must_use]
pub fn stdout_is_kept() -> bool {
    use std::io::IsTerminal as _;
    use std::os::unix::fs::MetadataExt as _;

    if std::io::stdout().is_terminal() {
        return false;
    }
    let stdout = std::fs::metadata("/proc/self/fd/1").map(|stdout| format!("{}:{}", stdout.dev(), stdout.ino()));
    // systemd.exec(5), `JOURNAL_STREAM`: device and inode of the stream that leads to the journal.
    let is_journal = environment("JOURNAL_STREAM").is_some_and(|stream| stdout.is_ok_and(|stdout| stdout == stream));
    is_managed() || is_journal
}

/// Takes the file that a process of this unit handed over before, if there is one. Called once, at
/// the start, before any child process could inherit it, and whatever is to become of it: what
/// nobody takes is kept.
///
/// # Errors
/// If what the manager passed cannot be opened.
pub fn take_store_fd() -> io::Result<Option<File>> {
    let Some(descriptor) = store_fd() else { return Ok(None) };
    // Opened again, since a number that somebody passes is not a descriptor that this process can
    // be sure to own.
    let path = format!("/proc/self/fd/{descriptor}");
    File::options().read(true).write(true).open(path).map(Some)
}

/// Hands a file to the service manager, in place of one that it has, and waits until it is on its
/// way: for some seconds at most. The manager does not say whether it keeps it; it does not if the
/// unit allows none.
///
/// # Errors
/// If the manager's socket does not take it: also if nobody reads what is there.
pub fn keep_store_fd(file: &File) -> io::Result<()> {
    let Some(socket) = socket() else { return Err(io::Error::other("there is no service manager")) };
    hand_over(&socket, &[NotifyState::FdStoreRemove, NotifyState::FdName(NAME)], None, HANDED_OVER_WITHIN)?;
    // Not watched for hangups: a memfd has none.
    let state = [NotifyState::FdStore, NotifyState::FdName(NAME), NotifyState::Custom("FDPOLL=0")];
    hand_over(&socket, &state, Some(file), HANDED_OVER_WITHIN)
}

/// Has the service manager let go of the file, where no next process is to get it.
pub fn drop_store_fd() {
    tell(&[NotifyState::FdStoreRemove, NotifyState::FdName(NAME)]);
}
