//! What becomes of a frame: the session judges it, the hub does it, and the peer is answered.

use std::time::Duration;

use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use super::{End, State};
use crate::events::Kind;
use crate::hub::Wakes;
use ephemeral_core::limits::Rate;
use ephemeral_core::protocol::{ErrorCode, Millis};
use ephemeral_core::session::{Action, Reply};

/// Frames a minute, and at once, that do nothing: pings, acknowledgements of what is acknowledged,
/// what nobody understands. Beyond that the session is read more slowly, and nothing else comes of
/// it: 600 a minute, since the frame that was one too many has been read and is not charged.
const IDLE_FRAMES_PER_MINUTE: u32 = 300;
const IDLE_FRAMES_AT_ONCE: u32 = 300;

impl State {
    pub(super) fn on_text(&mut self, text: &str, wakes: &mut Wakes) -> Result<(), End> {
        let clocks = self.settings.hub.clocks();
        let reply = match self.session.on_text(text, &self.settings.rules, &clocks) {
            Action::Reply(reply) => {
                self.did_nothing(clocks.steady);
                Some(reply)
            }
            Action::Submit(submission) => {
                let outcome = self.session_handle.submit(&submission.id, submission.message(), wakes);
                Some(submission.answer(outcome, &clocks)?)
            }
            Action::Acknowledge(acknowledgement) => {
                let seq = acknowledgement.seq;
                if seq <= self.acknowledged {
                    self.did_nothing(clocks.steady);
                }
                self.acknowledged = self.acknowledged.max(seq);
                // There is room in the window.
                self.collect = true;
                acknowledgement.answer(self.session_handle.acknowledge(acknowledgement.seq, wakes))?
            }
        };
        let Some(Reply { frame, error }) = reply else { return Ok(()) };
        if let Some(code) = error {
            self.refused(code, clocks.steady);
        }
        self.queue(Message::text(frame))
    }

    /// Counts a frame that did nothing. Of too many of them, the next ones wait in the network.
    pub(super) fn did_nothing(&mut self, now: Millis) {
        let rate = Rate::new(IDLE_FRAMES_PER_MINUTE, IDLE_FRAMES_AT_ONCE);
        if let Err(wait) = rate.take(&mut self.idle_frames, now) {
            self.unread_until = Some(Instant::now() + Duration::from_millis(wait));
        }
    }

    /// Judges a refusal: a mistake of the client is a strike. Messages over the rate are not, as
    /// long as they can have been on their way when the first was refused: as many as the rate
    /// allows in a minute.
    fn refused(&mut self, code: ErrorCode, now: Millis) {
        match code {
            ErrorCode::Malformed => self.connection.report(Kind::Malformed),
            ErrorCode::MailboxFull | ErrorCode::SenderQuota | ErrorCode::StoreFull => {
                self.connection.report(Kind::Quota)
            }
            ErrorCode::RateLimited => {
                let most = self.settings.rules.messages_per_minute;
                match Rate::new(most, most).take(&mut self.hasty, now) {
                    Ok(()) => self.connection.report(Kind::RateLimited),
                    Err(_) => self.connection.report(Kind::RateIgnored),
                }
            }
            _ => {}
        }
    }
}
