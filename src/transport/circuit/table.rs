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
//! - Keys are free, so a third of the established places is kept for those whom the store knows,
//!   and half of that for those whom it has known for long: throw-away keys cannot take them by
//!   their number.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ephemeral_core::store::Acquaintance;
use tokio_util::sync::CancellationToken;

/// The bounds of circuits of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::transport) struct CircuitBounds {
    pub(in crate::transport) all: usize,
    pub(in crate::transport) newcomers: usize,
    pub(in crate::transport) established: usize,
    /// Established circuits whose first session was that of a stranger.
    pub(in crate::transport) strangers: usize,
    /// Established circuits whose first session was not that of an old acquaintance.
    pub(in crate::transport) not_old: usize,
    /// Newcomers whose circuit is still being built.
    pub(in crate::transport) building: usize,
}

impl CircuitBounds {
    /// Returns the shares: each kind may have three quarters; of the established, strangers two
    /// thirds, and they and recent acquaintances five sixths.
    pub(in crate::transport) fn of(circuits: usize) -> Self {
        let share = (circuits - circuits / 4).clamp(1, circuits.saturating_sub(1).max(1));
        let strangers = (share - share / 3).max(1);
        let not_old = (share - share / 6).max(1);
        Self { all: circuits, newcomers: share, established: share, strangers, not_old, building: share.div_ceil(2) }
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
    /// How many of them not an old acquaintance.
    not_old: usize,
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
    Established { sessions: u32, first: Acquaintance },
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
            not_old: 0,
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
    pub(super) fn session_begins(&mut self, number: u64, of: Acquaintance) -> bool {
        let full = !self.has_room_for(of);
        let Some(circuit) = self.circuits.get_mut(&number) else { return false };
        match &mut circuit.rank {
            Rank::Established { sessions, .. } => *sessions = sessions.saturating_add(1),
            Rank::Newcomer { .. } if full => return false,
            Rank::Newcomer { place } => {
                self.line.remove(place);
                self.building.remove(place);
                circuit.rank = Rank::Established { sessions: 1, first: of };
                self.established += 1;
                self.strangers += usize::from(of == Acquaintance::Stranger);
                self.not_old += usize::from(of != Acquaintance::Old);
            }
        }
        true
    }

    /// Returns how well somebody has to be known whose session would begin on a circuit.
    pub(super) fn least(&self, number: u64) -> Acquaintance {
        if let Some(Rank::Established { .. }) = self.circuits.get(&number).map(|circuit| &circuit.rank) {
            return Acquaintance::Stranger;
        }
        let steps = [Acquaintance::Stranger, Acquaintance::Recent];
        steps.into_iter().find(|&step| self.has_room_for(step)).unwrap_or(Acquaintance::Old)
    }

    fn has_room_for(&self, whom: Acquaintance) -> bool {
        let CircuitBounds { established, strangers, not_old, .. } = self.bounds;
        let has_step = match whom {
            Acquaintance::Stranger => self.strangers < strangers && self.not_old < not_old,
            Acquaintance::Recent => self.not_old < not_old,
            Acquaintance::Old => true,
        };
        has_step && self.established < established
    }

    /// Counts an established circuit no more.
    fn is_established_no_more(&mut self, first: Acquaintance) {
        self.established -= 1;
        self.strangers -= usize::from(first == Acquaintance::Stranger);
        self.not_old -= usize::from(first != Acquaintance::Old);
    }

    /// Ends a session. A circuit without one is a newcomer again, and the youngest of them.
    pub(super) fn session_ends(&mut self, number: u64) {
        let Some(circuit) = self.circuits.get_mut(&number) else { return };
        let Rank::Established { sessions, first } = &mut circuit.rank else { return };
        *sessions = sessions.saturating_sub(1);
        if *sessions > 0 {
            return;
        }
        let first = *first;
        let place = self.next_place;
        self.next_place += 1;
        circuit.rank = Rank::Newcomer { place };
        self.line.insert(place, number);
        self.is_established_no_more(first);
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
            Rank::Established { first, .. } => self.is_established_no_more(first),
        }
        Some(circuit)
    }
}
