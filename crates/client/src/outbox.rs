//! What is to be sent: what is waiting, what is out without an answer, what waits for its receipt. Pure.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;
use zeroize::Zeroizing;

use super::frames;
use ephemeral_core::protocol::{ErrorCode, Fingerprint, is_message_id};

/// A message to send.
#[derive(Clone)]
pub struct Outgoing {
    /// For whom.
    pub to: Fingerprint,
    /// What is carried.
    pub content: Zeroizing<String>,
    /// The sender's name for it: 1 to 64 of `A-Za-z0-9_-`; `None`: a random UUID.
    pub id: Option<String>,
    /// How long it may wait for its recipient, in seconds; `None`: as the server has it.
    pub ttl_s: Option<u64>,
    /// Keep it until its receipt came, and send it again when the server has lost its store (a new epoch). Without
    /// this, it is forgotten when it is accepted. A receipt that was due while this client was offline never comes.
    pub until_receipt: bool,
}

impl Outgoing {
    /// A message that is forgotten when it is accepted, with an id and a time to live of their makers' choice.
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

/// What becomes of a message that the server did not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    /// It will be sent again after this time.
    Later(Duration),
    /// It will not: the caller decides.
    Final,
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
    state: State,
}

/// What is to be sent, in order. Bounded.
pub struct Outbox {
    entries: VecDeque<Entry>,
    bytes: usize,
    in_flight: usize,
    paused_until: Option<Instant>,
}

impl Outbox {
    /// Messages, at most.
    pub const MAX_MESSAGES: usize = 1024;
    /// Bytes of frames, at most.
    pub const MAX_BYTES: usize = 32 * 1024 * 1024;
    /// Bytes of one message's content, at most.
    pub const MAX_CONTENT_BYTES: usize = 1024 * 1024;
    /// A server that wants to be left alone for longer is asked again after this.
    const LONGEST_PAUSE: Duration = Duration::from_secs(600);

    /// At most `in_flight` messages are out without an answer. With 1, the order is kept whatever happens; with more, a
    /// message that is refused for a while arrives after those that were out with it.
    #[must_use]
    pub fn new(in_flight: usize) -> Self {
        Self { entries: VecDeque::new(), bytes: 0, in_flight: in_flight.max(1), paused_until: None }
    }

    /// Takes a message; its id.
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
        let (to, ttl_s) = (message.to, message.ttl_s);
        let frame = frames::Message { id: &id, to, content: &message.content, ttl_s }.encode();
        if self.entries.len() >= Self::MAX_MESSAGES || self.bytes + frame.len() > Self::MAX_BYTES {
            return Err(OutboxError::Full);
        }
        self.bytes += frame.len();
        let (content_bytes, until_receipt) = (message.content.len(), message.until_receipt);
        self.entries.push_back(Entry { id: id.clone(), content_bytes, until_receipt, frame, state: State::Waiting });
        Ok(id)
    }

    /// Whether nothing is waiting for the server or for a receipt.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The frame to send now, which counts as sent from here on.
    pub fn take_due(&mut self, now: Instant) -> Option<&str> {
        if self.paused_until.is_some_and(|until| now < until) || self.out() >= self.in_flight {
            return None;
        }
        let entry = self.entries.iter_mut().find(|entry| entry.state == State::Waiting)?;
        entry.state = State::Sent { at: now };
        Some(&entry.frame)
    }

    /// Messages out without an answer.
    #[must_use]
    pub fn out(&self) -> usize {
        self.entries.iter().filter(|entry| matches!(entry.state, State::Sent { .. })).count()
    }

    /// When there is something to do: a pause ends, or an answer is overdue.
    #[must_use]
    pub fn wake_at(&self, patience: Duration) -> Option<Instant> {
        let waiting = self.entries.iter().any(|entry| entry.state == State::Waiting);
        let pause = self.paused_until.filter(|_| waiting);
        let overdue = self.oldest_sent().map(|at| at + patience);
        pause.into_iter().chain(overdue).min()
    }

    /// Whether the server has owed an answer for longer than that.
    #[must_use]
    pub fn is_overdue(&self, now: Instant, patience: Duration) -> bool {
        self.oldest_sent().is_some_and(|at| now >= at + patience)
    }

    /// The server has taken it. `false`: there is no such message out.
    pub fn accepted(&mut self, id: &str) -> bool {
        let Some(entry) = self.position(id).and_then(|position| self.entries.get_mut(position)) else { return false };
        if entry.until_receipt {
            entry.state = State::Accepted;
        } else {
            self.remove(id);
        }
        true
    }

    /// The server has not taken it.
    pub fn refused(&mut self, id: &str, code: ErrorCode, retry_after: Option<Duration>, now: Instant) -> Rejection {
        let Some(entry) = self.position(id).and_then(|position| self.entries.get_mut(position)) else {
            return Rejection::Unknown;
        };
        if !matches!(code, ErrorCode::RateLimited | ErrorCode::Draining) {
            self.remove(id);
            return Rejection::Final;
        }
        entry.state = State::Waiting;
        let pause = retry_after.unwrap_or(Duration::from_secs(1)).min(Self::LONGEST_PAUSE);
        self.paused_until = self.paused_until.max(Some(now + pause));
        Rejection::Later(pause)
    }

    /// It has met its end. `false`: nobody was waiting for that.
    pub fn receipt(&mut self, id: &str) -> bool {
        self.remove(id)
    }

    /// A new session: what had no answer is sent again, under the same id; in a new epoch also what was accepted.
    pub fn reconnected(&mut self, new_epoch: bool) {
        for entry in &mut self.entries {
            if new_epoch || entry.state != State::Accepted {
                entry.state = State::Waiting;
            }
        }
    }

    /// Takes out what is larger than the server takes: sending it would cost the session. Their ids.
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
