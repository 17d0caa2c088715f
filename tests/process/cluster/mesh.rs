//! What connects machines that are in networks of their own: the cables of their links, and those
//! of a front that follows them.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use ephemeral_test_support::cable::Cable;
use ephemeral_test_support::nats::Place;
use ephemeral_test_support::private_network::PrivateNetwork;

use super::machines::link_key;

/// The front's number, behind those of the machines.
pub(super) const FRONT: usize = 2;

/// The cables between two machines and a front.
pub(super) struct Mesh {
    /// Each with the number of who connects, and of the machine where it ends.
    cables: Vec<([usize; 2], Cable)>,
    front_key: String,
}

/// Returns where a machine listens for the others: the same in each network, so that it can be
/// told by NATS. Elsewhere a cable is there.
fn link(number: usize) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], [7400, 7401][number]))
}

impl Mesh {
    /// Lays them. `front`: the folder of the front, which is in this machine's own network.
    pub(super) fn lay(networks: &[Option<Arc<PrivateNetwork>>; 2], front: &Path) -> Self {
        let mut cables = Vec::new();
        for to in 0..2 {
            let other = 1 - to;
            let there = (networks[to].clone(), link(to));
            cables.push(([other, to], Cable::between((networks[other].clone(), link(to)), there)));
            cables.push(([FRONT, to], Cable::lay_into(networks[to].clone(), link(to))));
        }
        Self { cables, front_key: link_key(front) }
    }

    /// Returns what a machine is told: the rest of its `[cluster]`, and what stands behind it.
    pub(super) fn tables(&self, number: usize) -> (String, String) {
        let hub = format!("[hub]\nfronts = [{:?}]\n", self.front_key);
        (format!("link = \"{}\"\n", link(number)), hub)
    }

    /// Returns what the front is told of machines with these keys.
    pub(super) fn front_table(&self, keys: [String; 2]) -> String {
        let cable = |to: usize| self.cables.iter().find(|(ends, _)| *ends == [FRONT, to]);
        let hubs: Vec<_> = (0..2).filter_map(cable).map(|(_, cable)| cable.address().to_string()).collect();
        format!("[front]\nhub = {hubs:?}\nhub_key = {keys:?}\n")
    }

    /// Cuts these off from all others on the link, or connects them again.
    pub(super) fn cut_off(&self, places: &[Place], is_cut: bool) {
        let is_there = |number: usize| places.contains(&Place::Machine(number));
        for ([from, to], cable) in &self.cables {
            if is_there(*from) != is_there(*to) {
                cable.cut(is_cut);
            }
        }
    }
}
