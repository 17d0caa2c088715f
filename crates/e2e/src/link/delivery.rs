//! When something that was sent is sent again.
//!
//! A server forgets: at a restart, after seven days, or because it wants to. So everything is
//! repeated until the other side acknowledged it end to end: soon where a server is known to have
//! forgotten it, otherwise no more often than once an hour.

use serde::{Deserialize, Serialize};

use crate::clock::{DAY, HOUR, MINUTE, SECOND};
use crate::effect::FrameId;
use crate::random::CoreJitter;

/// The least time between two repetitions of what may have arrived.
const LEAST_GAP: u64 = HOUR;
/// The least time before the first repetition of what a server forgot. It doubles with each, up to
/// [`LEAST_GAP`]: a server that restarts again and again does not use all repetitions up at once.
const LOST_GAP: u64 = MINUTE;
/// The time after which there is one in any case.
const REPEAT: u64 = DAY;
/// The most repetitions for other reasons than age.
const PROMPTED: u32 = 12;

/// Holds what became of something that was sent.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Transit {
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

impl Transit {
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

    /// Takes note that a server refused a frame, or dropped it for its age. Where it was refused,
    /// it would be again.
    pub(crate) fn lost(&mut self, frame: FrameId, elapsed: u64, jitter: &mut CoreJitter) {
        if self.frame == Some(frame) {
            let wait = jitter.uniform(5 * SECOND, 60 * SECOND);
            self.prompt(LEAST_GAP, elapsed, wait);
        }
    }

    /// Takes note of the present epoch of the server: what it accepted under another one is gone,
    /// and is sent again after `wait`.
    pub(crate) fn epoch(&mut self, epoch: &str, elapsed: u64, wait: u64) {
        if self.epoch.as_deref().is_some_and(|accepted| accepted != epoch) {
            self.prompt(lost_gap(self.sends), elapsed, wait);
        }
    }

    fn prompt(&mut self, gap: u64, elapsed: u64, wait: u64) {
        let Some(sent) = self.sent else { return };
        let at = elapsed.max(sent + gap) + wait;
        self.prompted_at = Some(self.prompted_at.map_or(at, |before| before.min(at)));
    }

    /// Tells whether it is repeated for its age.
    pub(crate) fn is_aged(&self, now: &Circumstances<'_>) -> bool {
        let waits = self.frame.is_some_and(|frame| (now.on_the_way)(frame));
        self.sent.is_some_and(|sent| now.elapsed >= sent + REPEAT) && !waits
    }

    /// Tells whether it is repeated for any reason.
    pub(crate) fn is_due(&self, now: &Circumstances<'_>) -> bool {
        let Some(sent) = self.sent else { return true };
        let changed = now.elapsed >= sent + LEAST_GAP && self.via.as_deref() != Some(now.front);
        let lost = self.prompted_at.is_some_and(|at| now.elapsed >= at);
        self.is_aged(now) || ((changed || lost) && self.sends <= PROMPTED)
    }
}

/// Returns the wait before what a server forgot is sent again that was sent so many times.
pub(crate) fn lost_gap(sends: u32) -> u64 {
    // Six doublings are more than an hour.
    (LOST_GAP << sends.saturating_sub(1).min(6)).min(LEAST_GAP)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::Secret;

    fn now(elapsed: u64) -> Circumstances<'static> {
        Circumstances { front: "session", unanswered: 0, elapsed, on_the_way: &|_| false }
    }

    fn sent(elapsed: u64) -> Transit {
        let mut delivery = Transit::default();
        delivery.sent("session", 1, elapsed);
        delivery.accepted(1, "first");
        delivery
    }

    #[test]
    fn what_a_server_forgot_goes_again_within_two_minutes_and_each_time_after_twice_as_long() {
        let mut elapsed = 0;
        let mut delivery = sent(elapsed);
        let mut gaps = Vec::new();
        for epoch in 0..9 {
            delivery.epoch(&epoch.to_string(), elapsed, 30 * SECOND);
            let waited = (0..).find(|second| delivery.is_due(&now(elapsed + second * SECOND))).unwrap();
            gaps.push(waited);
            elapsed += waited * SECOND;
            delivery.sent("session", epoch + 2, elapsed);
            delivery.accepted(epoch + 2, &epoch.to_string());
        }
        assert_eq!(gaps, [90, 150, 270, 510, 990, 1_950, 3_630, 3_630, 3_630]);
    }

    #[test]
    fn an_epoch_that_is_the_same_repeats_nothing_and_what_a_server_refused_waits_an_hour() {
        let mut jitter = CoreJitter::new(Secret::new([1; 32]));
        let mut delivery = sent(0);
        delivery.epoch("first", MINUTE, 0);
        assert!(!delivery.is_due(&now(DAY - 1)));
        delivery.lost(1, MINUTE, &mut jitter);
        assert!(!delivery.is_due(&now(HOUR)) && delivery.is_due(&now(HOUR + MINUTE)));
    }
}
