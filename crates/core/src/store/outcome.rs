//! What comes of the requests that sessions make, as data: what a client is told of it is the
//! session's matter.

use super::{Next, QuotaExceeded};
use crate::protocol::{Fingerprint, ReceiptStatus, WireTime};

/// A message is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// The time in force.
    pub expires_at: WireTime,
    /// Whether it had been accepted before.
    pub duplicate: bool,
    /// Whether it was delivered since, and its recipient lets senders know.
    pub delivered: bool,
}

/// Why a message is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubmitError {
    /// The session is over.
    Ended(SessionEnd),
    /// The server is shutting down.
    Draining,
    /// The sender has used up its rate.
    RateLimited {
        /// Milliseconds until there is one again.
        wait_ms: u64,
    },
    /// Nothing was to be kept, and the id is not known.
    NoMessage,
    /// Its recipient is not a key.
    NotAKey,
    /// There is no room for it.
    Quota(QuotaExceeded),
}

/// Why an acknowledgement counts for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AcknowledgeError {
    /// The session is over.
    Ended(SessionEnd),
    /// The session was never sent that far.
    NeverDelivered,
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

/// Why a session cannot begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinError {
    /// There are as many as there may be.
    Overloaded,
    /// The server is shutting down.
    Draining,
}

/// The end of a message, for its sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The sender's name for the message.
    pub id: String,
    /// The recipient.
    pub to: Fingerprint,
    /// Which end.
    pub status: ReceiptStatus,
    /// When.
    pub at: WireTime,
}

/// The next thing that a session has to be sent.
#[derive(Debug)]
pub enum Delivery<'store> {
    /// The end of a message that it sent.
    Receipt(Receipt),
    /// Something from its mailbox.
    Mailbox(Next<'store>),
}

impl From<SessionEnd> for SubmitError {
    fn from(end: SessionEnd) -> Self {
        Self::Ended(end)
    }
}

impl From<SessionEnd> for AcknowledgeError {
    fn from(end: SessionEnd) -> Self {
        Self::Ended(end)
    }
}
