//! SIGTERM and SIGINT, which end the daemon, SIGHUP, at which it reads its configuration again, and
//! SIGUSR1, which wipes what waits.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that the daemon answers.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

/// What a signal asks for.
pub(super) enum SignalRequest {
    /// The signal, of this name, asks to end.
    End(&'static str),
    /// The signal asks to read the configuration again.
    Reload,
}

impl Signals {
    /// Listens for the signals, which do not kill the process from now on.
    pub(super) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next signal, and returns what it asks for.
    pub(super) async fn next(&mut self) -> SignalRequest {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => SignalRequest::End("SIGTERM"),
            _ = self.interrupt.recv() => SignalRequest::End("SIGINT"),
            _ = self.hangup.recv() => SignalRequest::Reload,
        }
    }

    /// Waits for the next signal that asks to end, and returns its name.
    pub(super) async fn end(&mut self) -> &'static str {
        loop {
            if let SignalRequest::End(name) = self.next().await {
                return name;
            }
        }
    }
}

/// Listens for SIGUSR1, which does not kill the process from now on.
pub(super) fn wipe() -> std::io::Result<Signal> {
    signal(SignalKind::user_defined1())
}
