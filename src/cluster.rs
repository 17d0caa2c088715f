//! Several machines that are one server: the active one writes down what it accepts in a journal
//! that a NATS cluster holds in the RAM of three machines, and another one goes on with it when it
//! ends.
//!
//! `docs/several-machines.md` says what that promises, and
//! `docs/decisions/0009-a-journal-in-nats.md` why it is done like this.

pub mod asking;
pub mod charter;
pub mod copy;
mod errand;
pub mod fence;
pub mod jet;
pub mod joining;
pub mod kept;
pub mod keys;
pub mod lead;
pub mod log;
pub mod nats;
pub mod presence;
pub mod probe;
mod seal;
pub mod survey;
pub mod talk;
pub mod wipe;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What one machine of a cluster is told. Each is serialized under its name in the configuration
/// file, `table.key`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Config {
    /// What this machine is called: in the lease, in the log, in `status`.
    #[serde(rename = "cluster.node")]
    pub node: String,
    /// The NATS servers, those of all machines.
    #[serde(rename = "cluster.nats")]
    pub nats: Vec<NatsAddress>,
    /// The file with the secret that all machines share: only who has it is given the journal's
    /// keys.
    #[serde(rename = "cluster.secret_file")]
    pub secret_file: PathBuf,
    /// Where this machine listens for the others. `None`: it passes nobody on while it stands by.
    #[serde(rename = "cluster.link")]
    pub link: Option<SocketAddr>,
    /// Where the others are told that they reach it, where that is another address than the one it
    /// listens at: behind NAT.
    #[serde(rename = "cluster.link_announced")]
    pub link_announced: Option<SocketAddr>,
    /// The certificates by which this machine and the NATS servers know each other; `None` where
    /// all of them are on loopback.
    #[serde(flatten)]
    pub tls: Option<NatsTls>,
}

/// What one machine of a cluster is, and what it knows of the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterStats {
    /// What this machine is called.
    pub node: String,
    /// What it is.
    pub role: ClusterRole,
    /// Whether it has the keys of the journal: without them it can take nothing over.
    pub has_keys: bool,
    /// How many entries of the journal it has read along, while it stands by.
    #[serde(default)]
    pub journal_entries: usize,
    /// The bytes that they are counted as.
    #[serde(default)]
    pub journal_bytes: usize,
    /// The active machine's name, as it was seen last; `None`: none is known, or NATS does not
    /// answer.
    pub active: Option<String>,
    /// Whether another machine with the same secret, and the same key of the onion service, was
    /// there since this process began. Until then nobody has confirmed this machine's.
    #[serde(default)]
    pub confirmed: bool,
    /// Whether another process of the cluster has this machine's name.
    #[serde(default)]
    pub has_twin: bool,
    /// What the machines publish together of the onion service, as far as it is known here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub union: Option<UnionStats>,
}

/// The descriptor that all machines have together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnionStats {
    /// The machine that publishes it.
    pub publisher: String,
    /// How many machines' introduction points are in it.
    pub machines: usize,
    /// How many introduction points there are.
    pub introduction_points: usize,
}

/// What a machine is at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClusterRole {
    /// It stands by: another one is active, or none is.
    StandsBy,
    /// It is the active one.
    Active,
}

/// Host and port of a NATS server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct NatsAddress(String);

/// The PEM files of mutual TLS with the NATS servers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NatsTls {
    /// The certificate authority that issued the servers' certificates. The system's are not asked.
    #[serde(rename = "cluster.tls_ca")]
    pub ca: PathBuf,
    /// This machine's certificate.
    #[serde(rename = "cluster.tls_cert")]
    pub cert: PathBuf,
    /// Its private key.
    #[serde(rename = "cluster.tls_key")]
    pub key: PathBuf,
}

impl NatsAddress {
    /// Reads an address: an IP address or a host name, and a port.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.parse::<std::net::SocketAddr>().is_ok_and(|address| address.port() != 0) {
            return Some(Self(text.to_owned()));
        }
        let (host, port) = text.rsplit_once(':')?;
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
        let is_host =
            !host.is_empty() && host.len() <= 253 && host.bytes().all(is_name) && !host.starts_with(['.', '-']);
        (is_host && port.parse::<u16>().is_ok_and(|port| port != 0)).then(|| Self(text.to_owned()))
    }

    /// Returns whether it is on this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self.0.parse::<std::net::SocketAddr>() {
            Ok(address) => address.ip().to_canonical().is_loopback(),
            Err(_) => self.0.starts_with("localhost:"),
        }
    }
}

impl fmt::Display for NatsAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Returns the name of the machine that a process runs on.
fn machine_name(holder: &str) -> &str {
    holder.split_once('/').map_or(holder, |(name, _)| name)
}
