//! Which machines there are, and what each says of itself: where it listens for the others, what
//! its onion service is, whether it holds the lease, and when somebody checked in last.
//!
//! Each says so every second, in one notice. Nobody compares clocks: a notice names, for each other
//! process, the last notice that was heard of it. Who finds its own one of a moment ago named there
//! knows that the notice was written since, whatever the NATS servers did with it. Nothing else is
//! believed: what was recorded and is brought again says nothing to anybody, also not to a machine
//! that begins. What a machine said counts for [`LIFE`]; where it listens is not forgotten as soon
//! as it falls silent, because the link itself says who is there, and NATS may be away.

mod notice;
mod seal;
mod twin;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use super::machine_name;
use crate::transport::link::LinkMachine;
use ephemeral_core::protocol::WallTime;
pub use notice::{LinkPart, LiveMachine, MachinePart, OnionPart, PresenceNotice, PublishedPart};
pub use seal::{NOTICE_BYTES, PresenceSeal};
use twin::Rank;

/// How often a machine says what it is.
pub const EVERY: Duration = Duration::from_secs(1);
/// How long that counts: as long as it takes until the lease of a dead machine is another's.
pub const LIFE: Duration = Duration::from_secs(5);
/// How long it is known where a machine listened that says nothing any more: longer than NATS may
/// be away. Nobody else can take its place there: its key is known, too.
const REMEMBERED: Duration = Duration::from_secs(600);
/// Processes that are known at once, at most: those that are alive, and some of before.
const MOST: usize = 32;
/// Notices that are opened in a second, at most.
const RATE: u32 = 64;
/// Letters of a machine's name and of what tells its processes apart, at most.
const HOLDER: usize = 80;
/// Notices of a process with the same name that have to say that it goes first: one may cross a
/// change of the lease.
const TIMES: u32 = 2;

/// What a notice meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeWorth {
    /// It says nothing: it is of this process, an old one, or one too many.
    Nothing,
    /// It is genuine, and may be old: its process is to hear of this one, and say it again.
    Unproven,
    /// It was written just now.
    Fresh,
}

/// Another process with this machine's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Twin {
    /// That one gives way.
    GivesWay,
    /// This one has to.
    GoesFirst,
}

#[derive(Default)]
struct KnownProcess {
    /// The number of the last notice.
    number: u64,
    /// What it said, and until when that counts.
    said: Option<(MachinePart, Instant)>,
    /// How often it said that it goes before this one, which has the same name.
    first: u32,
}

impl KnownProcess {
    fn is_there(&self, now: Instant) -> bool {
        self.said.as_ref().is_some_and(|(_, until)| *until > now)
    }
}

/// What one machine knows of the others.
pub struct Presence {
    own: String,
    began: WallTime,
    number: u64,
    /// The own notices of the last moments.
    sent: VecDeque<(u64, Instant)>,
    known: BTreeMap<String, KnownProcess>,
    /// How many notices came in the second that began then.
    budget: (Instant, u32),
    /// What this process says of itself in matters of its name.
    rank: Rank,
}

impl Presence {
    /// Makes one. `own`: this process, as the lease names it. `began`: when, by its clock.
    #[must_use]
    pub fn new(own: &str, began: WallTime, now: Instant) -> Self {
        Self {
            own: own.to_owned(),
            began,
            number: 0,
            sent: VecDeque::new(),
            known: BTreeMap::new(),
            budget: (now, 0),
            rank: Rank::default(),
        }
    }

    /// Returns what is to be said next.
    pub fn next(&mut self, part: MachinePart, now: Instant) -> PresenceNotice {
        self.number += 1;
        self.sent.push_back((self.number, now));
        while self.sent.front().is_some_and(|(_, sent)| now.saturating_duration_since(*sent) > LIFE) {
            self.sent.pop_front();
        }
        let heard = self.known.iter().map(|(holder, known)| (holder.clone(), known.number)).collect();
        self.rank.term = part.term;
        let part = MachinePart { began: self.began, settled: self.rank.settled, ..part };
        PresenceNotice { holder: self.own.clone(), number: self.number, heard, part }
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
        let PresenceNotice { holder, number, heard, part } = notice;
        let proven_at = heard.get(&self.own).and_then(|named| self.sent_at(*named));
        let until = proven_at.map(|sent| sent + LIFE).filter(|until| *until > now);
        if holder == self.own || holder.len() > HOLDER {
            return NoticeWorth::Nothing;
        }
        if !self.known.contains_key(&holder) && !self.make_room(now) {
            return NoticeWorth::Nothing;
        }
        let goes_first = self.goes_first(&holder, &part);
        let known = self.known.entry(holder).or_default();
        if number <= known.number {
            return NoticeWorth::Nothing;
        }
        known.number = number;
        let Some(until) = until else { return NoticeWorth::Unproven };
        known.said = Some((part, until));
        known.first = if goes_first { known.first.saturating_add(1) } else { 0 };
        NoticeWorth::Fresh
    }

    fn sent_at(&self, number: u64) -> Option<Instant> {
        self.sent.iter().find(|(sent, _)| *sent == number).map(|(_, at)| *at)
    }

    /// Makes room for one more process, in the place of one that is not there: rather of one that
    /// never was.
    fn make_room(&mut self, now: Instant) -> bool {
        if self.known.len() < MOST {
            return true;
        }
        let gone = self.known.iter().filter(|(_, known)| !known.is_there(now));
        let longest = gone.min_by_key(|(_, known)| known.said.as_ref().map(|(_, until)| *until));
        match longest.map(|(holder, _)| holder.clone()) {
            Some(gone) => self.known.remove(&gone).is_some(),
            None => false,
        }
    }

    /// Returns the other processes that are there, in the order of their names.
    fn there(&self, now: Instant) -> impl Iterator<Item = (&str, &MachinePart)> {
        let there = self.known.iter().filter(move |(_, known)| known.is_there(now));
        there.filter_map(|(holder, known)| known.said.as_ref().map(|(part, _)| (holder.as_str(), part)))
    }

    /// Returns the other machines that are there and have an onion service.
    #[must_use]
    pub fn live(&self, now: Instant) -> Vec<LiveMachine> {
        let there = self.there(now).filter_map(|(holder, part)| {
            Some(LiveMachine { holder: holder.to_owned(), leads: part.term > 0, onion: part.onion.clone()? })
        });
        there.collect()
    }

    /// Returns the names of the other machines that are there.
    #[must_use]
    pub fn names(&self, now: Instant) -> Vec<String> {
        self.there(now).map(|(holder, _)| machine_name(holder).to_owned()).collect()
    }

    /// Returns where the other machines listen, each once, in the order of their names. Of two
    /// processes with one name, it is the one that was there first, for as long as it is.
    #[must_use]
    pub fn listening(&self, now: Instant) -> Vec<LinkMachine> {
        let mut machines = BTreeMap::new();
        for (holder, known) in &self.known {
            let name = machine_name(holder);
            let Some((part, until)) = &known.said else { continue };
            let Some(machine) = part.link.as_ref().and_then(|link| link.machine(name)) else { continue };
            if name == machine_name(&self.own) || now >= *until + REMEMBERED {
                continue;
            }
            let place =
                if *until > now { (true, Some(Rank::of(part, holder)), None) } else { (false, None, Some(*until)) };
            let best = machines.entry(name).or_insert_with(|| (place.clone(), machine.clone()));
            if best.0 < place {
                *best = (place, machine);
            }
        }
        machines.into_values().map(|(_, machine)| machine).collect()
    }

    /// Lets what everybody said last count anew: this machine could hear nobody for a time.
    pub fn was_deaf(&mut self, now: Instant) {
        for (_, until) in self.known.values_mut().filter_map(|known| known.said.as_mut()) {
            *until = now + LIFE;
        }
    }
}

#[cfg(test)]
mod tests;
