//! Rosters and deltas as they travel in the field `signed`, since a full roster does not fit into
//! one message.
//!
//! An item is `1 | index | count | a piece of a roster` or `2 | a delta`. All pieces but the last
//! have 40,000 bytes. The roster they belong to is the one that the message goes by.

use serde::{Deserialize, Serialize};

use crate::payload::MAX_SIGNED;

/// The size of a piece in bytes.
const PIECE: usize = 40_000;
/// A roster of 50 members has at most 50 * (128 + 2 + 1,403 + 1 + 64) bytes and a little more.
const MAX_PIECES: usize = 3;
const ROSTER: u8 = 1;
const DELTA: u8 = 2;

/// Holds what an item is.
pub(crate) enum SignedItem<'a> {
    Piece { index: u8, count: u8, bytes: &'a [u8] },
    Delta(&'a [u8]),
}

pub(crate) fn read(item: &[u8]) -> Option<SignedItem<'_>> {
    match item {
        [ROSTER, index, count, bytes @ ..] if index < count && usize::from(*count) <= MAX_PIECES => {
            Some(SignedItem::Piece { index: *index, count: *count, bytes })
        }
        [DELTA, bytes @ ..] => Some(SignedItem::Delta(bytes)),
        _ => None,
    }
}

pub(crate) fn delta(bytes: &[u8]) -> Vec<u8> {
    [&[DELTA], bytes].concat()
}

/// Cuts a signed roster into items, each for a message of its own.
pub(crate) fn cut(roster: &[u8]) -> Vec<Vec<u8>> {
    let count = u8::try_from(roster.len().div_ceil(PIECE)).unwrap_or(u8::MAX);
    let numbered = roster.chunks(PIECE).zip(0u8..);
    numbered.map(|(piece, index)| [&[ROSTER, index, count], piece].concat()).collect()
}

/// Puts items together as they fit into messages.
pub(crate) fn bundle(items: Vec<Vec<u8>>) -> Vec<Vec<Vec<u8>>> {
    let mut messages: Vec<Vec<Vec<u8>>> = Vec::new();
    let mut room = 0;
    for item in items {
        match messages.last_mut() {
            Some(message) if item.len() <= room && message.len() < MAX_SIGNED => {
                room -= item.len();
                message.push(item);
            }
            _ => {
                room = PIECE.saturating_sub(item.len());
                messages.push(vec![item]);
            }
        }
    }
    messages
}

/// Collects the pieces of one roster.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Pieces {
    of: [u8; 16],
    pieces: Vec<Option<Vec<u8>>>,
}

impl Pieces {
    /// Takes a piece, and returns the roster when it is whole.
    pub(crate) fn take(&mut self, of: [u8; 16], index: u8, count: u8, bytes: &[u8]) -> Option<Vec<u8>> {
        if self.of != of || self.pieces.len() != usize::from(count) {
            self.of = of;
            self.pieces = vec![None; usize::from(count)];
        }
        *self.pieces.get_mut(usize::from(index))? = Some(bytes.to_vec());
        if self.pieces.iter().any(Option::is_none) {
            return None;
        }
        let whole = std::mem::take(&mut self.pieces);
        Some(whole.into_iter().flatten().flatten().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_roster_is_put_together_from_its_pieces_in_any_order() {
        let roster: Vec<u8> = (0..100_000u32).map(|at| at.to_be_bytes()[3]).collect();
        let mut items = cut(&roster);
        assert_eq!(items.len(), 3);
        items.reverse();
        let mut pieces = Pieces::default();
        let whole = items.iter().find_map(|item| match read(item) {
            Some(SignedItem::Piece { index, count, bytes }) => pieces.take([1; 16], index, count, bytes),
            _ => None,
        });
        assert_eq!(whole, Some(roster));
    }
}
