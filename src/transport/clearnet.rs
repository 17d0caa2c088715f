//! The TCP listener: optional, for local testing or behind a proxy.

use std::net::SocketAddr;

/// The `[clearnet]` table, validated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Further accepted `Host` names, lower case.
    pub server_names: Vec<String>,
}
