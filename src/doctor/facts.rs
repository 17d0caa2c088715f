//! What is known. A fact that could not be got is absent, and no check may take that for good news.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::cluster::probe::ClusterProbe;
use ephemeral_core::protocol::WallTime;

/// The facts that are judged.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The state directory.
    pub state: State,
    /// The configuration file, if one was named.
    pub config_file: Option<Node>,
    /// The server, if it runs on this state directory.
    pub daemon: Option<Daemon>,
    /// The user that this runs as.
    pub uid: u32,
    /// `/proc/sys/kernel/core_pattern`.
    pub core_pattern: String,
    /// Memory, and where it may be written to.
    pub memory: Memory,
    /// What time it is.
    pub clock: ClockFacts,
    /// The file system of the state directory.
    pub disk: Option<Disk>,
    /// The TCP listener, if there is to be one.
    pub listener: Option<ListenerFacts>,
    /// The settings that can be traps.
    pub settings: SettingsFacts,
    /// The service manager.
    pub unit: Unit,
    /// The onion service; `None`: off.
    pub tor: Option<Tor>,
    /// The cluster; `None`: there is none, or it was not asked.
    pub cluster: Option<ClusterFacts>,
}

/// The NATS servers and the machines of a cluster.
#[derive(Debug, Clone)]
pub struct ClusterFacts {
    /// Whether the configuration has certificates.
    pub has_tls: bool,
    /// Whether all NATS servers are on loopback.
    pub is_local: bool,
    /// Bytes of a message as it is written down, at most.
    pub largest: usize,
    /// What can be seen of it; or which file of the configuration is to be mended.
    pub probe: Result<ClusterProbe, String>,
    /// Where the NATS server on this machine stores.
    pub store_dir: StoreDir,
}

/// The place where a NATS server stores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreDir {
    /// There, on a file system of this kind.
    On {
        /// Where.
        directory: PathBuf,
        /// As `/proc/mounts` has it: `ext4`, `tmpfs`.
        kind: String,
    },
    /// No NATS server runs on this machine.
    NotHere,
    /// One does, and it cannot be told.
    Unknown,
}

/// A file or directory, and who may do what with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Where.
    pub path: PathBuf,
    /// Permission bits, the sticky bit included.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Whether it is a directory.
    pub directory: bool,
}

/// The state directory.
#[derive(Debug, Clone)]
pub struct State {
    /// Where.
    pub path: PathBuf,
    /// `None`: there is none yet.
    pub directory: Option<Node>,
    /// The directories above it.
    pub parents: Vec<Node>,
    /// Files and directories below it that others than the owner have access to, or that belong to
    /// somebody else: the first few.
    pub exposed: Vec<Node>,
}

/// The running server, as the kernel describes it.
#[derive(Debug, Clone, Default)]
pub struct Daemon {
    /// Process.
    pub pid: u32,
    /// Its user.
    pub uid: u32,
    /// Bytes of a core dump, at most; `None`: no limit.
    pub core_limit: Option<u64>,
    /// Whether others of the same user may read its memory. `None`: it cannot be told for processes
    /// of root.
    pub dumpable: Option<bool>,
    /// Whether it has renounced new privileges.
    pub no_new_privileges: bool,
    /// Locked memory, KiB.
    pub locked_kib: u64,
    /// Memory that has been swapped out, KiB.
    pub swapped_kib: u64,
    /// Whether its program was replaced since it was started.
    pub outdated: bool,
    /// `status` of `/health` on its TCP listener, if there is one and it answered.
    pub health: Option<String>,
}

/// A swap area.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swap {
    /// The file or device.
    pub name: String,
    /// Compressed RAM.
    pub is_ram: bool,
    /// Whether it is behind dm-crypt.
    pub is_encrypted: bool,
}

/// Memory, and where it may be written to.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    /// `None`: it could not be read.
    pub swaps: Option<Vec<Swap>>,
    /// Bytes that a process started from here may lock; `None`: no limit.
    pub lock_limit: Option<u64>,
    /// The memory of the machine, in bytes.
    pub total_bytes: Option<u64>,
    /// The memory of the server's control group, or of this process's if the server does not run,
    /// in bytes.
    pub group_bytes: Option<u64>,
    /// Whether that group may not use swap at all.
    pub group_without_swap: bool,
}

/// The program that sets the clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sync {
    /// This service sets it, and has done so.
    Done(&'static str),
    /// This service sets it, and has not done so yet.
    NotYet(&'static str),
    /// Nothing that is known here; in a container it is the host's matter.
    Unknown,
}

/// The time, and what it can be compared with.
#[derive(Debug, Clone)]
pub struct ClockFacts {
    /// This machine's clock.
    pub now: WallTime,
    /// Who sets it.
    pub sync: Sync,
    /// The time from which and until which the cached directory of the Tor network is valid.
    pub consensus: Option<(WallTime, WallTime)>,
}

/// A file system.
#[derive(Debug, Clone)]
pub struct Disk {
    /// Bytes that this user may still write.
    pub free_bytes: u64,
    /// Files that may still be made; `None`: not counted there.
    pub free_files: Option<u64>,
    /// Whether nothing can be written.
    pub read_only: bool,
}

/// The outcome of trying the address of the TCP listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bind {
    /// It can be listened on.
    Free,
    /// Another program listens on it.
    InUse,
    /// The user may not.
    Denied,
    /// This machine does not have that address.
    NotHere,
    /// Something else.
    Failed(String),
}

/// The TCP listener.
#[derive(Debug, Clone)]
pub struct ListenerFacts {
    /// Where.
    pub address: SocketAddr,
    /// Whether that can be had.
    pub bind: Bind,
    /// Whether it serves TLS.
    pub tls: bool,
    /// What clients will hold against its certificate, a sentence each.
    pub certificate: Vec<String>,
}

/// The settings that can be traps.
#[derive(Debug, Clone)]
pub struct SettingsFacts {
    /// `[store] total_bytes`.
    pub total_bytes: usize,
    /// `[onion] memory_bytes`; 0 without an onion service.
    pub onion_memory_bytes: u64,
    /// `[onion] circuits`; 0 without an onion service.
    pub circuits: usize,
    /// `[limits] sessions`.
    pub sessions: usize,
    /// Sessions that there can be: over the onion alone, no more than streams of circuits.
    pub reachable_sessions: usize,
    /// Whether sessions of one machine's clients are kept with another's.
    pub is_linked: bool,
    /// `[limits] unauthenticated`.
    pub unauthenticated: usize,
    /// `[limits] messages_per_minute`.
    pub messages_per_minute: u32,
    /// `[session] auth_timeout_ms`, in seconds.
    pub auth_timeout_s: u64,
    /// `[onion] vanguards = "lite"`.
    pub vanguards_lite: bool,
    /// Whether `[metrics] listen` is off loopback.
    pub metrics_off_loopback: bool,
    /// A TCP listener off loopback stands beside the onion service.
    pub location_is_public: bool,
    /// The log filter.
    pub log_filter: String,
    /// Files that a process started from here may open, if it raises its limit; `None`: no limit.
    pub file_limit: Option<u64>,
}

/// The service manager.
#[derive(Debug, Clone, Default)]
pub struct Unit {
    /// Whether systemd runs this machine.
    pub systemd: bool,
    /// The unit's file, if it is installed.
    pub file: Option<PathBuf>,
    /// What `systemd-analyze security` says: 0 (best) to 10.
    pub exposure: Option<f32>,
    /// How many files the manager keeps over a restart, drop-ins included; `None`: it has not
    /// loaded the unit.
    pub kept_files: Option<u32>,
}

/// Whether Tor is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Online {
    /// It was not asked for.
    NotTried,
    /// A throw-away client has a directory and circuits.
    Reached,
    /// It has failed.
    Failed(String),
}

/// The onion service.
#[derive(Debug, Clone)]
pub struct Tor {
    /// Its address, if there is a key; or why that cannot be read.
    pub address: Result<Option<String>, String>,
    /// Whether the Tor network was reached.
    pub online: Online,
    /// Whether the own address was reached; `None`: not tried.
    pub own_address: Option<Result<(), String>>,
}
