//! What came of the other side's content, and what is to be acknowledged.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::clock::{DAY, HOUR, MINUTE, SECOND};
use crate::payload::MAX_ACKS;
use crate::random::CoreJitter;

/// Bounds the names of content that are remembered.
const MAX_KNOWN: usize = 8_192;
/// How long they are: a day longer than anything is repeated.
const KNOWN_LIFE: u64 = 17 * DAY;
/// How long nothing is acknowledged again: or somebody could ask every minute whether one is
/// online.
const ACK_AGAIN: u64 = HOUR;
/// Bounds what waits to be acknowledged.
const MAX_DUE: usize = 1_024;

/// Says how long acknowledgements wait for a text that they can go with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AckPace {
    /// 2 to 60 seconds.
    #[default]
    Usual,
    /// 1 to 10 minutes, as in groups.
    Group,
    /// 10 to 60 minutes.
    Slow,
}

impl AckPace {
    pub(crate) fn wait(self, jitter: &mut CoreJitter) -> u64 {
        match self {
            Self::Usual => jitter.uniform(2 * SECOND, 60 * SECOND),
            Self::Group => jitter.uniform(MINUTE, 10 * MINUTE),
            Self::Slow => jitter.uniform(10 * MINUTE, 60 * MINUTE),
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Mid {
    came: u64,
    acked: Option<u64>,
    /// Whether it is acknowledged only after [`Received::release`].
    #[serde(default)]
    held: bool,
}

/// Remembers the names of the other side's content.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Received {
    known: BTreeMap<u64, Mid>,
    order: VecDeque<u64>,
    due: VecDeque<u64>,
    /// When acknowledgements go alone, by `elapsed`.
    pub(crate) ack_at: Option<u64>,
    /// When content of which nobody was shown anything was acknowledged last, by `elapsed`.
    #[serde(default)]
    silent_at: Option<u64>,
}

impl Received {
    pub(crate) fn knows(&self, mid: u64) -> bool {
        self.known.contains_key(&mid)
    }

    /// Takes note of content, and tells whether it is new. `held`: it is not acknowledged before
    /// [`Self::release`]. `wait`: after how long it is acknowledged; `None`: with whatever goes
    /// next.
    pub(crate) fn note(&mut self, mid: u64, age: u64, elapsed: u64, wait: Option<u64>, held: bool) -> bool {
        let new = !self.knows(mid);
        if new {
            self.known.insert(mid, Mid { came: age, acked: None, held });
            self.order.push_back(mid);
            if self.order.len() > MAX_KNOWN {
                self.forget_oldest();
            }
        }
        self.owe(mid, elapsed, wait);
        new
    }

    /// Acknowledges content only after [`Self::release`].
    pub(crate) fn hold(&mut self, mid: u64) {
        if let Some(known) = self.known.get_mut(&mid) {
            known.held = true;
            self.owe_no_more(mid);
        }
    }

    /// Forgets content, which was not acknowledged: when it comes again, it is new.
    pub(crate) fn forget(&mut self, mid: u64) {
        self.known.remove(&mid);
        self.order.retain(|known| *known != mid);
        self.owe_no_more(mid);
    }

    fn owe_no_more(&mut self, mid: u64) {
        self.due.retain(|due| *due != mid);
        self.ack_at = self.ack_at.filter(|_| !self.due.is_empty());
    }

    /// Lets content be acknowledged that was held.
    pub(crate) fn release(&mut self, mid: u64, elapsed: u64, wait: u64) {
        if let Some(known) = self.known.get_mut(&mid).filter(|known| known.held) {
            known.held = false;
            self.owe(mid, elapsed, Some(wait));
        }
    }

    /// Returns after how long content of which nobody is shown anything is acknowledged: once an
    /// hour after the usual wait, otherwise with whatever goes next.
    pub(crate) fn silently(&mut self, elapsed: u64, wait: u64) -> Option<u64> {
        let due = self.silent_at.is_none_or(|last| elapsed >= last + ACK_AGAIN);
        due.then(|| {
            self.silent_at = Some(elapsed);
            wait
        })
    }

    /// Acknowledges content after a wait, unless it is held, or was acknowledged a short time ago.
    fn owe(&mut self, mid: u64, elapsed: u64, wait: Option<u64>) {
        let known = self.known.get(&mid);
        let due =
            known.is_some_and(|known| !known.held && known.acked.is_none_or(|acked| elapsed >= acked + ACK_AGAIN));
        if !due {
            return;
        }
        if self.due.len() < MAX_DUE && !self.due.contains(&mid) {
            self.due.push_back(mid);
        }
        if let Some(wait) = wait.filter(|_| self.due.contains(&mid)) {
            self.ack_at.get_or_insert(elapsed + wait);
        }
    }

    fn forget_oldest(&mut self) {
        if let Some(oldest) = self.order.pop_front() {
            self.known.remove(&oldest);
        }
    }

    /// Takes the acknowledgements that go with the next payload.
    pub(crate) fn take_acks(&mut self, elapsed: u64) -> Vec<u64> {
        let count = self.due.len().min(MAX_ACKS);
        let acks: Vec<u64> = self.due.drain(..count).collect();
        for mid in &acks {
            if let Some(known) = self.known.get_mut(mid) {
                known.acked = Some(elapsed);
            }
        }
        self.ack_at = if self.due.is_empty() { None } else { Some(elapsed) };
        acks
    }

    /// Takes note that what was sent may be gone: what comes again is acknowledged again.
    pub(crate) fn acknowledge_anew(&mut self) {
        self.silent_at = None;
        for known in self.known.values_mut() {
            known.acked = None;
        }
    }

    pub(crate) fn prune(&mut self, age: u64) {
        while let Some(oldest) = self.order.front() {
            let old = self.known.get(oldest).is_none_or(|known| known.came + KNOWN_LIFE <= age);
            if !old {
                break;
            }
            self.forget_oldest();
        }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_new_once_and_acknowledged_again_once_an_hour() {
        let mut received = Received::default();
        assert!(received.note(7, 0, 0, Some(10), false));
        assert_eq!(received.ack_at, Some(10));
        assert_eq!(received.take_acks(10), [7]);
        assert!(!received.note(7, 0, HOUR, Some(10), false));
        assert_eq!(received.ack_at, None);
        assert!(!received.note(7, 0, HOUR + 10, Some(10), false));
        assert_eq!(received.take_acks(HOUR + 20), [7]);
        received.acknowledge_anew();
        assert_eq!(received.ack_at, None, "nobody asked");
        assert!(!received.note(7, 0, HOUR + 30, Some(10), false));
        assert_eq!(received.take_acks(HOUR + 40), [7], "a server forgot the last one");
    }

    #[test]
    fn what_is_held_is_acknowledged_only_when_it_is_released_however_often_it_comes() {
        let mut received = Received::default();
        assert!(received.note(7, 0, 0, Some(10), true));
        assert!(!received.note(7, 0, 2 * HOUR, Some(10), true));
        assert_eq!((received.ack_at, received.take_acks(2 * HOUR)), (None, vec![]));
        received.release(7, 3 * HOUR, 10);
        received.release(7, 3 * HOUR, 10);
        assert_eq!(received.take_acks(3 * HOUR + 10), [7]);
    }

    #[test]
    fn what_is_forgotten_is_new_when_it_comes_again_and_owed_only_then() {
        let mut received = Received::default();
        received.note(7, 0, 0, Some(10), false);
        received.note(8, 0, 0, Some(10), false);
        received.hold(7);
        received.forget(8);
        assert_eq!((received.ack_at, received.take_acks(10)), (None, vec![]));
        assert!(!received.note(7, 0, 20, Some(10), false), "it is held");
        assert!(received.note(8, 0, 20, Some(10), false));
        received.release(7, 30, 10);
        assert_eq!(received.take_acks(40), [8, 7]);
    }

    #[test]
    fn what_nobody_is_shown_is_acknowledged_once_an_hour_or_with_something_else() {
        let mut received = Received::default();
        let silently = |received: &mut Received, mid, elapsed| {
            let wait = received.silently(elapsed, 10);
            received.note(mid, 0, elapsed, wait, false);
        };
        silently(&mut received, 1, 0);
        assert_eq!(received.ack_at, Some(10));
        assert_eq!(received.take_acks(10), [1]);
        for mid in 2..60 {
            silently(&mut received, mid, mid * MINUTE);
        }
        assert_eq!(received.ack_at, None, "no word for an hour");
        silently(&mut received, 2, HOUR);
        assert_eq!(received.ack_at, Some(HOUR + 10));
        assert_eq!(received.take_acks(HOUR + 10).len(), MAX_ACKS);
    }

    #[test]
    fn what_is_remembered_is_bounded_in_number_and_time() {
        let mut received = Received::default();
        for mid in 1..=10_000 {
            received.note(mid, 0, 0, Some(0), false);
        }
        assert_eq!(received.len(), MAX_KNOWN);
        assert_eq!(received.due.len(), MAX_DUE);
        received.prune(KNOWN_LIFE);
        assert_eq!(received.len(), 0);
    }
}
