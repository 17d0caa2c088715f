//! Rates, connections, strikes and blocks of peers. Bounded: where there are too many peers to
//! remember each, the next ones are remembered by their network, and the more peers a network may
//! have, the more it may do.

use std::iter::successors;

use super::PeerKey;
use ephemeral_core::limits::{Block, Config, KeyTable, Rate, RateStatus, StrikeOutcome, TooManyConnections};
use ephemeral_core::protocol::Millis;

/// Entries for peers, then for each wider kind of network: some 14 MB in all. There are as many /8
/// of IPv4 as that, and more /32 of IPv6 than this cost a fortune.
pub(super) const ADDRESSES: [usize; 4] = [65_536, 16_384, 8192, 4096];
/// Entries for circuits. A circuit that is closed is forgotten, so that they are as many as the
/// open ones at most.
pub(super) const CIRCUITS: [usize; 1] = [65_536];
/// A network may do so many times what the next narrower one may.
const WIDER: u32 = 8;

/// The memory of peers.
pub(super) struct PeerTable {
    /// The peers' own entries, then those of wider and wider networks.
    levels: Vec<KeyTable<PeerKey>>,
}

/// The entry by which a connection is counted. It stays the same until the connection has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PeerEntry {
    pub(super) key: PeerKey,
    level: usize,
}

impl PeerEntry {
    /// Tells whether it is that of a whole network.
    pub(super) fn is_coalesced(self) -> bool {
        self.level > 0
    }
}

impl PeerTable {
    pub(super) fn new(policy: Config, capacities: &[usize]) -> Self {
        let level = |(level, &capacity)| KeyTable::new(scaled(policy, level), capacity);
        Self { levels: capacities.iter().enumerate().map(level).collect() }
    }

    pub(super) fn set_policy(&mut self, policy: Config) {
        for (level, table) in self.levels.iter_mut().enumerate() {
            table.set_policy(scaled(policy, level));
        }
    }

    /// Finds the narrowest entry for a peer that there is room for.
    pub(super) fn entry(&mut self, now: Millis, peer: PeerKey) -> PeerEntry {
        let mut widest = PeerEntry { key: peer, level: 0 };
        for (level, (key, table)) in networks(peer).zip(&mut self.levels).enumerate() {
            widest = PeerEntry { key, level };
            if table.has_room_for(now, &key) {
                break;
            }
        }
        widest
    }

    /// Counts a connection.
    ///
    /// # Errors
    /// [`TooManyConnections`]: it must not begin, and was not counted.
    pub(super) fn open(&mut self, now: Millis, entry: PeerEntry) -> Result<(), TooManyConnections> {
        self.level(entry.level).map_or(Ok(()), |table| table.open(now, entry.key))
    }

    pub(super) fn close(&mut self, now: Millis, entry: PeerEntry) {
        if let Some(table) = self.level(entry.level) {
            table.close(now, entry.key);
        }
    }

    /// Takes one from the rate. `None`: there is nothing to take from.
    pub(super) fn request(&mut self, now: Millis, entry: PeerEntry) -> Option<RateStatus> {
        self.level(entry.level).map(|table| table.request(now, entry.key))
    }

    /// Counts a strike. A network that several customers share is never blocked for one of them.
    pub(super) fn strike(&mut self, now: Millis, entry: PeerEntry) -> StrikeOutcome {
        match self.level(entry.level) {
            Some(table) if entry.key.is_one_customer() => table.strike(now, entry.key),
            _ => StrikeOutcome::Counted,
        }
    }

    /// Returns until when a peer, or a network that it is in, is blocked.
    pub(super) fn blocked(&self, now: Millis, peer: PeerKey) -> Option<Millis> {
        networks(peer).zip(&self.levels).filter_map(|(key, table)| table.blocked(now, &key)).max()
    }

    pub(super) fn blocks(&self, now: Millis) -> Vec<Block<PeerKey>> {
        self.levels.iter().flat_map(|table| table.blocks(now)).collect()
    }

    pub(super) fn unblock(&mut self, now: Millis, key: &PeerKey) -> bool {
        self.levels.iter_mut().any(|table| table.unblock(now, key))
    }

    /// Forgets a peer that will not come back.
    pub(super) fn retire(&mut self, peer: PeerKey) {
        if let Some(table) = self.levels.first_mut() {
            table.retire(&peer);
        }
    }

    pub(super) fn sweep(&mut self, now: Millis) {
        self.levels.iter_mut().for_each(|table| table.sweep(now));
    }

    pub(super) fn len(&self) -> usize {
        self.levels.iter().map(KeyTable::len).sum()
    }

    fn level(&mut self, level: usize) -> Option<&mut KeyTable<PeerKey>> {
        self.levels.get_mut(level)
    }
}

/// Returns a peer, and the networks that it is in.
fn networks(peer: PeerKey) -> impl Iterator<Item = PeerKey> {
    successors(Some(peer), |key| key.wider())
}

/// Returns what a network of this level may do.
fn scaled(policy: Config, level: usize) -> Config {
    let factor = WIDER.saturating_pow(u32::try_from(level).unwrap_or(u32::MAX));
    let times = |rate: u64| u32::try_from(rate).unwrap_or(u32::MAX).saturating_mul(factor);
    let Config { requests, connections, strikes, window_ms, duration_ms } = policy;
    let requests = if level == 0 { requests } else { Rate::new(times(requests.per_minute()), times(requests.burst())) };
    Config { requests, connections: connections.saturating_mul(factor), strikes, window_ms, duration_ms }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::Peer;

    const NOW: Millis = Millis(1_767_355_200_000);

    fn v6(prefix: u64) -> PeerKey {
        PeerKey::V6(prefix.to_be_bytes(), 64)
    }

    fn address(text: &str) -> PeerKey {
        PeerKey::of(Peer::Address(text.parse().unwrap()))
    }

    /// Returns a table that is full of the /64s of one /48, each of them blocked.
    fn full() -> PeerTable {
        let mut table = PeerTable::new(Config::default(), &[1000, 100, 10, 10]);
        for number in 0..10_000 {
            let entry = table.entry(NOW, v6(0x2001_0db8_0000_0000 | number));
            for _ in 0..11 {
                table.strike(NOW, entry);
            }
        }
        table
    }

    #[test]
    fn where_a_network_fills_the_table_it_is_one_entry_and_others_are_not_blocked_with_it() {
        let mut table = full();
        assert!(table.len() <= 1120, "{}", table.len());
        assert!(table.blocked(NOW, v6(0x2001_0db8_0000_27ff)).is_some(), "a /64 of the /56 that was too much");
        for other in ["2001:db9::1", "192.0.2.1", "2001:db8:1::1"] {
            let peer = address(other);
            assert_eq!(table.blocked(NOW, peer), None, "{other}");
            let entry = table.entry(NOW, peer);
            assert!(entry.is_coalesced(), "{other}");
            assert_eq!(table.request(NOW, entry).and_then(|pace| pace.wait_ms), None, "{other}");
            assert_eq!(table.open(NOW, entry), Ok(()), "{other}");
        }
    }

    #[test]
    fn a_provider_is_paced_and_never_blocked() {
        let mut table = PeerTable::new(Config::default(), &[0, 0, 0, 10]);
        let entry = table.entry(NOW, v6(1));
        assert!((0..100).all(|_| table.strike(NOW, entry) == StrikeOutcome::Counted));
        assert_eq!(table.blocked(NOW, v6(1)), None);
        let passed = (0..10_000).filter(|_| table.request(NOW, entry).is_some_and(|pace| pace.wait_ms.is_none()));
        assert_eq!(passed.count(), 5120, "8 × 8 × 8 times a peer's burst");
        let everybody = PeerTable::new(Config::default(), &[0]).entry(NOW, v6(1));
        assert!(!everybody.is_coalesced());
    }

    #[test]
    fn a_block_that_hit_the_wrong_network_can_be_ended() {
        let mut table = full();
        let blocks = table.blocks(NOW);
        assert!(blocks.len() > 1000);
        assert!(blocks.iter().all(|block| table.unblock(NOW, &block.key)));
        assert_eq!((table.blocks(NOW).len(), table.len()), (0, 0));
    }

    #[test]
    fn a_circuit_that_is_closed_is_forgotten_when_its_last_connection_is() {
        let mut table = PeerTable::new(Config::default(), &CIRCUITS);
        let circuit = PeerKey::Circuit(7);
        let entry = table.entry(NOW, circuit);
        assert_eq!(table.open(NOW, entry), Ok(()));
        table.request(NOW, entry);
        table.retire(circuit);
        assert_eq!(table.len(), 1);
        table.close(NOW, entry);
        table.retire(circuit);
        assert_eq!(table.len(), 0);
    }
}
