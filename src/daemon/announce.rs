//! What a person at the terminal needs, one line each on stdout: the addresses, and when clients can connect.

use std::io::{IsTerminal, Write, stdout};
use std::net::SocketAddr;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::systemd;
use crate::transport::onion_service::{OnionStatus, Phase};

/// Writes a line. If nobody reads stdout any more, the daemon goes on.
fn line(text: &str) {
    let mut stdout = stdout().lock();
    let _ = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
}

/// Where it listens, beside the onion service.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listens {
    /// On TCP.
    pub(super) clearnet: Option<ClearnetAddress>,
    /// For Prometheus.
    pub(super) metrics: Option<SocketAddr>,
}

/// Says everything on a thread that nobody waits for: a terminal under Ctrl-S, or a pipe that nobody reads, holds up
/// only that. `onion`: the service's virtual port, and what becomes of it.
pub(super) fn start(listens: Listens, onion: Option<(u16, watch::Receiver<OnionStatus>)>) {
    let runtime = Handle::current();
    tokio::task::spawn_blocking(move || {
        clearnet(listens.clearnet);
        if let Some(address) = listens.metrics {
            metrics(address);
        }
        let Some((port, mut status)) = onion else { return };
        let mut announcer = Announcer::new(port);
        loop {
            let now = status.borrow_and_update().clone();
            announcer.show(&now);
            if runtime.block_on(status.changed()).is_err() {
                return;
            }
        }
    });
}

/// A TCP listener.
#[derive(Debug, Clone, Copy)]
pub(super) struct ClearnetAddress {
    /// Where it listens.
    pub(super) address: SocketAddr,
    /// Whether it serves TLS.
    pub(super) tls: bool,
}

/// Where the TCP listener listens, if there is one.
fn clearnet(listens: Option<ClearnetAddress>) {
    if let Some(ClearnetAddress { address, tls }) = listens {
        let scheme = if tls { "https" } else { "http" };
        line(&format!("clearnet {scheme}://{address}"));
    }
}

/// Where Prometheus may ask.
fn metrics(address: SocketAddr) {
    line(&format!("metrics http://{address}/metrics"));
}

/// Shows the onion service's progress, and each change that matters once.
struct Announcer {
    port: u16,
    address: Option<String>,
    reachable: bool,
    progress: Option<ProgressBar>,
}

impl Announcer {
    /// `port`: the onion service's virtual port.
    fn new(port: u16) -> Self {
        let progress = stdout().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(100), ProgressDrawTarget::stdout());
            if let Ok(style) = ProgressStyle::with_template("{spinner} {bar:30} {percent:>3} % {wide_msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Self { port, address: None, reachable: false, progress }
    }

    fn show(&mut self, status: &OnionStatus) {
        if self.address != status.address {
            self.address.clone_from(&status.address);
            // What a journal keeps would name this machine's service for as long as it is kept.
            if systemd::stdout_is_kept() {
                tracing::info!("the onion service has an address: `ephemeral-server address` prints it");
            } else if let Some(address) = &self.address {
                let port = if self.port == 80 { String::new() } else { format!(":{}", self.port) };
                self.say(&format!("onion http://{address}{port}"));
            }
        }
        let reachable = status.phase == Phase::Reachable;
        if reachable != self.reachable {
            self.reachable = reachable;
            self.say(if reachable { "reachable" } else { "not reachable" });
        }
        if let Some(bar) = &self.progress {
            match status.phase {
                Phase::Reachable => {
                    bar.finish_and_clear();
                    self.progress = None;
                }
                Phase::Starting | Phase::Degraded(_) => {
                    bar.set_position(u64::from(status.bootstrap_percent));
                    bar.set_message(status.progress.clone());
                }
            }
        }
    }

    fn say(&self, text: &str) {
        match &self.progress {
            Some(bar) => bar.suspend(|| line(text)),
            None => line(text),
        }
    }
}
