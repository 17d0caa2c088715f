//! The link between machines that are one server: *fronts* take clients' connections, and have the
//! places of their sessions with the *hub*, where the messages are.
//!
//! A front speaks HTTP and WebSocket with its clients, and authenticates them. What a session does
//! with its messages goes over its *seat*: a connection to the hub of its own, so that TCP bounds
//! each by itself. When the hub is gone, the session waits for the next one, and takes a seat
//! there. What is said on a seat is the matter of `pump`.
//!
//! In a cluster each machine is both: while it stands by, it is a front of the active one. A front
//! that has several hubs goes to the one that says it is the active one.
//!
//! All of it is TLS 1.3 with raw public keys (RFC 7250) on both sides: each side knows the other's
//! key from its configuration, or from the cluster, and nobody else's is accepted. A front holds
//! one *control* connection to each hub, over which it hears what the hub is, and by which each
//! side notices that the other is gone.

pub mod front;
pub mod hub;
mod identity;
mod machines;
mod tls;
mod wire;

use std::net::SocketAddr;
use std::time::Duration;

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use tokio::sync::watch;

pub use identity::{KEY_FILE, LinkKey, LinkKeyError, NodeKey};
pub use machines::{KnownMachines, LinkMachine};

/// The target of every log line of the link.
const LOG: &str = "ephemeral::link";
/// How long a connection between machines may take until it is of use: TCP, TLS and the first
/// frame.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How often each side of a control connection says that it is there.
const BEAT: Duration = Duration::from_secs(5);
/// How long the other side may say nothing before it counts as gone.
const SILENCE: Duration = Duration::from_secs(15);

/// The term in which this machine of a cluster is the active one, as it is and will be; 0: it
/// stands by.
pub type TermWatch = watch::Receiver<u64>;

/// `[hub]`: this machine is the hub of others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HubConfig {
    /// Where fronts connect; port 0: one that the system picks.
    #[serde(rename = "hub.listen")]
    pub listen: SocketAddr,
    /// The keys of those that may.
    #[serde(rename = "hub.fronts", serialize_with = "serialize_keys")]
    pub fronts: Vec<NodeKey>,
}

/// `[front]`: this machine is a front.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrontConfig {
    /// Its hub; or the machines of a cluster, one of which is the hub at a time.
    pub hubs: Vec<LinkMachine>,
}

impl Serialize for FrontConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        match self.hubs.as_slice() {
            [LinkMachine { address, key, .. }] => {
                map.serialize_entry("front.hub", address)?;
                map.serialize_entry("front.hub_key", &key.to_string())?;
            }
            hubs => {
                let addresses: Vec<_> = hubs.iter().map(|hub| hub.address).collect();
                let keys: Vec<_> = hubs.iter().map(|hub| hub.key.to_string()).collect();
                map.serialize_entry("front.hub", &addresses)?;
                map.serialize_entry("front.hub_key", &keys)?;
            }
        }
        map.end()
    }
}

fn serialize_keys<S: Serializer>(keys: &[NodeKey], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(keys.iter().map(NodeKey::to_string))
}

#[cfg(test)]
mod tests;
