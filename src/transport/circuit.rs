//! Rendezvous circuits as the rest of the daemon sees them: who is let in, who stays, how one is
//! closed, and the figures of it all. Which circuits they are, [`super::onion_service`] knows; here
//! is no Tor, and no clock.

mod table;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ephemeral_core::store::Acquaintance;
use tokio_util::sync::CancellationToken;

pub(super) use self::table::CircuitBounds;
use self::table::{CircuitDecision, CircuitTable};
use super::Peer;

/// Why a circuit, or a stream of one, was refused or closed. A client is told nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CircuitRefused {
    /// There is no room, and nobody who would have to make some: every circuit carries a session,
    /// or as many as may.
    Full,
    /// It carried no authenticated session, and a newer one needed its place.
    Evicted,
    /// Circuits come faster than `onion.circuits_per_second`.
    Paced,
    /// The circuit to the client's rendezvous point could not be built.
    Failed,
    /// A stream more than `onion.streams_per_circuit`.
    StreamOverBound,
    /// A stream to another port than `onion.port`.
    WrongPort,
}

impl CircuitRefused {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 6] =
        [Self::Full, Self::Evicted, Self::Paced, Self::Failed, Self::StreamOverBound, Self::WrongPort];

    /// Returns a word for it, in snake case: a label of figures and log lines.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Evicted => "evicted",
            Self::Paced => "paced",
            Self::Failed => "failed",
            Self::StreamOverBound => "stream_over_bound",
            Self::WrongPort => "wrong_port",
        }
    }
}

/// Is told of each refusal, in the task that refuses: it has to be quick.
pub type OnRefusal = Arc<dyn Fn(CircuitRefused, Peer) + Send + Sync>;

/// The numbers of circuits, and of refusals since the start.
#[derive(Debug, Default)]
pub struct CircuitStats {
    open: AtomicUsize,
    established: AtomicUsize,
    built: AtomicU64,
    sessions: AtomicU64,
    refused: [AtomicU64; CircuitRefused::ALL.len()],
}

impl CircuitStats {
    /// Returns how many circuits are open or being built.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Returns how many of them nobody can push out, since they carry an authenticated session.
    #[must_use]
    pub fn established(&self) -> usize {
        self.established.load(Ordering::Relaxed)
    }

    /// Returns how many circuits were built, and how many sessions authenticated on one, since the
    /// start. Where it grows, clients do find the service.
    #[must_use]
    pub fn evidence(&self) -> u64 {
        self.built.load(Ordering::Relaxed).wrapping_add(self.sessions.load(Ordering::Relaxed))
    }

    /// Returns how often something was refused for that reason.
    #[must_use]
    pub fn refused(&self, why: CircuitRefused) -> u64 {
        self.refused.get(why as usize).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    fn count(&self, why: CircuitRefused) {
        if let Some(count) = self.refused.get(why as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Every circuit that is open, and the rules of [`CircuitTable`].
#[derive(Clone)]
pub(super) struct Registry(Arc<Shared>);

struct Shared {
    table: Mutex<CircuitTable>,
    figures: Arc<CircuitStats>,
    on_refusal: OnRefusal,
}

impl Registry {
    pub(super) fn new(bounds: CircuitBounds, figures: Arc<CircuitStats>, on_refusal: OnRefusal) -> Self {
        Self(Arc::new(Shared { table: Mutex::new(CircuitTable::new(bounds)), figures, on_refusal }))
    }

    /// Gives a new circuit a slot. Another one may lose its own for it, and is closed. The second
    /// value is whether it was crowded: somebody had to go, or to stay outside.
    pub(super) fn admit(&self, number: u64) -> (Option<CircuitSlot>, bool) {
        let admission = self.0.change(|table| table.admit(number));
        match admission {
            CircuitDecision::Full => {
                self.0.refused(CircuitRefused::Full, number);
                (None, true)
            }
            CircuitDecision::Admitted { closed, evicted } => {
                let crowded = evicted.is_some();
                if let Some((evicted, token)) = evicted {
                    token.cancel();
                    self.0.refused(CircuitRefused::Evicted, evicted);
                }
                (Some(CircuitSlot(CircuitHandle { number, closed, shared: Arc::clone(&self.0) })), crowded)
            }
        }
    }

    /// Counts a refusal that was decided elsewhere.
    pub(super) fn refused(&self, why: CircuitRefused, number: u64) {
        self.0.refused(why, number);
    }

    pub(super) fn figures(&self) -> &Arc<CircuitStats> {
        &self.0.figures
    }
}

impl Shared {
    /// Changes the table, and the figures with it.
    fn change<T>(&self, change: impl FnOnce(&mut CircuitTable) -> T) -> T {
        let mut table = self.table();
        let outcome = change(&mut table);
        self.figures.open.store(table.open(), Ordering::Relaxed);
        self.figures.established.store(table.established(), Ordering::Relaxed);
        outcome
    }

    fn table(&self) -> MutexGuard<'_, CircuitTable> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refused(&self, why: CircuitRefused, number: u64) {
        self.figures.count(why);
        (self.on_refusal)(why, Peer::Circuit(number));
    }
}

/// A circuit's place among the open ones, for as long as it lives.
pub(super) struct CircuitSlot(CircuitHandle);

impl CircuitSlot {
    pub(super) fn handle(&self) -> &CircuitHandle {
        &self.0
    }

    /// Notes that the circuit stands: its client can open streams.
    pub(super) fn built(&self) {
        self.0.shared.figures.built.fetch_add(1, Ordering::Relaxed);
        self.0.shared.change(|table| table.built(self.0.number));
    }

    /// Counts something that this circuit was refused.
    pub(super) fn refused(&self, why: CircuitRefused) {
        self.0.shared.refused(why, self.0.number);
    }
}

impl Drop for CircuitSlot {
    fn drop(&mut self) {
        self.0.closed.cancel();
        self.0.shared.change(|table| table.leave(self.0.number));
    }
}

/// A rendezvous circuit, in the hands of who serves a stream of it. Clones are handles to the same
/// one.
#[derive(Clone)]
pub struct CircuitHandle {
    number: u64,
    closed: CancellationToken,
    shared: Arc<Shared>,
}

impl CircuitHandle {
    /// Closes the circuit with all of its streams: they end with an error on this side, and nothing
    /// that was not sent yet reaches the client. It has to make a new circuit to come back.
    pub fn close(&self) {
        self.closed.cancel();
    }

    /// Returns whether it is closed already.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed.is_cancelled()
    }

    /// Returns how well the store has to know somebody whose session would find a place.
    #[must_use]
    pub fn least(&self) -> Acquaintance {
        self.shared.table().least(self.number)
    }

    /// Gives an authenticated session on one of its streams a place, until the guard is dropped.
    /// While it has one, nobody can push the circuit out. `of`: how well the store knows who it is.
    /// `None`: there is no place for it, and it must not begin.
    #[must_use = "the circuit counts as established until this is dropped"]
    pub fn establish(&self, of: Acquaintance) -> Option<CircuitSession> {
        if self.shared.change(|table| table.session_begins(self.number, of)) {
            self.shared.figures.sessions.fetch_add(1, Ordering::Relaxed);
            return Some(CircuitSession(self.clone()));
        }
        if !self.is_closed() {
            self.shared.refused(CircuitRefused::Full, self.number);
        }
        None
    }

    pub(super) fn token(&self) -> &CancellationToken {
        &self.closed
    }
}

impl fmt::Debug for CircuitHandle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("CircuitHandle(…)")
    }
}

/// See [`CircuitHandle::establish`].
#[derive(Debug)]
pub struct CircuitSession(CircuitHandle);

impl Drop for CircuitSession {
    fn drop(&mut self) {
        self.0.shared.change(|table| table.session_ends(self.0.number));
    }
}
