//! When something that was sent is sent again.
//!
//! A server forgets: at a restart, after seven days, or because it wants to. So everything is
//! repeated until the other side acknowledged it end to end, but no more often than once an hour.

use serde::{Deserialize, Serialize};

use crate::clock::{DAY, HOUR, SECOND};
use crate::effect::FrameId;
use crate::random::Jitter;

/// The least time between two repetitions.
const LEAST_GAP: u64 = HOUR;
/// The time after which there is one in any case.
const REPEAT: u64 = DAY;
/// The most repetitions for other reasons than age.
const PROMPTED: u32 = 12;

/// Holds what became of something that was sent.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Delivery {
    sent: Option<u64>,
    sends: u32,
    via: Option<String>,
    frame: Option<FrameId>,
    /// The epoch of the server that accepted the frame.
    epoch: Option<String>,
    /// When it is repeated because a server lost it, by `elapsed`.
    prompted_at: Option<u64>,
}

/// Says under which circumstances a delivery is looked at.
pub(crate) struct Circumstances<'a> {
    /// The session to encrypt with.
    pub(crate) front: &'a str,
    /// How many envelopes were sent in it since it decrypted something.
    pub(crate) unanswered: u32,
    pub(crate) elapsed: u64,
    /// Whether a frame was accepted by no server yet.
    pub(crate) on_the_way: &'a dyn Fn(FrameId) -> bool,
}

impl Delivery {
    pub(crate) fn was_sent(&self) -> bool {
        self.sent.is_some()
    }

    /// Tells whether a server has it, as far as is known.
    pub(crate) fn is_accepted(&self) -> bool {
        self.epoch.is_some()
    }

    /// Tells whether a frame is the last that it was sent in.
    pub(crate) fn is_of(&self, frame: FrameId) -> bool {
        self.frame == Some(frame)
    }

    pub(crate) fn sends(&self) -> u32 {
        self.sends
    }

    /// Takes note that it was encrypted and sent.
    pub(crate) fn sent(&mut self, via: &str, frame: FrameId, elapsed: u64) {
        let sends = self.sends.saturating_add(1);
        *self = Self { sent: Some(elapsed), sends, via: Some(via.to_owned()), frame: Some(frame), ..Self::default() };
    }

    /// Takes note that a server accepted a frame under an epoch.
    pub(crate) fn accepted(&mut self, frame: FrameId, epoch: &str) {
        if self.frame == Some(frame) {
            self.epoch = Some(epoch.to_owned());
        }
    }

    /// Takes note that a server dropped a frame for its age.
    pub(crate) fn lost(&mut self, frame: FrameId, elapsed: u64, jitter: &mut Jitter) {
        if self.frame == Some(frame) {
            self.prompt(elapsed, jitter);
        }
    }

    /// Takes note of the present epoch of the server.
    pub(crate) fn epoch(&mut self, epoch: &str, elapsed: u64, jitter: &mut Jitter) {
        if self.epoch.as_deref().is_some_and(|accepted| accepted != epoch) {
            self.prompt(elapsed, jitter);
        }
    }

    fn prompt(&mut self, elapsed: u64, jitter: &mut Jitter) {
        if self.prompted_at.is_none() {
            self.prompted_at = Some(elapsed + jitter.uniform(5 * SECOND, 60 * SECOND));
        }
    }

    /// Tells whether it is repeated for its age.
    pub(crate) fn is_aged(&self, now: &Circumstances<'_>) -> bool {
        let waits = self.frame.is_some_and(|frame| (now.on_the_way)(frame));
        self.sent.is_some_and(|sent| now.elapsed >= sent + REPEAT) && !waits
    }

    /// Tells whether it is repeated for any reason.
    pub(crate) fn is_due(&self, now: &Circumstances<'_>) -> bool {
        let Some(sent) = self.sent else { return true };
        if now.elapsed < sent + LEAST_GAP {
            return false;
        }
        let changed = self.via.as_deref() != Some(now.front);
        let lost = self.prompted_at.is_some_and(|at| now.elapsed >= at);
        self.is_aged(now) || ((changed || lost) && self.sends <= PROMPTED)
    }
}
