//! The connections that have not authenticated: bounded in all, and accounted by peer.
//!
//! A slot is taken when a connection is accepted, before TLS, the PROXY header and HTTP, and held
//! until the peer has authenticated. Where all are taken, see [`table`] for the one that gives way.

mod table;
mod tally;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::PeerKey;
use table::{NewSlot, SlotTable};
pub(super) use tally::Tally;

/// The slots of all connections that have not authenticated.
pub struct HandshakeSlots {
    started: Instant,
    table: Mutex<SlotTable>,
}

/// A slot. It is free again when this is dropped.
pub struct Slot {
    slots: Arc<HandshakeSlots>,
    number: u64,
    lost: CancellationToken,
    authenticated: bool,
}

impl HandshakeSlots {
    /// Makes so many free slots; at least one.
    #[must_use]
    pub fn new(bound: usize) -> Arc<Self> {
        Arc::new(Self { started: Instant::now(), table: Mutex::new(SlotTable::new(bound)) })
    }

    /// Changes how many there are. Where more are taken, some give way at once; returns whose.
    pub(super) fn set_bound(&self, bound: usize) -> Vec<PeerKey> {
        self.lock().set_bound(self.now(), bound)
    }

    /// Takes a slot. Where all are taken, another one gives way; returns whose. `None`: none has
    /// to. `unnamed`: whose it is will be known later.
    pub(super) fn take(self: &Arc<Self>, key: PeerKey, unnamed: bool) -> Option<(Slot, Option<PeerKey>)> {
        let taken = self.lock().take(self.now(), key, unnamed)?;
        let gave_way = taken.gave_way;
        Some((self.slot(taken), gave_way))
    }

    /// Takes a slot that is free, if there is one, for a peer that nobody has to give way for.
    pub(super) fn take_spare(self: &Arc<Self>, key: PeerKey) -> Option<Slot> {
        let taken = self.lock().take_spare(self.now(), key)?;
        Some(self.slot(taken))
    }

    /// Tells whether a peer has taken more than `count` slots lately.
    pub(super) fn has_taken_more_than(&self, count: f64, key: PeerKey) -> bool {
        self.lock().taken_lately(self.now(), key) > count.log2()
    }

    /// Forgets who has taken next to nothing lately.
    pub(super) fn settle(&self) {
        self.lock().settle(self.now());
    }

    /// Returns how many are taken.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Tells whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn slot(self: &Arc<Self>, taken: NewSlot) -> Slot {
        let NewSlot { number, lost, gave_way: _ } = taken;
        Slot { slots: Arc::clone(self), number, lost, authenticated: false }
    }

    /// Returns the time since the start: no clock that can be set moves it.
    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn lock(&self) -> MutexGuard<'_, SlotTable> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// Resolves when the slot is lost to another connection.
    pub fn lost(&self) -> WaitForCancellationFutureOwned {
        self.lost.clone().cancelled_owned()
    }

    /// Counts the slot as another peer's. `over`: that peer is blocked or over its rate, so it
    /// gives way first.
    pub(super) fn rename(&self, key: PeerKey, over: bool) {
        self.slots.lock().rename(self.slots.now(), self.number, key, over);
    }

    /// Charges the holder for another request on the same connection.
    pub fn keep(&self) {
        self.slots.lock().keep(self.slots.now(), self.number);
    }

    /// Gives the slot back: the peer has authenticated.
    pub fn authenticated(mut self) {
        self.authenticated = true;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.lock().release(self.slots.now(), self.number, self.authenticated);
    }
}
