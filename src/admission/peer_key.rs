//! Says who is on a connection, and which of those count as one peer.

use std::net::IpAddr;

use crate::events::Subject;

/// Names the other end of a connection before it has authenticated. Never written to a log in
/// clear.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Peer {
    /// A rendezvous circuit of the onion service, numbered in the order of arrival.
    Circuit(u64),
    /// The address of a TCP connection.
    Address(IpAddr),
}

/// Names one peer: a circuit, an IPv4 address, or a /64 of IPv6, which is what one line or machine
/// is given. A wider network stands for several peers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum PeerKey {
    Circuit(u64),
    /// An address, or a network with so many bits.
    V4([u8; 4], u8),
    /// A network with so many bits.
    V6([u8; 8], u8),
}

impl PeerKey {
    pub(super) fn of(peer: Peer) -> Self {
        match peer {
            Peer::Circuit(number) => Self::Circuit(number),
            Peer::Address(address) => match address.to_canonical() {
                IpAddr::V4(address) => Self::V4(address.octets(), 32),
                IpAddr::V6(address) => {
                    let [a, b, c, d, e, f, g, h, ..] = address.octets();
                    Self::V6([a, b, c, d, e, f, g, h], 64)
                }
            },
        }
    }

    /// Returns the next wider network: /56, /48 and /32 of IPv6, /24, /16 and /8 of IPv4. Providers
    /// give one customer a /64, a /56 or a /48 (RIPE-690), and have a /32 themselves.
    pub(super) fn wider(self) -> Option<Self> {
        let bits = match self {
            Self::V6(_, 64) => 56,
            Self::V6(_, 56) => 48,
            Self::V6(_, 48) => 32,
            Self::V4(_, 32) => 24,
            Self::V4(_, 24) => 16,
            Self::V4(_, 16) => 8,
            _ => return None,
        };
        let kept = usize::from(bits) / 8;
        match self {
            Self::V4(mut octets, _) => {
                octets.iter_mut().skip(kept).for_each(|octet| *octet = 0);
                Some(Self::V4(octets, bits))
            }
            Self::V6(mut octets, _) => {
                octets.iter_mut().skip(kept).for_each(|octet| *octet = 0);
                Some(Self::V6(octets, bits))
            }
            Self::Circuit(_) => None,
        }
    }

    /// Returns the widest network that one customer is given: a /48 of IPv6.
    pub(super) fn site(self) -> Self {
        let mut site = self;
        while let Some(wider) = site.wider().filter(|wider| wider.is_one_customer()) {
            site = wider;
        }
        site
    }

    /// Tells whether one customer may have the whole network to itself, so that it can be held
    /// responsible as one.
    pub(super) fn is_one_customer(self) -> bool {
        match self {
            Self::V4(_, bits) => bits == 32,
            Self::V6(_, bits) => bits >= 48,
            Self::Circuit(_) => true,
        }
    }
}

/// Hands on who that is. A network has other bytes than every address.
pub(super) fn with_identity<T>(key: &PeerKey, then: impl FnOnce(&Subject<'_>) -> T) -> T {
    match key {
        PeerKey::Circuit(number) => then(&Subject::Circuit(*number)),
        PeerKey::V4(octets, 32) => then(&Subject::Address(octets)),
        PeerKey::V6(octets, 64) => then(&Subject::Address(octets)),
        PeerKey::V4(octets, bits) => then(&Subject::Address(&[octets.as_slice(), &[*bits]].concat())),
        PeerKey::V6(octets, bits) => then(&Subject::Address(&[octets.as_slice(), &[*bits]].concat())),
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

    #[test]
    fn networks_widen_until_they_are_a_providers() {
        let widened = |address| {
            let chain = std::iter::successors(Some(key(address)), |key| key.wider());
            chain.collect::<Vec<_>>()
        };
        let [a, b, c, d] = widened("2001:db8:1234:5678::1").try_into().unwrap();
        assert_eq!(a, PeerKey::V6([0x20, 1, 0x0d, 0xb8, 0x12, 0x34, 0x56, 0x78], 64));
        assert_eq!(b, PeerKey::V6([0x20, 1, 0x0d, 0xb8, 0x12, 0x34, 0x56, 0], 56));
        assert_eq!(c, PeerKey::V6([0x20, 1, 0x0d, 0xb8, 0x12, 0x34, 0, 0], 48));
        assert_eq!(d, PeerKey::V6([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0], 32));
        assert!(c.is_one_customer() && !d.is_one_customer());
        assert_eq!((a.site(), key("192.0.2.1").site()), (c, key("192.0.2.1")));
        let last = widened("192.0.2.1").pop().unwrap();
        assert_eq!(last, PeerKey::V4([192, 0, 0, 0], 8));
        assert_eq!(PeerKey::Circuit(7).wider(), None);
    }
}
