//! The NATS servers of a cluster, and the one on this machine, as far as it can be seen.

use std::fs;
use std::path::{Path, PathBuf};

use crate::clock::Clock;
use crate::cluster::charter::OwnService;
use crate::cluster::{self, probe};
use crate::doctor::facts::{ClusterFacts, StoreDir};

/// Asks them. Call it within a tokio runtime; it takes some seconds at most.
pub(super) async fn cluster(config: &cluster::Config, largest: usize, own: &OwnService) -> ClusterFacts {
    ClusterFacts {
        has_tls: config.tls.is_some(),
        is_local: config.nats.iter().all(cluster::NatsAddress::is_loopback),
        largest,
        probe: probe::look(config, own, || Clock::System.wall()).await,
        store_dir: store_dir(),
    }
}

/// Looks for a NATS server among the processes of this machine, and where it stores.
fn store_dir() -> StoreDir {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let named =
        |pid: &u32| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "nats-server");
    let Some(pid) = pids.find(named) else { return StoreDir::NotHere };
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let directory = configuration(&line).and_then(|path| fs::read_to_string(path).ok()).as_deref().and_then(configured);
    let mounts = fs::read_to_string(format!("/proc/{pid}/mounts")).or_else(|_| fs::read_to_string("/proc/mounts"));
    match (directory, mounts) {
        (Some(directory), Ok(mounts)) => match file_system(&mounts, &directory) {
            Some(kind) => StoreDir::On { directory, kind },
            None => StoreDir::Unknown,
        },
        _ => StoreDir::Unknown,
    }
}

/// Returns the configuration file that a command line names. `line`: arguments, each with a zero
/// behind it.
fn configuration(line: &[u8]) -> Option<PathBuf> {
    let arguments: Vec<_> = line.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
    let spellings = ["-c", "--config", "-config"];
    let apart = arguments.windows(2).find(|pair| spellings.contains(&&*pair[0])).map(|pair| pair[1].to_string());
    let joined =
        || arguments.iter().find_map(|one| one.trim_start_matches('-').strip_prefix("config=").map(str::to_owned));
    apart.or_else(joined).map(PathBuf::from)
}

/// Returns `store_dir` of a configuration file: the first one that is no comment.
fn configured(text: &str) -> Option<PathBuf> {
    let code =
        text.lines().map(|line| line.split('#').next().unwrap_or_default().split("//").next().unwrap_or_default());
    let value = code.filter_map(|line| line.split_once("store_dir")).map(|(_, rest)| rest).next()?;
    let value = value.trim_start_matches([' ', '\t', ':', '=', '"', '\'']);
    let value = value.split(['"', '\'', ',', '}', ' ', '\t']).next().filter(|value| !value.is_empty())?;
    Some(PathBuf::from(value))
}

/// Returns the kind of the file system that a directory is on, by `/proc/mounts` (proc(5)).
fn file_system(mounts: &str, directory: &Path) -> Option<String> {
    let entries = mounts.lines().filter_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        Some((words.next()?, words.next()?))
    });
    let above = entries.filter(|(place, _)| directory.starts_with(place));
    // Of two on the same place, the later one is above.
    above.max_by_key(|(place, _)| place.len()).map(|(_, kind)| kind.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nats_server_says_where_its_configuration_is() {
        for line in [
            "nats-server\0-c\0/etc/n.conf\0",
            "nats-server\0-D\0--config\0/etc/n.conf\0",
            "nats-server\0--config=/etc/n.conf\0",
        ] {
            assert_eq!(configuration(line.as_bytes()), Some("/etc/n.conf".into()), "{line:?}");
        }
        assert_eq!(configuration(b"nats-server\0-js\0"), None);
    }

    #[test]
    fn the_directory_is_found_however_it_is_written() {
        for text in [
            "jetstream { store_dir: \"/var/n\", max_mem: 2G }",
            "jetstream {\n  store_dir = /var/n\n}",
            "# store_dir: /old\njetstream: { store_dir: '/var/n' } // here",
        ] {
            assert_eq!(configured(text), Some("/var/n".into()), "{text}");
        }
        assert_eq!(configured("jetstream: enabled"), None);
    }

    #[test]
    fn a_directory_is_on_the_file_system_that_is_mounted_nearest_above_it() {
        let mounts = "/dev/sda1 / ext4 rw 0 0\ntmpfs /run tmpfs rw 0 0\n/dev/sdb1 /run/disk xfs rw 0 0\n";
        let on = |directory| file_system(mounts, Path::new(directory)).unwrap();
        assert_eq!([on("/var/n"), on("/run/n"), on("/run/disk/n"), on("/running")], ["ext4", "tmpfs", "xfs", "ext4"]);
    }
}
