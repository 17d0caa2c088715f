//! Looks at the epochs of other people's servers while something waits there: what such a server
//! forgot would otherwise be noticed only with what is sent next, or after a day.
//!
//! A look is a connection of the pseudonym that sends there, on circuits of its own, without a
//! message. Each pseudonym looks at times of its own, more and more rarely, and one at a time:
//! nothing that a server sees of two of them happens at one moment for a reason.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use ephemeral_core::backoff::random_fraction;
use ephemeral_e2e::bytes::Key;
use ephemeral_e2e::effect::Lookout;
use tokio::time::Instant;

use super::dispatch::LaneId;
use super::mailboxes::{Fetching, Visits};

/// How often the mean pause doubles from one look to the next.
const DOUBLINGS: u32 = 3;

struct WatchedPseudonym {
    lookout: Lookout,
    /// How often it looked since something waits there.
    looks: u32,
    look_at: Option<Instant>,
}

/// Holds who looks where, and when.
pub(super) struct Lookouts {
    fetching: Fetching,
    watched: BTreeMap<Key, WatchedPseudonym>,
    /// The one that looks now.
    looking: Option<LaneId>,
    begun: bool,
}

/// Names the lane of a pseudonym.
pub(super) fn lane(lookout: &Lookout) -> LaneId {
    LaneId { pseudonym: lookout.key, authority: lookout.authority.as_str().to_owned() }
}

impl Lookouts {
    pub(super) fn new(fetching: Fetching) -> Self {
        Self { fetching, watched: BTreeMap::new(), looking: None, begun: false }
    }

    /// Takes note of who has something at a server of somebody else.
    pub(super) fn watch(&mut self, lookouts: Vec<Lookout>, now: Instant) {
        let mut before = std::mem::take(&mut self.watched);
        for lookout in lookouts {
            let watched = before.remove(&lookout.key).filter(|known| known.lookout.authority == lookout.authority);
            let watched = watched.unwrap_or_else(|| WatchedPseudonym { look_at: self.first(now), looks: 0, lookout });
            self.watched.insert(watched.lookout.key, watched);
        }
        self.begun = true;
    }

    /// Returns when somebody looks for the first time: with one visit to each mailbox, there is one
    /// look for what waited before.
    fn first(&self, now: Instant) -> Option<Instant> {
        let pause = match self.fetching.visits {
            Visits::Once => (!self.begun).then(|| self.fetching.spread()),
            Visits::Never | Visits::Again(_) => self.fetching.pause(false),
        };
        pause.map(|pause| now + pause)
    }

    /// Takes note that a pseudonym was told an epoch, or could not be: it looks again after a pause
    /// that has twice the mean of the one before.
    pub(super) fn looked(&mut self, id: &LaneId, now: Instant) {
        let Some(watched) = self.watched.get_mut(&id.pseudonym).filter(|watched| lane(&watched.lookout) == *id) else {
            return;
        };
        watched.looks = watched.looks.saturating_add(1).min(DOUBLINGS);
        let times = 1_u32 << watched.looks;
        watched.look_at = self.fetching.pause(false).map(|pause| now + pause * times);
    }

    /// Takes note that a lane is over, or has something else to do.
    pub(super) fn ended(&mut self, id: &LaneId) {
        if self.looking.as_ref() == Some(id) {
            self.looking = None;
        }
    }

    /// Returns who looks now, if there is somebody: one at a time, and by chance.
    pub(super) fn next(&mut self, now: Instant) -> Option<Lookout> {
        if self.looking.is_some() {
            return None;
        }
        let due = |watched: &&mut WatchedPseudonym| watched.look_at.is_some_and(|at| at <= now);
        let mut due: Vec<&mut WatchedPseudonym> = self.watched.values_mut().filter(due).collect();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a fraction of a length")]
        let which = (random_fraction() * due.len() as f64) as usize;
        let watched = due.get_mut(which)?;
        watched.look_at = None;
        self.looking = Some(lane(&watched.lookout));
        Some(watched.lookout.clone())
    }

    /// Tells whether a lane is there only to look.
    pub(super) fn is_looking(&self, id: &LaneId) -> bool {
        self.looking.as_ref() == Some(id)
    }

    /// Returns when somebody looks next.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        let times = self.watched.values().filter_map(|watched| watched.look_at);
        times.min().filter(|_| self.looking.is_none())
    }
}
