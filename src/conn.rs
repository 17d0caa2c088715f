//! One connection: HTTP/1 with timeouts, then an upgrade to a session.

/// How many connections there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections that have not authenticated yet, in all.
    pub unauthenticated: usize,
    /// Authenticated sessions.
    pub sessions: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { unauthenticated: 256, sessions: 10_000 }
    }
}
