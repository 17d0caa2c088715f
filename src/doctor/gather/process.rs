//! The running server, from what the kernel says of every process.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use super::kernel::kibibytes;
use crate::doctor::facts::Daemon;
use ephemeral_tor as tor;

/// How long an answer on the own machine may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// Bytes of an answer, at most.
const ANSWER_BYTES: u64 = 16 * 1024;

/// Returns the server that runs on this state directory: the one that holds Arti's lock, or,
/// without Tor, one whose command line says so.
pub(super) fn find(state_dir: &Path) -> Option<Daemon> {
    let holder = tor::lock_file(state_dir).ok().and_then(|path| holder(&path));
    let pid = holder.or_else(|| by_command_line(state_dir))?;
    describe(pid)
}

/// Returns the process that holds the lock on a file.
fn holder(file: &Path) -> Option<u32> {
    let metadata = file.metadata().ok()?;
    let major = rustix::fs::major(metadata.dev());
    let minor = rustix::fs::minor(metadata.dev());
    holder_of(&fs::read_to_string("/proc/locks").ok()?, major, minor, metadata.ino())
}

/// Reads lines of `/proc/locks` (proc(5)), with the device in hexadecimal, since other file systems
/// have the same inodes: `1: FLOCK ADVISORY WRITE 708 00:2c:1234 0 EOF`.
fn holder_of(locks: &str, major: u32, minor: u32, inode: u64) -> Option<u32> {
    let place = format!("{major:02x}:{minor:02x}:{inode}");
    let mut lines = locks.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let held = lines.find(|words| words.get(1) == Some(&"FLOCK") && words.get(5) == Some(&place.as_str()))?;
    held.get(4)?.parse().ok()
}

fn by_command_line(state_dir: &Path) -> Option<u32> {
    let own = std::process::id();
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let mut pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.find(|pid| {
        // The kernel keeps fifteen characters of a name.
        let named = fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "ephemeral-serve");
        *pid != own && named && fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| is_server(&line, state_dir))
    })
}

/// Returns whether a command line is that of a server with this state directory. `line`: arguments,
/// each with a zero behind it.
fn is_server(line: &[u8], state_dir: &Path) -> bool {
    let arguments: Vec<_> = line.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
    let other = ["doctor", "keys", "address", "check-config", "status", "clients", "unblock", "panic", "check-in"];
    let mut told = arguments.windows(2).filter_map(|pair| match pair {
        [flag, value] if flag == "--state-dir" => Some(value.to_string()),
        [flag, _] => flag.strip_prefix("--state-dir=").map(str::to_owned),
        _ => None,
    });
    !arguments.iter().any(|argument| other.contains(&argument.as_ref()))
        && told.next().is_some_and(|told| Path::new(&told) == state_dir)
}

fn describe(pid: u32) -> Option<Daemon> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap_or_default();
    let word = |name: &str| status.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next();
    let uid = word("Uid:")?.parse().ok()?;
    // What belongs to a process that is not dumpable belongs to root (proc(5)).
    let owner = fs::metadata(format!("/proc/{pid}/environ")).ok().map(|metadata| metadata.uid());
    let program = fs::read_link(format!("/proc/{pid}/exe"));
    Some(Daemon {
        pid,
        uid,
        core_limit: soft_limit(&limits, "Max core file size"),
        dumpable: owner.filter(|_| uid != 0).map(|owner| owner != 0),
        no_new_privileges: word("NoNewPrivs:") == Some("1"),
        locked_kib: kibibytes(&status, "VmLck:").unwrap_or_default(),
        swapped_kib: kibibytes(&status, "VmSwap:").unwrap_or_default(),
        outdated: program.is_ok_and(|path| path.to_string_lossy().ends_with(" (deleted)")),
        health: None,
    })
}

/// Returns the first number after the name; `None` for `unlimited`.
fn soft_limit(limits: &str, name: &str) -> Option<u64> {
    limits.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}

/// Returns the answer of `/health`, if there is one.
pub(super) fn health(address: SocketAddr) -> Option<String> {
    let ip = if address.ip().is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { address.ip() };
    let mut stream = TcpStream::connect_timeout(&SocketAddr::new(ip, address.port()), PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.take(ANSWER_BYTES).read_to_string(&mut answer).ok()?;
    let (_, body) = answer.split_once("\r\n\r\n")?;
    serde_json::from_str::<serde_json::Value>(body).ok()?.get("status")?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_known_by_its_command_line() {
        let state = Path::new("/var/lib/e");
        let is = |line: &str| is_server(line.replace(' ', "\0").as_bytes(), state);
        assert!(is("/usr/bin/ephemeral-server --no-tor --state-dir /var/lib/e "));
        assert!(is("ephemeral-server --state-dir=/var/lib/e run "));
        assert!(!is("ephemeral-server --state-dir /var/lib/other "));
        assert!(!is("ephemeral-server doctor --state-dir /var/lib/e "));
        assert!(!is("ephemeral-server run "));
    }

    #[test]
    fn a_server_with_tor_is_known_by_the_lock_that_it_holds() -> std::io::Result<()> {
        let directory = tempfile::tempdir()?;
        let path = tor::lock_file(directory.path()).map_err(std::io::Error::other)?;
        fs::create_dir_all(path.parent().unwrap_or(directory.path()))?;
        let file = fs::File::create(&path)?;
        assert_eq!(find(directory.path()).map(|daemon| daemon.pid), None);
        file.lock()?;
        assert_eq!(find(directory.path()).map(|daemon| daemon.pid), Some(std::process::id()));
        Ok(())
    }

    #[test]
    fn a_lock_on_another_file_system_with_the_same_inode_is_not_taken_for_it() {
        let locks = "1: FLOCK  ADVISORY  WRITE 708 00:2c:1234 0 EOF\n2: POSIX  ADVISORY  WRITE 9 fe:01:1234 0 EOF\n\
                     3: FLOCK  ADVISORY  WRITE 710 fe:01:1234 0 EOF\n";
        assert_eq!(holder_of(locks, 0xfe, 1, 1234), Some(710));
        assert_eq!(holder_of(locks, 0, 0x2c, 1234), Some(708));
        assert_eq!(holder_of(locks, 0, 0x2d, 1234), None);
    }

    #[test]
    fn limits_of_a_process_are_read() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
                      Max core file size        0                    0                    bytes     \n\
                      Max locked memory         unlimited            unlimited            bytes     \n";
        assert_eq!(soft_limit(limits, "Max core file size"), Some(0));
        assert_eq!(soft_limit(limits, "Max locked memory"), None);
    }
}
