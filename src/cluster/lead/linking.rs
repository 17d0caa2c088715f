//! What a machine of a cluster tells the link: in which term it is the active one.

use tokio::sync::watch;

use super::ClusterNode;

impl ClusterNode {
    /// Returns the term in which this machine is the active one, and will be; 0: it stands by.
    #[must_use]
    pub fn term(&self) -> watch::Receiver<u64> {
        self.serving.subscribe()
    }

    /// Returns the term for which this machine holds the lease, now and later.
    #[must_use]
    pub fn lease(&self) -> watch::Receiver<Option<u64>> {
        self.lease.subscribe()
    }
}
