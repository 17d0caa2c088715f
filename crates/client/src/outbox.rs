//! Keeps the messages to send: those that wait, those that are out without an answer, those that
//! wait for a receipt. Pure but for the ids that it makes.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;
use zeroize::Zeroizing;

use super::frames;
use ephemeral_core::protocol::{ErrorCode, Fingerprint, is_message_id};

/// A message to send.
#[derive(Clone)]
pub struct Outgoing {
    /// The recipient.
    pub to: Fingerprint,
    /// The content, 1 byte to 1 MiB.
    pub content: Zeroizing<String>,
    /// The sender's name for it: 1 to 64 of `A-Za-z0-9_-`. `None` makes a random UUID.
    pub id: Option<String>,
    /// How long it may wait for its recipient, in seconds. `None` leaves it to the server.
    pub ttl_s: Option<u64>,
    /// Whether it is kept until its receipt has come.
    ///
    /// It is sent again when the server has lost its store (a new epoch). After each lost
    /// connection the client asks about it, by its id and without its content: the server says
    /// whether it was delivered, where another client of this identity has got the receipt, or
    /// nobody. Without this, a message is forgotten when it is accepted.
    pub until_receipt: bool,
}

impl Outgoing {
    /// Makes a message that is forgotten when it is accepted, with a random id and the server's
    /// time to live.
    #[must_use]
    pub fn new(to: Fingerprint, content: impl Into<String>) -> Self {
        Self { to, content: Zeroizing::new(content.into()), id: None, ttl_s: None, until_receipt: false }
    }
}

/// Why a message is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OutboxError {
    /// Too much is waiting.
    #[error("too many messages are waiting to be sent")]
    Full,
    /// No server takes so much.
    #[error("the message is larger than 1 MiB")]
    TooLarge,
    /// There is one with this id.
    #[error("a message with this id is waiting already")]
    SameId,
    /// Not 1 to 64 of `A-Za-z0-9_-`.
    #[error("an id is 1 to 64 of A-Z, a-z, 0-9, _ and -")]
    InvalidId,
    /// The operating system has none.
    #[error("no random numbers for the message's id")]
    Random,
}

/// The fate of a message that the server did not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    /// It will be sent again after this time.
    Later(Duration),
    /// It will not be sent again: the caller decides.
    Final,
    /// It had been accepted, and the server has forgotten it since: its time is over, and no
    /// receipt came.
    Forgotten,
    /// There is no such message.
    Unknown,
}

/// The meaning of an `accepted` of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acceptance {
    /// The message is accepted.
    First,
    /// It was known to be accepted, and the server still knows it.
    Again,
    /// There is no such message.
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Sent { at: Instant },
    Accepted,
}

struct Entry {
    id: String,
    content_bytes: usize,
    until_receipt: bool,
    frame: Zeroizing<String>,
    to: Fingerprint,
    state: State,
    /// In this epoch, at any time. Then the server is only asked about it.
    was_accepted: bool,
}

impl Entry {
    /// Returns what is sent: the message, or a question about it.
    ///
    /// A known id is answered `accepted` whatever else the frame says, so the question needs no
    /// content. An unknown one is answered `content_empty`: nothing can be delivered twice by
    /// asking.
    fn frame(&self) -> Cow<'_, str> {
        if self.was_accepted {
            let question = frames::Message { id: &self.id, to: self.to, content: "", ttl_s: None };
            return Cow::Owned(question.encode().to_string());
        }
        Cow::Borrowed(&self.frame)
    }
}

/// Messages to send, in order. Bounded.
pub struct Outbox {
    entries: VecDeque<Entry>,
    bytes: usize,
    in_flight: usize,
    paused_until: Option<Instant>,
}

impl Outbox {
    /// The most messages that are kept.
    pub const MAX_MESSAGES: usize = 1024;
    /// The most bytes of frames that are kept.
    pub const MAX_BYTES: usize = 32 * 1024 * 1024;
    /// The most bytes of one message's content.
    pub const MAX_CONTENT_BYTES: usize = 1024 * 1024;
    /// A server that wants to be left alone for longer is asked again after this.
    const LONGEST_PAUSE: Duration = Duration::from_secs(600);

    /// Lets `in_flight` messages be out without an answer, at most. With 1, the order is kept
    /// whatever happens; with more, a message that is refused for a while arrives after those that
    /// were out with it.
    #[must_use]
    pub fn new(in_flight: usize) -> Self {
        Self { entries: VecDeque::new(), bytes: 0, in_flight: in_flight.max(1), paused_until: None }
    }

    /// Takes a message. Returns its id.
    ///
    /// # Errors
    /// [`OutboxError`].
    pub fn push(&mut self, message: &Outgoing) -> Result<String, OutboxError> {
        if message.content.len() > Self::MAX_CONTENT_BYTES {
            return Err(OutboxError::TooLarge);
        }
        let id = match &message.id {
            Some(id) if !is_message_id(id) => return Err(OutboxError::InvalidId),
            Some(id) if self.position(id).is_some() => return Err(OutboxError::SameId),
            Some(id) => id.clone(),
            None => random_id()?,
        };
        let to = message.to;
        let ttl_s = message.ttl_s;
        let frame = frames::Message { id: &id, to, content: &message.content, ttl_s }.encode();
        if self.entries.len() >= Self::MAX_MESSAGES || self.bytes + frame.len() > Self::MAX_BYTES {
            return Err(OutboxError::Full);
        }
        self.bytes += frame.len();
        let content_bytes = message.content.len();
        let until_receipt = message.until_receipt;
        self.entries.push_back(Entry {
            id: id.clone(),
            content_bytes,
            until_receipt,
            frame,
            to,
            state: State::Waiting,
            was_accepted: false,
        });
        Ok(id)
    }

    /// Returns whether nothing is waiting for the server or for a receipt.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns the frame to send now. It counts as sent from here on.
    pub fn take_due(&mut self, now: Instant) -> Option<Cow<'_, str>> {
        if self.paused_until.is_some_and(|until| now < until) || self.out() >= self.in_flight {
            return None;
        }
        let entry = self.entries.iter_mut().find(|entry| entry.state == State::Waiting)?;
        entry.state = State::Sent { at: now };
        Some(entry.frame())
    }

    /// Returns the number of messages out without an answer.
    #[must_use]
    pub fn out(&self) -> usize {
        self.entries.iter().filter(|entry| matches!(entry.state, State::Sent { .. })).count()
    }

    /// Returns when there is something to do: a pause ends, or an answer is overdue.
    #[must_use]
    pub fn wake_at(&self, patience: Duration) -> Option<Instant> {
        let waiting = self.entries.iter().any(|entry| entry.state == State::Waiting);
        let pause = self.paused_until.filter(|_| waiting);
        let overdue = self.oldest_sent().map(|at| at + patience);
        pause.into_iter().chain(overdue).min()
    }

    /// Returns whether the server has owed an answer for longer than that.
    #[must_use]
    pub fn is_overdue(&self, now: Instant, patience: Duration) -> bool {
        self.oldest_sent().is_some_and(|at| now >= at + patience)
    }

    /// Notes that the server has taken a message.
    pub fn accepted(&mut self, id: &str) -> Acceptance {
        let Some(entry) = self.position(id).and_then(|position| self.entries.get_mut(position)) else {
            return Acceptance::Unknown;
        };
        let acceptance = if entry.was_accepted { Acceptance::Again } else { Acceptance::First };
        if entry.until_receipt {
            entry.state = State::Accepted;
            entry.was_accepted = true;
        } else {
            self.remove(id);
        }
        acceptance
    }

    /// Notes that the server has not taken a message.
    pub fn refused(&mut self, id: &str, code: ErrorCode, retry_after: Option<Duration>, now: Instant) -> Rejection {
        let Some(entry) = self.position(id).and_then(|position| self.entries.get_mut(position)) else {
            return Rejection::Unknown;
        };
        if !matches!(code, ErrorCode::RateLimited | ErrorCode::Draining) {
            let rejection = if entry.was_accepted { Rejection::Forgotten } else { Rejection::Final };
            self.remove(id);
            return rejection;
        }
        entry.state = State::Waiting;
        let pause = retry_after.unwrap_or(Duration::from_secs(1)).min(Self::LONGEST_PAUSE);
        self.paused_until = self.paused_until.max(Some(now + pause));
        Rejection::Later(pause)
    }

    /// Notes that a message has met its end. Returns whether anybody was waiting for that.
    pub fn receipt(&mut self, id: &str) -> bool {
        self.remove(id)
    }

    /// Begins a new session: what had no answer is sent again, under the same id, and what waits
    /// for a receipt is asked about. In a new epoch nothing counts as accepted.
    pub fn reconnected(&mut self, new_epoch: bool) {
        for entry in &mut self.entries {
            entry.state = State::Waiting;
            entry.was_accepted &= !new_epoch;
        }
    }

    /// Takes out what is larger than the server takes: sending it would cost the session. Returns
    /// their ids.
    pub fn take_oversized(&mut self, content_bytes: usize) -> Vec<String> {
        let is_oversized = |entry: &&Entry| entry.content_bytes > content_bytes;
        let ids: Vec<_> = self.entries.iter().filter(is_oversized).map(|entry| entry.id.clone()).collect();
        for id in &ids {
            self.remove(id);
        }
        ids
    }

    fn oldest_sent(&self) -> Option<Instant> {
        let sent_at = |entry: &Entry| match entry.state {
            State::Sent { at } => Some(at),
            State::Waiting | State::Accepted => None,
        };
        self.entries.iter().filter_map(sent_at).min()
    }

    fn position(&self, id: &str) -> Option<usize> {
        self.entries.iter().position(|entry| entry.id == id)
    }

    fn remove(&mut self, id: &str) -> bool {
        let removed = self.position(id).and_then(|position| self.entries.remove(position));
        self.bytes -= removed.as_ref().map_or(0, |entry| entry.frame.len());
        removed.is_some()
    }
}

fn random_id() -> Result<String, OutboxError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| OutboxError::Random)?;
    Ok(uuid::Builder::from_random_bytes(bytes).into_uuid().to_string())
}

#[cfg(test)]
mod tests;
