//! Who is online, by the index of the account in the store.
//!
//! In pieces: an index may be as large as there are accounts, hundreds of thousands, and a vector that grows copies all
//! that it has while everybody waits for the lock.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Signal;
use ephemeral_core::store::{AccountId, Receipt};

/// Places whose memory is taken and given back together.
const PIECE: usize = 16;

/// One session, as the hub knows it.
pub(super) struct OnlineSession {
    pub(super) session: u64,
    pub(super) signal: Arc<Signal>,
    pub(super) receipts: VecDeque<Receipt>,
    pub(super) overrun: bool,
}

/// Everybody who is online.
#[derive(Default)]
pub(super) struct OnlineTable {
    pieces: Vec<Option<Box<[Option<OnlineSession>; PIECE]>>>,
    sessions: usize,
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

    pub(super) fn get_mut(&mut self, account: AccountId) -> Option<&mut OnlineSession> {
        let (piece, place) = split(account);
        self.pieces.get_mut(piece)?.as_mut()?[place].as_mut()
    }

    /// Puts somebody in. Returns who was there before.
    pub(super) fn insert(&mut self, account: AccountId, online: OnlineSession) -> Option<OnlineSession> {
        let (piece, place) = split(account);
        if self.pieces.len() <= piece {
            self.pieces.resize_with(piece + 1, || None);
        }
        let before = self.pieces[piece].get_or_insert_with(Box::default)[place].replace(online);
        self.sessions += usize::from(before.is_none());
        before
    }

    pub(super) fn remove(&mut self, account: AccountId) -> Option<OnlineSession> {
        let (piece, place) = split(account);
        let there = self.pieces.get_mut(piece)?;
        let removed = there.as_mut()?[place].take()?;
        self.sessions -= 1;
        there.take_if(|places| places.iter().all(Option::is_none));
        Some(removed)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &OnlineSession> {
        self.pieces.iter().flatten().flat_map(|piece| piece.iter()).flatten()
    }

    /// Returns how many places have memory.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.pieces.iter().flatten().count() * PIECE
    }
}

const fn split(account: AccountId) -> (usize, usize) {
    (account.index() / PIECE, account.index() % PIECE)
}
