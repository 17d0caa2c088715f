//! What becomes of a frame: the session judges it, the hub does it, and the peer is answered.

use std::task::Context;
use std::time::Duration;

use super::texts::TurnTexts;
use super::{End, State};
use crate::admission::SMALL_MESSAGE;
use crate::events::Kind;
use crate::hub::{CollectBounds, Collected, Ticket};
use crate::pump::TURN_BYTES;
use crate::pump::asking::{ActionOutcome, Fault, FrameAnswer, TurnOutcome, ask_hub};
use crate::pump::away::FromHub;
use crate::pump::seat::Seat;
use crate::pump::seat_wire::TextAnswer;
use ephemeral_core::limits::Rate;
use ephemeral_core::protocol::{ClockReading, Millis};
use ephemeral_core::session::{Action, Established, Reply};
use ephemeral_core::store::Delivery;
use tokio::time::Instant;

/// Frames a minute, and at once, that do nothing: pings, acknowledgements of what is acknowledged,
/// what nobody understands. Beyond that the session is read more slowly, and nothing else comes of
/// it: 600 a minute, since the frame that was one too many has been read and is not charged.
const IDLE_FRAMES_PER_MINUTE: u32 = 300;
const IDLE_FRAMES_AT_ONCE: u32 = 300;
const IDLE_FRAME_INTERVAL: Duration = Duration::from_millis(60_000 / IDLE_FRAMES_PER_MINUTE as u64);

impl State {
    /// Does what the frames of a turn ask for, in one hold of the hub's lock, and takes what the
    /// hub has for the peer in the same. Everything is parsed before and written after it.
    pub(super) fn answer(&mut self, cx: &mut Context<'_>, texts: &TurnTexts) -> Result<(), End> {
        let Seat::Here(handle) = &self.seat else { return self.answer_away(cx, texts) };
        let mut collect = handle.signal().poll(cx.waker()) || self.collect;
        if texts.is_empty() && !collect {
            return Ok(());
        }
        let clocks = self.settings.hub.clocks();
        let rules = &self.settings.rules;
        let actions: Vec<Action<'_>> = texts.iter().map(|text| self.session.on_text(text, rules, &clocks)).collect();
        // There is room in the window then.
        collect |= actions.iter().any(|action| matches!(action, Action::Acknowledge(_)));
        let frame = |delivery: &Delivery<'_>| Established::frame(delivery, &clocks);
        let bounds = CollectBounds { budget: TURN_BYTES, short: SMALL_MESSAGE, room: self.room.bytes() };
        let bounds = collect.then_some(bounds);
        let TurnOutcome { outcomes, settled, collected } =
            ask_hub(handle, (&actions, |_| false), bounds, &clocks, frame);
        // What was taken is not taken again, whatever comes of the answers.
        self.collect = collected.as_ref().map_or(self.collect, |collected| collected.more);
        self.release(settled);
        for (action, outcome) in actions.iter().zip(outcomes) {
            self.reply(action, outcome, settled, &clocks)?;
        }
        let Collected { frames, more: _, long, wants } = collected?;
        frames.iter().for_each(|frame| self.queue(frame));
        if collect {
            self.collect |= self.room.taken(cx, (long, wants), || self.connection.frames())?;
        }
        Ok(())
    }

    /// Sends what was read to the hub of another machine, and queues what has come from there.
    fn answer_away(&mut self, cx: &mut Context<'_>, texts: &TurnTexts) -> Result<(), End> {
        let Seat::Away(away) = &mut self.seat else { return Ok(()) };
        texts.iter().for_each(|text| away.send(text));
        away.poll(cx)?;
        let mut arrived = Vec::new();
        let mut bytes = 0;
        while bytes < TURN_BYTES
            && let Some(next) = away.next()
        {
            let (FromHub::Answer(TextAnswer { frame, .. }) | FromHub::Delivery(frame)) = &next;
            bytes += frame.len();
            arrived.push(next);
        }
        self.collect = away.has_more();
        // Where there was no room for more, there is now.
        away.poll(cx)?;
        let now = self.settings.hub.now();
        for next in arrived {
            let frame = match next {
                FromHub::Delivery(frame) => frame,
                FromHub::Answer(TextAnswer { fault, did_nothing, acknowledged: _, frame }) => {
                    if did_nothing {
                        self.did_nothing(now);
                    }
                    if let Some(fault) = fault {
                        self.refused(fault, now);
                    }
                    frame
                }
            };
            if !frame.is_empty() {
                self.queue(&frame);
            }
        }
        Ok(())
    }

    /// Queues the answers that have waited and can be given now.
    fn release(&mut self, settled: Ticket) {
        while let Some(frame) = self.held.next(settled) {
            self.queue(&frame);
        }
    }

    /// Queues the answer to a frame, if there is one.
    fn reply(
        &mut self,
        action: &Action<'_>,
        outcome: ActionOutcome,
        settled: Ticket,
        clocks: &ClockReading,
    ) -> Result<(), End> {
        let answer = FrameAnswer::to(action, outcome, &mut self.acknowledged, clocks)?;
        let FrameAnswer { reply, waits_for, did_nothing, acknowledged: _ } = answer;
        if did_nothing {
            self.did_nothing(clocks.steady);
        }
        let Some(Reply { frame, error }) = reply else { return Ok(()) };
        if let Some(fault) = error.and_then(Fault::of) {
            self.refused(fault, clocks.steady);
        }
        if let Some(frame) = self.held.hold(waits_for, settled, frame) {
            self.queue(&frame);
        }
        Ok(())
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
    fn refused(&mut self, fault: Fault, now: Millis) {
        match fault {
            Fault::Malformed => self.connection.report(Kind::Malformed),
            Fault::Quota => self.connection.report(Kind::Quota),
            Fault::RateLimited => {
                let most = self.settings.rules.messages_per_minute;
                match Rate::new(most, most).take(&mut self.hasty, now) {
                    Ok(()) => self.connection.report(Kind::RateLimited),
                    Err(_) => self.connection.report(Kind::RateIgnored),
                }
            }
        }
    }
}
