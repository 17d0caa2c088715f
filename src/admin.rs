//! The operator's plane: listeners, routes and types of its own. Nothing of it can be reached
//! through `http`, which answers strangers.
//!
//! | part | contents |
//! | --- | --- |
//! | [`socket`] | the Unix socket, which is its owner's alone |
//! | [`scrape`] | the TCP listener of `[metrics]`, which knows `GET /metrics` and nothing else |
//! | [`routes`] | every request, its answer, and what answers it |
//! | [`actions`] | the wipe and the end of the identity |
//! | [`check_in`] | the dead-man switch and its file |
//! | [`client`] | the commands' side: one request, one answer |

pub mod actions;
pub mod check_in;
pub mod client;
pub mod routes;
pub mod scrape;
mod serving;
pub mod socket;

use std::sync::Arc;

use tokio::sync::watch;

use crate::conn::Server;
pub use actions::Actions;

/// The parts that an operator's request may need.
pub struct Plane {
    servers: watch::Receiver<Arc<Server>>,
    actions: Arc<Actions>,
}

impl Plane {
    /// Makes the operator's plane. `servers`: the server with the settings in force. `actions`:
    /// what can be done to it.
    #[must_use]
    pub fn new(servers: watch::Receiver<Arc<Server>>, actions: Arc<Actions>) -> Arc<Self> {
        Arc::new(Self { servers, actions })
    }

    /// Returns the server with the settings in force now.
    #[must_use]
    pub fn server(&self) -> Arc<Server> {
        Arc::clone(&self.servers.borrow())
    }

    /// Returns what can be done to it.
    #[must_use]
    pub fn actions(&self) -> &Actions {
        &self.actions
    }
}
