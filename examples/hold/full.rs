//! A default store that is full, in the ways in which one can be.

use std::cell::Cell;
use std::fmt;
use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use ed25519_dalek::SigningKey;
use ephemeral::clock::Clock;
use ephemeral::hub::{self, Hub, SessionHandle, Wakes};
use ephemeral_core::limits::Rate;
use ephemeral_core::protocol::{Fingerprint, Millis, WallTime};
use ephemeral_core::store::{self, EscapedContent, NewMessage};

/// Longer than it takes to fill one.
pub(crate) const LONG_LIFE: Duration = Duration::from_secs(3000);

/// What a store is full of.
pub(crate) struct FullShape {
    name: &'static str,
    /// Bytes of content, as they are kept.
    bytes: usize,
    /// Messages for one recipient, from one sender.
    each: usize,
}

/// What costs most in one way or another: many recipients, many messages, long ones, and the
/// longest that there are (64 KiB, each byte of which takes six in JSON).
pub(crate) const SHAPES: [FullShape; 5] = [
    FullShape { name: "1 byte, each to somebody else", bytes: 1, each: 1 },
    FullShape { name: "1 byte", bytes: 1, each: 100 },
    FullShape { name: "512 bytes", bytes: 512, each: 100 },
    FullShape { name: "64 KiB", bytes: 65_536, each: 10 },
    FullShape { name: "384 KiB, escaped", bytes: 6 * 65_536, each: 2 },
];

impl fmt::Display for FullShape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "messages of {}", self.name)
    }
}

/// A full one, written down in a file as under a service manager. The senders are online, and so
/// are told of each end.
pub(crate) struct Full {
    pub(crate) hub: Arc<Hub>,
    pub(crate) file: File,
    pub(crate) expires_at: Millis,
    senders: Vec<SessionHandle>,
}

impl fmt::Display for Full {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let figures = self.hub.figures().1;
        let messages = figures.messages;
        let accounts = figures.accounts;
        let senders = self.senders.len();
        write!(formatter, "{messages} of {senders} senders, {accounts} accounts, {} MiB", figures.bytes >> 20)
    }
}

/// Returns the server's defaults, but nobody is too fast, and nothing is kept for those who are
/// online.
pub(crate) fn settings() -> hub::Config {
    hub::Config { bounds: store::Config::default(), rate: Rate::new(u32::MAX, u32::MAX), sessions: 10_000 }
}

/// Returns a clock that can be moved on.
pub(crate) fn clock() -> Clock {
    Clock::anchored(WallTime(1_790_000_000_000))
}

impl Full {
    /// Makes an empty hub, with a file.
    pub(crate) fn empty() -> Arc<Hub> {
        Self::begin().0
    }

    fn begin() -> (Arc<Hub>, File) {
        let file = ephemeral::memfd_journal::create().unwrap();
        let hub = Hub::restore(settings(), clock(), file.try_clone().unwrap()).unwrap().0;
        (hub, file)
    }

    /// Fills one with messages that all expire at one instant.
    pub(crate) fn of(shape: &FullShape, life: Duration) -> Self {
        let (hub, file) = Self::begin();
        let expires_at = hub.now().plus(u64::try_from(life.as_millis()).unwrap());
        let mut full = Self { hub, file, expires_at, senders: Vec::new() };
        let text = content(shape.bytes);
        let recipients = Cell::new(1_000_000);
        // A sender may have a sixteenth of what is free: it takes many to fill it all.
        while full.hub.figures().1.bytes < settings().bounds.total_bytes / 200 * 199 {
            let number = u32::try_from(full.senders.len()).unwrap() + 10;
            let sender = full.hub.join(fingerprint(number), true, 32).unwrap().session_handle;
            if full.fill(&sender, shape.each, &text, &recipients) == 0 {
                break;
            }
            full.senders.push(sender);
        }
        full
    }

    /// Has one sender send as much as it may. Returns how many messages that were.
    fn fill(&self, sender: &SessionHandle, each: usize, text: &str, recipients: &Cell<u32>) -> usize {
        let mut wakes = Wakes::default();
        for sent in 0.. {
            if sent % each == 0 {
                recipients.set(recipients.get() + 1);
            }
            let message = message(fingerprint(recipients.get()), text, self.expires_at);
            if sender.submit(&sent.to_string(), Some(&message), &mut wakes).is_err() {
                return sent;
            }
        }
        0
    }
}

/// Returns the fingerprint of somebody.
pub(crate) fn fingerprint(number: u32) -> Fingerprint {
    let mut seed = [7; 32];
    seed[..4].copy_from_slice(&number.to_le_bytes());
    Fingerprint::from(&SigningKey::from_bytes(&seed).verifying_key())
}

/// Returns so many bytes of content.
pub(crate) fn content(bytes: usize) -> String {
    "x".repeat(bytes)
}

/// Makes a message to somebody.
pub(crate) fn message(to: Fingerprint, content: &str, expires_at: Millis) -> NewMessage<'_> {
    NewMessage { to, escaped_content: EscapedContent::Borrowed(content), expires_at, given: None }
}

/// Passes one message from one to the other, with all that belongs to it: accepted, delivered,
/// acknowledged.
pub(crate) fn exchange(
    (alice, bob): (&SessionHandle, &SessionHandle),
    number: &mut u64,
    now: Millis,
    wakes: &mut Wakes,
) {
    *number += 1;
    let text = message(fingerprint(2), "hello", now.plus(60_000));
    // While the store is full there may be no room; it takes the lock all the same.
    let _ = alice.submit(&format!("pair-{number}"), Some(&text), wakes);
    let seq = Cell::new(0);
    bob.collect(usize::MAX, wakes, |delivery| {
        if let store::Delivery::Mailbox(store::Next::Message(message)) = delivery {
            seq.set(message.seq);
        }
        String::new()
    })
    .unwrap();
    if seq.get() > 0 {
        bob.acknowledge(seq.get(), wakes).unwrap();
    }
}
