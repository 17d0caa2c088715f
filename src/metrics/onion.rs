//! The figures of the onion service.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::transport::onion_service::{OnionStatus, Phase};
use crate::transport::{CircuitRefused, CircuitStats};
use ephemeral_core::protocol::{ClockReading, WallTime};

/// The onion service.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Onion {
    /// Its address, without a port.
    pub address: Option<String>,
    /// Whether clients can connect.
    pub reachability: OnionPhase,
    /// Why they cannot, for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How far the Tor client is, 0 to 100.
    pub bootstrap_percent: u8,
    /// Its own words for it, for a person.
    pub bootstrap: String,
    /// What Arti thinks of the service, in a word.
    pub arti: String,
    /// The last connection to the own address.
    pub probe: Option<ProbeStats>,
    /// How long ago the descriptor was last known to be published, in seconds.
    pub descriptor_age_s: Option<u64>,
    /// How many introduction points are asked for.
    pub introduction_points: u8,
    /// Circuits that are open or being built.
    pub circuits: usize,
    /// How many of them carry an authenticated session.
    pub established_circuits: usize,
    /// Circuits and streams that were refused, by reason.
    pub refused: BTreeMap<String, u64>,
    /// Whether clients are asked for proof of work under load.
    pub proof_of_work: bool,
    /// How many clients can find the service, with restricted discovery.
    pub restricted_to: Option<usize>,
}

/// Whether clients can connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnionPhase {
    /// Clients cannot connect yet.
    Starting,
    /// Yes.
    Reachable,
    /// Clients cannot connect any more, or have not been able to for a long time.
    Degraded,
}

/// The outcome of a connection to the own address.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProbeStats {
    /// When it ended.
    pub at: WallTime,
    /// Whether a request was answered.
    pub answered: bool,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

impl Onion {
    pub(super) fn new(status: &OnionStatus, circuits: &CircuitStats, clocks: &ClockReading) -> Self {
        let (reachability, reason) = match status.phase {
            Phase::Starting => (OnionPhase::Starting, None),
            Phase::Reachable => (OnionPhase::Reachable, None),
            Phase::Degraded(reason) => (OnionPhase::Degraded, Some(reason.to_string())),
        };
        Self {
            address: status.address.clone(),
            reachability,
            reason,
            bootstrap_percent: status.bootstrap_percent,
            bootstrap: status.progress.clone(),
            arti: status.arti.to_owned(),
            probe: status.probe.map(|probe| ProbeStats {
                at: clocks.wall_at(probe.at),
                answered: probe.answered,
                took_ms: u64::try_from(probe.took.as_millis()).unwrap_or(u64::MAX),
            }),
            descriptor_age_s: status.published.map(|published| clocks.steady.since(published) / 1000),
            introduction_points: status.introduction_points,
            circuits: circuits.open(),
            established_circuits: circuits.established(),
            refused: CircuitRefused::ALL
                .into_iter()
                .map(|why| (why.name().to_owned(), circuits.refused(why)))
                .collect(),
            proof_of_work: status.proof_of_work,
            restricted_to: status.restricted,
        }
    }
}
