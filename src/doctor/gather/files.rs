//! The state directory and what is around it.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{StatVfsMountFlags, statvfs};

use crate::doctor::facts::{Disk, Node, State};
use ephemeral_core::protocol::WallTime;

/// Entries that are looked at, and exposed ones that are reported.
const ENTRIES: usize = 10_000;
const REPORTED: usize = 5;

/// Reads the metadata of a file or directory; a link is not followed.
pub(super) fn node(path: &Path) -> Option<Node> {
    let metadata = path.symlink_metadata().ok()?;
    let mode = metadata.mode() & 0o7777;
    let uid = metadata.uid();
    Some(Node { path: path.to_owned(), mode, uid, directory: metadata.is_dir() })
}

pub(super) fn state(path: &Path) -> State {
    // What counts is where a link leads.
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let directory = node(&path);
    let parents = path.ancestors().skip(1).filter_map(node).collect();
    let exposed = directory.as_ref().map(exposed).unwrap_or_default();
    State { path, directory, parents, exposed }
}

/// Returns what belongs to somebody else, and keys that others have access to. Other files may be
/// open to others: nobody gets there through a directory that is not.
fn exposed(directory: &Node) -> Vec<Node> {
    let secrets = ["tor/state/keystore", "retired"].map(|below| directory.path.join(below));
    let mut exposed = Vec::new();
    let mut left = vec![directory.path.clone()];
    let mut seen = 0;
    while let Some(folder) = left.pop() {
        for path in fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
            seen += 1;
            let Some(node) = node(&path) else { continue };
            let secret = secrets.iter().any(|secret| path.starts_with(secret));
            if node.directory {
                left.push(path);
            }
            if node.uid != directory.uid || (secret && node.mode & 0o077 != 0) {
                exposed.push(node);
            }
            if seen >= ENTRIES || exposed.len() >= REPORTED {
                return exposed;
            }
        }
    }
    exposed
}

pub(super) fn disk(state_dir: &Path) -> Option<Disk> {
    let there: PathBuf = state_dir.ancestors().find(|path| path.exists())?.to_owned();
    let system = statvfs(&there).ok()?;
    Some(Disk {
        free_bytes: system.f_bavail.saturating_mul(system.f_frsize),
        // Some file systems make them as they are needed.
        free_files: (system.f_files > 0).then_some(system.f_favail),
        read_only: system.f_flag.contains(StatVfsMountFlags::RDONLY),
    })
}

/// Returns from when and until when Arti's cached directory of the Tor network is valid.
pub(super) fn consensus(state_dir: &Path) -> Option<(WallTime, WallTime)> {
    let blobs = fs::read_dir(state_dir.join("tor/cache/dir_blobs")).ok()?;
    let named = blobs.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with("con"));
    named.filter_map(|entry| validity(&head(&entry.path())?)).max()
}

fn head(path: &Path) -> Option<String> {
    let mut head = Vec::new();
    fs::File::open(path).ok()?.take(4096).read_to_end(&mut head).ok()?;
    Some(String::from_utf8_lossy(&head).into_owned())
}

/// Reads `valid-after` and `valid-until`, in UTC (dir-spec, section 3.4.1).
fn validity(head: &str) -> Option<(WallTime, WallTime)> {
    let time = |key: &str| {
        let text = head.lines().find_map(|line| line.strip_prefix(key))?;
        WallTime::parse(&format!("{}Z", text.trim()))
    };
    Some((time("valid-after ")?, time("valid-until ")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_in_the_head_of_a_consensus_are_read() {
        let head = "network-status-version 3 microdesc\nvote-status consensus\nconsensus-method 33\n\
                    valid-after 2026-01-02 12:00:00\nfresh-until 2026-01-02 13:00:00\nvalid-until 2026-01-02 15:00:00\n";
        let noon = WallTime(1_767_355_200_000);
        assert_eq!(validity(head), Some((noon, noon.plus(3 * 60 * 60 * 1000))));
        assert_eq!(validity("valid-after yesterday\n"), None);
    }
}
