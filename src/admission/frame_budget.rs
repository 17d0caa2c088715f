//! The bytes of messages that have begun and are not complete, and of those that are kept until
//! another machine has answered them: one budget for all sessions.
//!
//! A message's bytes are asked for when its header has passed, before memory is reserved for it.
//! Where there are none left, messages wait, those of the peer with least first; and the oldest
//! incomplete message of the peer that has most, or has left most unfinished lately, gives way: its
//! session ends. One that has just begun does not: it may well be on its way.

mod ledger;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use futures::task::AtomicWaker;
use tokio::time::Instant;

use super::PeerKey;
use ledger::Ledger;

/// Bytes of all messages that are not complete, at most, but for the small ones; more only where
/// one largest message needs more. What the allocator holds back of those that have gone comes on
/// top: up to three times as much.
pub const INCOMPLETE_BYTES: usize = 16 << 20;
/// A message up to this size is in nobody's budget: a session costs more than that itself.
pub const SMALL_MESSAGE: usize = 4096;

/// The budget.
pub struct FrameBudget {
    started: Instant,
    ledger: Mutex<Ledger>,
}

/// The share of one connection in the budget.
pub struct FrameAccount {
    budget: Arc<FrameBudget>,
    peer: PeerKey,
    /// Its message in the ledger, if it has one there.
    message: Option<u64>,
    woken: Arc<AtomicWaker>,
}

/// The bytes of a complete message that is kept, for as long as this is.
pub struct HeldMessage {
    budget: Arc<FrameBudget>,
    peer: PeerKey,
    bytes: usize,
}

/// The message of this connection gave way to others: the connection has to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageGaveWay;

impl FrameBudget {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { started: Instant::now(), ledger: Mutex::new(Ledger::new(INCOMPLETE_BYTES)) })
    }

    /// Returns the bytes that are in use.
    #[must_use]
    pub fn used(&self) -> usize {
        self.lock().used()
    }

    pub(super) fn account(self: &Arc<Self>, peer: PeerKey) -> FrameAccount {
        FrameAccount { budget: Arc::clone(self), peer: peer.site(), message: None, woken: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
impl FrameAccount {
    /// Returns one of a budget of its own, of so many bytes.
    pub(crate) fn of_a_budget_of(total: usize) -> Self {
        let budget = FrameBudget { started: Instant::now(), ledger: Mutex::new(Ledger::new(total)) };
        Arc::new(budget).account(PeerKey::V4([192, 0, 2, 1], 32))
    }

    /// Returns one of the same peer.
    pub(crate) fn another(&self) -> Self {
        self.budget.account(self.peer)
    }

    pub(crate) fn used(&self) -> usize {
        self.budget.used()
    }
}

impl FrameAccount {
    /// Asks that the message may have so many bytes in all. Ask with the same number until it is
    /// ready, when the task is woken and once a second: with time, others have to make room.
    ///
    /// # Errors
    /// [`MessageGaveWay`].
    pub fn poll_grow(&mut self, cx: &mut Context<'_>, bytes: usize) -> Poll<Result<(), MessageGaveWay>> {
        self.woken.register(cx.waker());
        let mut ledger = self.budget.lock();
        let now = self.budget.started.elapsed();
        let message = *self.message.get_or_insert_with(|| ledger.begin(self.peer, &self.woken));
        if ledger.gave_way(message) {
            return Poll::Ready(Err(MessageGaveWay));
        }
        if ledger.grow(now, message, bytes) { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    /// Tells whether the message gave way; the task is woken when it does.
    pub fn gave_way(&self, cx: &Context<'_>) -> bool {
        let Some(message) = self.message else { return false };
        self.woken.register(cx.waker());
        self.budget.lock().gave_way(message)
    }

    /// Gives the bytes of a complete message back.
    pub fn complete(&mut self) {
        self.end(true);
    }

    /// Counts the bytes of a complete message that is kept, whether there is room or not.
    #[must_use]
    pub fn hold(&self, bytes: usize) -> HeldMessage {
        self.budget.lock().hold(self.peer, bytes);
        HeldMessage { budget: Arc::clone(&self.budget), peer: self.peer, bytes }
    }

    /// Returns whether there is room for nothing more.
    #[must_use]
    pub fn is_used_up(&self) -> bool {
        self.budget.lock().is_used_up()
    }

    fn end(&mut self, complete: bool) {
        if let Some(message) = self.message.take() {
            self.budget.lock().end(self.budget.started.elapsed(), message, complete);
        }
    }
}

impl Drop for HeldMessage {
    fn drop(&mut self) {
        self.budget.lock().release(self.budget.started.elapsed(), self.peer, self.bytes);
    }
}

impl Drop for FrameAccount {
    fn drop(&mut self) {
        self.end(false);
    }
}
