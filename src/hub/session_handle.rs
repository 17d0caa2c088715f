//! One session's place in the hub. Dropping it ends the session there.

use std::sync::Arc;

use parking_lot::MutexGuard;

use super::{Hub, Signal, State, Wakes};
use ephemeral_core::protocol::{Millis, WireTime};
use ephemeral_core::store::{
    self, Accepted, AccountId, AcknowledgeError, Delivery, Deposited, NeverDelivered, NewMessage, SessionEnd,
    SubmitError,
};

/// One session's place in the hub. Whatever it had not acknowledged when it is dropped is delivered
/// again.
pub struct SessionHandle {
    pub(super) hub: Arc<Hub>,
    pub(super) account: AccountId,
    pub(super) session: u64,
    pub(super) signal: Arc<Signal>,
    pub(super) window: usize,
    pub(super) replaces: bool,
}

/// A session has begun.
pub struct Joined {
    /// Its place in the hub.
    pub session_handle: SessionHandle,
    /// Messages that wait for it.
    pub pending: usize,
    /// The random id of the store's lifetime.
    pub epoch: Arc<str>,
    /// The store's bounds.
    pub bounds: store::Config,
    /// When it began.
    pub at: WireTime,
}

/// Frames to send, in order.
#[derive(Debug, Default)]
pub struct Collected {
    /// The frames.
    pub frames: Vec<String>,
    /// Whether there were more than the budget let through.
    pub more: bool,
}

/// How often, at most, a message that has no room waits until more of what has expired is erased.
const SWEEPS: usize = 100;

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

    /// Keeps a message under `id`. Without one, only tells whether the id is known.
    ///
    /// # Errors
    /// [`SubmitError`]: nothing was kept.
    pub fn submit(&self, id: &str, message: Option<&NewMessage>, wakes: &mut Wakes) -> Result<Accepted, SubmitError> {
        let mut known_key = false;
        let mut again = SWEEPS;
        loop {
            let mut state = self.current()?;
            let Some(outcome) = self.try_submit(&mut state, id, message, known_key, wakes) else {
                // Takes microseconds: not under the lock.
                drop(state);
                known_key = true;
                if message.is_some_and(|message| message.to.verifying_key().is_err()) {
                    self.current()?.totals.rejected += 1;
                    return Err(SubmitError::NotAKey);
                }
                continue;
            };
            // What has expired and is not erased yet is not to stand in its way.
            if again > 0 && state.store.is_behind() && matches!(outcome, Err(SubmitError::Quota(_))) {
                again -= 1;
                known_key = true;
                MutexGuard::unlock_fair(state);
                continue;
            }
            let totals = &mut state.totals;
            *match &outcome {
                Ok(Accepted { duplicate: false, .. }) => &mut totals.accepted,
                Ok(Accepted { duplicate: true, .. }) => &mut totals.duplicates,
                Err(_) => &mut totals.rejected,
            } += 1;
            return outcome;
        }
    }

    /// Submits a message; `None` where it has to be checked first whether the recipient is a key.
    fn try_submit(
        &self,
        state: &mut State,
        id: &str,
        message: Option<&NewMessage>,
        known_key: bool,
        wakes: &mut Wakes,
    ) -> Option<Result<Accepted, SubmitError>> {
        if state.draining {
            return Some(Err(SubmitError::Draining));
        }
        let now = self.hub.now();
        self.hub.expire(state, now, wakes);
        if !known_key && let Err(wait_ms) = state.store.take_rate(now, self.account, &state.settings.rate) {
            return Some(Err(SubmitError::RateLimited { wait_ms }));
        }
        if let Some(expires_at) = state.store.known(self.account, id) {
            let delivered = state.store.was_delivered(self.account, id);
            return Some(Ok(Accepted { expires_at, duplicate: true, delivered }));
        }
        let Some(message) = message else { return Some(Err(SubmitError::NoMessage)) };
        if !known_key && state.store.find(&message.to).is_none() {
            return None;
        }
        Some(self.deposit(state, now, id, message, wakes))
    }

    fn deposit(
        &self,
        state: &mut State,
        now: Millis,
        id: &str,
        message: &NewMessage,
        wakes: &mut Wakes,
    ) -> Result<Accepted, SubmitError> {
        let due_before = state.store.next_due();
        let Deposited { online, expires_at } =
            state.store.deposit(now, self.account, id, message).map_err(SubmitError::Quota)?;
        if let Some(online) = online.and_then(|recipient| state.online.get(recipient)) {
            wakes.add(&online.signal);
        }
        if due_before.is_none_or(|due| state.store.next_due().is_some_and(|now_due| now_due < due)) {
            self.hub.due_earlier.notify_one();
        }
        Ok(Accepted { expires_at, duplicate: false, delivered: false })
    }

    /// Erases what was delivered, up to and including `seq`.
    ///
    /// # Errors
    /// [`AcknowledgeError`]: nothing was erased.
    pub fn acknowledge(&self, seq: u64, wakes: &mut Wakes) -> Result<(), AcknowledgeError> {
        loop {
            let mut guard = self.current()?;
            let state = &mut *guard;
            let now = self.hub.now();
            self.hub.expire(state, now, wakes);
            let result = state.store.acknowledge(now, self.account, seq, &mut state.ended);
            state.tell_senders(wakes);
            let more = result.map_err(|NeverDelivered| AcknowledgeError::NeverDelivered)?;
            if !more {
                return Ok(());
            }
            // A window of long messages is much to overwrite: others come in between.
            MutexGuard::unlock_fair(guard);
        }
    }

    /// Takes what this session has to be sent: about `budget` bytes of it, one frame more than
    /// fits. `frame` writes each of these down, under the lock, so that nothing is copied twice.
    ///
    /// # Errors
    /// [`SessionEnd`] if this session is over.
    pub fn collect(
        &self,
        budget: usize,
        wakes: &mut Wakes,
        frame: impl Fn(&Delivery<'_>) -> String,
    ) -> Result<Collected, SessionEnd> {
        let mut state = self.current()?;
        let state = &mut *state;
        let now = self.hub.now();
        self.hub.expire(state, now, wakes);
        if state.draining {
            return Err(SessionEnd::Draining);
        }
        let mut collected = Collected::default();
        let mut left = budget;
        let State { store, online, .. } = state;
        if online.get(self.account).is_none_or(|online| online.overrun) {
            return Err(SessionEnd::TooSlow);
        }
        loop {
            if left == 0 {
                collected.more = true;
                return Ok(collected);
            }
            let delivery = match online.next_receipt(self.account) {
                Some(receipt) => Delivery::Receipt(receipt),
                None => match store.deliver(now, self.account, self.window) {
                    Some(next) => Delivery::Mailbox(next),
                    None => return Ok(collected),
                },
            };
            let frame = frame(&delivery);
            left = left.saturating_sub(frame.len());
            collected.frames.push(frame);
        }
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

    /// Returns the hub's state, if this session is still the one of its fingerprint.
    fn current(&self) -> Result<MutexGuard<'_, State>, SessionEnd> {
        let state = self.hub.lock();
        if state.online.get(self.account).is_some_and(|online| online.session == self.session) {
            Ok(state)
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
