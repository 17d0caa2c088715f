//! The onion service: an in-process Tor client (Arti) that publishes it, and the rendezvous
//! circuits that reach it. With [`ephemeral_tor`], the only importer of `arti-*` and `tor-*` on the
//! server's side.

mod arti_config;
mod circuit_limiter;
mod circuits;
pub mod clients;
mod probe;
mod reachability;
mod restriction;
mod service;
mod sharing;
mod sleep;
mod status;
pub(in crate::transport) mod stream;
mod watch;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch as channel};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::admission::Admission;
use crate::transport::{CircuitStats, Incoming, Listener, OnRefusal};
use ephemeral_tor::TorError;

use circuits::Circuits;
use reachability::Reachability;
use service::{Service, ServiceEnd};
pub use sharing::UnionSeat;
pub use status::{OnionStatus, Phase, Probe, Reason};

/// The target of every log line of the onion service.
const LOG: &str = "ephemeral::onion";

/// Whether this program was built with proof of work.
pub const PROOF_OF_WORK: bool = cfg!(feature = "pow");

/// Bytes that Arti's queues may take unless the configuration says otherwise.
pub const MEMORY_BYTES: usize = 128 << 20;

/// The levels of vanguards (`[onion] vanguards`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Vanguards {
    /// Two pinned hops: Arti's default.
    Lite,
    /// Three pinned hops: the default here, since an onion service is what they are for.
    Full,
}

/// The `[onion]` and `[tor]` tables, validated. Serialized, `[onion]` is as it stands in the
/// file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Config {
    /// Arti's name for the service: the key's name in the state directory.
    #[serde(rename = "onion.nickname")]
    pub nickname: String,
    /// The virtual port.
    #[serde(rename = "onion.port")]
    pub port: u16,
    /// How far vanguards go.
    #[serde(rename = "onion.vanguards")]
    pub vanguards: Vanguards,
    /// Introduction points, 3 to 20.
    #[serde(rename = "onion.introduction_points")]
    pub introduction_points: u8,
    /// Introductions a second that each of them is asked to pass on, and at once (the `DOS_PARAMS`
    /// of rend-spec's ESTABLISH_INTRO). `introduction_burst` is at least `introduction_rate`.
    #[serde(rename = "onion.introduction_rate")]
    pub introduction_rate: u32,
    /// See `introduction_rate`.
    #[serde(rename = "onion.introduction_burst")]
    pub introduction_burst: u32,
    /// Whether clients are asked for proof of work under load (prop327). It needs the feature
    /// `pow`.
    #[serde(rename = "onion.proof_of_work")]
    pub proof_of_work: bool,
    /// Streams open at once on one rendezvous circuit.
    #[serde(rename = "onion.streams_per_circuit")]
    pub streams_per_circuit: u32,
    /// Rendezvous circuits open at once, at least 4. Newcomers may have three quarters of them, and
    /// so may those that carry an authenticated session.
    #[serde(rename = "onion.circuits")]
    pub circuits: usize,
    /// New circuits a second that are taken on.
    #[serde(rename = "onion.circuits_per_second")]
    pub circuits_per_second: u32,
    /// New circuits that are taken on at once, before the rate counts.
    #[serde(rename = "onion.circuit_burst")]
    pub circuit_burst: u32,
    /// Whether the service connects to its own address when no client has for a while. Off: Arti's
    /// own opinion is believed.
    #[serde(rename = "onion.self_probe")]
    pub self_probe: bool,
    /// Whether a TCP listener off loopback may stand beside the onion service. It tells everybody
    /// where the service is.
    #[serde(rename = "onion.location_is_public")]
    pub location_is_public: bool,
    /// Whether only those can find the service whose discovery key was added, see [`clients`].
    #[serde(rename = "onion.restricted")]
    pub restricted: bool,
    /// Further addresses that lead to the same service: clients are told them, signed.
    #[serde(rename = "onion.nodes")]
    pub nodes: Vec<String>,
    /// Bytes that Arti's queues may take before it closes the circuits that hold most; `None`:
    /// `tor` sets `system.memory.max`. Not counted: its directory and its code.
    #[serde(rename = "onion.memory_bytes")]
    pub memory_bytes: Option<usize>,
    /// Handed to Arti as it is (`TorClientConfigBuilder`): a table of its own in the file.
    #[serde(skip)]
    pub tor: toml::Table,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            nickname: "ephemeral".into(),
            port: 80,
            vanguards: Vanguards::Full,
            introduction_points: 3,
            introduction_rate: 25,
            introduction_burst: 200,
            proof_of_work: PROOF_OF_WORK,
            streams_per_circuit: 8,
            circuits: 512,
            circuits_per_second: 25,
            circuit_burst: 100,
            self_probe: true,
            location_is_public: false,
            restricted: false,
            nodes: Vec::new(),
            memory_bytes: Some(MEMORY_BYTES),
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

/// Returns the service's address, without a network: reads its key from the state directory, and
/// makes one if there is none. It is the key that [`run`] uses, and it may be asked for while
/// another process runs the service.
pub fn address(state_dir: &Path, nickname: &str) -> Result<String, OnionError> {
    let settings = Config { nickname: nickname.to_owned(), ..Config::default() };
    service::address(&settings, state_dir)
}

/// Returns whether a `[tor]` table says itself how much memory Arti may take: `memory_bytes` has no
/// effect then.
#[must_use]
pub fn limits_memory(table: &toml::Table) -> bool {
    arti_config::limits_memory(table)
}

/// Checks a `[tor]` table without starting anything. The text of the error names the key.
pub fn validate_tor_table(table: &toml::Table) -> Result<(), String> {
    let settings = Config { tor: table.clone(), ..Config::default() };
    match arti_config::client_config(&settings, Path::new("/nonexistent")) {
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

/// The channels for what the onion service produces.
#[derive(Clone)]
pub struct Outlets {
    /// Each new connection.
    pub incoming: mpsc::Sender<Incoming>,
    /// What becomes of the service.
    pub status: channel::Sender<OnionStatus>,
    /// How many circuits there are, and what was refused.
    pub circuits: Arc<CircuitStats>,
    /// Each refusal.
    pub on_refusal: OnRefusal,
    /// Asked about each stream before it is answered. `None`: the taker of the stream asks.
    pub admission: Option<Arc<Admission>>,
    /// This machine's place among several that have the service's key; `None`: it is the only one.
    pub seat: Option<UnionSeat>,
    /// Divides the patience with a service that is not reached: 1, but for tests that cannot wait.
    #[doc(hidden)]
    pub haste: u32,
}

impl Outlets {
    /// Refusals are only counted.
    #[must_use]
    pub fn new(incoming: mpsc::Sender<Incoming>, status: channel::Sender<OnionStatus>) -> Self {
        let on_refusal: OnRefusal = Arc::new(|_, _| {});
        Self { incoming, status, circuits: Arc::default(), on_refusal, admission: None, seat: None, haste: 1 }
    }
}

/// Runs the onion service until `cancel`, handing each stream on as an [`Incoming`]. It tries for
/// ever where the network is at fault, and returns an error only for what the operator has to mend.
///
/// After `cancel` no client can connect any more, but open streams go on: it returns when the last
/// of their [`Incoming`]s has been dropped, and what they said last has had time to arrive. Bound
/// that wait from outside; dropping the future ends the rest. When it has returned, the state
/// directory is free for the next one.
///
/// The streams buffer what is written to them: flush what must leave.
pub async fn run(
    settings: Config,
    state_dir: PathBuf,
    outlets: Outlets,
    cancel: CancellationToken,
) -> Result<(), OnionError> {
    let address = service::address(&settings, &state_dir)?;
    outlets.status.send_modify(|status| {
        status.address = Some(address.clone());
        status.introduction_points = settings.introduction_points;
        status.proof_of_work = settings.proof_of_work;
        status.restricted = settings.restricted.then_some(0);
    });
    let listener = Arc::new(Listener { names: vec![address.clone()], ..Listener::default() });
    let mut reachability = Reachability::new(outlets.status.clone(), outlets.haste, Instant::now());
    let seat = outlets.seat.clone();
    let mut circuits = Circuits::new(&settings, listener, outlets, cancel.clone());

    let launch = || Service::launch(&settings, &state_dir, &address, seat.as_ref());
    let mut service = launch()?;
    reachability.begin(Instant::now());
    loop {
        match service.serve(&mut circuits, &mut reachability, &cancel).await {
            ServiceEnd::Cancelled => break,
            ServiceEnd::Republish => {
                tracing::debug!(target: LOG, "the service is published again, with new introduction points");
                reachability.mended(Instant::now());
                let republished = tokio::select! {
                    () = cancel.cancelled() => break,
                    republished = service.republish() => republished,
                };
                let Err(error) = republished else { continue };
                tracing::warn!(target: LOG, %error, "the onion service is not published again, it goes on trying");
                if circuits.figures().established() > 0 {
                    reachability.heartbeat(Instant::now());
                    continue;
                }
            }
            ServiceEnd::Stuck => {}
        }
        // A new client forgets every delay and every grudge that Arti has built up against its
        // guards and directories.
        tracing::debug!(target: LOG, "the Tor client is started afresh");
        service.end().await;
        service = tokio::select! {
            () = cancel.cancelled() => return Ok(()),
            relaunched = relaunch(launch, &mut reachability) => relaunched,
        };
        reachability.begin(Instant::now());
    }
    let (client, sharing) = service.unpublish();
    let leaving = async {
        if let Some(sharing) = sharing {
            sharing.leave().await;
        }
    };
    tokio::join!(circuits.drained(), leaving);
    client.end().await;
    Ok(())
}

/// Launches again, for ever: what went well once may do so again, and there is more to the daemon
/// than this.
async fn relaunch(launch: impl Fn() -> Result<Service, OnionError>, reachability: &mut Reachability) -> Service {
    loop {
        reachability.heartbeat(Instant::now());
        tokio::time::sleep(reachability.pause()).await;
        match launch() {
            Ok(service) => return service,
            Err(error) => {
                tracing::warn!(target: LOG, %error, "the onion service does not start again, it goes on trying")
            }
        }
    }
}
