//! What a person at the terminal needs, one line each on stdout: the addresses, and when clients can connect.

use std::io::{IsTerminal, Write, stdout};
use std::net::SocketAddr;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::transport::onion_service::{OnionStatus, Phase};

/// Writes a line. If nobody reads stdout any more, the daemon goes on.
fn line(text: &str) {
    let mut stdout = stdout().lock();
    let _ = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
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
pub(super) fn clearnet(listens: Option<ClearnetAddress>) {
    if let Some(ClearnetAddress { address, tls }) = listens {
        let scheme = if tls { "https" } else { "http" };
        line(&format!("clearnet {scheme}://{address}"));
    }
}

/// Shows the onion service's progress, and each change that matters once.
pub(super) struct Announcer {
    port: u16,
    address: Option<String>,
    reachable: bool,
    progress: Option<ProgressBar>,
}

impl Announcer {
    /// `port`: the onion service's virtual port.
    pub(super) fn new(port: u16) -> Self {
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

    pub(super) fn show(&mut self, status: &OnionStatus) {
        if self.address != status.address {
            self.address.clone_from(&status.address);
            if let Some(address) = &self.address {
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
