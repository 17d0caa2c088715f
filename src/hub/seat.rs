//! One session's place in the hub. Dropping it ends the session there.

use std::sync::{Arc, MutexGuard};

use super::turn::Turn;
use super::{Hub, Signal, State, Wakes};
use crate::store::PartyId;

/// One session's place in the hub. Whatever it had not acknowledged when it is dropped is delivered again.
pub struct Seat {
    pub(super) hub: Arc<Hub>,
    pub(super) party: PartyId,
    pub(super) session: u64,
    pub(super) signal: Arc<Signal>,
    pub(super) window: usize,
    pub(super) replaces: bool,
}

/// Why a session has to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gone {
    /// Another session of the same fingerprint took over.
    Replaced,
    /// It does not read its receipts.
    TooSlow,
    /// The server is shutting down, or has erased everything.
    Draining,
}

impl Seat {
    /// How the hub calls this session.
    #[must_use]
    pub fn signal(&self) -> &Arc<Signal> {
        &self.signal
    }

    /// Whether it took over from another session of the same fingerprint.
    #[must_use]
    pub fn replaces(&self) -> bool {
        self.replaces
    }

    /// What the session does in the hub next, under one lock. Whoever has to be woken for it is added to `wakes`: drop these
    /// after the turn.
    pub fn turn<'turn>(&'turn self, wakes: &'turn mut Wakes) -> Turn<'turn> {
        Turn::new(self, wakes)
    }

    /// Whether this session has to end.
    ///
    /// # Errors
    /// [`Gone`] if so.
    pub fn is_over(&self) -> Result<(), Gone> {
        let mut state = self.current()?;
        if state.draining {
            return Err(Gone::Draining);
        }
        if state.online_mut(self.party).is_some_and(|online| online.overrun) { Err(Gone::TooSlow) } else { Ok(()) }
    }

    /// The hub's state, if this session is still the one of its fingerprint.
    pub(super) fn current(&self) -> Result<MutexGuard<'_, State>, Gone> {
        let mut state = self.hub.lock();
        if state.online_mut(self.party).is_some_and(|online| online.session == self.session) {
            Ok(state)
        } else if self.session < state.ended_below {
            Err(Gone::Draining)
        } else {
            Err(Gone::Replaced)
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let now = self.hub.now();
        if let Ok(mut state) = self.current() {
            if let Some(place) = state.online.get_mut(self.party.index()) {
                *place = None;
            }
            state.sessions -= 1;
            state.store.detach(now, self.party);
        }
    }
}
