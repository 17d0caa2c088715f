//! What a session does in the hub, under one lock: a burst of frames costs one, and not one each.

use std::sync::MutexGuard;

use super::{Gone, Seat, State, Wakes};
use crate::protocol::{CAUGHT_UP, ErrorCode, Fingerprint, Millis, encode};
use crate::session::{Draft, Refusal, Submission};
use crate::store::{Full, Letter, NeverDelivered, Next};

/// A message is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
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

/// One session in the hub. The lock is taken when it is first needed, and held until this is dropped: what can be done
/// before or afterwards does not belong in between.
pub struct Turn<'turn> {
    seat: &'turn Seat,
    wakes: &'turn mut Wakes,
    held: Option<Held<'turn>>,
}

/// The lock, and when it was taken: the time of all that is done under it.
struct Held<'turn> {
    state: MutexGuard<'turn, State>,
    now: Millis,
}

impl<'turn> Turn<'turn> {
    pub(super) const fn new(seat: &'turn Seat, wakes: &'turn mut Wakes) -> Self {
        Self { seat, wakes, held: None }
    }

    /// The hub's state, in which nothing is overdue, and the time.
    fn hold(&mut self) -> Result<(&mut State, &mut Wakes, Millis), Gone> {
        let held = match self.held.take() {
            Some(held) => held,
            None => {
                let mut state = self.seat.current()?;
                let now = self.seat.hub.now();
                self.seat.hub.expire(&mut state, now, self.wakes);
                Held { state, now }
            }
        };
        let Held { state, now } = self.held.insert(held);
        Ok((state, self.wakes, *now))
    }

    /// Keeps a message, or says why not.
    ///
    /// # Errors
    /// [`Gone`] if this session is over: nothing was kept.
    pub fn submit(&mut self, submission: &Submission) -> Result<Result<Kept, Refusal>, Gone> {
        let outcome = match self.judge(submission)? {
            Ok(Judged::Known(expires_at)) => Ok(Kept { expires_at, duplicate: true }),
            Ok(Judged::New(draft)) => self.deposit(&submission.id, draft)?,
            Ok(Judged::ForAStranger(draft)) if self.is_a_key(&draft.to) => self.deposit(&submission.id, draft)?,
            Ok(Judged::ForAStranger(_)) => {
                Err(Refusal::new(ErrorCode::InvalidRecipient, "`to` is not a valid Ed25519 public key"))
            }
            Err(refusal) => Err(refusal),
        };
        let (State { totals, .. }, ..) = self.hold()?;
        *match &outcome {
            Ok(Kept { duplicate: false, .. }) => &mut totals.accepted,
            Ok(Kept { duplicate: true, .. }) => &mut totals.duplicates,
            Err(_) => &mut totals.rejected,
        } += 1;
        Ok(outcome)
    }

    fn judge<'draft>(&mut self, submission: &'draft Submission) -> Result<Result<Judged<'draft>, Refusal>, Gone> {
        let party = self.seat.party;
        let (State { store, settings, draining, .. }, _, now) = self.hold()?;
        if *draining {
            return Ok(Err(shutting_down()));
        }
        if let Err(wait) = store.take_rate(now, party, &settings.rate) {
            let refusal = Refusal::new(ErrorCode::RateLimited, "too many messages: wait `retry_after_ms`");
            return Ok(Err(Refusal { retry_after_ms: Some(wait), ..refusal }));
        }
        if let Some(expires_at) = store.known(party, &submission.id) {
            return Ok(Ok(Judged::Known(expires_at)));
        }
        Ok(submission.verdict.as_ref().map_err(|refusal| *refusal).map(|draft| {
            if store.find(&draft.to).is_some() { Judged::New(draft) } else { Judged::ForAStranger(draft) }
        }))
    }

    /// Takes microseconds: not under the lock.
    fn is_a_key(&mut self, fingerprint: &Fingerprint) -> bool {
        self.held = None;
        fingerprint.verifying_key().is_ok()
    }

    fn deposit(&mut self, id: &str, draft: &Draft) -> Result<Result<Kept, Refusal>, Gone> {
        let Seat { hub, party, .. } = self.seat;
        let letter = Letter { id, to: draft.to, escaped_content: &draft.escaped_content, expires_at: draft.expires_at };
        let (state, wakes, now) = self.hold()?;
        // The lock may have been given up since it was judged.
        if state.draining {
            return Ok(Err(shutting_down()));
        }
        let due_before = state.store.next_due();
        let recipient = match state.store.deposit(now, *party, &letter) {
            Ok(recipient) => recipient,
            Err(full) => {
                return Ok(Err(match full {
                    Full::Mailbox => Refusal::new(ErrorCode::MailboxFull, "the recipient's mailbox is full"),
                    Full::Sender => Refusal::new(ErrorCode::SenderQuota, "too much of yours is waiting already"),
                    Full::Store => Refusal::new(ErrorCode::StoreFull, "the server has no room left"),
                }));
            }
        };
        if let Some(online) = recipient.and_then(|recipient| state.online_mut(recipient)) {
            wakes.add(&online.signal);
        }
        if due_before.is_none_or(|due| draft.expires_at < due) {
            hub.due_earlier.notify_one();
        }
        Ok(Ok(Kept { expires_at: draft.expires_at, duplicate: false }))
    }

    /// Erases what was delivered, up to and including `seq`.
    ///
    /// # Errors
    /// [`Gone`] if this session is over; inside, a refusal if it was never sent that far.
    pub fn acknowledge(&mut self, seq: u64) -> Result<Result<(), Refusal>, Gone> {
        let party = self.seat.party;
        let (state, wakes, now) = self.hold()?;
        let result = state.store.acknowledge(now, party, seq, &mut state.ended);
        state.tell_senders(wakes);
        Ok(result.map_err(|NeverDelivered| {
            Refusal::new(ErrorCode::Malformed, "this session was never sent a message with this `seq`")
        }))
    }

    /// What this session has to be sent: about `budget` bytes of it, one frame more than fits.
    ///
    /// # Errors
    /// [`Gone`] if this session is over.
    pub fn collect(&mut self, budget: usize) -> Result<Collected, Gone> {
        let Seat { party, window, .. } = *self.seat;
        let (State { store, online, draining, .. }, _, now) = self.hold()?;
        if *draining {
            return Err(Gone::Draining);
        }
        let mut collected = Collected::default();
        let mut left = budget;
        let Some(Some(online)) = online.get_mut(party.index()) else { return Err(Gone::Replaced) };
        if online.overrun {
            return Err(Gone::TooSlow);
        }
        loop {
            if left == 0 {
                collected.more = true;
                return Ok(collected);
            }
            let frame = if let Some(receipt) = online.receipts.pop_front() {
                encode(&receipt)
            } else {
                match store.deliver(now, party, window) {
                    Some(Next::Message(message)) => message.encode(),
                    Some(Next::CaughtUp) => CAUGHT_UP.to_owned(),
                    None => return Ok(collected),
                }
            };
            left = left.saturating_sub(frame.len());
            collected.frames.push(frame);
        }
    }
}

/// What is to be done with a message whose sender is within its rate.
enum Judged<'draft> {
    /// Its id was used before.
    Known(Millis),
    /// It can be kept.
    New(&'draft Draft),
    /// It can be kept, if its recipient, of whom nothing is known yet, is a key.
    ForAStranger(&'draft Draft),
}

const fn shutting_down() -> Refusal {
    Refusal::new(ErrorCode::Draining, "the server is shutting down")
}
