//! What came and was not shown yet, and who has taken it.
//!
//! The rule: an event leaves the profile when at least one subscriber has taken it, and none that
//! acknowledges still owes its word. A subscriber that goes away owing takes the others' taking
//! back: the event comes again to the next subscriber, in this process or a later one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Holds an event.
struct Waiting {
    line: Arc<str>,
    /// Whether it stays until the service withdraws it.
    sticky: bool,
    taken: bool,
    shown: bool,
    /// The subscribers that have not said yet that it was shown.
    owed: BTreeSet<u64>,
    /// Those to whom it is still to be written.
    queued: BTreeSet<u64>,
}

/// Holds the events, by their numbers.
#[derive(Default)]
pub(super) struct Unshown(BTreeMap<u64, Waiting>);

impl Unshown {
    pub(super) fn put(&mut self, number: u64, line: Arc<str>, sticky: bool) {
        let waiting =
            Waiting { line, sticky, taken: false, shown: false, owed: BTreeSet::new(), queued: BTreeSet::new() };
        self.0.insert(number, waiting);
    }

    /// Takes note that an event is to be written to a subscriber.
    pub(super) fn queue(&mut self, number: u64, connection: u64, owes: bool) {
        if let Some(waiting) = self.0.get_mut(&number) {
            waiting.queued.insert(connection);
            if owes && !waiting.sticky {
                waiting.owed.insert(connection);
            }
        }
    }

    /// Returns what a new subscriber is told first.
    pub(super) fn backlog(&self) -> Vec<u64> {
        self.0.iter().filter(|(_, waiting)| !waiting.shown).map(|(number, _)| *number).collect()
    }

    pub(super) fn line(&self, number: u64) -> Option<Arc<str>> {
        self.0.get(&number).map(|waiting| Arc::clone(&waiting.line))
    }

    /// Tells whether a subscriber has still to say that an event was shown.
    pub(super) fn owes(&self, number: u64, connection: u64) -> bool {
        self.0.get(&number).is_some_and(|waiting| waiting.owed.contains(&connection))
    }

    /// Takes note that an event was written to a subscriber. Returns whether it is shown by that.
    pub(super) fn written(&mut self, number: u64, connection: u64, takes: bool) -> bool {
        let Some(waiting) = self.0.get_mut(&number) else { return false };
        waiting.queued.remove(&connection);
        waiting.taken |= takes;
        self.settle(number)
    }

    /// Takes note that a subscriber says that an event was shown. Returns whether it is.
    pub(super) fn acknowledged(&mut self, number: u64, connection: u64) -> bool {
        let Some(waiting) = self.0.get_mut(&number) else { return false };
        waiting.owed.remove(&connection);
        waiting.taken = true;
        self.settle(number)
    }

    fn settle(&mut self, number: u64) -> bool {
        let Some(waiting) = self.0.get_mut(&number) else { return false };
        let shown = waiting.taken && waiting.owed.is_empty() && !waiting.sticky;
        let new = shown && !waiting.shown;
        waiting.shown |= shown;
        if waiting.shown && waiting.queued.is_empty() {
            self.0.remove(&number);
        }
        new
    }

    /// Takes back what stays until then.
    pub(super) fn withdraw(&mut self, number: u64) {
        self.0.remove(&number);
    }

    /// Takes note that a subscriber is gone. Returns what is shown now.
    pub(super) fn gone(&mut self, connection: u64) -> Vec<u64> {
        for waiting in self.0.values_mut() {
            waiting.queued.remove(&connection);
            if waiting.owed.remove(&connection) {
                waiting.taken = false;
            }
        }
        let all: Vec<u64> = self.0.keys().copied().collect();
        all.into_iter().filter(|number| self.settle(*number)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_one() -> Unshown {
        let mut unshown = Unshown::default();
        unshown.put(1, "x".into(), false);
        unshown
    }

    #[test]
    fn it_is_shown_when_the_first_of_two_has_it_and_the_second_gets_it_too() {
        let mut unshown = with_one();
        unshown.queue(1, 7, false);
        unshown.queue(1, 8, false);
        assert!(unshown.written(1, 7, true));
        assert_eq!((unshown.backlog(), unshown.line(1).is_some()), (vec![], true));
        assert!(!unshown.written(1, 8, true), "only once");
        assert!(unshown.line(1).is_none());
    }

    #[test]
    fn a_watcher_takes_nothing() {
        let mut unshown = with_one();
        unshown.queue(1, 7, false);
        assert!(!unshown.written(1, 7, false));
        assert_eq!(unshown.backlog(), [1]);
        assert!(unshown.acknowledged(1, 7), "unless it says so");
    }

    #[test]
    fn who_acknowledges_keeps_it_from_going_and_takes_it_back_when_it_fails() {
        let mut unshown = with_one();
        unshown.queue(1, 7, false);
        unshown.queue(1, 8, true);
        assert!(!unshown.written(1, 7, true) && !unshown.written(1, 8, false));
        assert!(unshown.owes(1, 8));
        assert!(unshown.gone(8).is_empty(), "it comes again");
        assert_eq!(unshown.backlog(), [1]);
        unshown.queue(1, 9, true);
        assert!(!unshown.written(1, 9, false));
        assert!(unshown.acknowledged(1, 9));
    }

    #[test]
    fn what_stays_until_it_is_withdrawn_is_told_to_each_that_comes() {
        let mut unshown = Unshown::default();
        unshown.put(1, "x".into(), true);
        unshown.queue(1, 7, true);
        assert!(!unshown.owes(1, 7) && !unshown.written(1, 7, true));
        assert_eq!(unshown.backlog(), [1]);
        unshown.withdraw(1);
        assert!(unshown.backlog().is_empty());
    }
}
