//! Remembers the messages that have arrived: which are duplicates, and how far the server may
//! forget. Pure.
//!
//! The server delivers at least once, so a message that was not acknowledged comes again in the
//! next session. The caller sees each (`from`, `id`) once; what it confirms is acknowledged. An
//! `ack` covers everything before it too: one is due only when everything before it has been
//! confirmed.

use std::collections::{HashMap, VecDeque};

use ephemeral_core::protocol::{Fingerprint, ReceivedMessage, WallTime, is_message_id};

/// The name by which a message is known.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MessageKey {
    /// Its sender.
    pub from: Fingerprint,
    /// The sender's name for it.
    pub id: String,
}

impl MessageKey {
    /// Returns what a message is known by; `None` if no sender could have sent it.
    pub(crate) fn of(message: &ReceivedMessage) -> Option<Self> {
        let from = Fingerprint::from_hex(&message.from).ok()?;
        is_message_id(&message.id).then(|| Self { from, id: message.id.clone() })
    }
}

/// The verdict on a message that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// Show it.
    New,
    /// It was shown before.
    Duplicate,
}

/// The server has more out than any window allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany;

#[derive(Debug)]
struct Known {
    confirmed: bool,
    forget_at: WallTime,
}

/// The messages that have arrived. Bounded, whatever the server does.
#[derive(Debug, Default)]
pub struct Inbox {
    known: HashMap<MessageKey, Known>,
    /// The keys of `known`, oldest first.
    order: VecDeque<MessageKey>,
    /// Delivered in this session and not acknowledged, in order.
    unacknowledged: VecDeque<(u64, MessageKey)>,
}

impl Inbox {
    /// How many messages are remembered, at most. Only what was out at the end of a session comes
    /// again, and that is no more than a window: the rest is for senders that send again after the
    /// server lost its store.
    pub const MAX_KNOWN: usize = 8192;

    /// Unacknowledged messages, at most: far above the window of any server.
    pub const MAX_UNACKNOWLEDGED: usize = 4096;

    /// Messages are remembered for at least this long, should the two clocks disagree.
    /// Milliseconds.
    const MIN_MEMORY: u64 = 60 * 60 * 1000;

    /// Begins a new session: nothing is delivered in it yet.
    pub fn reconnected(&mut self) {
        self.unacknowledged.clear();
    }

    /// Takes note of a message that came.
    ///
    /// # Errors
    /// [`TooMany`].
    pub fn received(
        &mut self,
        key: MessageKey,
        seq: u64,
        expires_at: WallTime,
        now: WallTime,
    ) -> Result<Arrival, TooMany> {
        if self.unacknowledged.len() >= Self::MAX_UNACKNOWLEDGED {
            return Err(TooMany);
        }
        self.unacknowledged.push_back((seq, key.clone()));
        if self.known.contains_key(&key) {
            return Ok(Arrival::Duplicate);
        }
        self.make_room(now);
        let forget_at = expires_at.max(now.plus(Self::MIN_MEMORY));
        self.known.insert(key.clone(), Known { confirmed: false, forget_at });
        self.order.push_back(key);
        Ok(Arrival::New)
    }

    /// Takes note that the caller has done with a message what it is there for.
    pub fn confirm(&mut self, key: &MessageKey) {
        if let Some(known) = self.known.get_mut(key) {
            known.confirmed = true;
        }
    }

    /// Returns the `seq` to acknowledge now, if there is a new one.
    pub fn take_ack(&mut self) -> Option<u64> {
        let mut due = None;
        while let Some((seq, key)) = self.unacknowledged.front() {
            // What was forgotten in the meantime was the oldest of thousands: it was shown.
            if self.known.get(key).is_some_and(|known| !known.confirmed) {
                break;
            }
            due = Some(*seq);
            self.unacknowledged.pop_front();
        }
        due
    }

    fn make_room(&mut self, now: WallTime) {
        while let Some(oldest) = self.order.front() {
            let expired = self.known.get(oldest).is_none_or(|known| known.forget_at <= now);
            if !expired && self.known.len() < Self::MAX_KNOWN {
                break;
            }
            self.known.remove(oldest);
            self.order.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const NOW: WallTime = WallTime(1_000_000_000);

    fn key(id: &str) -> MessageKey {
        MessageKey { from: Fingerprint::from_bytes([1; 32]), id: id.to_owned() }
    }

    fn receive(inbox: &mut Inbox, id: &str, seq: u64) -> Arrival {
        inbox.received(key(id), seq, NOW.plus(60_000), NOW).unwrap()
    }

    #[test]
    fn an_ack_waits_for_every_message_before_it() {
        let mut inbox = Inbox::default();
        for (id, seq) in [("a", 3), ("b", 4), ("c", 9)] {
            assert_eq!(receive(&mut inbox, id, seq), Arrival::New);
        }
        inbox.confirm(&key("b"));
        assert_eq!(inbox.take_ack(), None);
        inbox.confirm(&key("a"));
        assert_eq!(inbox.take_ack(), Some(4));
        assert_eq!(inbox.take_ack(), None);
        inbox.confirm(&key("c"));
        assert_eq!(inbox.take_ack(), Some(9));
    }

    #[test]
    fn a_confirmed_message_that_comes_again_is_acknowledged_at_once() {
        let mut inbox = Inbox::default();
        receive(&mut inbox, "a", 1);
        inbox.confirm(&key("a"));
        inbox.reconnected();
        assert_eq!(inbox.take_ack(), None, "an ack of another session would be malformed");
        assert_eq!(receive(&mut inbox, "a", 1), Arrival::Duplicate);
        assert_eq!(inbox.take_ack(), Some(1));
    }

    #[test]
    fn a_message_that_comes_again_before_it_was_confirmed_is_shown_once_and_acknowledged_when_it_is() {
        let mut inbox = Inbox::default();
        receive(&mut inbox, "a", 1);
        inbox.reconnected();
        assert_eq!(receive(&mut inbox, "a", 5), Arrival::Duplicate);
        assert_eq!(inbox.take_ack(), None);
        inbox.confirm(&key("a"));
        assert_eq!(inbox.take_ack(), Some(5));
    }

    #[test]
    fn the_same_id_of_another_sender_is_another_message() {
        let mut inbox = Inbox::default();
        receive(&mut inbox, "a", 1);
        let other = MessageKey { from: Fingerprint::from_bytes([2; 32]), id: "a".to_owned() };
        assert_eq!(inbox.received(other, 2, NOW, NOW), Ok(Arrival::New));
    }

    #[test]
    fn a_message_is_remembered_until_it_has_expired_and_an_hour_at_least() {
        let mut inbox = Inbox::default();
        let hour = Inbox::MIN_MEMORY;
        inbox.received(key("short"), 1, NOW, NOW).unwrap();
        inbox.received(key("long"), 2, NOW.plus(3 * hour), NOW).unwrap();
        assert_eq!(inbox.received(key("short"), 3, NOW, NOW.plus(hour - 1)), Ok(Arrival::Duplicate));
        inbox.received(key("x"), 4, NOW, NOW.plus(2 * hour)).unwrap();
        assert_eq!(inbox.received(key("short"), 5, NOW, NOW.plus(2 * hour)), Ok(Arrival::New));
        assert_eq!(inbox.received(key("long"), 6, NOW, NOW.plus(2 * hour)), Ok(Arrival::Duplicate));
    }

    #[test]
    fn the_memory_is_bounded_and_the_oldest_goes_first() {
        let mut inbox = Inbox::default();
        for number in 0..=Inbox::MAX_KNOWN {
            let id = number.to_string();
            receive(&mut inbox, &id, number as u64);
            inbox.confirm(&key(&id));
            assert_eq!(inbox.take_ack(), Some(number as u64));
        }
        assert_eq!((inbox.known.len(), inbox.order.len()), (Inbox::MAX_KNOWN, Inbox::MAX_KNOWN));
        assert_eq!(receive(&mut inbox, "1", 10_000), Arrival::Duplicate);
        assert_eq!(receive(&mut inbox, "0", 10_001), Arrival::New);
    }

    #[test]
    fn a_server_that_ignores_the_window_is_noticed() {
        let mut inbox = Inbox::default();
        for number in 0..Inbox::MAX_UNACKNOWLEDGED {
            receive(&mut inbox, &number.to_string(), number as u64);
        }
        assert_eq!(inbox.received(key("more"), 10_000, NOW, NOW), Err(TooMany));
    }
}
