//! `/proc` and `/sys`: swap, memory, who sets the clock.

use std::fs;
use std::path::Path;

use rustix::process::{Resource, getrlimit};
use rustix::thread::{CapabilitySet, capabilities};

use crate::doctor::facts::{Memory, Swap, Sync};

pub(super) fn core_pattern() -> String {
    fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap_or_default().trim().to_owned()
}

/// Gathers the machine's memory. `daemon`: whose control group is looked at; else that of this
/// process.
pub(super) fn memory(daemon: Option<u32>) -> Memory {
    let process = daemon.map_or_else(|| "self".to_owned(), |pid| pid.to_string());
    let group = fs::read_to_string(format!("/proc/{process}/cgroup")).unwrap_or_default();
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let read = |path: &Path| fs::read_to_string(path).ok();
    Memory {
        swaps: fs::read_to_string("/proc/swaps").ok().map(|text| swaps(&text, &is_encrypted)),
        // For anyone who has the capability no limit counts.
        lock_limit: getrlimit(Resource::Memlock).maximum.filter(|_| !may_lock()),
        total_bytes: kibibytes(&meminfo, "MemTotal:").map(|kibibytes| kibibytes << 10),
        group_bytes: group_limits(&group, "memory.max", &read).min(),
        group_without_swap: group_limits(&group, "memory.swap.max", &read).any(|bytes| bytes == 0),
    }
}

fn may_lock() -> bool {
    capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::IPC_LOCK))
}

/// Returns a value in a file of `name: 123 kB` lines.
pub(super) fn kibibytes(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}

/// Reads the swap areas. The file has a headline, and then a line for each area, its name first.
fn swaps(text: &str, is_encrypted: &dyn Fn(&str) -> bool) -> Vec<Swap> {
    let names = text.lines().skip(1).filter_map(|line| line.split_whitespace().next());
    let swap =
        |name: &str| Swap { name: name.to_owned(), is_ram: name.contains("/zram"), is_encrypted: is_encrypted(name) };
    names.map(swap).collect()
}

/// Returns whether a device is one of dm-crypt's, by how its identifier begins.
fn is_encrypted(name: &str) -> bool {
    let device = fs::canonicalize(name).unwrap_or_else(|_| name.into());
    let device = device.file_name().unwrap_or_default().to_string_lossy().into_owned();
    fs::read_to_string(format!("/sys/class/block/{device}/dm/uuid")).is_ok_and(|uuid| uuid.starts_with("CRYPT-"))
}

/// Returns the limits that hold for a process of these control groups, its own and those above it
/// (cgroup v2; v1 has another name for the memory's).
fn group_limits(
    groups: &str,
    file: &'static str,
    read: &dyn Fn(&Path) -> Option<String>,
) -> impl Iterator<Item = u64> + use<> {
    let own = groups.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or("/").trim_start_matches('/');
    let root = Path::new("/sys/fs/cgroup");
    let path = root.join(own);
    let unified = path.ancestors().take_while(|path| path.starts_with(root)).map(|path| path.join(file));
    let v1 = (file == "memory.max").then(|| root.join("memory/memory.limit_in_bytes"));
    let limits: Vec<u64> =
        unified.chain(v1).filter_map(|path| read(&path)).filter_map(|text| text.trim().parse().ok()).collect();
    limits.into_iter()
}

/// Returns what sets the clock. There is no word for it that all of them share, but each leaves a
/// trace in `/run`.
pub(super) fn sync() -> Sync {
    let there = |path: &str| Path::new(path).exists();
    if there("/run/systemd/timesync/synchronized") {
        return Sync::Done("systemd-timesyncd");
    }
    for (path, name) in [
        ("/run/chrony/chronyd.pid", "chrony"),
        ("/run/chronyd.pid", "chrony"),
        ("/run/ntpd.pid", "ntpd"),
        ("/run/ntpsec/ntpd.pid", "ntpsec"),
        ("/run/openntpd.pid", "openntpd"),
        ("/run/ntpd-rs/observe", "ntpd-rs"),
    ] {
        if there(path) {
            return Sync::Done(name);
        }
    }
    if there("/run/systemd/timesync") { Sync::NotYet("systemd-timesyncd") } else { Sync::Unknown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swap_areas_are_told_apart() {
        let text = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n\
                    /dev/sda2                               partition\t8388604\t\t0\t\t-2\n\
                    /dev/zram0                              partition\t4194300\t\t12\t\t100\n\
                    /dev/dm-1                               partition\t4194300\t\t0\t\t-3\n";
        let found = swaps(text, &|name| name == "/dev/dm-1");
        let kinds: Vec<_> = found.iter().map(|swap| (swap.name.as_str(), swap.is_ram, swap.is_encrypted)).collect();
        assert_eq!(kinds, [("/dev/sda2", false, false), ("/dev/zram0", true, false), ("/dev/dm-1", false, true)]);
        assert_eq!(swaps("Filename\tType\n", &|_| false), []);
    }

    #[test]
    fn the_limits_of_all_groups_above_count() {
        let read = |path: &Path| match path.to_str()? {
            "/sys/fs/cgroup/system.slice/memory.max" => Some("536870912\n".to_owned()),
            "/sys/fs/cgroup/system.slice/x.service/memory.max" => Some("max\n".to_owned()),
            "/sys/fs/cgroup/system.slice/x.service/memory.swap.max" => Some("0\n".to_owned()),
            _ => None,
        };
        let groups = "0::/system.slice/x.service\n";
        assert_eq!(group_limits(groups, "memory.max", &read).collect::<Vec<_>>(), [536_870_912]);
        assert_eq!(group_limits(groups, "memory.swap.max", &read).collect::<Vec<_>>(), [0]);
        assert_eq!(group_limits("0::/\n", "memory.max", &read).count(), 0);
    }

    #[test]
    fn a_value_in_kibibytes_is_read() {
        let status = "VmLck:\t  2048 kB\nVmSwap:\t       0 kB\n";
        assert_eq!((kibibytes(status, "VmLck:"), kibibytes(status, "VmSwap:")), (Some(2048), Some(0)));
        assert_eq!(kibibytes(status, "VmPin:"), None);
    }
}
