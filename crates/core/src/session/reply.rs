//! Answers to frames, and to what came of them.

use std::borrow::Cow;

use super::Submission;
use crate::protocol::{AcceptedFrame, ClockReading, CloseReason, ErrorCode, ErrorFrame, encode};
use crate::store::{Accepted, AcknowledgeError, JoinError, QuotaExceeded, SessionEnd, SubmitError};

/// The answer to a frame.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The answer itself.
    pub frame: String,
    /// The error that it is, if it is one.
    pub error: Option<ErrorCode>,
}

/// Why something is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// The reason, for programs.
    pub code: ErrorCode,
    /// The reason, for people.
    pub message: &'static str,
    /// The time after which another try is worth it.
    pub retry_after_ms: Option<u64>,
}

impl Refusal {
    /// Returns a refusal that another try does not change.
    #[must_use]
    pub const fn new(code: ErrorCode, message: &'static str) -> Self {
        Self { code, message, retry_after_ms: None }
    }

    /// Returns the answer to a frame with this id.
    #[must_use]
    pub fn reply(&self, id: Option<&str>) -> Reply {
        let frame = ErrorFrame { code: self.code, message: self.message, id, retry_after_ms: self.retry_after_ms };
        Reply { frame: encode(&frame), error: Some(self.code) }
    }
}

impl Submission<'_> {
    /// Returns the answer, now that the message is kept or not.
    ///
    /// # Errors
    /// The reason for which the session is closed instead.
    pub fn answer(&self, outcome: Result<Accepted, SubmitError>, clocks: &ClockReading) -> Result<Reply, CloseReason> {
        let refusal = match outcome {
            Ok(Accepted { expires_at, duplicate, delivered }) => {
                let expires_at = clocks.on_wire(expires_at);
                let frame = AcceptedFrame { id: &self.id, expires_at, duplicate, delivered }.encode();
                return Ok(Reply { frame, error: None });
            }
            Err(SubmitError::Ended(end)) => return Err(end.into()),
            Err(SubmitError::Draining) => Refusal::new(ErrorCode::Draining, "the server is shutting down"),
            Err(SubmitError::RateLimited { wait_ms }) => {
                let refusal = Refusal::new(ErrorCode::RateLimited, "too many messages: wait `retry_after_ms`");
                Refusal { retry_after_ms: Some(wait_ms), ..refusal }
            }
            Err(SubmitError::NoMessage) => self.verdict.as_ref().err().copied().unwrap_or(NOT_KEPT),
            Err(SubmitError::NotAKey) => {
                Refusal::new(ErrorCode::InvalidRecipient, "`to` is not a valid Ed25519 public key")
            }
            Err(SubmitError::Quota(quota)) => over(quota),
        };
        Ok(refusal.reply(self.named.then_some(&*self.id)))
    }
}

/// A message that could have been kept was not asked for: a fault of this program.
const NOT_KEPT: Refusal = Refusal::new(ErrorCode::Internal, "the message was not kept: send it again");

fn over(quota: QuotaExceeded) -> Refusal {
    match quota {
        QuotaExceeded::Mailbox => Refusal::new(ErrorCode::MailboxFull, "the recipient's mailbox is full"),
        QuotaExceeded::Sender => Refusal::new(ErrorCode::SenderQuota, "too much of yours is waiting already"),
        QuotaExceeded::Store => Refusal::new(ErrorCode::StoreFull, "the server has no room left"),
    }
}

/// An acknowledgement: every delivered message up to and including `seq` has arrived.
#[derive(Debug)]
pub struct Acknowledgement<'frame> {
    /// The sequence number of the last one that arrived.
    pub seq: u64,
    /// The id that an error about it carries.
    pub id: Option<Cow<'frame, str>>,
}

impl Acknowledgement<'_> {
    /// Returns the answer, if there is one: only an error is answered.
    ///
    /// # Errors
    /// The reason for which the session is closed instead.
    pub fn answer(&self, outcome: Result<(), AcknowledgeError>) -> Result<Option<Reply>, CloseReason> {
        match outcome {
            Ok(()) => Ok(None),
            Err(AcknowledgeError::Ended(end)) => Err(end.into()),
            Err(AcknowledgeError::NeverDelivered) => {
                let message = "this session was never sent a message with this `seq`";
                Ok(Some(Refusal::new(ErrorCode::Malformed, message).reply(self.id.as_deref())))
            }
        }
    }
}

impl From<SessionEnd> for CloseReason {
    fn from(end: SessionEnd) -> Self {
        match end {
            SessionEnd::Replaced => Self::Replaced,
            SessionEnd::TooSlow => Self::TooSlow,
            SessionEnd::Draining => Self::Draining,
        }
    }
}

impl From<JoinError> for CloseReason {
    fn from(error: JoinError) -> Self {
        match error {
            JoinError::Overloaded => Self::Overloaded,
            JoinError::Draining => Self::Draining,
        }
    }
}
