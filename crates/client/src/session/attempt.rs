//! One attempt to connect: at the service's own address, or at a node's.

use std::sync::Arc;

use super::nodes;
use crate::{ConnectError, ConnectOptions, Connection, Dial, Identity, ServerUrl, Welcome};

/// The values that every attempt needs.
pub(super) struct AttemptSetup {
    pub(super) dialer: Arc<dyn Dial>,
    pub(super) url: ServerUrl,
    pub(super) identity: Identity,
    pub(super) options: ConnectOptions,
}

/// The outcome of an attempt, and whether it was a node that was reached.
pub(super) struct Attempt {
    pub(super) outcome: Result<(Connection, Welcome), ConnectError>,
    pub(super) by_node: bool,
}

impl AttemptSetup {
    /// Connects with the service, at its own address or at this node's.
    pub(super) async fn connect(&self, node: Option<&ServerUrl>) -> Attempt {
        let (stream, url) = match nodes::reach(&*self.dialer, &self.url, node).await {
            Ok(reached) => reached,
            Err(error) => return Attempt { outcome: Err(error.into()), by_node: false },
        };
        let by_node = url != self.url;
        Attempt { outcome: Connection::open(stream, &url, &self.identity, &self.options).await, by_node }
    }
}
