//! The list of a service's nodes: further addresses that lead to the same mailboxes, signed by the
//! service's key. Anyone who knows the service's address can check it, since the address is the
//! public key.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use ed25519_dalek::{Signature, VerifyingKey};
use ephemeral_core::protocol::{WallTime, host_name};
use serde::{Deserialize, Serialize};
use tor_hscrypto::pk::HsId;

use super::ServiceKey;
use super::service_key::written;

/// What the signature is for, and nothing else.
const DOMAIN: &[u8] = b"ephemeral-messenger/nodes/v1";
/// The `type` of a list.
const TYPE: &str = "nodes";
/// What comes before the host of a node on the web.
const WEB: &str = "wss://";

/// Why a list of nodes is not believed, or not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NodeListError {
    /// It is something else.
    #[error("this is not a list of nodes")]
    Malformed,
    /// It is another service's.
    #[error("the list of nodes is not of the service that was asked")]
    Service,
    /// No service has so many, or one is named twice.
    #[error("a list of nodes has 1 to {} addresses, each once", NodeList::MOST)]
    Count,
    /// One of the addresses is not one.
    #[error(
        "`{0}` is not the address of a node: NAME.onion, NAME.onion:PORT, wss://HOST or wss://HOST:PORT, in lower case"
    )]
    Address(String),
    /// Its time has run out, or it says that it holds for longer than any list does.
    #[error("the list of nodes is out of date, or this machine's clock is wrong")]
    Time,
    /// Somebody else made it, or it was changed.
    #[error("the signature of the list of nodes is not the service's")]
    Signature,
}

/// A list whose signature is right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(into = "ListWire")]
pub struct NodeList {
    service: String,
    nodes: Vec<String>,
    /// The end, as it was signed.
    until: String,
    ends: WallTime,
    signature: [u8; 64],
}

/// The written form. Unknown fields are ignored: they are not signed.
#[derive(Serialize, Deserialize)]
struct ListWire {
    #[serde(rename = "type")]
    kind: String,
    service: String,
    nodes: Vec<String>,
    until: String,
    signature: String,
}

impl From<NodeList> for ListWire {
    fn from(list: NodeList) -> Self {
        let NodeList { service, nodes, until, ends: _, signature } = list;
        Self { kind: TYPE.to_owned(), service, nodes, until, signature: BASE64URL_NOPAD.encode(&signature) }
    }
}

impl NodeList {
    /// Addresses in one list, at most: as many as a service has introduction points.
    pub const MOST: usize = 20;
    /// How long a list holds: over a weekend without a connection, and not much longer than a node
    /// is gone.
    pub const LIFE: Duration = Duration::from_secs(3 * 24 * 3600);
    /// How far the clocks of a server and a client may be apart.
    const SKEW: Duration = Duration::from_secs(24 * 3600);

    /// Signs a list: these addresses lead to the service with this key, for [`Self::LIFE`].
    ///
    /// # Errors
    /// [`NodeListError`] if they are not addresses, or too many.
    pub fn sign(key: &ServiceKey, nodes: &[String], now: WallTime) -> Result<Self, NodeListError> {
        Self::check(nodes)?;
        let service = key.address().to_owned();
        let ends = now.plus(milliseconds(Self::LIFE));
        let until = ends.to_string();
        let signature = key.sign(&signed(&service, &until, nodes));
        Ok(Self { service, nodes: nodes.to_vec(), until, ends, signature })
    }

    /// Reads a list, and checks that the service with this name has signed it and that it holds.
    /// `service`: with `.onion`, in lower case.
    ///
    /// # Errors
    /// [`NodeListError`] if it is not to be believed.
    pub fn read(list: &serde_json::Value, service: &str, now: WallTime) -> Result<Self, NodeListError> {
        let wire = ListWire::deserialize(list).map_err(|_| NodeListError::Malformed)?;
        if wire.kind != TYPE {
            return Err(NodeListError::Malformed);
        }
        let id: HsId = wire.service.parse().map_err(|_| NodeListError::Service)?;
        if wire.service != service || written(id) != service {
            return Err(NodeListError::Service);
        }
        Self::check(&wire.nodes)?;
        let ends = WallTime::parse(&wire.until).ok_or(NodeListError::Time)?;
        let longest = now.plus(milliseconds(Self::LIFE + Self::SKEW));
        if ends <= now || ends > longest {
            return Err(NodeListError::Time);
        }
        let bytes = BASE64URL_NOPAD.decode(wire.signature.as_bytes()).ok();
        let signature: [u8; 64] = bytes.and_then(|bytes| bytes.try_into().ok()).ok_or(NodeListError::Signature)?;
        let message = signed(&wire.service, &wire.until, &wire.nodes);
        VerifyingKey::from_bytes(id.as_ref())
            .and_then(|key| key.verify_strict(&message, &Signature::from_bytes(&signature)))
            .map_err(|_| NodeListError::Signature)?;
        let ListWire { kind: _, service, nodes, until, signature: _ } = wire;
        Ok(Self { service, nodes, until, ends, signature })
    }

    /// Returns the nodes that are onion services, each as `NAME.onion` or `NAME.onion:PORT`.
    pub fn onions(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().map(String::as_str).filter(|node| !node.starts_with(WEB))
    }

    /// Returns when it ends, by the signer's clock.
    #[must_use]
    pub fn ends(&self) -> WallTime {
        self.ends
    }

    /// Checks that a list has so many addresses as it may, each once.
    ///
    /// # Errors
    /// [`NodeListError::Count`] or [`NodeListError::Address`] if not.
    pub fn check(nodes: &[String]) -> Result<(), NodeListError> {
        let is_twice = |(at, node): (usize, &String)| nodes.iter().take(at).any(|earlier| earlier == node);
        if nodes.is_empty() || nodes.len() > Self::MOST || nodes.iter().enumerate().any(is_twice) {
            return Err(NodeListError::Count);
        }
        nodes.iter().try_for_each(|node| Self::check_address(node))
    }

    fn check_address(node: &str) -> Result<(), NodeListError> {
        let (host, is_onion) = match node.strip_prefix(WEB) {
            Some(rest) => (without_port(rest), false),
            None => (without_port(node), true),
        };
        let is_right = host.is_some_and(|host| match is_onion {
            // No subdomain: there is one text for each service.
            true => host.parse().is_ok_and(|id: HsId| written(id) == host),
            // An onion service is no host on the web.
            false => host_name(host).is_some_and(|name| name == host) && !host.ends_with(".onion"),
        });
        is_right.then_some(()).ok_or_else(|| NodeListError::Address(node.to_owned()))
    }
}

/// Returns the host of `HOST` or `HOST:PORT`; `None` if the port is none.
fn without_port(authority: &str) -> Option<&str> {
    match authority.rsplit_once(':') {
        // The colons of an IPv6 address are inside its brackets.
        Some((host, port)) if !port.ends_with(']') => {
            let number: u16 = port.parse().ok().filter(|number| *number != 0)?;
            (number.to_string() == port).then_some(host)
        }
        _ => Some(authority),
    }
}

/// Returns the bytes that are signed. No part can have a zero byte in it, and only the last kind of
/// part comes more than once.
fn signed(service: &str, until: &str, nodes: &[String]) -> Vec<u8> {
    let mut parts = vec![DOMAIN, service.as_bytes(), until.as_bytes()];
    parts.extend(nodes.iter().map(String::as_bytes));
    parts.join(&0)
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
