//! What a machine of a cluster tells the link: where it is, where the others are, and whether it is
//! the active one.

use std::net::SocketAddr;

use tokio::sync::watch;
use tokio::time::sleep;

use super::{ClusterNode, LINK};
use crate::cluster::whereabouts::AGAIN;
use crate::transport::link::{LinkMachine, NodeKey};

impl ClusterNode {
    /// Tells the other machines from now on that this one listens there, with this key.
    pub fn listens(&self, address: SocketAddr, key: NodeKey) {
        self.whereabouts.listens(address, key);
    }

    /// Returns the other machines that listen, as they are and will be.
    #[must_use]
    pub fn link_machines(&self) -> watch::Receiver<Vec<LinkMachine>> {
        self.whereabouts.machines()
    }

    /// Returns the term in which this machine is the active one, and will be; 0: it stands by.
    #[must_use]
    pub fn term(&self) -> watch::Receiver<u64> {
        self.whereabouts.term()
    }

    /// Says where this machine is, for ever.
    pub(super) async fn keep_saying_where(&self) {
        self.whereabouts.listening().await;
        loop {
            let at_ms = self.clock.read().wall.0;
            if let Some(said) = self.whereabouts.announcement(&self.wipe_seal, at_ms) {
                // Where there is no connection, it is said again.
                let _ = self.nats.publish(LINK, &[], &said).await;
            }
            sleep(AGAIN).await;
        }
    }
}
