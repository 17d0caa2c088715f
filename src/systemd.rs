//! systemd: what the service manager is told (sd_notify(3)), and the FD store, which keeps a file while the process is
//! started again.
//!
//! A service manager with an FD store (`FileDescriptorStoreMax=` in the unit) holds what it was handed until the unit is
//! stopped for good, and passes it to every next process of the unit: sd_listen_fds(3). Without a manager
//! (`NOTIFY_SOCKET`), telling does nothing.

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

/// Returns how often the manager wants to hear that it lives, at least, if at all.
#[must_use]
pub fn watchdog() -> Option<Duration> {
    watchdog_of(&environment, std::process::id())
}

/// What another process was given, or nobody can use, is as if it were not there.
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

/// Not `sd_notify::notify`, which waits while the manager does not read: nobody's messages have to wait for that.
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

/// Tells the manager at `socket` something, and passes a file along: waits until it takes that, but no longer than
/// `patience`.
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

/// Whether the manager has passed the file that a process of this unit handed over before.
#[must_use]
pub fn has_store_fd() -> bool {
    store_fd().is_some()
}

fn store_fd() -> Option<u32> {
    let is_open = |descriptor: u32| std::fs::symlink_metadata(format!("/proc/self/fd/{descriptor}")).is_ok();
    store_fd_of(&environment, std::process::id()).filter(|&descriptor| is_open(descriptor))
}

/// Returns the number under which the file was passed (sd_listen_fds(3)). Variables that are another process's, or make
/// no sense, pass nothing.
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

/// Whether stdout is a journal: what is written there stays on a disk.
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

/// Takes the file that a process of this unit handed over before, if there is one. Called once, at the start, before any
/// child process could inherit it, and whatever is to become of it: what nobody takes is kept.
///
/// # Errors
/// If what the manager passed cannot be opened.
pub fn take_store_fd() -> io::Result<Option<File>> {
    let Some(descriptor) = store_fd() else { return Ok(None) };
    // Opened again, since a number that somebody passes is not a descriptor that this process can be sure to own.
    let path = format!("/proc/self/fd/{descriptor}");
    File::options().read(true).write(true).open(path).map(Some)
}

/// Hands a file to the service manager, in place of one that it has, and waits until it is on its way: for some seconds
/// at most. The manager does not say whether it keeps it; it does not if the unit allows none.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_one_short_line_whatever_is_in_it() {
        assert_eq!(line("degraded\nREADY=1"), "degraded READY=1");
        assert_eq!(line(&"é".repeat(400)).len(), STATUS_BYTES);
    }

    #[test]
    fn a_manager_that_does_not_read_is_waited_for_only_so_long() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let file = tempfile::tempfile().unwrap();
        let state = [NotifyState::FdStore, NotifyState::FdName(NAME)];
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
        // As soon as it reads, it gets what it is told.
        manager.recv(&mut [0; 100]).unwrap();
        hand_over().unwrap();
        drop(manager);
        assert_eq!(hand_over().unwrap_err().kind(), ErrorKind::ConnectionRefused);
    }

    fn variables<'a>(set: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        |name| set.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn whatever_the_watchdogs_variables_say_no_interval_is_zero_and_no_other_processs() {
        let of = |microseconds: &str, process: &str| {
            watchdog_of(&variables(&[("WATCHDOG_USEC", microseconds), ("WATCHDOG_PID", process)]), 7)
        };
        assert_eq!(of("30000000", "7"), Some(Duration::from_secs(30)));
        assert_eq!(of("30000000", ""), Some(Duration::from_secs(30)), "an empty variable is one that is not set");
        assert_eq!(of("1", "7"), Some(SHORTEST_WATCHDOG));
        assert_eq!(of(&u64::MAX.to_string(), "7"), Some(Duration::from_micros(u64::MAX)));
        for (microseconds, process) in [
            ("0", "7"),
            ("", "7"),
            (" ", ""),
            ("-1", "7"),
            ("soon", "7"),
            ("99999999999999999999", "7"),
            ("30000000", "8"),
            ("30000000", "x"),
            ("30000000", "99999999999"),
        ] {
            assert_eq!(of(microseconds, process), None, "{microseconds:?} {process:?}");
        }
    }

    #[test]
    fn only_what_was_passed_to_this_process_under_our_name_is_taken() {
        let of = |process: &str, count: &str, names: &str| {
            let set = [("LISTEN_PID", process), ("LISTEN_FDS", count), ("LISTEN_FDNAMES", names)];
            store_fd_of(&variables(&set), 7)
        };
        assert_eq!((of("7", "1", "messages"), of("7", "2", "socket:messages")), (Some(3), Some(4)));
        assert_eq!(of("7", "4294967295", "messages"), Some(3), "a count beyond all that could be open");
        for (process, count, names) in [
            ("8", "1", "messages"),
            ("", "1", "messages"),
            ("x", "1", "messages"),
            ("99999999999", "1", "messages"),
            ("7", "0", "messages"),
            ("7", "", "messages"),
            ("7", "-1", "messages"),
            ("7", "1", ""),
            ("7", "1", "unknown:messages"),
            ("7", "4294967296", "messages"),
        ] {
            assert_eq!(of(process, count, names), None, "{process:?} {count:?} {names:?}");
        }
    }

    #[test]
    fn a_time_beyond_what_can_be_told_is_the_longest_that_can() {
        assert_eq!(microseconds(Duration::from_secs(90)), 90_000_000);
        assert_eq!(microseconds(Duration::from_secs(100_000)), u32::MAX);
    }
}
