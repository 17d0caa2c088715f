//! Connections that have not authenticated, in all: bounded, and fair to those who are quick.
//!
//! Where there are as many as there may be, a new one takes the slot of the one that has been here longest. Who proves
//! what it is within a second or two gets in as long as fewer than the bound arrive in that time, and a flood of silent
//! connections locks nobody out.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// The connections that have not authenticated.
pub struct HandshakeSlots {
    state: Mutex<State>,
}

struct State {
    bound: usize,
    next: u64,
    /// In the order of arrival.
    here: BTreeMap<u64, CancellationToken>,
}

/// One slot. It is free again when this is dropped.
pub struct Slot {
    slots: Arc<HandshakeSlots>,
    number: u64,
    lost: CancellationToken,
}

impl HandshakeSlots {
    /// An empty one; `bound` ≥ 1.
    #[must_use]
    pub fn new(bound: usize) -> Arc<Self> {
        let state = State { bound: bound.max(1), next: 0, here: BTreeMap::new() };
        Arc::new(Self { state: Mutex::new(state) })
    }

    /// How many there may be from now on.
    pub fn set_bound(&self, bound: usize) {
        self.lock().bound = bound.max(1);
    }

    /// A slot for one more, and whether another one lost its slot for it.
    #[must_use]
    pub fn enter(self: &Arc<Self>) -> (Slot, bool) {
        let lost = CancellationToken::new();
        let (number, oldest) = {
            let mut state = self.lock();
            let oldest = if state.here.len() >= state.bound { state.here.pop_first() } else { None };
            let number = state.next;
            state.next += 1;
            state.here.insert(number, lost.clone());
            (number, oldest)
        };
        let took = oldest.is_some();
        if let Some((_, oldest)) = oldest {
            oldest.cancel();
        }
        (Slot { slots: Arc::clone(self), number, lost }, took)
    }

    /// How many are here.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().here.len()
    }

    /// Whether nobody is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// Resolves when the slot is lost to a newer connection.
    pub async fn lost(&self) {
        self.lost.cancelled().await;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.lock().here.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_that_has_been_here_longest_loses_its_place_to_a_new_one() {
        let slots = HandshakeSlots::new(2);
        let (first, second) = (slots.enter(), slots.enter());
        assert!(!first.1 && !second.1);
        let third = slots.enter();
        assert!(third.1 && first.0.lost.is_cancelled() && !second.0.lost.is_cancelled());
        assert_eq!(slots.len(), 2);
        drop(second);
        let fourth = slots.enter();
        assert!(!fourth.1 && !third.0.lost.is_cancelled(), "there was a free slot");
        drop((first, third, fourth));
        assert!(slots.is_empty());
    }
}
