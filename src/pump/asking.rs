//! What a session asks of the hub in one turn, and what comes of it.

use crate::hub::{CollectBounds, Collected, SessionHandle, Submitted, Ticket, Wakes};
use ephemeral_core::protocol::{ClockReading, CloseReason, ErrorCode};
use ephemeral_core::session::{Action, Reply};
use ephemeral_core::store::{AcknowledgeError, Delivery, SubmitError};

/// The outcome of an action, in the hub.
pub(super) enum ActionOutcome {
    /// It asked for nothing.
    None,
    Submitted(Result<Submitted, SubmitError>),
    Acknowledged(Result<(), AcknowledgeError>),
}

/// The outcome of a turn.
pub(super) struct TurnOutcome {
    /// One of each action.
    pub(super) outcomes: Vec<ActionOutcome>,
    /// Up to where answers can be given.
    pub(super) settled: Ticket,
    pub(super) collected: Result<Collected, CloseReason>,
}

/// The kind of fault that an error is for the peer that caused it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Malformed,
    Quota,
    RateLimited,
}

impl Fault {
    pub(super) const fn of(code: ErrorCode) -> Option<Self> {
        match code {
            ErrorCode::Malformed => Some(Self::Malformed),
            ErrorCode::MailboxFull | ErrorCode::SenderQuota | ErrorCode::StoreFull => Some(Self::Quota),
            ErrorCode::RateLimited => Some(Self::RateLimited),
            _ => None,
        }
    }
}

/// The answer to a frame, and what the pump has to know of it.
pub(super) struct FrameAnswer {
    /// `None`: the client is not answered.
    pub(super) reply: Option<Reply>,
    /// What the answer waits for.
    pub(super) waits_for: Ticket,
    /// Whether the frame did nothing.
    pub(super) did_nothing: bool,
    /// The message up to which the client has acknowledged with this frame; 0: none.
    pub(super) acknowledged: u64,
}

impl FrameAnswer {
    /// Makes the answer out of what came of the frame. `acknowledged`: up to where the client has
    /// acknowledged, which the frame may raise.
    ///
    /// # Errors
    /// Why the session ends instead.
    pub(super) fn to(
        action: &Action<'_>,
        outcome: ActionOutcome,
        acknowledged: &mut u64,
        clocks: &ClockReading,
    ) -> Result<Self, CloseReason> {
        let mut answer = Self { reply: None, waits_for: Ticket::now(), did_nothing: false, acknowledged: 0 };
        match (action, outcome) {
            (Action::Submit(submission), ActionOutcome::Submitted(outcome)) => {
                let accepted = outcome.map(|submitted| {
                    let (accepted, waits_for) = submitted.parts();
                    answer.waits_for = waits_for;
                    accepted
                });
                answer.reply = Some(submission.answer(accepted, clocks)?);
            }
            (Action::Acknowledge(acknowledgement), ActionOutcome::Acknowledged(outcome)) => {
                let seq = acknowledgement.seq;
                answer.did_nothing = seq <= *acknowledged;
                answer.acknowledged = if outcome.is_ok() { seq } else { 0 };
                *acknowledged = seq.max(*acknowledged);
                answer.reply = acknowledgement.answer(outcome)?;
            }
            (Action::Reply(reply), _) => {
                answer.did_nothing = true;
                answer.reply = Some(reply.clone());
            }
            _ => {}
        }
        Ok(answer)
    }
}

/// Asks the hub for all of it, in one hold of its lock, and takes what it has for the session in
/// the same, if that is to be collected. Sessions that have to be woken are woken after that.
/// `again`: which of the actions may have been asked for before.
pub(super) fn ask_hub(
    handle: &SessionHandle,
    (actions, again): (&[Action<'_>], impl Fn(usize) -> bool),
    collect: Option<CollectBounds>,
    clocks: &ClockReading,
    frame: impl Fn(&Delivery<'_>) -> String,
) -> TurnOutcome {
    if collect.is_none() && actions.iter().all(|action| matches!(action, Action::Reply(_))) {
        let outcomes = actions.iter().map(|_| ActionOutcome::None).collect();
        return TurnOutcome { outcomes, settled: Ticket::now(), collected: Ok(Collected::default()) };
    }
    let mut wakes = Wakes::default();
    let mut turn = handle.turn(clocks.steady, &mut wakes);
    let outcomes = actions.iter().enumerate().map(|(number, action)| match action {
        Action::Reply(_) => ActionOutcome::None,
        Action::Submit(submission) => ActionOutcome::Submitted(match &mut turn {
            Ok(turn) if again(number) => turn.submit_again(&submission.id, submission.message()),
            Ok(turn) => turn.submit(&submission.id, submission.message()),
            Err(end) => Err((*end).into()),
        }),
        Action::Acknowledge(acknowledgement) => ActionOutcome::Acknowledged(match &mut turn {
            Ok(turn) => turn.acknowledge(acknowledgement.seq),
            Err(end) => Err((*end).into()),
        }),
    });
    let outcomes = outcomes.collect();
    let (collected, settled) = match turn {
        Ok(mut turn) => {
            let collected = match collect {
                Some(_) if handle.signal().is_evicted() => Err(CloseReason::Blocked),
                Some(bounds) => turn.collect(bounds, frame).map_err(CloseReason::from),
                None => Ok(Collected::default()),
            };
            // After that: no receipt is to come before the answer.
            (collected, turn.settled())
        }
        Err(end) => (Err(end.into()), Ticket::now()),
    };
    TurnOutcome { outcomes, settled, collected }
}
