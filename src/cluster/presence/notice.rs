//! What machines say of themselves.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

use crate::cluster::{UnionStats, machine_name};
use crate::transport::link::{LinkMachine, NodeKey};
use ephemeral_core::protocol::WallTime;

/// What a machine says at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PresenceNotice {
    pub(super) holder: String,
    /// It is greater with each notice of the process.
    pub(super) number: u64,
    /// The number of the last notice that it heard of each other process.
    pub(super) heard: BTreeMap<String, u64>,
    pub(super) part: MachinePart,
}

impl PresenceNotice {
    /// Returns the name of the machine that says so.
    #[must_use]
    pub fn name(&self) -> &str {
        machine_name(&self.holder)
    }

    /// Returns what it says of itself.
    #[must_use]
    pub const fn part(&self) -> &MachinePart {
        &self.part
    }
}

/// What a machine says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachinePart {
    /// When its process began, by its clock.
    pub began: WallTime,
    /// Whether it was there alone under its name for a while.
    pub settled: bool,
    /// The term for which it holds the lease; 0: it does not.
    pub term: u64,
    /// When somebody checked in last, as far as it knows.
    pub checked_in: Option<WallTime>,
    /// Where it listens for the others; `None`: nowhere.
    pub link: Option<LinkPart>,
    /// Its onion service; `None`: it has none, or none yet.
    pub onion: Option<OnionPart>,
}

impl Default for MachinePart {
    fn default() -> Self {
        Self { began: WallTime(0), settled: false, term: 0, checked_in: None, link: None, onion: None }
    }
}

/// Where a machine listens for the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkPart {
    /// Where they reach it.
    pub address: SocketAddr,
    /// The key by which they know it there, in hex.
    pub key: String,
}

impl LinkPart {
    /// Says that a machine is reached there, and known by this key.
    #[must_use]
    pub fn new(address: SocketAddr, key: NodeKey) -> Self {
        Self { address, key: HEXLOWER.encode(&key.to_bytes()) }
    }

    /// Returns the machine of this name; `None`: the key is none.
    pub(super) fn machine(&self, name: &str) -> Option<LinkMachine> {
        let key = self.key.parse().ok()?;
        Some(LinkMachine { name: name.to_owned(), address: self.address, key })
    }
}

/// What a machine says of its onion service.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OnionPart {
    /// What is the same for machines with the same service, and says nothing of its address.
    pub service: String,
    /// Whether only clients who were added can find it.
    pub restricted: bool,
    /// Where it can be reached, in base 64; empty: nowhere.
    pub points: String,
    /// The clients who were added, as they are written in files.
    pub clients: Vec<String>,
    /// How often its Tor client has published a descriptor of its own.
    pub uploads: u64,
    /// What it has published for all machines, if that is its business.
    pub published: Option<PublishedPart>,
}

/// How much is in a descriptor for all machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedPart {
    /// Machines.
    pub machines: usize,
    /// Introduction points.
    pub points: usize,
}

/// Another machine that is there, and has an onion service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveMachine {
    /// Its process, as the lease names it.
    pub holder: String,
    /// Whether it holds the lease.
    pub leads: bool,
    /// What it says of its onion service.
    pub onion: OnionPart,
}

impl LiveMachine {
    /// Returns what it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        machine_name(&self.holder)
    }

    /// Returns what it has published for all machines, if it is the one that does.
    #[must_use]
    pub fn union(&self) -> Option<UnionStats> {
        let PublishedPart { machines, points } = self.onion.published.filter(|_| self.leads)?;
        Some(UnionStats { publisher: self.name().to_owned(), machines, introduction_points: points })
    }
}
