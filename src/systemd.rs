//! systemd: what the service manager is told (sd_notify(3)), and the FD store, which keeps a file
//! while the process is started again.
//!
//! A service manager with an FD store (`FileDescriptorStoreMax=` in the unit) holds what it was
//! handed until the unit is stopped for good, and passes it to every next process of the unit:
//! sd_listen_fds(3). Without a manager (`NOTIFY_SOCKET`), telling does nothing.

mod socket;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::time::Duration;

use sd_notify::NotifyState;
use socket::{connected, hand_over, text};

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

/// Tells that it serves: for the first time, or again after [`reloading`]. Returns whether that
/// could be told.
#[must_use]
pub fn ready() -> bool {
    tell(&[NotifyState::Ready])
}

/// Tells in words how it is, for people who ask the manager. Returns whether that could be told.
#[must_use]
pub fn status(words: &str) -> bool {
    tell(&[NotifyState::Status(&line(words))])
}

/// Tells that it reads its configuration again, until [`ready`].
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(_) => tell(&[NotifyState::Reloading]),
    };
}

/// Tells that it ends, and may need so long for it.
pub fn stopping(within: Duration) {
    let extend = NotifyState::ExtendTimeoutUsec(microseconds(within));
    tell(&[NotifyState::Stopping, extend, NotifyState::Status("draining")]);
}

/// Tells that it is still starting, and will say something within this time: until then the manager
/// lets it be.
pub fn extend_start(by: Duration) {
    tell(&[NotifyState::ExtendTimeoutUsec(microseconds(by))]);
}

/// Tells that it lives. The manager kills it if it does not hear that for [`watchdog`]'s time.
pub fn lives() {
    tell(&[NotifyState::Watchdog]);
}

/// Returns how often the manager wants to hear that it lives, at least, if at all.
#[must_use]
pub fn watchdog() -> Option<Duration> {
    watchdog_of(&environment, std::process::id())
}

/// Reads the time of the watchdog. What another process was given, or nobody can use, is as if it
/// were not there.
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

/// Sends the manager a text, and does not wait while the manager does not read, as
/// `sd_notify::notify` would: nobody's messages have to wait for that.
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

/// Returns the words on one line: a line break would begin another assignment.
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
