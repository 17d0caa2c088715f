//! What is known about the onion service, for the parts that show it.

use std::fmt;
use std::time::Duration;

use arti_client::status::BlockageKind;
use tokio::time::Instant;

use ephemeral_core::protocol::Millis;

/// The known state of the onion service: the source of `/health`, of the lines on the terminal, of
/// `status`.
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
    /// What Arti says is in the way, while it connects to the Tor network and fetches its
    /// directory.
    pub trouble: Option<Reason>,
    /// The last connection to the own address.
    pub probe: Option<Probe>,
    /// Arti's own opinion of the service, in a word. It believes what its parts report, and does
    /// not try: see `phase`.
    pub arti: &'static str,
    /// When Arti last finished a round of uploading the descriptor, as far as its state tells.
    /// Directories that did not take it show in `arti`. It uploads again at least once an hour,
    /// when introduction points change, and when the clients do.
    pub published: Option<Millis>,
    /// How many introduction points are asked for. How many of them work, Arti does not tell: fewer
    /// show as `degraded` or `recovering` in `arti`.
    pub introduction_points: u8,
    /// Whether clients are asked for proof of work under load.
    pub proof_of_work: bool,
    /// When the watch over the service last got on: it bootstrapped, connected to the own address,
    /// or began afresh. It does so every few minutes at least, whatever the network does.
    pub heartbeat_at: Option<Instant>,
    /// How many clients can find the service, with restricted discovery; `None`: everybody can.
    pub restricted: Option<usize>,
}

/// The outcome of a connection to the own address: over circuits of its own, with the descriptor as
/// the network has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// When it ended.
    pub at: Millis,
    /// Whether a request was answered.
    pub answered: bool,
    /// How long it took until then.
    pub took: Duration,
}

/// Whether clients can connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Phase {
    /// Clients cannot connect yet: the Tor client is starting, or the descriptor is being
    /// published.
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
    /// Connections to the own address come to other machines that have it, and to them alone.
    Elsewhere,
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
            Self::Elsewhere => "clients come to other machines only: what is published has none of this one's points",
        })
    }
}
