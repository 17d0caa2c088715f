//! When a session pings, when it looks after what was read, and when it gives its peer up.

use std::task::Context;
use std::time::Duration;

use tokio::time::Instant;

use super::{End, State};
use crate::pump::Config;
use ephemeral_core::protocol::CloseReason;

/// Returns the time to the next ping: half to one and a half of the interval, at random. Pings at a
/// fixed interval would be a beacon, with the same phase wherever the session's traffic can be
/// seen. They stay well within the idle timeout.
pub(super) fn ping_pause(timing: &Config) -> Duration {
    let half = timing.ping_interval / 2;
    let share = f64::from(getrandom::u32().unwrap_or(u32::MAX / 2)) / f64::from(u32::MAX);
    (half + timing.ping_interval.mul_f64(share)).min(timing.idle_timeout / 4 * 3)
}

impl State {
    /// Returns when the message that has begun is due, one asks for room again, or reading goes on.
    fn reading_due(&self) -> Option<Instant> {
        let message = self.socket.get_ref().message_deadline(self.settings.timing.write_timeout);
        let asks_again = self.socket.get_ref().asks_again().into_iter().chain(self.room.asks_again());
        message.into_iter().chain(self.unread_until).chain(asks_again).min()
    }

    /// Sets the timer for what was read, if that is due before anything else.
    pub(super) fn watch_reading(&mut self, cx: &mut Context<'_>) -> Result<(), End> {
        match self.reading_due().filter(|due| *due < self.timer.deadline()) {
            Some(_) => self.check_time(cx),
            None => Ok(()),
        }
    }

    /// Sends a ping when it is due, and ends a session that has been silent or stalled for too
    /// long.
    pub(super) fn check_time(&mut self, cx: &mut Context<'_>) -> Result<(), End> {
        let timing = self.settings.timing;
        if let Some(stalled) = self.stalled {
            let until = stalled + timing.write_timeout;
            if until < self.timer.deadline() {
                self.timer.as_mut().reset(until);
            }
        }
        let message_due = self.socket.get_ref().message_deadline(timing.write_timeout);
        if let Some(due) = self.reading_due().filter(|due| *due < self.timer.deadline()) {
            self.timer.as_mut().reset(due);
        }
        while self.timer.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            if message_due.is_some_and(|due| now >= due)
                || self.stalled.is_some_and(|stalled| now >= stalled + timing.write_timeout)
                || now >= self.heard + timing.idle_timeout
            {
                return Err(End::Close(CloseReason::TooSlow));
            }
            if now >= self.ping_at && self.stalled.is_none() {
                self.ping_at = now + ping_pause(&timing);
                self.ping()?;
            }
            // It is overdue while the peer does not read.
            let ping = if self.ping_at > now { self.ping_at } else { now + timing.ping_interval / 2 };
            let mut next = ping.min(self.heard + timing.idle_timeout);
            if let Some(stalled) = self.stalled {
                next = next.min(stalled + timing.write_timeout);
            }
            if let Some(due) = self.reading_due().filter(|due| *due > now) {
                next = next.min(due);
            }
            self.timer.as_mut().reset(next);
        }
        Ok(())
    }
}
