//! The receipts that wait for one sender: in pieces, so that no growing copies them all while the
//! lock is held.

use std::collections::VecDeque;

use ephemeral_core::store::Receipt;

/// Receipts of one piece, at most.
const PIECE: usize = 256;
/// The room for so many is kept where none waits.
const KEPT_ROOM: usize = 64;

/// The receipts that wait for one sender, the oldest first.
#[derive(Default)]
pub(super) struct ReceiptQueue {
    pieces: VecDeque<VecDeque<Receipt>>,
    len: usize,
}

impl ReceiptQueue {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn push(&mut self, receipt: Receipt) {
        self.len += 1;
        match self.pieces.back_mut().filter(|piece| piece.len() < PIECE) {
            Some(piece) => piece.push_back(receipt),
            None => self.pieces.push_back(VecDeque::from([receipt])),
        }
    }

    pub(super) fn pop(&mut self) -> Option<Receipt> {
        let piece = self.pieces.front_mut()?;
        let receipt = piece.pop_front()?;
        self.len -= 1;
        if piece.is_empty() && (self.len > 0 || piece.capacity() > KEPT_ROOM) {
            self.pieces.pop_front();
        }
        if self.len == 0 && self.pieces.capacity() > KEPT_ROOM {
            self.pieces.shrink_to(1);
        }
        Some(receipt)
    }

    /// Returns for how many more than are kept there is room.
    #[cfg(test)]
    pub(super) fn room(&self) -> usize {
        let room: usize = self.pieces.iter().map(VecDeque::capacity).sum();
        room.saturating_sub(KEPT_ROOM)
    }
}

#[cfg(test)]
mod tests {
    use ephemeral_core::protocol::{Fingerprint, Millis, ReceiptStatus, WireTime};

    use super::*;

    fn receipt(number: usize) -> Receipt {
        let at = WireTime::Own { at: Millis(0), draw: 0 };
        let to = Fingerprint::from_bytes([1; 32]);
        Receipt { id: number.to_string(), to, status: ReceiptStatus::Delivered, at }
    }

    #[test]
    fn receipts_come_out_in_the_order_in_which_they_went_in_and_leave_no_room_behind() {
        let mut queue = ReceiptQueue::default();
        let mut next = 0;
        for number in 0..10_000 {
            queue.push(receipt(number));
            if number % 3 == 0 {
                assert_eq!(queue.pop(), Some(receipt(next)));
                next += 1;
            }
            assert_eq!(queue.len(), number + 1 - next);
            assert!(queue.pieces.iter().all(|piece| piece.capacity() <= PIECE), "no growing copies more than that");
        }
        while let Some(popped) = queue.pop() {
            assert_eq!(popped, receipt(next));
            next += 1;
        }
        assert_eq!((next, queue.len(), queue.room()), (10_000, 0, 0));
        for number in 0..100 {
            queue.push(receipt(number));
            assert_eq!(queue.pop(), Some(receipt(number)));
        }
        assert_eq!(queue.room(), 0);
    }
}
