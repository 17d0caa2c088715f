//! Which circuit has to go when there are too many. There are no addresses to tell a flooder from
//! the others: what tells them apart is that a good client proves who it is within seconds. So a
//! circuit is a *newcomer* until it carries an authenticated session, and *established* while it
//! does.
//!
//! - A newcomer that finds no room takes the place of the oldest newcomer. Anyone who needs two
//!   seconds to authenticate is safe unless the places of all newcomers are taken within these two
//!   seconds.
//! - An established circuit keeps its place, whoever else comes. So a session may only begin where
//!   there is room for it.
//! - Neither kind can have all the places: newcomers leave some to the established, and the other
//!   way round.
//! - Keys are free, so a third of the established places is kept for those whom the store knows:
//!   throw-away keys cannot take them by their number.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use tokio_util::sync::CancellationToken;

/// The bounds of circuits of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::transport) struct CircuitBounds {
    pub(in crate::transport) all: usize,
    pub(in crate::transport) newcomers: usize,
    pub(in crate::transport) established: usize,
    /// Established circuits whose first session was that of a stranger.
    pub(in crate::transport) strangers: usize,
    /// Newcomers whose circuit is still being built.
    pub(in crate::transport) building: usize,
}

impl CircuitBounds {
    /// Returns the shares: each kind may have three quarters; strangers, two thirds of the
    /// established.
    pub(in crate::transport) fn of(circuits: usize) -> Self {
        let share = (circuits - circuits / 4).clamp(1, circuits.saturating_sub(1).max(1));
        let strangers = (share - share / 3).max(1);
        Self { all: circuits, newcomers: share, established: share, strangers, building: share.div_ceil(2) }
    }
}

/// The open circuits.
pub(super) struct CircuitTable {
    bounds: CircuitBounds,
    circuits: HashMap<u64, Circuit>,
    /// The newcomers' numbers by their places in the line: the oldest is the first. None of them
    /// carries a session.
    line: BTreeMap<u64, u64>,
    /// The places of those that are being built.
    building: BTreeSet<u64>,
    established: usize,
    /// How many of the established a stranger has made so.
    strangers: usize,
    next_place: u64,
}

struct Circuit {
    closed: CancellationToken,
    rank: Rank,
}

/// The rank that keeps a circuit its place.
enum Rank {
    /// Nothing but its age.
    Newcomer { place: u64 },
    /// As many sessions.
    Established { sessions: u32, stranger: bool },
}

/// The decision on a new circuit.
pub(super) enum CircuitDecision {
    /// It has a place. Another one may have lost its own.
    Admitted {
        /// Cancelled when it has to end.
        closed: CancellationToken,
        /// Who has to end for it.
        evicted: Option<(u64, CancellationToken)>,
    },
    /// All places are those of established ones.
    Full,
}

impl CircuitTable {
    pub(super) fn new(bounds: CircuitBounds) -> Self {
        Self {
            bounds,
            circuits: HashMap::new(),
            line: BTreeMap::new(),
            building: BTreeSet::new(),
            established: 0,
            strangers: 0,
            next_place: 0,
        }
    }

    pub(super) fn open(&self) -> usize {
        self.circuits.len()
    }

    pub(super) fn established(&self) -> usize {
        self.established
    }

    /// Decides about a new circuit, which is about to be built.
    pub(super) fn admit(&mut self, number: u64) -> CircuitDecision {
        let over_bound = self.line.len() >= self.bounds.newcomers || self.circuits.len() >= self.bounds.all;
        let victim = if self.building.len() >= self.bounds.building {
            // A rendezvous point that does not answer must not hold up who names one that does.
            self.building.first().copied()
        } else if over_bound {
            match self.line.first_key_value() {
                Some((place, _)) => Some(*place),
                None => return CircuitDecision::Full,
            }
        } else {
            None
        };
        let evicted = victim.and_then(|place| self.line.get(&place).copied()).and_then(|evicted| {
            let circuit = self.remove(evicted)?;
            Some((evicted, circuit.closed))
        });
        let closed = CancellationToken::new();
        let place = self.enter_line(number);
        self.building.insert(place);
        self.circuits.insert(number, Circuit { closed: closed.clone(), rank: Rank::Newcomer { place } });
        CircuitDecision::Admitted { closed, evicted }
    }

    pub(super) fn built(&mut self, number: u64) {
        if let Some(Rank::Newcomer { place }) = self.circuits.get(&number).map(|circuit| &circuit.rank) {
            self.building.remove(place);
        }
    }

    /// Forgets a circuit that is gone. One that was pushed out has left before.
    pub(super) fn leave(&mut self, number: u64) {
        self.remove(number);
    }

    /// Begins a session on a circuit, if there is room: for one more session of an established
    /// circuit there always is. False: there is none, or the circuit is gone.
    pub(super) fn session_begins(&mut self, number: u64, stranger: bool) -> bool {
        let full = self.established >= self.bounds.established;
        let full = full || (stranger && self.strangers >= self.bounds.strangers);
        let Some(circuit) = self.circuits.get_mut(&number) else { return false };
        match &mut circuit.rank {
            Rank::Established { sessions, .. } => *sessions = sessions.saturating_add(1),
            Rank::Newcomer { .. } if full => return false,
            Rank::Newcomer { place } => {
                self.line.remove(place);
                self.building.remove(place);
                circuit.rank = Rank::Established { sessions: 1, stranger };
                self.established += 1;
                self.strangers += usize::from(stranger);
            }
        }
        true
    }

    /// Returns whether a session of a stranger would begin.
    pub(super) fn has_room_for_strangers(&self, number: u64) -> bool {
        let is_full = self.established >= self.bounds.established || self.strangers >= self.bounds.strangers;
        self.circuits.get(&number).is_some_and(|circuit| match circuit.rank {
            Rank::Established { .. } => true,
            Rank::Newcomer { .. } => !is_full,
        })
    }

    /// Ends a session. A circuit without one is a newcomer again, and the youngest of them.
    pub(super) fn session_ends(&mut self, number: u64) {
        let Some(circuit) = self.circuits.get_mut(&number) else { return };
        let Rank::Established { sessions, stranger } = &mut circuit.rank else { return };
        *sessions = sessions.saturating_sub(1);
        if *sessions > 0 {
            return;
        }
        self.established -= 1;
        self.strangers -= usize::from(*stranger);
        let place = self.next_place;
        self.next_place += 1;
        circuit.rank = Rank::Newcomer { place };
        self.line.insert(place, number);
    }

    fn enter_line(&mut self, number: u64) -> u64 {
        let place = self.next_place;
        self.next_place += 1;
        self.line.insert(place, number);
        place
    }

    fn remove(&mut self, number: u64) -> Option<Circuit> {
        let circuit = self.circuits.remove(&number)?;
        match circuit.rank {
            Rank::Newcomer { place } => {
                self.line.remove(&place);
                self.building.remove(&place);
            }
            Rank::Established { stranger, .. } => {
                self.established -= 1;
                self.strangers -= usize::from(stranger);
            }
        }
        Some(circuit)
    }
}
