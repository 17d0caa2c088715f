//! What becomes of a frame: the session judges it, the hub does it, and the peer is answered.

use std::task::Context;
use std::time::Duration;

use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use super::texts::TurnTexts;
use super::{End, State};
use crate::events::Kind;
use crate::hub::{Collected, Submitted, Ticket, Wakes};
use crate::pump::TURN_BYTES;
use ephemeral_core::limits::Rate;
use ephemeral_core::protocol::{ClockReading, ErrorCode, Millis};
use ephemeral_core::session::{Action, Established, Reply};
use ephemeral_core::store::{AcknowledgeError, Delivery, SubmitError};

/// Frames a minute, and at once, that do nothing: pings, acknowledgements of what is acknowledged,
/// what nobody understands. Beyond that the session is read more slowly, and nothing else comes of
/// it: 600 a minute, since the frame that was one too many has been read and is not charged.
const IDLE_FRAMES_PER_MINUTE: u32 = 300;
const IDLE_FRAMES_AT_ONCE: u32 = 300;
const IDLE_FRAME_INTERVAL: Duration = Duration::from_millis(60_000 / IDLE_FRAMES_PER_MINUTE as u64);

/// What came of an action, in the hub.
enum Outcome {
    /// It asked for nothing.
    None,
    Submitted(Result<Submitted, SubmitError>),
    Acknowledged(Result<(), AcknowledgeError>),
}

impl State {
    /// Does what the frames of a turn ask for, in one hold of the hub's lock, and takes what the
    /// hub has for the peer in the same. Everything is parsed before and written after it.
    pub(super) fn answer(&mut self, cx: &mut Context<'_>, texts: &TurnTexts) -> Result<(), End> {
        let mut collect = self.session_handle.signal().poll(cx.waker()) || self.collect;
        if texts.is_empty() && !collect {
            return Ok(());
        }
        let clocks = self.settings.hub.clocks();
        let rules = &self.settings.rules;
        let actions: Vec<Action<'_>> = texts.iter().map(|text| self.session.on_text(text, rules, &clocks)).collect();
        // There is room in the window then.
        collect |= actions.iter().any(|action| matches!(action, Action::Acknowledge(_)));
        let (outcomes, settled, collected) = self.ask_hub(&actions, collect, &clocks);
        // What was taken is not taken again, whatever comes of the answers.
        self.collect = collected.as_ref().map_or(self.collect, |collected| collected.more);
        self.release(cx, settled)?;
        for (action, outcome) in actions.iter().zip(outcomes) {
            self.reply(action, outcome, settled, &clocks)?;
        }
        for frame in collected?.frames {
            self.queue(Message::text(frame))?;
        }
        Ok(())
    }

    /// Asks the hub for all of it, in one hold of its lock. Those who are to be woken are woken
    /// after that.
    fn ask_hub(
        &self,
        actions: &[Action<'_>],
        collect: bool,
        clocks: &ClockReading,
    ) -> (Vec<Outcome>, Ticket, Result<Collected, End>) {
        if !collect && actions.iter().all(|action| matches!(action, Action::Reply(_))) {
            return (actions.iter().map(|_| Outcome::None).collect(), Ticket::now(), Ok(Collected::default()));
        }
        let mut wakes = Wakes::default();
        let mut turn = self.session_handle.turn(clocks.steady, &mut wakes);
        let outcomes = actions.iter().map(|action| match action {
            Action::Reply(_) => Outcome::None,
            Action::Submit(submission) => Outcome::Submitted(match &mut turn {
                Ok(turn) => turn.submit(&submission.id, submission.message()),
                Err(end) => Err((*end).into()),
            }),
            Action::Acknowledge(acknowledgement) => Outcome::Acknowledged(match &mut turn {
                Ok(turn) => turn.acknowledge(acknowledgement.seq),
                Err(end) => Err((*end).into()),
            }),
        });
        let outcomes = outcomes.collect();
        let (collected, settled) = match turn {
            Ok(mut turn) => {
                let frame = |delivery: &Delivery<'_>| Established::frame(delivery, clocks);
                let collected = match self.stay() {
                    Ok(()) if collect => turn.collect(TURN_BYTES, frame).map_err(End::from),
                    Err(end) if collect => Err(end),
                    _ => Ok(Collected::default()),
                };
                // After that: no receipt is to come before the answer.
                (collected, turn.settled())
            }
            Err(end) => (Err(end.into()), Ticket::now()),
        };
        (outcomes, settled, collected)
    }

    /// Queues the answers that have waited and can be given now.
    fn release(&mut self, cx: &mut Context<'_>, settled: Ticket) -> Result<(), End> {
        let was_full = self.held.is_full();
        while let Some(frame) = self.held.next(settled) {
            self.queue(Message::text(frame))?;
        }
        if was_full && !self.held.is_full() {
            // What has arrived meanwhile was not read.
            cx.waker().wake_by_ref();
        }
        Ok(())
    }

    /// Queues the answer to a frame, if there is one.
    fn reply(
        &mut self,
        action: &Action<'_>,
        outcome: Outcome,
        settled: Ticket,
        clocks: &ClockReading,
    ) -> Result<(), End> {
        let mut ticket = Ticket::now();
        let reply = match (action, outcome) {
            (Action::Submit(submission), Outcome::Submitted(outcome)) => {
                let accepted = outcome.map(|submitted| {
                    let (accepted, waits_for) = submitted.parts();
                    ticket = waits_for;
                    accepted
                });
                Some(submission.answer(accepted, clocks)?)
            }
            (Action::Acknowledge(acknowledgement), Outcome::Acknowledged(outcome)) => {
                let seq = acknowledgement.seq;
                if seq <= self.acknowledged {
                    self.did_nothing(clocks.steady);
                }
                self.acknowledged = self.acknowledged.max(seq);
                acknowledgement.answer(outcome)?
            }
            (Action::Reply(reply), _) => {
                self.did_nothing(clocks.steady);
                Some(reply.clone())
            }
            _ => None,
        };
        let Some(Reply { frame, error }) = reply else { return Ok(()) };
        if let Some(code) = error {
            self.refused(code, clocks.steady);
        }
        match self.held.hold(ticket, settled, frame) {
            Some(frame) => self.queue(Message::text(frame)),
            None => Ok(()),
        }
    }

    /// Counts a frame that did nothing. Of too many of them, the next ones wait in the network.
    pub(super) fn did_nothing(&mut self, now: Millis) {
        let rate = Rate::new(IDLE_FRAMES_PER_MINUTE, IDLE_FRAMES_AT_ONCE);
        if let Err(wait) = rate.take(&mut self.idle_frames, now) {
            let first = || Instant::now() + Duration::from_millis(wait);
            // The others had been read with it.
            self.unread_until = Some(self.unread_until.map_or_else(first, |until| until + IDLE_FRAME_INTERVAL));
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
