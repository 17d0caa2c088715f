//! A hub of one of several machines: it stands by, goes on with what another one had written down,
//! and is told what of its own holds.

use std::sync::Arc;

use parking_lot::MutexGuard;

use super::lifetime::{Emptied, name, random_lifetime};
use super::{Config, Hub, Wakes};
use crate::clock::Clock;
use ephemeral_core::store::{Committed, Seed, Store};

/// Where the term stands in the number of a session: below it is room for those of one term.
const TERM_BITS: u32 = 32;

impl Hub {
    /// Makes a hub that stands by: nobody can join until it [leads](Self::lead).
    ///
    /// # Errors
    /// If the operating system has no random numbers.
    pub fn standing_by(settings: Config, clock: Clock) -> Result<Arc<Self>, getrandom::Error> {
        let (epoch, seed) = random_lifetime()?;
        let store = Store::new(settings.bounds, seed, clock.now());
        let hub = Self::with(settings, clock, &epoch, store);
        let mut state = hub.lock();
        state.standing_by = true;
        // The terms are what its sessions are ranked by.
        state.next_session = 0;
        drop(state);
        Ok(hub)
    }

    /// Returns whether another machine is the active one, or none is.
    #[must_use]
    pub fn stands_by(&self) -> bool {
        self.lock().standing_by
    }

    /// Begins to serve in this term, with this store. Nobody is online yet.
    pub fn lead(&self, epoch: &[u8; 16], store: Store, term: u64) {
        let _one_at_a_time = self.emptying.lock();
        let mut state = self.lock();
        state.epoch = name(epoch);
        state.store = store;
        state.settled = 0;
        state.next_session = state.next_session.max(term << TERM_BITS);
        state.standing_by = false;
        drop(state);
        self.due_earlier.notify_one();
    }

    /// Ends all sessions, and overwrites what there is here: it waits on other machines.
    pub fn stand_by(&self) {
        let _one_at_a_time = self.emptying.lock();
        self.lock().standing_by = true;
        let Emptied { full, journal, sessions } = self.begin_anew(None, Seed { hash_key: [0; 2], first_seq: 1 });
        drop(sessions);
        drop(journal);
        drop(full);
        self.lock().erasing = false;
    }

    /// Tells the store that all holds that was written down up to a position: messages come into
    /// their mailboxes, senders are answered. In parts: others get the lock in between.
    pub fn committed(&self, upto: u64) {
        let mut more = true;
        while more {
            let mut wakes = Wakes::default();
            let mut guard = self.lock();
            let state = &mut *guard;
            let due_before = state.store.next_due();
            let done: Committed = state.store.commit(upto, &mut state.freed, &mut state.ended);
            state.settled = state.settled.max(done.upto);
            state.tell_senders(&mut wakes);
            state.wake_freed(&mut wakes);
            let is_earlier = state.store.next_due().is_some_and(|due| due_before.is_none_or(|before| due < before));
            MutexGuard::unlock_fair(guard);
            if is_earlier {
                self.due_earlier.notify_one();
            }
            more = done.more;
        }
    }

    /// Writes some of what there is down again: see [`Store::write_again`].
    pub fn write_again(&self, first: u32, most: u32) -> Option<u32> {
        let mut state = self.lock();
        if first == 0 {
            state.store.promise_again();
        }
        let next = state.store.write_again(first, most);
        MutexGuard::unlock_fair(state);
        next
    }
}
