//! Where the machines of a cluster listen for each other, and by which keys they know each other on
//! the link.
//!
//! Each says so over NATS again and again, sealed under the cluster's secret: NATS can neither read
//! nor forge it, and what it repeats from earlier is known to be old. Which machine is the active
//! one is not said here: each says that itself, over the link.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use data_encoding::HEXLOWER;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::Instant;

use super::keys::NotOpened;
use super::wipe::WipeSeal;
use crate::transport::link::{LinkMachine, NodeKey};

/// What is sealed is nothing else.
const PRESENT: &[u8] = b"ephemeral-messenger/cluster/link/v1";
/// How often a machine says where it is.
pub(super) const AGAIN: Duration = Duration::from_secs(2);
/// How long a machine that says nothing is remembered: longer than NATS may be away.
const REMEMBERED: Duration = Duration::from_secs(600);
/// Machines of a cluster, at most.
const MOST: usize = 64;

/// What a machine says of itself.
#[derive(Serialize, Deserialize)]
struct Announcement {
    node: String,
    address: SocketAddr,
    key: String,
    /// When, by its own clock: a later one of the same machine replaces an earlier one.
    at_ms: u64,
}

struct Known {
    machine: LinkMachine,
    at_ms: u64,
    heard: Instant,
}

/// What one machine knows of itself and of the others.
pub(super) struct Whereabouts {
    node: String,
    own: watch::Sender<Option<(SocketAddr, NodeKey)>>,
    known: Mutex<HashMap<String, Known>>,
    machines: watch::Sender<Vec<LinkMachine>>,
    /// The term in which this machine serves; 0: it stands by.
    term: watch::Sender<u64>,
}

impl Whereabouts {
    pub(super) fn new(node: &str) -> Self {
        Self {
            node: node.to_owned(),
            own: watch::Sender::default(),
            known: Mutex::default(),
            machines: watch::Sender::default(),
            term: watch::Sender::default(),
        }
    }

    /// Notes where this machine listens.
    pub(super) fn listens(&self, address: SocketAddr, key: NodeKey) {
        self.own.send_replace(Some((address, key)));
    }

    /// Waits until this machine listens for the others.
    pub(super) async fn listening(&self) {
        // It ends only with its sender, which is this value's.
        let _ = self.own.subscribe().wait_for(Option::is_some).await;
    }

    /// Returns the other machines, as they are and will be.
    pub(super) fn machines(&self) -> watch::Receiver<Vec<LinkMachine>> {
        self.machines.subscribe()
    }

    /// Returns the term in which this machine serves, and will.
    pub(super) fn term(&self) -> watch::Receiver<u64> {
        self.term.subscribe()
    }

    /// Notes in which term it serves from now on; 0: it stands by.
    pub(super) fn serves(&self, term: u64) {
        self.term.send_replace(term);
    }

    /// Returns what this machine says of itself; `None`: it listens nowhere.
    pub(super) fn announcement(&self, seal: &WipeSeal, at_ms: u64) -> Option<Vec<u8>> {
        let (address, key) = (*self.own.borrow())?;
        let key = HEXLOWER.encode(&key.to_bytes());
        let said = Announcement { node: self.node.clone(), address, key, at_ms };
        seal.seal(PRESENT, &serde_json::to_vec(&said).ok()?).ok()
    }

    /// Notes what another machine says of itself, and forgets those that say nothing any more.
    ///
    /// # Errors
    /// [`NotOpened`] if no machine of this cluster says so.
    pub(super) fn heard(&self, seal: &WipeSeal, sealed: &[u8]) -> Result<(), NotOpened> {
        let plain = seal.open(PRESENT, sealed)?;
        let said: Announcement = serde_json::from_slice(&plain).map_err(|_| NotOpened)?;
        let Announcement { node, address, key, at_ms } = said;
        let key = key.parse().map_err(|_| NotOpened)?;
        let mut known = self.known.lock();
        known.retain(|_, known| known.heard.elapsed() < REMEMBERED);
        let is_old = known.get(&node).is_some_and(|known| known.at_ms >= at_ms);
        let is_one_too_many = known.len() >= MOST && !known.contains_key(&node);
        if node != self.node && !is_old && !is_one_too_many {
            let machine = LinkMachine { name: node.clone(), address, key };
            known.insert(node, Known { machine, at_ms, heard: Instant::now() });
        }
        let mut machines: Vec<_> = known.values().map(|known| known.machine.clone()).collect();
        machines.sort_by(|one, other| one.name.cmp(&other.name));
        self.machines.send_if_modified(|now| {
            let is_news = *now != machines;
            *now = machines;
            is_news
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(node: &str, address: &str) -> Whereabouts {
        let whereabouts = Whereabouts::new(node);
        whereabouts.listens(address.parse().unwrap(), NodeKey::from_bytes([7; 32]));
        whereabouts
    }

    fn addresses(whereabouts: &Whereabouts) -> Vec<String> {
        whereabouts.machines().borrow().iter().map(|machine| machine.address.to_string()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn machines_learn_where_the_others_are_and_what_is_repeated_changes_nothing() {
        let seal = WipeSeal::new(&[1; 32]);
        let own = at("a", "10.0.0.1:1");
        assert_eq!(Whereabouts::new("b").announcement(&seal, 1), None, "it listens nowhere");
        let earlier = at("b", "10.0.0.2:1").announcement(&seal, 1).unwrap();
        let later = at("b", "10.0.0.3:1").announcement(&seal, 2).unwrap();
        for (said, known) in [(&earlier, "10.0.0.2:1"), (&later, "10.0.0.3:1"), (&earlier, "10.0.0.3:1")] {
            assert_eq!(own.heard(&seal, said), Ok(()));
            assert_eq!(addresses(&own), [known]);
        }
        assert_eq!(own.heard(&seal, &own.announcement(&seal, 3).unwrap()), Ok(()));
        assert_eq!(addresses(&own), ["10.0.0.3:1"], "it is none of the others");
        tokio::time::advance(REMEMBERED).await;
        assert_eq!(own.heard(&seal, &at("c", "10.0.0.4:1").announcement(&seal, 1).unwrap()), Ok(()));
        assert_eq!(addresses(&own), ["10.0.0.4:1"], "what says nothing any more is forgotten");
    }

    #[test]
    fn nobody_without_the_secret_reads_or_says_where_a_machine_is() {
        let seal = WipeSeal::new(&[1; 32]);
        let stranger = WipeSeal::new(&[2; 32]);
        let own = at("a", "10.0.0.1:1");
        let said = at("b", "10.0.0.2:1").announcement(&seal, 1).unwrap();
        assert_eq!(at("a", "10.0.0.1:1").heard(&stranger, &said), Err(NotOpened));
        assert!(memchr::memmem::find(&said, b"10.0.0.2").is_none());
        let forged = at("b", "10.0.0.9:1").announcement(&stranger, 2).unwrap();
        assert_eq!(own.heard(&seal, &forged), Err(NotOpened));
        assert_eq!(own.heard(&seal, &seal.ask(3).unwrap()), Err(NotOpened), "a question for a wipe is none");
        for cut in 0..said.len() {
            assert_eq!(own.heard(&seal, &said[..cut]), Err(NotOpened));
        }
        assert_eq!(addresses(&own), [""; 0]);
    }

    #[test]
    fn so_many_machines_are_known_and_no_more() {
        let seal = WipeSeal::new(&[1; 32]);
        let own = at("a", "10.0.0.1:1");
        for number in 0..2 * MOST {
            let said = at(&format!("m{number}"), "10.0.0.2:1").announcement(&seal, 1).unwrap();
            assert_eq!(own.heard(&seal, &said), Ok(()));
        }
        assert_eq!(addresses(&own).len(), MOST);
    }
}
