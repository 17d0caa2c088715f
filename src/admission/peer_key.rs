//! What counts as one peer.

use std::net::IpAddr;

use crate::events::Subject;
use crate::transport::Peer;

/// What counts as one peer: a circuit, an IPv4 address, or a /64 of IPv6, which is what one line or machine is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum PeerKey {
    Circuit(u64),
    V4([u8; 4]),
    V6([u8; 8]),
    /// The administrator on this machine: nothing is counted.
    Local,
}

impl PeerKey {
    pub(super) fn of(peer: Peer) -> Self {
        match peer {
            Peer::Circuit(number) => Self::Circuit(number),
            Peer::Local => Self::Local,
            Peer::Address(address) => match address.to_canonical() {
                IpAddr::V4(address) => Self::V4(address.octets()),
                IpAddr::V6(address) => {
                    let [a, b, c, d, e, f, g, h, ..] = address.octets();
                    Self::V6([a, b, c, d, e, f, g, h])
                }
            },
        }
    }
}

/// Hands on who that is; nobody, for the administrator.
pub(super) fn with_identity<T>(key: &PeerKey, then: impl FnOnce(&Subject<'_>) -> T) -> Option<T> {
    match key {
        PeerKey::Circuit(number) => Some(then(&Subject::Circuit(*number))),
        PeerKey::V4(bytes) => Some(then(&Subject::Address(bytes))),
        PeerKey::V6(bytes) => Some(then(&Subject::Address(bytes))),
        PeerKey::Local => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(address: &str) -> PeerKey {
        PeerKey::of(Peer::Address(address.parse().unwrap()))
    }

    #[test]
    fn an_ipv6_network_of_64_bits_is_one_peer_and_an_ipv4_address_is_one() {
        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:ffff:ffff:ffff"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
        assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
        assert_eq!(key("192.0.2.1"), key("::ffff:192.0.2.1"));
    }
}
