//! Erases what is due at the moment it is due; in parts, so that nobody waits for the lock
//! meanwhile.

use std::time::Duration;

use super::{Hub, State, Wakes};
use ephemeral_core::protocol::Millis;

/// The clock is looked at again at least this often: while the machine is suspended it goes on, and
/// timers do not.
const LOOK_AGAIN: Duration = Duration::from_secs(15);
/// The time between two parts of what is due at one moment: a task that waits for the lock gets it.
const BREATHER: Duration = Duration::from_millis(1);

/// A part of what was due is erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpiryPart {
    /// Whether more is due already.
    pub more: bool,
    /// How long until there is something to do.
    pub next: Option<Duration>,
}

impl Hub {
    /// Expires messages at the moment they are due, for ever.
    pub async fn keep_expiring(&self) {
        loop {
            let earlier = self.due_earlier.notified();
            let ExpiryPart { more, next } = self.expire_part();
            if more {
                tokio::time::sleep(BREATHER).await;
                continue;
            }
            tokio::select! {
                () = earlier => {}
                () = tokio::time::sleep(next.map_or(LOOK_AGAIN, |next| next.min(LOOK_AGAIN))) => {}
            }
        }
    }

    /// Erases a part of what is due, in one hold of the lock, and wakes those to whom it matters.
    pub fn expire_part(&self) -> ExpiryPart {
        let mut wakes = Wakes::default();
        let mut state = self.lock();
        let now = self.clock.now();
        let more = self.expire(&mut state, now, &mut wakes);
        let next = state.store.next_due().map(|due| Duration::from_millis(due.since(now)));
        // Not by the end of the block: sessions that are woken want the lock.
        drop(state);
        ExpiryPart { more, next }
    }

    /// Erases a part of what is due. Returns whether there is more.
    pub(super) fn expire(&self, state: &mut State, now: Millis, wakes: &mut Wakes) -> bool {
        let more = state.store.expire(now, &mut state.ended, &mut state.freed);
        state.tell_senders(wakes);
        state.wake_freed(wakes);
        more
    }
}
