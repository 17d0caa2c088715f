//! The room for the long messages that a session is being sent, out of the budget of all sessions:
//! it has some of it until they are written, and waits while there is none.

use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use crate::admission::{FrameAccount, MessageGaveWay};
use crate::pump::TURN_BYTES;
use ephemeral_core::protocol::CloseReason;

/// A session that waits for room asks again that often.
const AGAIN: Duration = Duration::from_secs(1);

/// The room of a session. It is no more than a pointer while the session needs none.
#[derive(Default)]
pub(super) struct LongRoom(Option<Box<Share>>);

/// A session's share in the budget.
struct Share {
    account: FrameAccount,
    /// What it has asked for, in bytes.
    bytes: usize,
    /// When it asks again, if it has not got them.
    again: Option<Instant>,
    /// Whether messages were taken that are not written yet.
    is_used: bool,
}

impl LongRoom {
    /// Returns the bytes of long messages that may be taken now.
    pub(super) fn bytes(&self) -> usize {
        self.0.as_ref().filter(|share| share.again.is_none() && !share.is_used).map_or(0, |share| share.bytes)
    }

    /// Takes note of what was taken, of the bytes that there were, and asks for those of the next
    /// message. Returns whether there is something to be taken now.
    ///
    /// # Errors
    /// The reason for which the session ends: others had to have its room.
    pub(super) fn taken(
        &mut self,
        cx: &mut Context<'_>,
        (long, wants): (usize, Option<usize>),
        account: impl FnOnce() -> FrameAccount,
    ) -> Result<bool, CloseReason> {
        if long > 0
            && let Some(share) = &mut self.0
        {
            share.is_used = true;
        }
        if self.0.as_ref().is_some_and(|share| share.is_used) {
            // What is written gives way first.
            return Ok(wants.is_some());
        }
        let Some(wants) = wants else {
            self.end();
            return Ok(false);
        };
        let again = Some(Instant::now());
        let share =
            self.0.get_or_insert_with(|| Box::new(Share { account: account(), bytes: 0, again, is_used: false }));
        share.bytes = share.bytes.max(wants.max(TURN_BYTES));
        share.again = again;
        self.poll(cx)
    }

    /// Asks again for room that is not there yet. Returns whether there is now.
    ///
    /// # Errors
    /// As above.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Result<bool, CloseReason> {
        let Some(share) = &mut self.0 else { return Ok(false) };
        if share.again.is_none() {
            return if share.account.gave_way(cx) { Err(CloseReason::TooSlow) } else { Ok(false) };
        }
        match share.account.poll_grow(cx, share.bytes) {
            Poll::Ready(Ok(())) => {
                share.again = None;
                Ok(true)
            }
            Poll::Ready(Err(MessageGaveWay)) => Err(CloseReason::TooSlow),
            Poll::Pending => {
                share.again = Some(Instant::now() + AGAIN);
                Ok(false)
            }
        }
    }

    /// Returns when it asks again.
    pub(super) fn asks_again(&self) -> Option<Instant> {
        self.0.as_ref()?.again
    }

    /// Gives the room back, if what it was for is written.
    pub(super) fn written(&mut self) {
        if self.0.as_ref().is_some_and(|share| share.is_used) {
            self.end();
        }
    }

    fn end(&mut self) {
        if let Some(mut share) = self.0.take() {
            share.account.complete();
        }
    }
}
