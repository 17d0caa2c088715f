//! The text frames of one turn.

use std::cell::Cell;
use std::ops::Range;

use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::pump::TURN_BYTES;

/// The size up to which a frame is copied out of the WebSocket's buffer.
///
/// A frame that is kept keeps the whole buffer that it was read into, and the WebSocket allocates
/// another one for the next read: that costs several times what it costs to copy a short frame.
const COPIED: usize = 4 * 1024;
/// A thread keeps room for so many bytes, at most, from one turn to the next.
const KEPT: usize = 2 * TURN_BYTES;

thread_local! {
    /// Room for copies. Between two turns there is nothing in it but zeros.
    static ROOM: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// The texts that were read in a turn, in their order. Overwritten when it is dropped.
pub(super) struct TurnTexts {
    copies: String,
    texts: Vec<Text>,
}

enum Text {
    Copied(Range<usize>),
    Whole(Utf8Bytes),
}

impl TurnTexts {
    pub(super) fn new() -> Self {
        let mut room = ROOM.take();
        room.clear();
        Self { copies: String::from_utf8(room).unwrap_or_default(), texts: Vec::new() }
    }

    pub(super) fn push(&mut self, text: Utf8Bytes) {
        if text.len() > COPIED {
            self.texts.push(Text::Whole(text));
            return;
        }
        let start = self.copies.len();
        self.copies.push_str(&text);
        self.texts.push(Text::Copied(start..self.copies.len()));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.texts.iter().map(|text| match text {
            Text::Copied(range) => self.copies.get(range.clone()).unwrap_or_default(),
            Text::Whole(text) => text.as_str(),
        })
    }

    /// Takes the last one, if it was not copied.
    pub(super) fn pop_whole(&mut self) -> Option<Utf8Bytes> {
        match self.texts.pop()? {
            Text::Copied(_) => None,
            Text::Whole(text) => Some(text),
        }
    }
}

impl Drop for TurnTexts {
    fn drop(&mut self) {
        let mut room = std::mem::take(&mut self.copies).into_bytes();
        // A larger one is overwritten by the allocator.
        if room.capacity() <= KEPT {
            room.fill(0);
            ROOM.set(room);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_in_their_order_whether_they_are_copied_or_not() {
        let long = "l".repeat(COPIED + 1);
        let mut texts = TurnTexts::new();
        assert!(texts.is_empty());
        for text in ["one", &long, "", "zwölf"] {
            texts.push(text.into());
        }
        assert!(!texts.is_empty());
        assert_eq!(texts.iter().collect::<Vec<_>>(), ["one", &long, "", "zwölf"]);
        assert_eq!(texts.pop_whole(), None, "a copy");
        assert_eq!(texts.pop_whole(), None);
        assert_eq!(texts.pop_whole(), Some(long.as_str().into()));
    }

    #[test]
    fn nothing_of_a_turn_is_left_in_the_room_that_a_thread_keeps() {
        let mut texts = TurnTexts::new();
        texts.push("a secret".into());
        drop(texts);
        assert_eq!(ROOM.take(), [0; 8]);
        let mut texts = TurnTexts::new();
        for _ in 0..=KEPT / COPIED {
            texts.push("x".repeat(COPIED).into());
        }
        drop(texts);
        assert_eq!(ROOM.take().capacity(), 0, "and no more than it may keep");
    }
}
