//! One session's place in the hub. Dropping it ends the session there.

use std::sync::{Arc, MutexGuard};

use super::{Hub, Signal, State, Wakes};
use ephemeral_core::protocol::{CAUGHT_UP, ErrorCode, Millis, encode};
use ephemeral_core::session::{Draft, Refusal, Submission};
use ephemeral_core::store::{AccountId, Letter, NeverDelivered, Next, QuotaExceeded};

/// One session's place in the hub. Whatever it had not acknowledged when it is dropped is delivered again.
pub struct SessionHandle {
    pub(super) hub: Arc<Hub>,
    pub(super) account: AccountId,
    pub(super) session: u64,
    pub(super) signal: Arc<Signal>,
    pub(super) window: usize,
    pub(super) replaces: bool,
}

/// Why a session has to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionEnd {
    /// Another session of the same fingerprint took over.
    Replaced,
    /// It does not read its receipts.
    TooSlow,
    /// The server is shutting down, or has erased everything.
    Draining,
}

/// A message is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// The time in force.
    pub expires_at: Millis,
    /// Whether it had been accepted before.
    pub duplicate: bool,
}

/// Frames to send, in order.
#[derive(Debug, Default)]
pub struct Collected {
    /// The frames.
    pub frames: Vec<String>,
    /// Whether there were more than the budget let through.
    pub more: bool,
}

impl SessionHandle {
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

    /// Keeps a message, or says why not.
    ///
    /// # Errors
    /// [`SessionEnd`] if this session is over: nothing was kept.
    pub fn submit(
        &self,
        submission: &Submission<'_>,
        wakes: &mut Wakes,
    ) -> Result<Result<Accepted, Refusal>, SessionEnd> {
        let mut known_key = false;
        loop {
            let mut state = self.current()?;
            let Some(outcome) = self.try_submit(&mut state, submission, known_key, wakes) else {
                // Takes microseconds: not under the lock.
                drop(state);
                known_key = true;
                if submission.verdict.as_ref().is_ok_and(|draft| draft.to.verifying_key().is_err()) {
                    let message = "`to` is not a valid Ed25519 public key";
                    self.current()?.totals.rejected += 1;
                    return Ok(Err(Refusal::new(ErrorCode::InvalidRecipient, message)));
                }
                continue;
            };
            let totals = &mut state.totals;
            *match &outcome {
                Ok(Accepted { duplicate: false, .. }) => &mut totals.accepted,
                Ok(Accepted { duplicate: true, .. }) => &mut totals.duplicates,
                Err(_) => &mut totals.rejected,
            } += 1;
            return Ok(outcome);
        }
    }

    /// Returns whether a message of this session's sender was delivered, and its recipient lets senders know.
    pub fn was_delivered(&self, id: &str) -> bool {
        self.current().is_ok_and(|state| state.store.was_delivered(self.account, id))
    }

    /// `None` where it has to be known first whether the recipient is a key.
    fn try_submit(
        &self,
        state: &mut State,
        submission: &Submission<'_>,
        known_key: bool,
        wakes: &mut Wakes,
    ) -> Option<Result<Accepted, Refusal>> {
        if state.draining {
            return Some(Err(Refusal::new(ErrorCode::Draining, "the server is shutting down")));
        }
        let now = self.hub.now();
        self.hub.expire(state, now, wakes);
        if !known_key && let Err(wait) = state.store.take_rate(now, self.account, &state.settings.rate) {
            let refusal = Refusal::new(ErrorCode::RateLimited, "too many messages: wait `retry_after_ms`");
            return Some(Err(Refusal { retry_after_ms: Some(wait), ..refusal }));
        }
        if let Some(expires_at) = state.store.known(self.account, &submission.id) {
            return Some(Ok(Accepted { expires_at, duplicate: true }));
        }
        let draft = match &submission.verdict {
            Ok(draft) => draft,
            Err(refusal) => return Some(Err(*refusal)),
        };
        if !known_key && state.store.find(&draft.to).is_none() {
            return None;
        }
        Some(self.deposit(state, now, &submission.id, draft, wakes))
    }

    fn deposit(
        &self,
        state: &mut State,
        now: Millis,
        id: &str,
        draft: &Draft,
        wakes: &mut Wakes,
    ) -> Result<Accepted, Refusal> {
        let letter = Letter { id, to: draft.to, escaped_content: &draft.escaped_content, expires_at: draft.expires_at };
        let due_before = state.store.next_due();
        let recipient = state.store.deposit(now, self.account, &letter).map_err(|full| match full {
            QuotaExceeded::Mailbox => Refusal::new(ErrorCode::MailboxFull, "the recipient's mailbox is full"),
            QuotaExceeded::Sender => Refusal::new(ErrorCode::SenderQuota, "too much of yours is waiting already"),
            QuotaExceeded::Store => Refusal::new(ErrorCode::StoreFull, "the server has no room left"),
        })?;
        if let Some(online) = recipient.and_then(|recipient| state.online_mut(recipient)) {
            wakes.add(&online.signal);
        }
        if due_before.is_none_or(|due| draft.expires_at < due) {
            self.hub.due_earlier.notify_one();
        }
        Ok(Accepted { expires_at: draft.expires_at, duplicate: false })
    }

    /// Erases what was delivered, up to and including `seq`.
    ///
    /// # Errors
    /// [`SessionEnd`] if this session is over; inside, a refusal if it was never sent that far.
    pub fn acknowledge(&self, seq: u64, wakes: &mut Wakes) -> Result<Result<(), Refusal>, SessionEnd> {
        let mut state = self.current()?;
        let state = &mut *state;
        let now = self.hub.now();
        self.hub.expire(state, now, wakes);
        let result = state.store.acknowledge(now, self.account, seq, &mut state.ended);
        state.tell_senders(wakes);
        Ok(result.map_err(|NeverDelivered| {
            Refusal::new(ErrorCode::Malformed, "this session was never sent a message with this `seq`")
        }))
    }

    /// What this session has to be sent: about `budget` bytes of it, one frame more than fits.
    ///
    /// # Errors
    /// [`SessionEnd`] if this session is over.
    pub fn collect(&self, budget: usize, wakes: &mut Wakes) -> Result<Collected, SessionEnd> {
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
        let Some(Some(online)) = online.get_mut(self.account.index()) else { return Err(SessionEnd::Replaced) };
        if online.overrun {
            return Err(SessionEnd::TooSlow);
        }
        loop {
            if left == 0 {
                collected.more = true;
                return Ok(collected);
            }
            let frame = if let Some(receipt) = online.receipts.pop_front() {
                encode(&receipt)
            } else {
                match store.deliver(now, self.account, self.window) {
                    Some(Next::Message(message)) => message.encode(),
                    Some(Next::CaughtUp) => CAUGHT_UP.to_owned(),
                    None => return Ok(collected),
                }
            };
            left = left.saturating_sub(frame.len());
            collected.frames.push(frame);
        }
    }

    /// Whether this session has to end.
    ///
    /// # Errors
    /// [`SessionEnd`] if so.
    pub fn is_over(&self) -> Result<(), SessionEnd> {
        let mut state = self.current()?;
        if state.draining {
            return Err(SessionEnd::Draining);
        }
        if state.online_mut(self.account).is_some_and(|online| online.overrun) {
            Err(SessionEnd::TooSlow)
        } else {
            Ok(())
        }
    }

    /// The hub's state, if this session is still the one of its fingerprint.
    fn current(&self) -> Result<MutexGuard<'_, State>, SessionEnd> {
        let mut state = self.hub.lock();
        if state.online_mut(self.account).is_some_and(|online| online.session == self.session) {
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
            if let Some(place) = state.online.get_mut(self.account.index()) {
                *place = None;
            }
            state.sessions -= 1;
            state.store.detach(now, self.account);
        }
    }
}
