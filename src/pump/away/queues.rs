//! What a front holds of a session whose seat is with another machine: what the client sent and is
//! not answered, and what has come for it.

use std::collections::VecDeque;

use crate::admission::{FrameAccount, HeldMessage, SMALL_MESSAGE};
use crate::pump::TURN_BYTES;
use crate::pump::seat_wire::{Before, Delivered, SeatFrame, TextAnswer};
use ephemeral_core::store::SessionProgress;

/// So many texts wait for an answer, and so many bytes of them, at most: then nothing more is read
/// from the client. A turn may add to them. What is beyond [`SMALL_MESSAGE`] is in the budget of
/// all sessions.
const TEXTS: usize = 256;
const TEXT_BYTES: usize = 4 * TURN_BYTES;

/// Something that has come for the client.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::pump) enum FromHub {
    Answer(TextAnswer),
    Delivery(String),
}

/// A text without an answer.
struct Text {
    text: String,
    /// Whether it was sent over a connection that is lost.
    again: bool,
    _held: Option<HeldMessage>,
}

/// See the module.
pub(super) struct Queues {
    account: FrameAccount,
    texts: VecDeque<Text>,
    text_bytes: usize,
    /// The first so many of them are on their way.
    sent: usize,
    arrived: VecDeque<FromHub>,
    arrived_bytes: usize,
    progress: SessionProgress,
    acknowledged: u64,
}

impl Queues {
    pub(super) fn new(account: FrameAccount, progress: SessionProgress) -> Self {
        Self {
            account,
            texts: VecDeque::new(),
            text_bytes: 0,
            sent: 0,
            arrived: VecDeque::new(),
            arrived_bytes: 0,
            progress,
            acknowledged: 0,
        }
    }

    /// Returns whether nothing more is to be read from the client, of whom so many bytes were read
    /// and not sent yet. Where something waits, its answer comes: nobody waits for others.
    pub(super) fn is_full(&self, read: usize) -> bool {
        self.texts.len() >= TEXTS
            || self.text_bytes >= TEXT_BYTES
            || (self.text_bytes + read > 0 && self.account.is_used_up())
    }

    pub(super) fn send(&mut self, text: &str) {
        self.text_bytes += text.len();
        let is_small = self.text_bytes <= SMALL_MESSAGE;
        let held = (!is_small).then(|| self.account.hold(text.len()));
        self.texts.push_back(Text { text: text.to_owned(), again: false, _held: held });
    }

    /// Returns the next text that is to go to the hub.
    pub(super) fn next_text(&mut self) -> Option<SeatFrame> {
        let Text { text, again, .. } = self.texts.get(self.sent)?;
        let frame = SeatFrame::Text { again: *again, text: text.clone() };
        self.sent += 1;
        Some(frame)
    }

    /// Returns whether more is to be read from the hub: a client that does not read costs what one
    /// turn may have.
    pub(super) fn has_room(&self) -> bool {
        self.arrived_bytes < TURN_BYTES
    }

    /// Takes the answer to the oldest text. False: there was none.
    pub(super) fn answered(&mut self, answer: TextAnswer) -> bool {
        if self.sent == 0 {
            return false;
        }
        let Some(Text { text, .. }) = self.texts.pop_front() else { return false };
        self.sent -= 1;
        self.text_bytes -= text.len();
        if self.texts.is_empty() {
            self.texts = VecDeque::new();
        }
        self.acknowledged = self.acknowledged.max(answer.acknowledged);
        self.arrived_bytes += answer.frame.len();
        self.arrived.push_back(FromHub::Answer(answer));
        true
    }

    /// Takes what the hub has for the client.
    pub(super) fn delivered(&mut self, what: Delivered, frame: String) {
        match what {
            Delivered::Receipt => {}
            Delivered::CaughtUp => self.progress.caught_up = true,
            Delivered::Message(number) => self.progress.sent_up_to = number,
        }
        self.arrived_bytes += frame.len();
        self.arrived.push_back(FromHub::Delivery(frame));
    }

    pub(super) fn next(&mut self) -> Option<FromHub> {
        let arrived = self.arrived.pop_front()?;
        let (FromHub::Answer(TextAnswer { frame, .. }) | FromHub::Delivery(frame)) = &arrived;
        self.arrived_bytes -= frame.len();
        if self.arrived.is_empty() {
            self.arrived = VecDeque::new();
        }
        Some(arrived)
    }

    pub(super) fn has_arrived(&self) -> bool {
        !self.arrived.is_empty()
    }

    /// Notes that the connection is lost: nobody knows what became of what was sent.
    pub(super) fn lose(&mut self) {
        self.texts.iter_mut().take(self.sent).for_each(|text| text.again = true);
        self.sent = 0;
    }

    /// Returns how far the session has come that was this when it began.
    pub(super) fn before(&self, at_first: &Before) -> Before {
        let mut now = at_first.clone();
        now.resumption.progress = self.progress;
        now.acknowledged = self.acknowledged;
        now
    }
}

#[cfg(test)]
mod tests;
