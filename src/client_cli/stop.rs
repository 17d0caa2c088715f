//! Ctrl-C and SIGTERM.

use super::exit::Failure;
use super::words::{files, fl};

/// Waits for one of them.
pub(super) async fn requested() -> Result<(), Failure> {
    let failed = |error| Failure::local(fl!("no-signals", why = files::system(&error)));
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        tokio::select! {
            result = tokio::signal::ctrl_c() => result.map_err(failed),
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await.map_err(failed)
}
