//! One message that was sent, and what is known of it.

use ephemeral_core::protocol::WallTime;

use super::CONTENT_BYTES;

/// How much later than the time for it something is done, at most, in milliseconds.
pub(super) const SLACK: u64 = 5;

/// A message that was sent.
pub(super) struct Sent {
    pub(super) from: u8,
    pub(super) to: u8,
    pub(super) id: String,
    pub(super) content: String,
    pub(super) ttl_ms: u64,
    pub(super) sent_at: WallTime,
    /// The server has read it by then, if it ever does.
    pub(super) read_by: Option<WallTime>,
    pub(super) fate: Fate,
    pub(super) seq: Option<u64>,
    /// Its recipient has said so then, for the first time; the server may have read that, and not
    /// before.
    pub(super) taken_from: Option<WallTime>,
    /// The server has read that by then, for certain, and before it expired.
    pub(super) taken_by: Option<WallTime>,
    /// Its recipient has said so in a session that lets its sender be told.
    pub(super) may_tell: bool,
    /// In one that does not.
    pub(super) may_be_silent: bool,
}

/// What the server made of a message.
pub(super) enum Fate {
    /// Nothing that anybody has read tells.
    Unknown,
    /// It was refused.
    Refused,
    /// Its id was known.
    Duplicate,
    /// It was kept, until then unless its recipient acknowledges it.
    Kept(WallTime),
}

impl Sent {
    /// Makes a message that is sent now.
    pub(super) fn new(from: u8, to: u8, id: String, content: String, ttl_ms: u64, now: WallTime) -> Self {
        Self {
            from,
            to,
            id,
            content,
            ttl_ms,
            sent_at: now,
            read_by: None,
            fate: Fate::Unknown,
            seq: None,
            taken_from: None,
            taken_by: None,
            may_tell: false,
            may_be_silent: false,
        }
    }

    pub(super) fn is_called(&self, from: u8, id: &str) -> bool {
        self.from == from && self.id == id
    }

    /// Returns what it is refused as, unless its id is known.
    pub(super) fn error(&self) -> Option<&'static str> {
        if self.ttl_ms == 0 {
            Some("already_expired")
        } else if self.content.len() > CONTENT_BYTES {
            Some("content_too_large")
        } else {
            self.content.is_empty().then_some("content_empty")
        }
    }

    /// Returns when it expires, if it is known to have been kept.
    pub(super) fn end(&self) -> Option<WallTime> {
        match self.fate {
            Fate::Kept(end) => Some(end),
            _ => None,
        }
    }

    /// Returns when it was accepted, if it is known to have been.
    pub(super) fn accepted_at(&self) -> Option<WallTime> {
        self.end().map(|end| WallTime(end.0 - self.ttl_ms))
    }

    /// Notes that it may have been kept, and if so until `end`.
    pub(super) fn may_have_been_kept(&self, end: WallTime, now: WallTime) -> bool {
        let times = self.sent_at..=self.read_by.unwrap_or(now);
        let accepted = end.0.checked_sub(self.ttl_ms).map(WallTime);
        matches!(self.fate, Fate::Unknown)
            && self.error().is_none()
            && accepted.is_some_and(|accepted| times.contains(&accepted))
    }

    /// Returns whether it waits, for certain.
    pub(super) fn waits(&self, now: WallTime) -> bool {
        self.end() > Some(now) && self.taken_from.is_none()
    }

    /// Returns whether it counts against the bounds of its mailbox, for certain: it waits, or was
    /// taken in secret.
    pub(super) fn counts(&self, now: WallTime) -> bool {
        self.end() > Some(now) && (self.taken_from.is_none() || !self.may_tell)
    }

    /// Returns whether it may have counted at this time, or after it.
    pub(super) fn may_count(&self, since: WallTime) -> bool {
        self.may_have_lived(since) && (self.may_be_silent || self.taken_by.is_none_or(|by| by > since))
    }

    /// Returns whether it may have waited at this time, or after it.
    pub(super) fn may_wait(&self, since: WallTime) -> bool {
        self.may_have_lived(since) && self.taken_by.is_none_or(|by| by > since)
    }

    fn may_have_lived(&self, since: WallTime) -> bool {
        let latest_end = match self.fate {
            Fate::Refused | Fate::Duplicate => return false,
            Fate::Kept(end) => Some(end),
            Fate::Unknown if self.error().is_some() => return false,
            Fate::Unknown => self.read_by.map(|by| by.plus(self.ttl_ms)),
        };
        latest_end.is_none_or(|end| end.plus(SLACK) > since)
    }

    /// Returns whether its sender must have been told of its end, having been there since.
    pub(super) fn is_over_since(&self, since: WallTime, now: WallTime) -> bool {
        let Fate::Kept(end) = self.fate else { return false };
        match self.taken_from.filter(|_| self.may_tell) {
            // Also if it was taken in secret.
            None => end > since && end.plus(SLACK) <= now,
            Some(from) => from > since && self.taken_by.is_some() && !self.may_be_silent,
        }
    }
}
