//! Which machines there are, and what each of them says of its onion service.
//!
//! Each says so every second. Nobody compares clocks: a notice names, for each other machine, the
//! last notice that was heard of it. Who finds its own one of a moment ago named there knows that
//! the notice was written since, whatever the NATS servers did with it. So one that is recorded and
//! brought again says nothing to anybody, and what a machine said counts for [`LIFE`].

mod seal;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::UnionStats;
pub use seal::{NOTICE_BYTES, PresenceSeal};

/// How often a machine says what it is.
pub const EVERY: Duration = Duration::from_secs(1);
/// How long that counts: as long as it takes until the lease of a dead machine is another's.
pub const LIFE: Duration = Duration::from_secs(5);
/// Machines that are known at once, at most: those that are alive, and processes of before.
const MOST: usize = 32;
/// Notices that are opened in a second, at most.
const RATE: u32 = 64;
/// Letters of a machine's name and of what tells its processes apart, at most.
const HOLDER: usize = 80;

/// What a machine says of its onion service.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OnionPart {
    /// What is the same for machines with the same service, and says nothing of its address.
    pub service: String,
    /// Whether only clients who were added can find it.
    pub restricted: bool,
    /// Where it can be reached, in base 64; empty: nowhere.
    pub points: String,
    /// The clients who were added, as they are written in files.
    pub clients: Vec<String>,
    /// How often its Tor client has published a descriptor of its own.
    pub uploads: u64,
    /// What it has published for all machines, if that is its business.
    pub published: Option<PublishedPart>,
}

/// How much is in a descriptor for all machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedPart {
    /// Machines.
    pub machines: usize,
    /// Introduction points.
    pub points: usize,
}

/// Another machine that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveMachine {
    /// Its process, as the lease names it.
    pub holder: String,
    /// Whether it holds the lease.
    pub leads: bool,
    /// What it says of its onion service.
    pub onion: OnionPart,
}

/// What a machine says at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PresenceNotice {
    holder: String,
    /// It is greater with each notice of the process.
    number: u64,
    /// The number of the last notice that it heard of each other process.
    heard: BTreeMap<String, u64>,
    leads: bool,
    onion: OnionPart,
}

/// What a notice meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeWorth {
    /// It says nothing: it is of this machine, an old one, or one too many.
    Nothing,
    /// It is genuine, and may be old: its process is to hear of this one, and say it again.
    Unproven,
    /// It was written just now.
    Fresh,
}

#[derive(Default)]
struct KnownProcess {
    /// The number of the last notice.
    number: u64,
    /// What it said, and until when that counts.
    said: Option<(LiveMachine, Instant)>,
}

/// What one machine knows of the others.
pub struct Presence {
    own: String,
    number: u64,
    /// The own notices of the last moments.
    sent: VecDeque<(u64, Instant)>,
    known: BTreeMap<String, KnownProcess>,
    /// How many notices came in the second that began then.
    budget: (Instant, u32),
}

impl Presence {
    /// Makes one. `own`: this process, as the lease names it.
    #[must_use]
    pub fn new(own: &str, now: Instant) -> Self {
        let own = own.to_owned();
        Self { own, number: 0, sent: VecDeque::new(), known: BTreeMap::new(), budget: (now, 0) }
    }

    /// Returns what is to be said next.
    pub fn next(&mut self, leads: bool, onion: OnionPart, now: Instant) -> PresenceNotice {
        self.number += 1;
        self.sent.push_back((self.number, now));
        while self.sent.front().is_some_and(|(_, sent)| now.saturating_duration_since(*sent) > LIFE) {
            self.sent.pop_front();
        }
        let heard = self.known.iter().map(|(holder, known)| (holder.clone(), known.number)).collect();
        PresenceNotice { holder: self.own.clone(), number: self.number, heard, leads, onion }
    }

    /// Returns whether one more notice may be opened now.
    pub fn may_open(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.budget.0) >= Duration::from_secs(1) {
            self.budget = (now, 0);
        }
        self.budget.1 += 1;
        self.budget.1 <= RATE
    }

    /// Takes note of a genuine notice.
    pub fn hear(&mut self, notice: PresenceNotice, now: Instant) -> NoticeWorth {
        let PresenceNotice { holder, number, heard, leads, onion } = notice;
        let proven_at = heard.get(&self.own).and_then(|named| self.sent_at(*named));
        let until = proven_at.map(|sent| sent + LIFE).filter(|until| *until > now);
        if holder == self.own || holder.len() > HOLDER {
            return NoticeWorth::Nothing;
        }
        if !self.known.contains_key(&holder) && !self.make_room(now) {
            return NoticeWorth::Nothing;
        }
        let known = self.known.entry(holder.clone()).or_default();
        if number <= known.number {
            return NoticeWorth::Nothing;
        }
        known.number = number;
        let Some(until) = until else { return NoticeWorth::Unproven };
        known.said = Some((LiveMachine { holder, leads, onion }, until));
        NoticeWorth::Fresh
    }

    fn sent_at(&self, number: u64) -> Option<Instant> {
        self.sent.iter().find(|(sent, _)| *sent == number).map(|(_, at)| *at)
    }

    /// Makes room for one more process, in the place of one that is not there.
    fn make_room(&mut self, now: Instant) -> bool {
        if self.known.len() < MOST {
            return true;
        }
        let is_there = |known: &KnownProcess| known.said.as_ref().is_some_and(|(_, until)| *until > now);
        let gone = self.known.iter().find(|(_, known)| !is_there(known)).map(|(holder, _)| holder.clone());
        match gone {
            Some(gone) => self.known.remove(&gone).is_some(),
            None => false,
        }
    }

    /// Returns the other machines that are there, in the order of their names.
    #[must_use]
    pub fn live(&self, now: Instant) -> Vec<LiveMachine> {
        let said = self.known.values().filter_map(|known| known.said.as_ref());
        said.filter(|(_, until)| *until > now).map(|(machine, _)| machine.clone()).collect()
    }

    /// Lets what everybody said last count anew: this machine could hear nobody for a time.
    pub fn was_deaf(&mut self, now: Instant) {
        for (_, until) in self.known.values_mut().filter_map(|known| known.said.as_mut()) {
            *until = now + LIFE;
        }
    }
}

impl LiveMachine {
    /// Returns what it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        super::machine_name(&self.holder)
    }

    /// Returns what it has published for all machines, if it is the one that does.
    #[must_use]
    pub fn union(&self) -> Option<UnionStats> {
        let PublishedPart { machines, points } = self.onion.published.filter(|_| self.leads)?;
        Some(UnionStats { publisher: self.name().to_owned(), machines, introduction_points: points })
    }
}

#[cfg(test)]
mod tests;
