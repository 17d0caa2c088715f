//! What a session asks of the hub in one turn of its pump, under one hold of the lock.
//!
//! A turn is short: what is more work than that hands the lock on, and has it back later. So it is
//! with the many requests of one turn, too.

use parking_lot::MutexGuard;

use super::{CollectBounds, Collected, SessionHandle, State, Wakes};
use ephemeral_core::protocol::Millis;
use ephemeral_core::store::{
    Accepted, AccountId, AcknowledgeError, Delivery, Deposited, EXPIRED_AT_ONCE, LongerContent, NeverDelivered,
    NewMessage, Next, SessionEnd, SubmitError,
};

/// How often, at most, a message that has no room waits until more of what has expired is erased.
const SWEEPS: usize = 100;
/// So many bytes, kept or erased, are as much work as a request.
const BYTES_A_UNIT: usize = 256;

/// The place in the journal that has to hold before an answer is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

impl Ticket {
    /// Returns the one of an answer that waits for nothing.
    #[must_use]
    pub const fn now() -> Self {
        Self(0)
    }

    /// Returns the one of a place, for tests.
    #[cfg(test)]
    pub(crate) const fn at(position: u64) -> Self {
        Self(position)
    }
}

/// A message is kept: now, or as soon as it holds on other machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Submitted {
    /// It holds: the answer can be given.
    Kept(Accepted),
    /// The answer has to wait until the hub has [settled](Turn::settled) that.
    Later(Accepted, Ticket),
}

impl Submitted {
    fn at(position: u64, accepted: Accepted) -> Self {
        if position == 0 { Self::Kept(accepted) } else { Self::Later(accepted, Ticket(position)) }
    }

    fn as_first(self) -> Self {
        let first = |accepted| Accepted { duplicate: false, ..accepted };
        match self {
            Self::Kept(accepted) => Self::Kept(first(accepted)),
            Self::Later(accepted, ticket) => Self::Later(first(accepted), ticket),
        }
    }

    /// Returns what the answer is, and what it waits for.
    #[must_use]
    pub const fn parts(self) -> (Accepted, Ticket) {
        match self {
            Self::Kept(accepted) => (accepted, Ticket::now()),
            Self::Later(accepted, ticket) => (accepted, ticket),
        }
    }
}

/// A hold of the hub's lock, for one session.
pub struct Turn<'turn> {
    session: &'turn SessionHandle,
    state: MutexGuard<'turn, State>,
    now: Millis,
    wakes: &'turn mut Wakes,
    /// How much was done since the lock was last handed on: requests, and their bytes.
    work: usize,
}

impl<'turn> Turn<'turn> {
    pub(super) fn new(
        session: &'turn SessionHandle,
        state: MutexGuard<'turn, State>,
        now: Millis,
        wakes: &'turn mut Wakes,
    ) -> Self {
        let mut turn = Self { session, state, now, wakes, work: 0 };
        turn.expire();
        turn
    }

    /// Keeps a message under `id`. Without one, only tells whether the id is known.
    ///
    /// # Errors
    /// [`SubmitError`]: nothing was kept.
    pub fn submit(&mut self, id: &str, message: Option<&NewMessage<'_>>) -> Result<Submitted, SubmitError> {
        self.pause_after(message.map_or(0, |message| message.escaped_content.len()))?;
        let mut outcome = self.try_submit(id, message);
        for _ in 0..SWEEPS {
            // What has expired and is not erased yet is not to stand in its way.
            if !matches!(outcome, Err(SubmitError::Quota(_))) || !self.state.store.is_behind() {
                break;
            }
            self.hand_on()?;
            outcome = self.accepts().and_then(|()| self.keep(id, message));
        }
        let totals = &mut self.state.totals;
        *match &outcome {
            Ok(Submitted::Kept(accepted) | Submitted::Later(accepted, _)) if accepted.duplicate => {
                &mut totals.duplicates
            }
            Ok(_) => &mut totals.accepted,
            Err(SubmitError::Ended(_)) => return outcome,
            Err(_) => &mut totals.rejected,
        } += 1;
        outcome
    }

    /// Keeps a message that may have been sent to an earlier hub, or over a connection that is
    /// lost, and was not answered: one that is known costs no rate, and is answered as if it came
    /// for the first time.
    ///
    /// # Errors
    /// [`SubmitError`]: nothing was kept.
    pub fn submit_again(&mut self, id: &str, message: Option<&NewMessage<'_>>) -> Result<Submitted, SubmitError> {
        self.accepts()?;
        match self.known(id) {
            Some(known) => Ok(known.as_first()),
            None => self.submit(id, message),
        }
    }

    fn try_submit(&mut self, id: &str, message: Option<&NewMessage<'_>>) -> Result<Submitted, SubmitError> {
        self.accepts()?;
        let state = &mut *self.state;
        let rated = state.store.take_rate(self.now, self.session.account, &state.settings.rate);
        rated.map_err(|wait_ms| SubmitError::RateLimited { wait_ms })?;
        self.keep(id, message)
    }

    fn keep(&mut self, id: &str, message: Option<&NewMessage<'_>>) -> Result<Submitted, SubmitError> {
        if let Some(known) = self.known(id) {
            return Ok(known);
        }
        let message = message.ok_or(SubmitError::NoMessage)?;
        let mut recipient = self.state.store.find(&message.to);
        if recipient.is_none() {
            // Takes microseconds: not under the lock.
            let is_key = MutexGuard::unlocked(&mut self.state, || message.to.verifying_key().is_ok());
            self.session.is_current(&self.state)?;
            if !is_key {
                return Err(SubmitError::NotAKey);
            }
            self.accepts()?;
            if let Some(known) = self.known(id) {
                return Ok(known);
            }
            recipient = self.state.store.find(&message.to);
        }
        self.deposit(id, message, recipient)
    }

    fn accepts(&self) -> Result<(), SubmitError> {
        if self.state.draining { Err(SubmitError::Draining) } else { Ok(()) }
    }

    fn known(&self, id: &str) -> Option<Submitted> {
        let store = &self.state.store;
        let expires_at = store.known(self.session.account, id)?;
        let delivered = store.was_delivered(self.session.account, id);
        let position = store.known_position(self.session.account, id);
        Some(Submitted::at(position, Accepted { expires_at, duplicate: true, delivered }))
    }

    fn deposit(
        &mut self,
        id: &str,
        message: &NewMessage<'_>,
        recipient: Option<AccountId>,
    ) -> Result<Submitted, SubmitError> {
        let state = &mut *self.state;
        let due_before = state.store.next_due();
        let deposited = state.store.deposit_to(self.now, self.session.account, recipient, (id, message));
        let Deposited { online, expires_at, position } = deposited.map_err(SubmitError::Quota)?;
        if let Some(online) = online.and_then(|recipient| state.online.get(recipient)) {
            self.wakes.add(&online.signal);
        }
        if due_before.is_none_or(|due| state.store.next_due().is_some_and(|now_due| now_due < due)) {
            self.session.hub.due_earlier.notify_one();
        }
        Ok(Submitted::at(position, Accepted { expires_at, duplicate: false, delivered: false }))
    }

    /// Returns up to where answers can be given.
    #[must_use]
    pub fn settled(&self) -> Ticket {
        Ticket(self.state.settled)
    }

    /// Erases what was delivered, up to and including `seq`.
    ///
    /// # Errors
    /// [`AcknowledgeError`]: nothing was erased, or not all of it.
    pub fn acknowledge(&mut self, seq: u64) -> Result<(), AcknowledgeError> {
        self.pause_after(0)?;
        loop {
            let state = &mut *self.state;
            let before = state.store.figures().bytes;
            let result = state.store.acknowledge(self.now, self.session.account, seq, &mut state.ended);
            self.work += before.saturating_sub(state.store.figures().bytes) / BYTES_A_UNIT;
            state.tell_senders(self.wakes);
            let more = result.map_err(|NeverDelivered| AcknowledgeError::NeverDelivered)?;
            if !more {
                return Ok(());
            }
            // A window of long messages is much to overwrite: others come in between.
            self.hand_on()?;
        }
    }

    /// Takes what the session has to be sent, within these bounds. `frame` writes each of these
    /// down, under the lock, so that nothing is copied twice.
    ///
    /// # Errors
    /// [`SessionEnd`] if the session is over.
    pub fn collect(
        &mut self,
        bounds: CollectBounds,
        frame: impl Fn(&Delivery<'_>) -> String,
    ) -> Result<Collected, SessionEnd> {
        let CollectBounds { budget, short, room } = bounds;
        self.pause_after(0)?;
        let State { store, online, draining, .. } = &mut *self.state;
        if *draining {
            return Err(SessionEnd::Draining);
        }
        let account = self.session.account;
        if online.get(account).is_none_or(|online| online.overrun) {
            return Err(SessionEnd::TooSlow);
        }
        let mut collected = Collected::default();
        let mut left = budget;
        loop {
            if left == 0 {
                collected.more = true;
                return Ok(collected);
            }
            let delivery = match online.next_receipt(account) {
                Some(receipt) => Delivery::Receipt(receipt),
                None => {
                    let most = short.max(room.saturating_sub(collected.long));
                    match store.deliver_up_to(self.now, account, self.session.window, most) {
                        Ok(Some(next)) => Delivery::Mailbox(next),
                        Ok(None) => return Ok(collected),
                        Err(LongerContent(bytes)) => {
                            collected.wants = Some(bytes);
                            return Ok(collected);
                        }
                    }
                }
            };
            if let Delivery::Mailbox(Next::Message(message)) = &delivery
                && message.escaped_content.len() > short
            {
                collected.long += message.escaped_content.len();
            }
            let frame = frame(&delivery);
            left = left.saturating_sub(frame.len());
            collected.frames.push(frame);
        }
    }

    /// Counts a request, and hands the lock on first if there were enough.
    fn pause_after(&mut self, bytes: usize) -> Result<(), SessionEnd> {
        if self.work >= EXPIRED_AT_ONCE {
            self.hand_on()?;
        }
        self.work += 1 + bytes / BYTES_A_UNIT;
        Ok(())
    }

    /// Hands the lock on to the session that waits for it, and erases some more of what is due when
    /// it is back.
    fn hand_on(&mut self) -> Result<(), SessionEnd> {
        MutexGuard::bump(&mut self.state);
        self.work = 0;
        self.session.is_current(&self.state)?;
        self.now = self.session.hub.now();
        self.expire();
        Ok(())
    }

    fn expire(&mut self) {
        self.session.hub.expire(&mut self.state, self.now, self.wakes);
    }
}
