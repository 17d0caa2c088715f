//! Two processes with one name, as a copied configuration makes them: which of them stays.

use std::cmp::Reverse;

use tokio::time::Instant;

use super::{KnownProcess, MachinePart, Presence, TIMES, Twin, machine_name};

/// Which of two processes with one name stays: the greater one. Both come to the same answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    /// The term for which it holds the lease: its end would be felt. One that stood still may not
    /// know yet that there is a newer one.
    pub(super) term: u64,
    /// Whether it was alone under its name for a while.
    pub(super) settled: bool,
    /// Who began earlier, where that does not tell them apart; then any of them.
    began: Reverse<u64>,
    holder: String,
}

impl Default for Rank {
    fn default() -> Self {
        Self { term: 0, settled: false, began: Reverse(0), holder: String::new() }
    }
}

impl Rank {
    pub(super) fn of(part: &MachinePart, holder: &str) -> Self {
        let MachinePart { began, settled, term, .. } = part;
        Self { term: *term, settled: *settled, began: Reverse(began.0), holder: holder.to_owned() }
    }
}

impl Presence {
    fn is_twin(&self, holder: &str) -> bool {
        holder != self.own && machine_name(holder) == machine_name(&self.own)
    }

    /// Returns whether that is a process with the own name, and goes before this one.
    pub(super) fn goes_first(&self, holder: &str, part: &MachinePart) -> bool {
        let own = Rank { began: Reverse(self.began.0), holder: self.own.clone(), ..self.rank.clone() };
        self.is_twin(holder) && Rank::of(part, holder) > own
    }

    /// Returns the other processes with this machine's name that are there. One of before that has
    /// ended is not: it never heard of this one.
    fn twins(&self, now: Instant) -> impl Iterator<Item = &KnownProcess> {
        self.known
            .iter()
            .filter(move |(holder, known)| self.is_twin(holder) && known.is_there(now))
            .map(|(_, known)| known)
    }

    /// Returns whether another process with this machine's name is there, and which of them stays;
    /// `None`: there is none, or that is not certain yet.
    #[must_use]
    pub fn twin(&self, now: Instant) -> Option<Twin> {
        let first = self.twins(now).map(|known| known.first).max()?;
        match first {
            0 => Some(Twin::GivesWay),
            TIMES.. => Some(Twin::GoesFirst),
            _ => None,
        }
    }

    /// Takes note that this process has said for a while that it is there, and returns whether its
    /// name is its own: it is, once nobody else had it.
    pub fn settle(&mut self, now: Instant) -> bool {
        let is_alone = self.twins(now).next().is_none();
        self.rank.settled |= is_alone;
        self.rank.settled
    }

    /// Returns whether its name is its own.
    #[must_use]
    pub const fn is_settled(&self) -> bool {
        self.rank.settled
    }
}
