//! For the operator: who takes most of the store, and out with it.

use parking_lot::MutexGuard;

use super::{Hub, Wakes};
use ephemeral_core::protocol::Fingerprint;
use ephemeral_core::store::SenderFigures;

impl Hub {
    /// Returns the `most` senders that take most of the store, the largest first. Fingerprints are
    /// nobody's business but the server's: what an operator is shown are pseudonyms.
    ///
    /// All accounts are looked at, in parts, the lock being handed on in between: what changes
    /// meanwhile may be missed.
    #[must_use]
    pub fn largest_senders(&self, most: usize) -> Vec<SenderFigures> {
        let mut largest = Vec::new();
        let mut next = Some(0);
        while let Some(first) = next {
            let state = self.lock();
            next = state.store.look_for_largest(first, most, &mut largest);
            MutexGuard::unlock_fair(state);
        }
        largest
    }

    /// Overwrites and drops what waits from one sender, and returns how many messages that were. If
    /// the sender is online, it is told that they have expired. Their ids stay known until then,
    /// and nobody is blocked by this.
    pub fn drop_waiting_from(&self, sender: &Fingerprint) -> usize {
        let mut dropped = 0;
        let mut next = Some(0);
        while let Some(first) = next {
            let mut wakes = Wakes::default();
            let mut guard = self.lock();
            let state = &mut *guard;
            let Some(account) = state.store.find(sender) else { break };
            let (some, then) = state.store.drop_some_from(account, first, &mut state.ended, &mut state.freed);
            state.tell_senders(&mut wakes);
            state.wake_freed(&mut wakes);
            dropped += some;
            next = then;
            MutexGuard::unlock_fair(guard);
        }
        dropped
    }
}
