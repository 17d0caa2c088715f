//! One machine that a front is connected with.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio_util::sync::CancellationToken;

use super::super::wire::LinkNotice;
use super::Way;

/// The term of a hub that is the only one.
const ONLY: u64 = 1;

/// A machine that is connected: the hub, or one that may become it.
pub(super) struct HubLink {
    pub(super) way: Arc<Way>,
    /// The term in which it serves; 0: it stands by.
    pub(super) term: AtomicU64,
    /// What the hub calls this connection.
    pub(super) name: u64,
    /// Cancelled when the hub is gone: the seats end.
    pub(super) over: CancellationToken,
}

impl HubLink {
    pub(super) fn new(way: Arc<Way>, name: u64, in_cluster: bool) -> Arc<Self> {
        let term = AtomicU64::new(if in_cluster { 0 } else { ONLY });
        Arc::new(Self { way, term, name, over: CancellationToken::new() })
    }

    /// Takes what the machine says.
    pub(super) fn heard(&self, notice: LinkNotice) {
        match notice {
            LinkNotice::Standing(term) => self.term.store(term, Ordering::Relaxed),
            LinkNotice::Beat | LinkNotice::Name { .. } => {}
        }
    }
}
