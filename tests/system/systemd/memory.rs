//! How much memory a box may have, and has: by the kernel's control groups, of version 2 or, where
//! that has no controller for memory, of version 1.

use std::fs;
use std::path::{Path, PathBuf};

use super::booted::cgroups;

/// The control group of a box that counts its memory.
pub(super) struct MemoryGroup {
    path: PathBuf,
    is_first_version: bool,
}

impl MemoryGroup {
    /// Makes a group. `unified`: the box's own group of version 2. Returns `None` where nothing
    /// counts memory.
    pub(super) fn make(unified: &Path) -> Option<Self> {
        let has_memory =
            |file: PathBuf| fs::read_to_string(file).is_ok_and(|controllers| controllers.contains("memory"));
        if has_memory(unified.join("cgroup.controllers")) {
            return Some(Self { path: unified.to_owned(), is_first_version: false });
        }
        // What is enabled for the children of the root is there for this one.
        let enabled = fs::write(cgroups().join("cgroup.subtree_control"), "+memory");
        if enabled.is_ok() && has_memory(unified.join("cgroup.controllers")) {
            return Some(Self { path: unified.to_owned(), is_first_version: false });
        }
        let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
        let mounted = mounts.lines().find(|line| {
            let (_, kind) = line.split_once(" - ").unwrap_or_default();
            kind.starts_with("cgroup ") && kind.split([' ', ',']).any(|option| option == "memory")
        })?;
        let path = Path::new(mounted.split(' ').nth(4)?).join(unified.file_name()?);
        fs::create_dir(&path).ok()?;
        Some(Self { path, is_first_version: true })
    }

    /// Returns where a process is written that is to belong to it, with all that it starts.
    pub(super) fn processes(&self) -> PathBuf {
        self.path.join("cgroup.procs")
    }

    /// Lets those in it have so much together, and no more.
    pub(super) fn limit(&self, bytes: u64) {
        let file = if self.is_first_version { "memory.limit_in_bytes" } else { "memory.max" };
        fs::write(self.path.join(file), bytes.to_string()).unwrap();
    }

    /// Returns what cannot be taken back: not what was read from files.
    pub(super) fn in_use(&self) -> u64 {
        let stat = self.read("memory.stat");
        let names = if self.is_first_version { ["total_rss", "total_shmem"] } else { ["anon", "shmem"] };
        names.iter().map(|name| number_after(&stat, name)).sum()
    }

    /// Returns the most that there was, with what was read from files.
    pub(super) fn most(&self) -> u64 {
        let file = if self.is_first_version { "memory.max_usage_in_bytes" } else { "memory.peak" };
        self.read(file).trim().parse().unwrap_or(0)
    }

    /// Counts the processes that the kernel has killed because there was not enough.
    pub(super) fn killed(&self) -> u64 {
        let file = if self.is_first_version { "memory.oom_control" } else { "memory.events" };
        number_after(&self.read(file), "oom_kill")
    }

    fn read(&self, file: &str) -> String {
        let path = self.path.join(file);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Removes it, where it is one of its own.
    pub(super) fn remove(&self) {
        if self.is_first_version {
            let _ = fs::remove_dir(&self.path);
        }
    }
}

/// Returns the number in the line that begins with this word.
fn number_after(text: &str, word: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(word)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{word} in {text}")).trim().parse().unwrap()
}
