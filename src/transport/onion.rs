//! The onion service: an in-process Tor client (Arti) that publishes it, and the rendezvous circuits that reach it.
//! With [`crate::tor`], the only importer of `arti-*` and `tor-*` on the server's side.

mod circuits;
mod probe;
mod reach;
mod service;
mod sleep;
mod watch;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arti_client::status::BlockageKind;
use tokio::sync::{mpsc, watch as channel};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::tor::TorError;
use crate::transport::{Incoming, Listener};

use circuits::Circuits;
use service::{End, Service};

/// The target of every log line of the onion service.
const LOG: &str = "ephemeral::onion";

/// How far vanguards go (`[onion] vanguards`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Vanguards {
    /// Two pinned hops: Arti's default.
    Lite,
    /// Three pinned hops: the default here, since an onion service is what they are for.
    Full,
}

/// The `[onion]` and `[tor]` tables, validated.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Arti's name for the service: the key's name in the state directory.
    pub nickname: String,
    /// The virtual port.
    pub port: u16,
    /// How far vanguards go.
    pub vanguards: Vanguards,
    /// Introduction points, 1 to 20.
    pub introduction_points: u8,
    /// Streams open at once on one rendezvous circuit.
    pub streams_per_circuit: u32,
    /// Rendezvous circuits open at once.
    pub circuits: usize,
    /// Handed to Arti as it is (`TorClientConfigBuilder`).
    pub tor: toml::Table,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            nickname: "ephemeral".into(),
            port: 80,
            vanguards: Vanguards::Full,
            introduction_points: 3,
            streams_per_circuit: 8,
            circuits: 512,
            tor: toml::Table::new(),
        }
    }
}

/// Why the onion service cannot run.
#[derive(Debug, thiserror::Error)]
pub enum OnionError {
    /// The Tor client does not start; the text says what to do.
    #[error(transparent)]
    Tor(#[from] TorError),
    /// Arti refuses a setting of `[onion]`.
    #[error("onion.{key}: {why}")]
    Setting {
        /// The key.
        key: &'static str,
        /// What is wrong with its value.
        why: String,
    },
}

/// What is known about the onion service: the source of `/health`, of the lines on the terminal, of `status`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OnionStatus {
    /// The `.onion` address, without a port. Known before the network is.
    pub address: Option<String>,
    /// How far the Tor client is, 0 to 100.
    pub bootstrap_percent: u8,
    /// Arti's words for it, for a person: not to be parsed.
    pub progress: String,
    /// Whether clients can connect.
    pub phase: Phase,
}

/// Whether clients can connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Phase {
    /// Not yet: the Tor client is starting, or the descriptor is being published.
    #[default]
    Starting,
    /// A connection to the own address, over a circuit of its own, was answered.
    Reachable,
    /// No longer, or not after a reasonable time. It goes on trying.
    Degraded(Reason),
}

/// Why clients cannot connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// There is no network.
    Offline,
    /// There is a network, but the Tor network cannot be reached through it.
    Blocked,
    /// This machine's clock is wrong, so that no directory can be trusted.
    Clock,
    /// Connections to the own address fail.
    Unreachable,
}

impl From<Option<BlockageKind>> for Reason {
    fn from(blockage: Option<BlockageKind>) -> Self {
        match blockage {
            Some(BlockageKind::Offline) => Self::Offline,
            Some(BlockageKind::ClockSkewed) => Self::Clock,
            Some(_) => Self::Blocked,
            None => Self::Unreachable,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Offline => "there is no network connection",
            Self::Blocked => "the Tor network cannot be reached",
            Self::Clock => "the clock of this machine is wrong",
            Self::Unreachable => "connections to the own address fail",
        })
    }
}

/// The service's address, without a network: reads its key from the state directory, and makes one if there is none.
/// It is the key that [`run`] uses, and it may be asked for while another process runs the service.
pub fn address(state_dir: &Path, nickname: &str) -> Result<String, OnionError> {
    let settings = Settings { nickname: nickname.to_owned(), ..Settings::default() };
    service::address(&settings, state_dir)
}

/// Checks a `[tor]` table without starting anything. The text of the error names the key.
pub fn validate_tor_table(table: &toml::Table) -> Result<(), String> {
    let settings = Settings { tor: table.clone(), ..Settings::default() };
    match service::client_config(&settings, Path::new("/nonexistent")) {
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

/// Runs the onion service until `cancel`, handing each stream on as an [`Incoming`]. It tries for ever where the network
/// is at fault, and returns an error only for what the operator has to mend.
///
/// After `cancel` no client can connect any more, but open streams go on: it returns when the last of their
/// [`Incoming`]s has been dropped, and what they said last has had time to arrive. Bound that wait from outside; dropping
/// the future ends the rest. When it has returned, the state directory is free for the next one.
///
/// The streams buffer what is written to them: flush what must leave.
pub async fn run(
    settings: Settings,
    state_dir: PathBuf,
    incoming: mpsc::Sender<Incoming>,
    status: channel::Sender<OnionStatus>,
    cancel: CancellationToken,
) -> Result<(), OnionError> {
    let address = service::address(&settings, &state_dir)?;
    status.send_modify(|status| status.address = Some(address.clone()));
    let listener = Arc::new(Listener { names: vec![address.clone()], ..Listener::default() });
    let mut circuits = Circuits::new(&settings, listener, incoming, cancel.clone());
    let mut outlook = reach::Outlook::new(status, Instant::now());

    let mut service = Service::launch(&settings, &state_dir, &address)?;
    while let End::Stuck = service.serve(&mut circuits, &mut outlook, &cancel).await {
        // A new client forgets every delay and every grudge that Arti has built up against its guards and directories.
        tracing::debug!(target: LOG, "the Tor client is started afresh");
        service.end().await;
        service = tokio::select! {
            () = cancel.cancelled() => return Ok(()),
            relaunched = relaunch(&settings, &state_dir, &address, &outlook) => relaunched,
        };
    }
    let client = service.unpublish();
    circuits.drained().await;
    client.end().await;
    Ok(())
}

/// Launches again, for ever: what went well once may do so again, and there is more to the daemon than this.
async fn relaunch(settings: &Settings, state_dir: &Path, address: &str, outlook: &reach::Outlook) -> Service {
    loop {
        tokio::time::sleep(outlook.pause()).await;
        match Service::launch(settings, state_dir, address) {
            Ok(service) => return service,
            Err(error) => {
                tracing::warn!(target: LOG, %error, "the onion service does not start again, it goes on trying")
            }
        }
    }
}
