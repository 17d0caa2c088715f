//! Which circuit has to go when there are too many. There are no addresses to tell a flooder from the others: what tells
//! them apart is that a good client proves who it is within seconds. So a circuit is a *newcomer* until it carries an
//! authenticated session, and *established* while it does.
//!
//! - A newcomer that finds no room takes the place of the oldest newcomer. Whoever needs two seconds to authenticate is
//!   safe unless the places of all newcomers are taken within these two seconds.
//! - An established circuit keeps its place.
//! - Neither kind can have all the places: newcomers leave some to the established, and the other way round.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use tokio_util::sync::CancellationToken;

/// How many circuits there may be of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::transport) struct CircuitBounds {
    pub(in crate::transport) all: usize,
    pub(in crate::transport) newcomers: usize,
    pub(in crate::transport) established: usize,
    /// Newcomers whose circuit is still being built.
    pub(in crate::transport) building: usize,
}

impl CircuitBounds {
    /// Each kind may have three quarters, but not all.
    pub(in crate::transport) fn of(circuits: usize) -> Self {
        let share = (circuits - circuits / 4).clamp(1, circuits.saturating_sub(1).max(1));
        Self { all: circuits, newcomers: share, established: share, building: share.div_ceil(2) }
    }
}

/// The open circuits.
pub(super) struct CircuitTable {
    bounds: CircuitBounds,
    circuits: HashMap<u64, Circuit>,
    /// The newcomers' numbers by their places in the line: the oldest is the first.
    line: BTreeMap<u64, u64>,
    /// The places of those that are being built.
    building: BTreeSet<u64>,
    /// Circuits in no place of the line.
    established: usize,
    next_place: u64,
}

struct Circuit {
    closed: CancellationToken,
    /// Authenticated sessions on it.
    sessions: u32,
    /// `None`: established.
    place: Option<u64>,
}

/// What becomes of a new circuit.
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
            next_place: 0,
        }
    }

    pub(super) fn open(&self) -> usize {
        self.circuits.len()
    }

    pub(super) fn established(&self) -> usize {
        self.established
    }

    /// A new circuit, which is about to be built.
    pub(super) fn admit(&mut self, number: u64) -> CircuitDecision {
        let over_bound = self.line.len() >= self.bounds.newcomers || self.circuits.len() >= self.bounds.all;
        let victim = if self.building.len() >= self.bounds.building {
            // A rendezvous point that does not answer must not hold up who names one that does.
            self.building.first().copied()
        } else if over_bound {
            match self.last_in_rank() {
                Some(place) => Some(place),
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
        self.circuits.insert(number, Circuit { closed: closed.clone(), sessions: 0, place: Some(place) });
        CircuitDecision::Admitted { closed, evicted }
    }

    pub(super) fn built(&mut self, number: u64) {
        if let Some(place) = self.circuits.get(&number).and_then(|circuit| circuit.place) {
            self.building.remove(&place);
        }
    }

    /// The circuit is gone. One that was pushed out has left before.
    pub(super) fn leave(&mut self, number: u64) {
        if self.remove(number).is_some_and(|circuit| circuit.place.is_none()) {
            self.promote_next();
        }
    }

    pub(super) fn session_begins(&mut self, number: u64) {
        let Some(circuit) = self.circuits.get_mut(&number) else { return };
        circuit.sessions = circuit.sessions.saturating_add(1);
        self.promote(number);
    }

    /// Without a session it is a newcomer again, and the youngest of them.
    pub(super) fn session_ends(&mut self, number: u64) {
        let Some(circuit) = self.circuits.get_mut(&number) else { return };
        circuit.sessions = circuit.sessions.saturating_sub(1);
        if circuit.sessions > 0 || circuit.place.is_some() {
            return;
        }
        let place = self.enter_line(number);
        if let Some(circuit) = self.circuits.get_mut(&number) {
            circuit.place = Some(place);
        }
        self.established -= 1;
        self.promote_next();
    }

    /// Makes a circuit established, if there is room among them.
    fn promote(&mut self, number: u64) {
        if self.established >= self.bounds.established {
            return;
        }
        let Some(circuit) = self.circuits.get_mut(&number) else { return };
        if let Some(place) = circuit.place.take() {
            self.line.remove(&place);
            self.building.remove(&place);
            self.established += 1;
        }
    }

    /// There is room among the established: for the first in the line that carries a session, if one does.
    fn promote_next(&mut self) {
        let has_session = |number: &&u64| self.circuits.get(*number).is_some_and(|circuit| circuit.sessions > 0);
        if let Some(number) = self.line.values().find(has_session).copied() {
            self.promote(number);
        }
    }

    /// The oldest newcomer; one that carries a session all the same (there are too many of these) comes last.
    fn last_in_rank(&self) -> Option<u64> {
        let is_idle = |number: &u64| self.circuits.get(number).is_none_or(|circuit| circuit.sessions == 0);
        let idle = self.line.iter().find(|(_, number)| is_idle(number));
        idle.or_else(|| self.line.first_key_value()).map(|(place, _)| *place)
    }

    fn enter_line(&mut self, number: u64) -> u64 {
        let place = self.next_place;
        self.next_place += 1;
        self.line.insert(place, number);
        place
    }

    fn remove(&mut self, number: u64) -> Option<Circuit> {
        let circuit = self.circuits.remove(&number)?;
        match circuit.place {
            Some(place) => {
                self.line.remove(&place);
                self.building.remove(&place);
            }
            None => self.established -= 1,
        }
        Some(circuit)
    }
}
