//! What is to be done at a certain moment.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use ephemeral_e2e::bytes::Key;
use ephemeral_e2e::effect::Frame;
use tokio::time::Instant;

/// A task for later.
pub(super) enum Deferred {
    /// Tell the server of a mailbox that a message was taken.
    Acknowledge(Key, u64),
    /// Send a frame.
    Send(Box<Frame>),
}

struct Entry {
    at: Instant,
    number: u64,
    due: Deferred,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.number) == (other.at, other.number)
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

/// Holds it in the order of time. The core and the windows of the servers bound how much there is.
#[derive(Default)]
pub(super) struct Agenda {
    entries: BinaryHeap<Reverse<Entry>>,
    number: u64,
}

impl Agenda {
    pub(super) fn put(&mut self, at: Instant, due: Deferred) {
        self.number += 1;
        self.entries.push(Reverse(Entry { at, number: self.number, due }));
    }

    /// Takes what is to be done now.
    pub(super) fn take(&mut self, now: Instant) -> Option<Deferred> {
        if self.wake_at()? > now {
            return None;
        }
        self.entries.pop().map(|Reverse(entry)| entry.due)
    }

    pub(super) fn wake_at(&self) -> Option<Instant> {
        self.entries.peek().map(|Reverse(entry)| entry.at)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}
