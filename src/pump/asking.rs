//! What a session asks of the hub in one turn, and what comes of it.

use crate::hub::{CollectBounds, Collected, SessionHandle, Submitted, Ticket, Wakes};
use ephemeral_core::protocol::{ClockReading, CloseReason, ErrorCode};
use ephemeral_core::session::Action;
use ephemeral_core::store::{AcknowledgeError, Delivery, SubmitError};

/// What came of an action, in the hub.
pub(super) enum ActionOutcome {
    /// It asked for nothing.
    None,
    Submitted(Result<Submitted, SubmitError>),
    Acknowledged(Result<(), AcknowledgeError>),
}

/// What came of a turn.
pub(super) struct TurnOutcome {
    /// One of each action.
    pub(super) outcomes: Vec<ActionOutcome>,
    /// Up to where answers can be given.
    pub(super) settled: Ticket,
    pub(super) collected: Result<Collected, CloseReason>,
}

/// What an error is to the peer that caused it.
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

/// Asks the hub for all of it, in one hold of its lock, and takes what it has for the session in
/// the same, if that is to be collected. Those who are to be woken are woken after that. `again`:
/// which of the actions may have been asked for before.
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
