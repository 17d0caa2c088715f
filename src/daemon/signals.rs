//! SIGTERM and SIGINT, which end the daemon, and SIGUSR1, which wipes what waits.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that end the daemon.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From now on they do not kill the process.
    pub(super) fn listen() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// The name of the next one.
    pub(super) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// SIGUSR1. From now on it does not kill the process.
pub(super) fn wipe() -> std::io::Result<Signal> {
    signal(SignalKind::user_defined1())
}
