//! The link between machines that are one server: *fronts* take connections, and pass each one's
//! bytes on to the *hub*, where everything above the transports lives.
//!
//! For the hub this is one more transport: each forwarded connection comes as an [`Incoming`] with
//! the peer that the front saw, so that everybody is accounted as if they had come by themselves.
//! For a front it is what its connections go to instead of a server.
//!
//! All of it is TLS 1.3 with raw public keys (RFC 7250) on both sides: each side knows the other's
//! key from its configuration, and nobody else's is accepted. A front holds one *control*
//! connection, over which it hears what becomes of its streams, and by which each side notices that
//! the other is gone; and one connection for each stream, so that TCP bounds each by itself.
//!
//! [`Incoming`]: super::Incoming

pub mod front;
pub mod hub;
mod identity;
mod tls;
mod wire;

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Serialize, Serializer};

pub use identity::{KEY_FILE, LinkKey, LinkKeyError, NodeKey};

/// The target of every log line of the link.
const LOG: &str = "ephemeral::link";
/// How long a connection between machines may take until it is of use: TCP, TLS and the first
/// frame.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How often each side of a control connection says that it is there.
const BEAT: Duration = Duration::from_secs(5);
/// How long the other side may say nothing before it counts as gone.
const SILENCE: Duration = Duration::from_secs(15);

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

/// `[front]`: this machine is a front of a hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct FrontConfig {
    /// Where the hub is.
    #[serde(rename = "front.hub")]
    pub hub: SocketAddr,
    /// The hub's key.
    #[serde(rename = "front.hub_key", serialize_with = "serialize_key")]
    pub hub_key: NodeKey,
}

fn serialize_keys<S: Serializer>(keys: &[NodeKey], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(keys.iter().map(NodeKey::to_string))
}

fn serialize_key<S: Serializer>(key: &NodeKey, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(key)
}

#[cfg(test)]
mod tests;
