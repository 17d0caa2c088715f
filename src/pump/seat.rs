//! Where a session has its place: with the hub of this machine, or of another one.

use std::sync::Arc;
use std::task::Context;

use super::away::Away;
use crate::hub::{SessionHandle, Signal};
use ephemeral_core::protocol::CloseReason;

/// A session's place. Dropping it ends the session there.
pub(super) enum Seat {
    /// With the hub of this machine.
    Here(SessionHandle),
    /// With another machine's.
    Away(Box<Away>),
}

impl Seat {
    /// Returns the signal that wakes this session.
    #[inline]
    pub(super) fn signal(&self) -> &Arc<Signal> {
        match self {
            Self::Here(handle) => handle.signal(),
            Self::Away(away) => away.signal(),
        }
    }

    /// Checks that the session does not have to end.
    #[inline]
    pub(super) fn is_over(&self) -> Result<(), CloseReason> {
        match self {
            Self::Here(handle) => Ok(handle.is_over()?),
            // It says so when it is polled.
            Self::Away(_) => Ok(()),
        }
    }

    /// Lets bytes go between this machine and another one, if the session has its place there.
    ///
    /// # Errors
    /// The reason for which the session ends.
    #[inline]
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Result<(), CloseReason> {
        match self {
            Self::Here(_) => Ok(()),
            Self::Away(away) => away.poll(cx),
        }
    }

    /// Returns whether no more is to be read, since too much waits for an answer. So many bytes
    /// were read in this turn.
    #[inline]
    pub(super) fn is_full(&self, read: usize) -> bool {
        match self {
            Self::Here(_) => false,
            Self::Away(away) => away.is_full(read),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_of_this_machine_is_no_larger_because_there_are_other_machines() {
        assert_eq!(size_of::<Seat>(), size_of::<SessionHandle>());
    }
}
