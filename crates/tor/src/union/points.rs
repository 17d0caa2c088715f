//! The introduction points of one node, and how they are written down for the others.

use std::collections::HashSet;

use tor_bytes::{EncodeResult, Reader, Writeable as _, Writer as _};
use tor_hscrypto::pk::{HsIntroPtSessionIdKey, HsSvcNtorKey};
use tor_linkspec::EncodedLinkSpec;
use tor_llcrypto::pk::{curve25519, ed25519};
use tor_netdoc::doc::hsdesc::IntroPointDesc;

use super::MOST;

/// Ways to one relay, at most: it has two addresses and two names.
const MOST_LINKS: usize = 8;

/// The introduction points of one node.
#[derive(Clone, Default)]
pub struct NodePoints(pub(super) Vec<IntroPointDesc>);

/// These are not the introduction points of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("these are not the introduction points of a node")]
pub struct NotPoints;

/// The public session key of an introduction point (`KP_hs_ipt_sid`).
pub(super) type PointName = [u8; 32];

pub(super) fn name(point: &IntroPointDesc) -> PointName {
    let key: &ed25519::PublicKey = point.ipt_sid_key().as_ref();
    *key.as_bytes()
}

impl NodePoints {
    /// Returns how many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whether one of these is among the others.
    pub(super) fn has_one_in(&self, others: &Self) -> bool {
        let names = others.names();
        self.0.iter().any(|point| names.contains(&name(point)))
    }

    fn names(&self) -> HashSet<PointName> {
        self.0.iter().map(name).collect()
    }

    /// Writes them down, at most as many as a descriptor can have; [`from_bytes`](Self::from_bytes)
    /// reads them.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for point in self.0.iter().take(MOST) {
            let mut written = Vec::new();
            if write(point, &mut written).is_ok() {
                bytes.append(&mut written);
            }
        }
        bytes
    }

    /// Reads what [`to_bytes`](Self::to_bytes) has written.
    ///
    /// # Errors
    /// [`NotPoints`] if it is anything else, or more than a descriptor can have.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NotPoints> {
        let mut reader = Reader::from_slice(bytes);
        let mut points = Vec::new();
        while reader.remaining() > 0 {
            if points.len() == MOST {
                return Err(NotPoints);
            }
            points.push(read(&mut reader).ok_or(NotPoints)?);
        }
        Ok(Self(points))
    }
}

impl PartialEq for NodePoints {
    /// Compares by the session keys: each introduction point has its own.
    fn eq(&self, other: &Self) -> bool {
        self.names() == other.names()
    }
}

impl std::fmt::Debug for NodePoints {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "NodePoints({})", self.0.len())
    }
}

fn write(point: &IntroPointDesc, bytes: &mut Vec<u8>) -> EncodeResult<()> {
    let links = point.link_specifiers().get(..MOST_LINKS).unwrap_or(point.link_specifiers());
    bytes.write_u8(u8::try_from(links.len()).unwrap_or(0));
    for link in links {
        link.write_onto(bytes)?;
    }
    let relay: &[u8; 32] = point.ipt_ntor_key().as_bytes();
    let encryption: &curve25519::PublicKey = point.svc_ntor_key();
    bytes.write_all(relay);
    bytes.write_all(&name(point));
    bytes.write_all(encryption.as_bytes());
    Ok(())
}

fn read(reader: &mut Reader<'_>) -> Option<IntroPointDesc> {
    let count = usize::from(reader.take_u8().ok()?);
    if !(1..=MOST_LINKS).contains(&count) {
        return None;
    }
    let links: Vec<EncodedLinkSpec> = reader.extract_n(count).ok()?;
    let mut key = || -> Option<[u8; 32]> { reader.extract().ok() };
    let relay = curve25519::PublicKey::from(key()?);
    let session = ed25519::PublicKey::from_bytes(&key()?).ok()?;
    let encryption = curve25519::PublicKey::from(key()?);
    let built = IntroPointDesc::builder()
        .link_specifiers(links)
        .ipt_kp_ntor(relay)
        .kp_hs_ipt_sid(HsIntroPtSessionIdKey::from(session))
        .kp_hss_ntor(HsSvcNtorKey::from(encryption))
        .build();
    built.ok()
}

/// Puts the points of all nodes together, each node's first ones first where there are too many.
pub(super) fn union(nodes: &[NodePoints]) -> NodePoints {
    let longest = nodes.iter().map(NodePoints::len).max().unwrap_or_default();
    let in_turns = (0..longest).flat_map(|at| nodes.iter().filter_map(move |node| node.0.get(at)));
    let mut seen = HashSet::new();
    NodePoints(in_turns.filter(|point| seen.insert(name(point))).take(MOST).cloned().collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Makes points with these numbers.
    fn points(numbers: std::ops::Range<u8>) -> NodePoints {
        let point = |number: u8| {
            let session = ed25519::Keypair::from_bytes(&[number; 32]);
            let links = [[127, 0, 0, number, 1, 1].to_vec(), vec![number; 20]];
            let links = (0_u8..).step_by(2).zip(links).map(|(kind, body)| EncodedLinkSpec::new(kind.into(), body));
            IntroPointDesc::builder()
                .link_specifiers(links.collect())
                .ipt_kp_ntor(curve25519::PublicKey::from([number; 32]))
                .kp_hs_ipt_sid(session.verifying_key().into())
                .kp_hss_ntor(curve25519::PublicKey::from([number + 100; 32]).into())
                .build()
                .unwrap()
        };
        NodePoints(numbers.map(point).collect())
    }

    #[test]
    fn what_is_written_down_for_other_nodes_is_read_as_it_was() {
        for count in [0, 1, 3, 20] {
            let written = points(0..count).to_bytes();
            let read = NodePoints::from_bytes(&written).unwrap();
            assert_eq!((read.len(), read.to_bytes()), (usize::from(count), written));
        }
    }

    #[test]
    fn what_is_cut_or_too_much_or_no_point_is_not_read() {
        let whole = points(0..2).to_bytes();
        let one = points(0..1).to_bytes().len();
        for cut in (1..whole.len()).filter(|cut| *cut != one) {
            assert_eq!(NodePoints::from_bytes(&whole[..cut]), Err(NotPoints), "{cut}");
        }
        let too_many = [points(0..20).to_bytes(), points(20..21).to_bytes()].concat();
        assert_eq!(NodePoints::from_bytes(&too_many), Err(NotPoints));
        assert_eq!(NodePoints::from_bytes(&[0; 97]), Err(NotPoints), "no way to the relay");
        assert_eq!(NodePoints::from_bytes(&[9; 4000]), Err(NotPoints), "too many ways");
    }

    #[test]
    fn each_node_has_its_share_of_the_points_that_a_descriptor_can_have() {
        let all = union(&[points(0..10), points(10..20), points(20..30)]);
        assert_eq!(all.len(), MOST);
        for node in [points(0..6), points(10..16), points(20..26)] {
            assert!(node.names().is_subset(&all.names()));
        }
        assert_eq!(union(&[points(0..3), points(0..3), NodePoints::default()]), points(0..3), "each once");
        assert!(points(2..4).has_one_in(&points(3..5)) && !points(2..4).has_one_in(&points(4..5)));
    }
}
