//! Sessions of clients of this machine that have their place with another machine's hub, and those
//! of this hub whose clients are connected to another machine.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::{Hub, Signal};
use ephemeral_core::protocol::Fingerprint;

/// Seats of which it is not known yet whose they are, at most: as many as sixteen machines open at
/// once.
const ASKING: usize = 512;

/// The sessions that have their place elsewhere.
#[derive(Default)]
pub(super) struct ElsewhereTable {
    sessions: Mutex<HashMap<u64, (Fingerprint, Arc<Signal>)>>,
    next: AtomicU64,
    by_others: AtomicUsize,
    asking: AtomicUsize,
    /// Those that are both: their seats are within this process.
    within: AtomicUsize,
}

/// A session of a client of this machine that has its place elsewhere, for as long as it lives.
pub struct Elsewhere {
    hub: Arc<Hub>,
    number: u64,
    signal: Arc<Signal>,
}

/// A session of this hub whose client is connected to another machine, for as long as it lives.
pub struct ByOther(Arc<Hub>);

/// A seat of which it is not known yet whose it is, for as long as that is so.
pub struct Asking(Arc<Hub>);

/// A session that began elsewhere and has its place with the hub of its own machine now.
pub struct Within(Arc<Hub>);

impl ElsewhereTable {
    pub(super) fn evict(&self, fingerprint: &Fingerprint) {
        for (who, signal) in self.sessions.lock().values() {
            if who == fingerprint {
                signal.evict();
            }
        }
    }
}

impl Hub {
    /// Enters a session that has its place elsewhere. `None`: there are as many as there may be.
    #[must_use]
    pub fn enter_elsewhere(self: &Arc<Self>, fingerprint: Fingerprint) -> Option<Elsewhere> {
        let most = self.lock().settings.sessions;
        let mut sessions = self.elsewhere.sessions.lock();
        if sessions.len() >= most {
            return None;
        }
        let number = self.elsewhere.next.fetch_add(1, Ordering::Relaxed);
        let signal = Arc::new(Signal::default());
        sessions.insert(number, (fingerprint, Arc::clone(&signal)));
        Some(Elsewhere { hub: Arc::clone(self), number, signal })
    }

    /// Counts a seat of which it is not known yet whose it is. `None`: there are as many as there
    /// may be.
    #[must_use]
    pub fn count_asking(self: &Arc<Self>) -> Option<Asking> {
        // Made before it is looked at: it is counted off when it is dropped.
        let asking = Asking(Arc::clone(self));
        let before = self.elsewhere.asking.fetch_add(1, Ordering::Relaxed);
        (before < ASKING).then_some(asking)
    }

    /// Counts a session whose client is connected to another machine.
    #[must_use]
    pub fn count_by_other(self: &Arc<Self>) -> ByOther {
        self.elsewhere.by_others.fetch_add(1, Ordering::Relaxed);
        ByOther(Arc::clone(self))
    }

    /// Notes that a session that began elsewhere has its place here now, as long as it has.
    #[must_use]
    pub fn count_within(self: &Arc<Self>) -> Within {
        self.elsewhere.within.fetch_add(1, Ordering::Relaxed);
        Within(Arc::clone(self))
    }

    /// Returns how many sessions this machine has to do with: those that have their place here, and
    /// those of its own clients that have it elsewhere.
    #[must_use]
    pub fn sessions(&self) -> usize {
        let (elsewhere, _) = self.elsewhere();
        elsewhere + self.lock().online.len()
    }

    /// Returns how many sessions have their place elsewhere, and how many of those here have a
    /// client that is connected to another machine.
    #[must_use]
    pub fn elsewhere(&self) -> (usize, usize) {
        let within = self.elsewhere.within.load(Ordering::Relaxed);
        let by_others = self.elsewhere.by_others.load(Ordering::Relaxed);
        (self.elsewhere.sessions.lock().len().saturating_sub(within), by_others.saturating_sub(within))
    }

    /// Ends the sessions that have their place elsewhere: what they hold for their clients is
    /// erased with them.
    pub fn end_elsewhere(&self) {
        for (_, signal) in self.elsewhere.sessions.lock().values() {
            signal.end();
        }
    }
}

impl Elsewhere {
    /// Returns the signal by which the session learns that it has to end.
    #[must_use]
    pub fn signal(&self) -> &Arc<Signal> {
        &self.signal
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        self.hub.elsewhere.sessions.lock().remove(&self.number);
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.elsewhere.asking.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Within {
    fn drop(&mut self) {
        self.0.elsewhere.within.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for ByOther {
    fn drop(&mut self) {
        self.0.elsewhere.by_others.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::hub;
    use super::*;

    #[test]
    fn so_many_seats_ask_at_once_and_a_place_is_free_again_when_one_has_asked() {
        let hub = hub();
        let mut asking: Vec<_> = (0..ASKING).map_while(|_| hub.count_asking()).collect();
        assert_eq!(asking.len(), ASKING);
        assert!(hub.count_asking().is_none() && hub.count_asking().is_none());
        asking.pop();
        assert!(hub.count_asking().is_some());
    }
}
