//! One session's place in the hub. Dropping it ends the session there.

use std::sync::Arc;

use parking_lot::MutexGuard;

use super::online::OnlineSession;
use super::{Hub, Signal, State, Turn, Wakes};
use ephemeral_core::protocol::Millis;
use ephemeral_core::store::{Accepted, AccountId, AcknowledgeError, Delivery, NewMessage, SessionEnd, SubmitError};

/// A session's place in the hub. What the client has not acknowledged when it is dropped is
/// delivered again.
pub struct SessionHandle {
    pub(super) hub: Arc<Hub>,
    pub(super) account: AccountId,
    pub(super) session: u64,
    pub(super) signal: Arc<Signal>,
    pub(super) window: usize,
    pub(super) replaces: bool,
}

/// How much is taken at once of what a session has to be sent.
#[derive(Debug, Clone, Copy)]
pub struct CollectBounds {
    /// About so many bytes of frames: one frame more than fits.
    pub budget: usize,
    /// A message with more bytes of content than that is a long one.
    pub short: usize,
    /// Bytes of content of long messages, at most.
    pub room: usize,
}

impl CollectBounds {
    /// Returns those of somebody who takes messages of every length.
    #[must_use]
    pub const fn any_length(budget: usize) -> Self {
        Self { budget, short: usize::MAX, room: 0 }
    }
}

/// Frames to send, in order.
#[derive(Debug, Default)]
pub struct Collected {
    /// The frames.
    pub frames: Vec<String>,
    /// Whether there were more than the budget let through.
    pub more: bool,
    /// Bytes of content of the long messages among them.
    pub long: usize,
    /// The next message is a long one with so many bytes, for which there was no room.
    pub wants: Option<usize>,
}

impl SessionHandle {
    /// Returns the signal that wakes this session.
    #[must_use]
    pub fn signal(&self) -> &Arc<Signal> {
        &self.signal
    }

    /// Returns whether the session took over from another one of the same fingerprint.
    #[must_use]
    pub fn replaces(&self) -> bool {
        self.replaces
    }

    /// Holds the hub's lock for some of this session's requests, all of which are of the moment
    /// `now`.
    ///
    /// # Errors
    /// [`SessionEnd`] if this session is over.
    pub fn turn<'turn>(&'turn self, now: Millis, wakes: &'turn mut Wakes) -> Result<Turn<'turn>, SessionEnd> {
        let state = self.current()?;
        Ok(Turn::new(self, state, now, wakes))
    }

    /// Keeps a message, in a turn of its own: [`Turn::submit`]. It may not hold yet.
    ///
    /// # Errors
    /// [`SubmitError`]: nothing was kept.
    pub fn submit(
        &self,
        id: &str,
        message: Option<&NewMessage<'_>>,
        wakes: &mut Wakes,
    ) -> Result<Accepted, SubmitError> {
        Ok(self.turn(self.hub.now(), wakes)?.submit(id, message)?.parts().0)
    }

    /// Erases what was delivered, in a turn of its own: [`Turn::acknowledge`].
    ///
    /// # Errors
    /// [`AcknowledgeError`]: nothing was erased.
    pub fn acknowledge(&self, seq: u64, wakes: &mut Wakes) -> Result<(), AcknowledgeError> {
        self.turn(self.hub.now(), wakes)?.acknowledge(seq)
    }

    /// Takes what this session has to be sent, in a turn of its own: [`Turn::collect`].
    ///
    /// # Errors
    /// [`SessionEnd`] if this session is over.
    pub fn collect(
        &self,
        budget: usize,
        wakes: &mut Wakes,
        frame: impl Fn(&Delivery<'_>) -> String,
    ) -> Result<Collected, SessionEnd> {
        self.turn(self.hub.now(), wakes)?.collect(CollectBounds::any_length(budget), frame)
    }

    /// Checks that this session does not have to end.
    ///
    /// # Errors
    /// [`SessionEnd`] if so.
    pub fn is_over(&self) -> Result<(), SessionEnd> {
        let state = self.current()?;
        if state.draining {
            return Err(SessionEnd::Draining);
        }
        if state.online.get(self.account).is_some_and(|online| online.overrun) {
            Err(SessionEnd::TooSlow)
        } else {
            Ok(())
        }
    }

    /// Ends the session here, whose front is lost: it may come back, and the receipts that come
    /// meanwhile are kept for it.
    pub fn leave_for_a_while(self) {
        let now = self.hub.now();
        let Ok(mut state) = self.current() else { return };
        let mut gone = state.online.end(self.account);
        let receipts = gone.as_mut().map(OnlineSession::take_receipts).unwrap_or_default();
        state.store.await_sender(self.account, receipts);
        state.store.detach(now, self.account);
        drop(state);
        drop(gone);
    }

    /// Returns the hub's state, if this session is still the one of its fingerprint.
    fn current(&self) -> Result<MutexGuard<'_, State>, SessionEnd> {
        let state = self.hub.lock();
        self.is_current(&state)?;
        Ok(state)
    }

    /// Checks that this session is still the one of its fingerprint.
    pub(super) fn is_current(&self, state: &State) -> Result<(), SessionEnd> {
        if state.online.get(self.account).is_some_and(|online| online.session == self.session) {
            Ok(())
        } else if self.session < state.ended_below {
            Err(SessionEnd::Draining)
        } else {
            Err(SessionEnd::Replaced)
        }
    }
}

impl Drop for SessionHandle {
    fn drop(&mut self) {
        let now = self.hub.now();
        if let Ok(mut state) = self.current() {
            let gone = state.online.end(self.account);
            state.store.detach(now, self.account);
            // It may have thousands of receipts: they are freed while nobody waits.
            drop(state);
            drop(gone);
        }
    }
}
