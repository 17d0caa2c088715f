//! SIGTERM and SIGINT, which end the daemon, SIGHUP, at which it reads its configuration again, and
//! SIGUSR1, which wipes what waits.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGUSR1};
use signal_hook::{SigId, flag, low_level};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::wipe_mark::{self, WipeMark};

/// The requests of signals that come before the daemon answers them: in the first moments of a
/// start, while it reads its configuration.
///
/// SIGTERM and SIGINT end it there as they end any program: nothing was taken over yet that would
/// be lost, and a start that hangs has to end by them.
#[derive(Debug)]
pub struct EarlySignals {
    wipe: Arc<AtomicBool>,
    reload: Arc<AtomicBool>,
    ids: [SigId; 2],
}

impl EarlySignals {
    /// Takes note of SIGUSR1 and SIGHUP from now on, which do not kill the process any more.
    ///
    /// # Errors
    /// If the kernel refuses a handler.
    pub fn hear() -> std::io::Result<Self> {
        let wipe = Arc::<AtomicBool>::default();
        let reload = Arc::<AtomicBool>::default();
        let ids = [flag::register(SIGUSR1, Arc::clone(&wipe))?, flag::register(SIGHUP, Arc::clone(&reload))?];
        Ok(Self { wipe, reload, ids })
    }

    /// Takes note no longer: somebody else answers.
    fn stop(&self) {
        for id in self.ids {
            low_level::unregister(id);
        }
    }

    /// Returns the wipe that was asked for and is not carried out.
    pub(super) fn wipe(&self) -> Option<WipeMark> {
        self.wipe.load(Ordering::SeqCst).then_some(WipeMark::Messages)
    }

    /// Takes note that the wipe is carried out.
    pub(super) fn wiped(&self) {
        self.wipe.store(false, Ordering::SeqCst);
    }

    /// Leaves a wipe that was asked for, and not carried out, to the next start: this one has
    /// failed.
    pub fn leave_wipe(&self, state_dir: &Path) {
        if let Some(mark) = self.wipe()
            && let Err(error) = wipe_mark::write(state_dir, mark)
        {
            tracing::error!("the wipe that was asked for is lost: {}: {error}", wipe_mark::path(state_dir).display());
        }
    }
}

/// The signals that the daemon answers.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    /// SIGHUP came before.
    is_reload_due: bool,
}

/// The request that a signal makes.
pub(super) enum SignalRequest {
    /// The signal, of this name, asks to end.
    End(&'static str),
    /// The signal asks to read the configuration again.
    Reload,
}

impl Signals {
    /// Listens for the signals, which do not kill the process from now on. Returns what listens for
    /// SIGUSR1 as well. What came before is known to `early`, which takes note of nothing more.
    pub(super) fn listen(early: &EarlySignals) -> std::io::Result<(Self, Signal)> {
        let terminate = signal(SignalKind::terminate())?;
        let interrupt = signal(SignalKind::interrupt())?;
        let hangup = signal(SignalKind::hangup())?;
        let wipe = signal(SignalKind::user_defined1())?;
        early.stop();
        let is_reload_due = early.reload.load(Ordering::SeqCst);
        Ok((Self { terminate, interrupt, hangup, is_reload_due }, wipe))
    }

    /// Waits for the next signal, and returns what it asks for.
    pub(super) async fn next(&mut self) -> SignalRequest {
        if std::mem::take(&mut self.is_reload_due) {
            return SignalRequest::Reload;
        }
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
