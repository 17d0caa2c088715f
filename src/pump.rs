//! WebSocket ↔ session ↔ hub: the only place that reads and writes a WebSocket.

use std::time::Duration;

/// How long a session waits for its peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// From the upgrade to a valid `auth` frame.
    pub auth_timeout: Duration,
    /// Between two pings.
    pub ping_interval: Duration,
    /// Without a byte from the peer.
    pub idle_timeout: Duration,
    /// For a peer that does not read what it is sent.
    pub write_timeout: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            auth_timeout: Duration::from_secs(10),
            ping_interval: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(90),
            write_timeout: Duration::from_secs(20),
        }
    }
}
