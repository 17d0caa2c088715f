//! The state directory, the configuration file, and the disk below them.

use crate::doctor::facts::{Disk, Node, State};
use crate::doctor::{Finding, Severity};

const PERMISSIONS: &str = "state.permissions";
const PARENTS: &str = "state.parents";
const CONFIG: &str = "config.permissions";
const DISK: &str = "disk.space";

/// Root may do everything anyhow.
const ROOT: u32 = 0;
/// Tor's directory takes some ten megabytes, and is written anew beside the old one.
const LEAST_BYTES: u64 = 50 << 20;
const ENOUGH_BYTES: u64 = 500 << 20;
const ENOUGH_FILES: u64 = 1000;

const KEYS: &str = "anyone who reads the keys in it can be the service, and anyone who writes there can exchange them";

/// Checks who may read the files. `owner`: the user that the server runs as.
pub(super) fn permissions(state: &State, owner: u32) -> Vec<Finding> {
    let path = state.path.display();
    let Some(directory) = &state.directory else {
        let remedy = "start the server once, or say where it is with --state-dir";
        let what = format!("{path} is not there yet: it is made, for its owner alone, when the server starts");
        return vec![Finding::note(PERMISSIONS, what, "nothing can be said about its keys", remedy)];
    };
    let mut findings = Vec::new();
    if directory.mode & 0o077 != 0 {
        let what = format!("others have access to {path} (mode {:04o})", directory.mode & 0o7777);
        findings.push(Finding::problem(PERMISSIONS, what, KEYS, format!("chmod 700 {path}")));
    }
    if directory.uid != owner {
        // Run as root, it is not known who the server will be.
        let level = if owner == ROOT { Severity::Note } else { Severity::Problem };
        let what = format!("{path} belongs to user {}, and this is user {owner}", directory.uid);
        let remedy = format!("run this as the server's user, or chown -R {owner} {path}");
        findings.push(Finding::new(level, PERMISSIONS, what, "the server cannot use what is not its own", remedy));
    }
    for node in &state.exposed {
        let path = node.path.display();
        let mode = node.mode & 0o7777;
        let (what, remedy) = if node.uid == directory.uid {
            let bits = if node.directory { "700" } else { "600" };
            (format!("others have access to {path} (mode {mode:04o})"), format!("chmod {bits} {path}"))
        } else {
            let uid = directory.uid;
            (format!("{path} belongs to another user ({})", node.uid), format!("chown {uid} {path}"))
        };
        findings.push(Finding::problem(PERMISSIONS, what, KEYS, remedy));
    }
    if findings.is_empty() {
        findings.push(Finding::ok(PERMISSIONS, format!("only its owner has access to {path} and what is in it")));
    }
    findings.extend(parents(&state.parents, owner));
    findings
}

/// Checks the directories above: who can write to one can exchange what is in it, unless it is
/// sticky.
fn replaceable(node: &Node, owner: u32) -> bool {
    let shared = node.mode & 0o022 != 0 && node.mode & 0o1000 == 0;
    shared || (node.uid != ROOT && node.uid != owner)
}

fn parents(parents: &[Node], owner: u32) -> Vec<Finding> {
    // Run as root, the owner is not known.
    let bad = |node: &&Node| replaceable(node, if owner == ROOT { node.uid } else { owner });
    let finding = |node: &Node| {
        let path = node.path.display();
        let what =
            format!("others can exchange what is in {path} (mode {:04o}, user {})", node.mode & 0o7777, node.uid);
        let why = "with it they can exchange the whole state directory; the server refuses to start there";
        Finding::problem(PARENTS, what, why, format!("chmod go-w {path}, or use another --state-dir"))
    };
    let found: Vec<_> = parents.iter().filter(bad).map(finding).collect();
    if found.is_empty() && !parents.is_empty() {
        return vec![Finding::ok(PARENTS, "nobody else can exchange a directory above it")];
    }
    found
}

pub(super) fn config_file(file: Option<&Node>) -> Vec<Finding> {
    let Some(node) = file else { return Vec::new() };
    let path = node.path.display();
    if node.mode & 0o022 != 0 {
        let what = format!("others can write {path} (mode {:04o})", node.mode & 0o7777);
        let why = "anyone who writes it says where the server listens, and which Tor network it trusts";
        return vec![Finding::problem(CONFIG, what, why, format!("chmod go-w {path}"))];
    }
    vec![Finding::ok(CONFIG, format!("only its owner can write {path}"))]
}

pub(super) fn disk(disk: Option<&Disk>) -> Vec<Finding> {
    let why = "without it Tor's directory and guards cannot be kept, and after a restart it takes long to be reachable";
    let Some(disk) = disk else {
        return vec![Finding::note(DISK, "how much room the disk has is not known", why, "")];
    };
    let mebibytes = disk.free_bytes >> 20;
    if disk.read_only {
        let remedy = "mount it writable, or use another --state-dir";
        return vec![Finding::problem(DISK, "the state directory is on a read-only disk", why, remedy)];
    }
    let few = disk.free_files.is_some_and(|files| files < ENOUGH_FILES);
    let level = match disk.free_bytes {
        bytes if bytes < LEAST_BYTES => Severity::Problem,
        bytes if bytes < ENOUGH_BYTES || few => Severity::Warning,
        _ => return vec![Finding::ok(DISK, format!("{mebibytes} MiB are free for the state directory"))],
    };
    let files = disk.free_files.filter(|_| few).map(|files| format!(", and {files} more files can be made"));
    let what = format!("only {mebibytes} MiB are free for the state directory{}", files.unwrap_or_default());
    vec![Finding::new(level, DISK, what, why, "make room: 500 MiB are plenty")]
}
