//! The machines of a link, as they are told: where each is, and by which key it is known.

use std::fmt;
use std::net::SocketAddr;

use tokio::sync::watch;

use super::NodeKey;

/// A machine that others connect to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LinkMachine {
    /// What it is called in a cluster; empty: it is in none that this machine knows of.
    pub name: String,
    /// Where it listens for the link.
    pub address: SocketAddr,
    /// Its key.
    pub key: NodeKey,
}

/// The machines that may connect: those that the configuration names, and those of the cluster,
/// which come and go.
#[derive(Clone, Default)]
pub struct KnownMachines {
    fixed: Vec<NodeKey>,
    cluster: Option<watch::Receiver<Vec<LinkMachine>>>,
}

impl KnownMachines {
    /// Returns these and no others.
    #[must_use]
    pub fn these(keys: &[NodeKey]) -> Self {
        Self { fixed: keys.to_vec(), cluster: None }
    }

    /// Returns these, and those of a cluster.
    #[must_use]
    pub fn with_cluster(self, machines: watch::Receiver<Vec<LinkMachine>>) -> Self {
        Self { cluster: Some(machines), ..self }
    }

    /// Returns the key that TLS carries like this, and what its machine is called in the log: its
    /// name in the cluster, or its number in `fronts`.
    pub(super) fn find(&self, spki: &[u8]) -> Option<(NodeKey, String)> {
        let fixed = (1..).zip(&self.fixed).find(|(_, key)| key.to_spki() == spki);
        if let Some((number, key)) = fixed {
            return Some((*key, format!("front {number}")));
        }
        let machines = self.cluster.as_ref()?.borrow();
        let found = machines.iter().find(|machine| machine.key.to_spki() == spki);
        found.map(|machine| (machine.key, format!("machine {}", machine.name)))
    }
}

impl fmt::Debug for KnownMachines {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("KnownMachines(…)")
    }
}
