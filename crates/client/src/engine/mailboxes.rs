//! The profile's mailboxes, and when each of them is fetched from: the most recently used ones stay
//! connected, the others and all doors are visited one at a time, in random order.
//!
//! Nothing that one profile does for two mailboxes may happen at one moment for a reason that a
//! server can see: starts, losses and visits are spread over time by chance (`docs/e2e.md`, on what
//! times show).

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use ephemeral_core::backoff::random_fraction;
use ephemeral_e2e::bytes::Key;
use ephemeral_e2e::effect::MailboxAccess;
use tokio::time::Instant;

/// How openings that fail are counted: past so many within a minute a mailbox is left alone until
/// its next visit.
const FAILURES_A_MINUTE: usize = 20;
const MINUTE: Duration = Duration::from_secs(60);
/// The longest mean time between two visits to the door of an invite that has just been made.
const AWAITED_MEAN: Duration = MINUTE;

/// Says how often a mailbox that does not stay connected is visited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visits {
    /// Never.
    Never,
    /// Once.
    Once,
    /// Again and again, with this mean time between two visits.
    Again(Duration),
}

/// Says how mailboxes are fetched from.
#[derive(Debug, Clone, Copy)]
pub struct Fetching {
    /// How many mailboxes stay connected.
    pub live: usize,
    /// How often the others are visited.
    pub visits: Visits,
    /// How many are visited at a time.
    pub at_a_time: usize,
    /// The longest wait before a mailbox connects after a start or an outage.
    pub spread: Duration,
    /// How long a visit stays after everything was fetched: from this time to six times as long.
    pub linger: Duration,
}

impl Fetching {
    /// Fetches all the time, and hides which mailboxes belong together as far as times can.
    pub const PATIENT: Self = Self {
        live: 8,
        visits: Visits::Again(Duration::from_secs(600)),
        at_a_time: 1,
        spread: Duration::from_secs(60),
        linger: Duration::from_secs(5),
    };
    /// Fetches all the time, and as soon as possible: a server can tell which mailboxes belong
    /// together.
    pub const HASTY: Self = Self {
        live: 8,
        visits: Visits::Again(Duration::from_secs(10)),
        at_a_time: 8,
        spread: Duration::from_secs(1),
        linger: Duration::from_millis(100),
    };
    /// Never fetches.
    pub const NONE: Self =
        Self { live: 0, visits: Visits::Never, at_a_time: 0, spread: Duration::ZERO, linger: Duration::ZERO };

    /// Returns the same with at most so many connections that stay.
    #[must_use]
    pub fn with_live(self, live: usize) -> Self {
        Self { live: self.live.min(live), ..self }
    }

    /// Returns the same with one visit to each mailbox.
    #[must_use]
    pub fn once(self) -> Self {
        Self { live: 0, visits: Visits::Once, ..self }
    }

    pub(super) fn linger(&self) -> Duration {
        self.linger.mul_f64(1.0 + 5.0 * random_fraction())
    }

    pub(super) fn spread(&self) -> Duration {
        self.spread.mul_f64(random_fraction())
    }

    /// Returns the time until the next visit, exponentially distributed: a shorter one while
    /// somebody is likely to be waiting for what comes.
    pub(super) fn pause(&self, awaited: bool) -> Option<Duration> {
        match self.visits {
            Visits::Again(mean) => {
                let mean = if awaited { mean.min(AWAITED_MEAN) } else { mean };
                Some(mean.mul_f64(-(1.0 - random_fraction()).ln()))
            }
            Visits::Never | Visits::Once => None,
        }
    }
}

/// Holds what is known of one of the profile's mailboxes.
pub(super) struct Own {
    pub(super) access: MailboxAccess,
    /// When it may connect.
    ready_at: Instant,
    /// When it is visited, if it does not stay connected.
    visit_at: Option<Instant>,
    /// Until when somebody is likely to be waiting for what comes.
    awaited_until: Instant,
    active_at: u64,
    stays: bool,
    visited: bool,
    failures: VecDeque<Instant>,
}

/// Says what to do with a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Stay(Key),
    Leave(Key),
    Visit(Key),
}

pub(super) struct Mailboxes {
    fetching: Fetching,
    own: BTreeMap<Key, Own>,
    /// The mailboxes that are being visited by the schedule.
    visiting: BTreeSet<Key>,
    activity: u64,
}

impl Mailboxes {
    pub(super) fn new(fetching: Fetching) -> Self {
        Self { fetching, own: BTreeMap::new(), visiting: BTreeSet::new(), activity: 0 }
    }

    pub(super) fn insert(&mut self, access: MailboxAccess, now: Instant) {
        let first = Duration::from_millis(access.after_ms);
        let ready_at = now + first.max(self.fetching.spread());
        let visit_at = match self.fetching.visits {
            Visits::Never => None,
            Visits::Once => Some(ready_at),
            Visits::Again(_) => self.fetching.pause(access.awaited_ms > 0).map(|pause| ready_at + pause),
        };
        let awaited_until = now + Duration::from_millis(access.awaited_ms);
        self.activity = self.activity.max(access.active_at);
        let own = Own {
            active_at: access.active_at,
            access,
            ready_at,
            visit_at,
            awaited_until,
            stays: false,
            visited: false,
            failures: VecDeque::new(),
        };
        self.own.entry(own.access.key).or_insert(own);
    }

    pub(super) fn remove(&mut self, key: &Key) {
        self.own.remove(key);
        self.visiting.remove(key);
    }

    pub(super) fn get(&self, key: &Key) -> Option<&MailboxAccess> {
        self.own.get(key).map(|own| &own.access)
    }

    pub(super) fn stays(&self, key: &Key) -> bool {
        self.own.get(key).is_some_and(|own| own.stays)
    }

    /// Tells whether each mailbox was fetched from since the start.
    pub(super) fn all_visited(&self) -> bool {
        self.own.values().all(|own| own.visited)
    }

    /// Takes note that something came for a mailbox, or was sent from it.
    pub(super) fn used(&mut self, key: &Key) {
        self.activity += 1;
        if let Some(own) = self.own.get_mut(key) {
            own.active_at = self.activity;
        }
    }

    /// Takes note that everything that waited was fetched.
    pub(super) fn fetched(&mut self, key: &Key) {
        if let Some(own) = self.own.get_mut(key) {
            own.visited = true;
        }
    }

    /// Takes note that the lane of a mailbox ended, and returns when it is visited next.
    pub(super) fn ended(&mut self, key: &Key, now: Instant) {
        self.visiting.remove(key);
        if let Some(own) = self.own.get_mut(key) {
            own.stays = false;
            own.visit_at = self.fetching.pause(now < own.awaited_until).map(|pause| now + pause);
        }
    }

    /// Lets a mailbox rest, because its connections broke off with others' or because somebody else
    /// uses it.
    pub(super) fn rest(&mut self, key: &Key, time: Duration, now: Instant) {
        if let Some(own) = self.own.get_mut(key) {
            own.ready_at = own.ready_at.max(now + time);
        }
    }

    /// Counts an envelope that did not open. Returns whether there were too many.
    pub(super) fn failed(&mut self, key: &Key, now: Instant) -> bool {
        let Some(own) = self.own.get_mut(key) else { return false };
        own.failures.retain(|at| now.duration_since(*at) < MINUTE);
        own.failures.push_back(now);
        let too_many = own.failures.len() > FAILURES_A_MINUTE;
        if too_many {
            own.failures.clear();
        }
        too_many
    }

    /// Returns what is to be done now.
    pub(super) fn steps(&mut self, now: Instant) -> Vec<Step> {
        let mut recent: Vec<(u64, Key)> = self.own.values().filter(|own| may_stay(own, now)).map(rank).collect();
        recent.sort_unstable_by(|one, other| other.cmp(one));
        recent.truncate(self.fetching.live);
        let mut steps = Vec::new();
        for own in self.own.values_mut() {
            let key = own.access.key;
            let stays = recent.iter().any(|(_, recent)| *recent == key);
            if stays != own.stays {
                own.stays = stays;
                steps.push(if stays { Step::Stay(key) } else { Step::Leave(key) });
            }
        }
        while let Some(visit) = self.next_visit(now) {
            steps.push(Step::Visit(visit));
        }
        steps
    }

    fn next_visit(&mut self, now: Instant) -> Option<Key> {
        if self.visiting.len() >= self.fetching.at_a_time {
            return None;
        }
        let due = |own: &&mut Own| !own.stays && own.ready_at <= now && own.visit_at.is_some_and(|at| at <= now);
        let mut due: Vec<&mut Own> = self.own.values_mut().filter(due).collect();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a fraction of a length")]
        let which = (random_fraction() * due.len() as f64) as usize;
        let own = due.get_mut(which)?;
        own.visit_at = None;
        self.visiting.insert(own.access.key);
        Some(own.access.key)
    }

    /// Returns when there is something to do again.
    pub(super) fn wake_at(&self, now: Instant) -> Option<Instant> {
        let live = self.own.values().filter(|own| self.fetching.live > 0 && !own.access.door && own.ready_at > now);
        let live = live.map(|own| own.ready_at);
        let visits = self.own.values().filter(|own| self.visiting.len() < self.fetching.at_a_time && !own.stays);
        let visits = visits.filter_map(|own| own.visit_at.map(|at| at.max(own.ready_at)));
        live.chain(visits).min()
    }
}

fn may_stay(own: &Own, now: Instant) -> bool {
    !own.access.door && own.ready_at <= now
}

fn rank(own: &Own) -> (u64, Key) {
    (own.active_at, own.access.key)
}
