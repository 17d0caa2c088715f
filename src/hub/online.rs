//! Who is online, by the index of the account in the store, and the receipts that wait for them: bounded for each session,
//! and in all.
//!
//! In pieces: an index may be as large as there are accounts, hundreds of thousands, and a vector that grows copies all
//! that it has while everybody waits for the lock.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Signal, Wakes};
use ephemeral_core::store::{AccountId, Receipt};

/// Places whose memory is taken and given back together.
const PIECE: usize = 16;
/// Receipts that wait for a sender which does not read, at most: more, and its session is closed.
pub(super) const RECEIPTS: usize = 16_384;
/// Receipts that wait for all senders together, at most: more, and the session for which most wait is closed. Some
/// 11 MiB; messages that were taken are in no other account once they have expired.
pub(super) const RECEIPTS_IN_ALL: usize = 65_536;
/// The room for so many is kept where none waits.
const KEPT_ROOM: usize = 64;

/// One session, as the hub knows it.
pub(super) struct OnlineSession {
    pub(super) session: u64,
    pub(super) signal: Arc<Signal>,
    receipts: VecDeque<Receipt>,
    /// More receipts than there may be have come. They are freed with it, and count no more.
    pub(super) overrun: bool,
}

/// Everybody who is online.
#[derive(Default)]
pub(super) struct OnlineTable {
    pieces: Vec<Option<Box<[Option<OnlineSession>; PIECE]>>>,
    sessions: usize,
    /// Receipts that wait, in all.
    receipts: usize,
}

impl OnlineTable {
    /// Returns how many there are.
    pub(super) const fn len(&self) -> usize {
        self.sessions
    }

    pub(super) fn get(&self, account: AccountId) -> Option<&OnlineSession> {
        let (piece, place) = split(account);
        self.pieces.get(piece)?.as_ref()?[place].as_ref()
    }

    fn get_mut(&mut self, account: AccountId) -> Option<&mut OnlineSession> {
        let (piece, place) = split(account);
        self.pieces.get_mut(piece)?.as_mut()?[place].as_mut()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &OnlineSession> {
        self.pieces.iter().flatten().flat_map(|piece| piece.iter()).flatten()
    }

    /// Puts a session in, which goes on with the receipts of one that it takes over from.
    pub(super) fn begin(&mut self, account: AccountId, session: u64, signal: Arc<Signal>, wakes: &mut Wakes) {
        let mut receipts = VecDeque::new();
        if let Some(older) = self.get_mut(account) {
            wakes.add(&older.signal);
            if !older.overrun {
                receipts = std::mem::take(&mut older.receipts);
            }
        }
        let (piece, place) = split(account);
        if self.pieces.len() <= piece {
            self.pieces.resize_with(piece + 1, || None);
        }
        let online = OnlineSession { session, signal, receipts, overrun: false };
        let before = self.pieces[piece].get_or_insert_with(Box::default)[place].replace(online);
        self.sessions += usize::from(before.is_none());
    }

    /// Takes a session out. It may have thousands of receipts: free it while nobody waits.
    pub(super) fn end(&mut self, account: AccountId) -> Option<OnlineSession> {
        let (piece, place) = split(account);
        let there = self.pieces.get_mut(piece)?;
        let removed = there.as_mut()?[place].take()?;
        self.sessions -= 1;
        there.take_if(|places| places.iter().all(Option::is_none));
        if !removed.overrun {
            self.receipts -= removed.receipts.len();
        }
        Some(removed)
    }

    /// Keeps a receipt for its sender, if that is online.
    pub(super) fn tell(&mut self, sender: AccountId, receipt: Receipt, wakes: &mut Wakes) {
        let Some(online) = self.get_mut(sender).filter(|online| !online.overrun) else { return };
        wakes.add(&online.signal);
        online.receipts.push_back(receipt);
        let too_many = online.receipts.len() > RECEIPTS;
        self.receipts += 1;
        let over = if too_many {
            self.get_mut(sender)
        } else if self.receipts > RECEIPTS_IN_ALL {
            self.most_behind()
        } else {
            None
        };
        if let Some(online) = over {
            online.overrun = true;
            wakes.add(&online.signal);
            let freed = online.receipts.len();
            self.receipts -= freed;
        }
    }

    /// Takes the next receipt that waits for a session.
    pub(super) fn next_receipt(&mut self, account: AccountId) -> Option<Receipt> {
        let online = self.get_mut(account).filter(|online| !online.overrun)?;
        let receipt = online.receipts.pop_front()?;
        if online.receipts.is_empty() && online.receipts.capacity() > KEPT_ROOM {
            online.receipts = VecDeque::new();
        }
        self.receipts -= 1;
        Some(receipt)
    }

    /// Looks through all sessions; what it finds has a share of [`RECEIPTS_IN_ALL`] at least, so that this is rare.
    fn most_behind(&mut self) -> Option<&mut OnlineSession> {
        let all = self.pieces.iter_mut().flatten().flat_map(|piece| piece.iter_mut()).flatten();
        all.filter(|online| !online.overrun).max_by_key(|online| online.receipts.len())
    }

    /// Returns how many places have memory.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.pieces.iter().flatten().count() * PIECE
    }

    /// Returns how many receipts wait, and for how many more than [`KEPT_ROOM`] there is room.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> (usize, usize) {
        let room = |online: &OnlineSession| online.receipts.capacity().saturating_sub(KEPT_ROOM);
        (self.receipts, self.iter().map(room).sum())
    }
}

const fn split(account: AccountId) -> (usize, usize) {
    (account.index() / PIECE, account.index() % PIECE)
}
