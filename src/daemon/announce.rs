//! Tells the person at the terminal what they need: the addresses, how the start gets on, when
//! clients can connect, and with which command.
//!
//! stdout has one line for each thing that a script may wait for: `clearnet URL`, `hub ADDRESS`,
//! `onion URL`, `reachable`, `not reachable`. The log says in sentences how the start gets on. On
//! a terminal, a status line at the bottom says so too, and the address comes again when clients
//! can connect: by then it may have scrolled away.

mod situation;

use std::io::{IsTerminal, Write, stderr, stdout};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use crate::clock::Clock;
use crate::transport::onion_service::{OnionStatus, Phase};
use crate::{logging, systemd};
use situation::Situation;

/// The target of the lines about the onion service, as of its own.
const LOG: &str = "ephemeral::onion";

/// Writes a line. If nobody reads stdout any more, the daemon goes on.
fn line(text: &str) {
    let mut stdout = stdout().lock();
    let _ = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
}

/// The addresses at which it listens, beside the onion service.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listens {
    /// The address on TCP.
    pub(super) clearnet: Option<ClearnetAddress>,
    /// The address for Prometheus.
    pub(super) metrics: Option<SocketAddr>,
    /// The address for fronts.
    pub(super) hub: Option<SocketAddr>,
}

/// Says everything on a thread that nobody waits for: a terminal under Ctrl-S, or a pipe that
/// nobody reads, holds up only that. `onion`: the service's virtual port, and what becomes of it.
pub(super) fn start(listens: Listens, onion: Option<(u16, watch::Receiver<OnionStatus>)>) {
    let runtime = Handle::current();
    tokio::task::spawn_blocking(move || {
        clearnet(listens.clearnet);
        if let Some(address) = listens.metrics {
            metrics(address);
        }
        if let Some(address) = listens.hub {
            line(&format!("hub {address}"));
        }
        let Some((port, mut status)) = onion else { return };
        let mut announcer = Announcer::new(port);
        loop {
            let now = status.borrow_and_update().clone();
            announcer.show(&now);
            // While it waits, it may have to say so although nothing changes.
            let patience = if announcer.is_waiting() { Announcer::TICK } else { Duration::MAX };
            if let Ok(Err(_)) = runtime.block_on(async { timeout(patience, status.changed()).await }) {
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

/// Says where Prometheus may ask.
fn metrics(address: SocketAddr) {
    line(&format!("metrics http://{address}/metrics"));
}

/// Says where the TCP listener listens, if there is one.
fn clearnet(listens: Option<ClearnetAddress>) {
    if let Some(ClearnetAddress { address, tls }) = listens {
        let scheme = if tls { "https" } else { "http" };
        line(&format!("clearnet {scheme}://{address}"));
    }
}

/// Shows how the onion service gets on, and each change that matters once.
struct Announcer {
    port: u16,
    url: Option<String>,
    reachable: bool,
    is_terminal: bool,
    status_line: Option<ProgressBar>,
    progress: Progress,
    /// The last situation that the log was told of.
    said: Option<Situation>,
}

/// The furthest progress of the Tor client since clients could last connect, and its time.
struct Progress {
    percent: u8,
    at: Instant,
}

impl Announcer {
    /// How often the situation is looked at, while clients cannot connect.
    const TICK: Duration = Duration::from_secs(1);

    /// Makes the announcer. `port`: the onion service's virtual port.
    fn new(port: u16) -> Self {
        Self {
            port,
            url: None,
            reachable: false,
            is_terminal: stdout().is_terminal(),
            status_line: None,
            progress: Progress { percent: 0, at: Instant::now() },
            said: None,
        }
    }

    /// Returns whether something may have to be said although the status does not change: that
    /// nothing gets on.
    fn is_waiting(&self) -> bool {
        !self.reachable
    }

    /// Says what is new.
    fn show(&mut self, status: &OnionStatus) {
        self.show_address(status);
        let reachable = status.phase == Phase::Reachable;
        if status.bootstrap_percent > self.progress.percent || reachable {
            let percent = if reachable { 0 } else { status.bootstrap_percent };
            self.progress = Progress { percent, at: Instant::now() };
        }
        let situation = Situation::of(status, self.progress.at.elapsed(), has_route);
        self.show_situation(situation, status.bootstrap_percent);
        self.tell_the_log(situation, status.phase);
        if reachable != self.reachable {
            self.reachable = reachable;
            self.say(if reachable { "reachable" } else { "not reachable" });
            if reachable && self.is_terminal {
                self.say_how_to_connect();
            }
        }
    }

    fn show_address(&mut self, status: &OnionStatus) {
        let port = if self.port == 80 { String::new() } else { format!(":{}", self.port) };
        let url = status.address.as_ref().map(|address| format!("http://{address}{port}"));
        if let Some(url) = url.as_ref().filter(|_| self.url != url) {
            // What a journal keeps would name this machine's service for as long as it is kept.
            if systemd::stdout_is_kept() {
                tracing::info!("the onion service has an address: `ephemeral-server address` prints it");
            } else {
                self.say(&format!("onion {url}"));
            }
        }
        self.url = url;
    }

    fn say_how_to_connect(&self) {
        if let Some(url) = &self.url {
            self.say("\nSomebody who is to use it makes a profile, and invites others:");
            self.say(&format!("  ephemeral init --server {url}\n  ephemeral invite NAME\n"));
        }
    }

    /// Keeps the status line, while clients cannot connect.
    fn show_situation(&mut self, situation: Situation, percent: u8) {
        if !self.is_terminal {
            return;
        }
        if situation == Situation::Reachable {
            if let Some(bar) = self.status_line.take() {
                bar.finish_and_clear();
                logging::above_a_status_line(false);
            }
            return;
        }
        let bar = self.status_line.get_or_insert_with(status_line);
        match situation {
            Situation::Directory => bar.set_message(format!("{percent} %: {}", situation.brief())),
            _ => bar.set_message(situation.brief()),
        }
    }

    /// Logs a change during the start. Later changes are logged by the watch over the service.
    fn tell_the_log(&mut self, situation: Situation, phase: Phase) {
        if self.said == Some(situation) {
            return;
        }
        let is_new_trouble = situation.is_trouble() && phase == Phase::Starting;
        // A client that is started afresh goes through the first stages again: that is no news.
        let is_next_stage = !situation.is_trouble() && self.said.is_none_or(|said| !is_after(said, situation));
        if is_new_trouble {
            tracing::warn!(target: LOG, "{}", situation.sentence(&clock()));
        } else if is_next_stage && phase == Phase::Starting {
            tracing::info!(target: LOG, "{}", situation.sentence(&clock()));
        } else if phase == Phase::Starting {
            return;
        }
        self.said = Some(situation);
    }

    fn say(&self, text: &str) {
        match &self.status_line {
            Some(bar) => bar.suspend(|| line(text)),
            None => line(text),
        }
    }
}

/// Returns whether the stage `next` comes no later than where the start had been, or where it was
/// stuck.
fn is_after(said: Situation, next: Situation) -> bool {
    let stage = |situation| match situation {
        Situation::Connecting => 0,
        Situation::Offline | Situation::NoAnswer | Situation::NoHandshake | Situation::Blocked => 1,
        Situation::Directory => 2,
        Situation::NoDirectory | Situation::Clock => 3,
        Situation::Publishing => 4,
        Situation::Unreachable | Situation::Elsewhere => 5,
        Situation::Reachable => 6,
    };
    stage(said) > stage(next)
}

/// Writes what time this machine has, to the minute.
fn clock() -> String {
    let now = Clock::System.wall().to_string();
    let minute = now.get(..16).unwrap_or(&now).replace('T', " ");
    format!("{minute} UTC")
}

fn status_line() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stdout());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {wide_msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(120));
    logging::above_a_status_line(stderr().is_terminal());
    bar
}

/// Returns whether the machine has a route to other machines. It asks the kernel only, by an
/// address of documentation (RFC 5737, RFC 3849): connecting a UDP socket sends nothing.
fn has_route() -> bool {
    let to = |from: SocketAddr, to: SocketAddr| UdpSocket::bind(from).and_then(|socket| socket.connect(to)).is_ok();
    let four = || to((Ipv4Addr::UNSPECIFIED, 0).into(), (Ipv4Addr::new(192, 0, 2, 1), 9).into());
    let six = || to((Ipv6Addr::UNSPECIFIED, 0).into(), (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), 9).into());
    four() || six()
}
