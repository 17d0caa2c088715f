//! A session whose client is connected to another machine, as its hub has it.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::{poll_fn, ready};
use std::io;
use std::sync::Arc;
use std::task::Poll;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};

use super::End;
use crate::admission::Admission;
use crate::hub::{ByOther, CollectBounds, Joined, SessionHandle, Signal, Ticket, Wakes};
use crate::pump::asking::{ActionOutcome, Fault, FrameAnswer, TurnOutcome, ask_hub};
use crate::pump::seat_wire::{Before, Delivered, SeatFrame, SeatReader, SeatRequest, SeatWelcome, TextAnswer};
use crate::pump::{SessionContext, TURN_BYTES};
use ephemeral_core::protocol::{ClockReading, CloseReason};
use ephemeral_core::session::{Action, Beginning, Established};
use ephemeral_core::store::{Delivery, Next, SubmitError};

/// Texts of one turn, at most.
const TURN_TEXTS: usize = 64;
/// So many answers wait, at most: then nothing more is read. A turn may add to them.
const HELD: usize = 256;

/// A session whose client is connected to another machine.
pub(super) struct Guest {
    context: Arc<SessionContext>,
    session: Established,
    handle: SessionHandle,
    /// Answers that wait until what they say holds.
    held: VecDeque<(Ticket, SeatFrame)>,
    acknowledged: u64,
    /// Whether the hub may have something for the client.
    collect: bool,
    _counted: ByOther,
}

impl Guest {
    /// Gives a session its seat.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn begin(
        context: Arc<SessionContext>,
        admission: &Admission,
        request: &SeatRequest,
    ) -> Result<(Self, SeatWelcome), End> {
        let SeatRequest { proof, least, before } = request;
        let session = proof.check(&context.rules)?;
        let Established { fingerprint, receipts, window } = session;
        if admission.bars(&fingerprint) {
            return Err(CloseReason::Blocked.into());
        }
        let hub = &context.hub;
        let acquaintance = hub.acquaintance(&fingerprint);
        let limits = serde_json::to_string(&context.rules.limits(&hub.bounds(), window)).unwrap_or_default();
        let joined = match before {
            // Before the hub: a session that finds no place must not take over from one that has
            // its own.
            None if acquaintance < *least => return Err(CloseReason::Overloaded.into()),
            None => hub.join(fingerprint, receipts, window)?,
            // Its client goes by other limits.
            Some(before) if before.limits != limits => {
                return Err(End { reason: CloseReason::Draining, for_good: true });
            }
            Some(before) => hub.resume(fingerprint, receipts, window, &before.resumption)?,
        };
        let Joined { session_handle: handle, pending, epoch, bounds, at, resumption } = joined;
        let nodes = context.nodes.borrow().clone();
        let beginning = Beginning { epoch: &epoch, pending, at, bounds, nodes: nodes.as_deref() };
        let welcome = session.welcome(&context.rules, &beginning, &hub.clocks());
        let acknowledged = before.as_ref().map_or(0, |Before { acknowledged, .. }| *acknowledged);
        if acknowledged > 0 {
            // An earlier hub may have died before that was written down.
            let _ = handle.acknowledge(acknowledged, &mut Wakes::default());
        }
        let replaces = handle.replaces() && before.is_none();
        let frame_bytes = context.rules.frame_bytes();
        let welcome = SeatWelcome { welcome, resumption, limits, acquaintance, replaces, frame_bytes };
        let counted = hub.count_by_other();
        let held = VecDeque::new();
        Ok((Self { context, session, handle, held, acknowledged, collect: true, _counted: counted }, welcome))
    }

    /// Serves the session until its seat is given up.
    ///
    /// # Errors
    /// If the connection is lost.
    pub(super) async fn run(
        &mut self,
        mut reader: SeatReader<impl AsyncRead + Unpin>,
        writer: &mut (impl AsyncWrite + Unpin),
    ) -> io::Result<()> {
        let signal = Arc::clone(self.handle.signal());
        loop {
            let mut texts = Vec::new();
            self.read(&mut reader, &signal, &mut texts).await?;
            let mut out = Vec::new();
            let turn = self.turn(&texts, &mut out);
            if let Err(End { reason, for_good }) = turn {
                SeatFrame::End { reason, for_good }.put(&mut out)?;
            }
            if !out.is_empty() {
                let written = async {
                    writer.write_all(&out).await?;
                    writer.flush().await
                };
                tokio::select! {
                    written = written => written?,
                    // The front is told when it asks for the next seat.
                    () = over(&self.handle, &signal) => return Ok(()),
                }
                // It may have been raised meanwhile.
                self.collect = true;
            }
            if turn.is_err() {
                return writer.shutdown().await;
            }
        }
    }

    /// Gives the seat up, but for what the session needs if it comes back.
    pub(super) fn leave_for_a_while(self) {
        self.handle.leave_for_a_while();
    }

    /// Waits until there is something to do, and reads what there is.
    async fn read(
        &mut self,
        reader: &mut SeatReader<impl AsyncRead + Unpin>,
        signal: &Signal,
        texts: &mut Vec<(bool, String)>,
    ) -> io::Result<()> {
        let reads = self.held.len() < HELD;
        tokio::select! {
            biased;
            frame = reader.next(), if reads => texts.push(text(frame?)?),
            () = raised(signal), if !self.collect => self.collect = true,
            () = ready(()), if self.collect => {}
        }
        let mut bytes = 0;
        while reads && texts.len() < TURN_TEXTS && bytes < TURN_BYTES {
            let Some(frame) = reader.buffered()? else { break };
            let text = text(frame)?;
            bytes += text.1.len();
            texts.push(text);
        }
        Ok(())
    }

    /// Does what the texts ask for, in one hold of the hub's lock, and takes what the hub has for
    /// the client in the same.
    fn turn(&mut self, texts: &[(bool, String)], out: &mut Vec<u8>) -> Result<(), End> {
        let clocks = self.context.hub.clocks();
        let rules = &self.context.rules;
        let actions: Vec<_> = texts.iter().map(|(_, text)| self.session.on_text(text, rules, &clocks)).collect();
        // There is room in the window then.
        let collect = self.collect || actions.iter().any(|action| matches!(action, Action::Acknowledge(_)));
        let delivered = RefCell::new(Vec::new());
        let again = |number: usize| texts.get(number).is_some_and(|(again, _)| *again);
        // What its client does not read, its front does not take.
        let collect = collect.then_some(CollectBounds::any_length(TURN_BYTES));
        let asked = ask_hub(&self.handle, (&actions, again), collect, &clocks, |delivery| {
            delivered.borrow_mut().push(what(delivery));
            Established::frame(delivery, &clocks)
        });
        let TurnOutcome { outcomes, settled, collected } = asked;
        self.collect = collected.as_ref().is_ok_and(|collected| collected.more);
        let failed = |_| End::from(CloseReason::Draining);
        while self.held.front().is_some_and(|(ticket, _)| *ticket <= settled) {
            if let Some((_, frame)) = self.held.pop_front() {
                frame.put(out).map_err(failed)?;
            }
        }
        for (action, outcome) in actions.iter().zip(outcomes) {
            let (ticket, answer) = self.answer(action, outcome, &clocks)?;
            let answer = SeatFrame::Answer(answer);
            if self.held.is_empty() && ticket <= settled {
                answer.put(out).map_err(failed)?;
            } else {
                self.held.push_back((ticket, answer));
            }
        }
        for (frame, what) in collected?.frames.into_iter().zip(delivered.into_inner()) {
            SeatFrame::Delivery(what, frame).put(out).map_err(failed)?;
        }
        Ok(())
    }

    /// Returns the answer to a text, and what it waits for.
    fn answer(
        &mut self,
        action: &Action<'_>,
        outcome: ActionOutcome,
        clocks: &ClockReading,
    ) -> Result<(Ticket, TextAnswer), End> {
        if matches!(outcome, ActionOutcome::Submitted(Err(SubmitError::Draining))) {
            // Another hub answers.
            return Err(CloseReason::Draining.into());
        }
        let answer = FrameAnswer::to(action, outcome, &mut self.acknowledged, clocks)?;
        let FrameAnswer { reply, waits_for, did_nothing, acknowledged } = answer;
        let fault = reply.as_ref().and_then(|reply| reply.error).and_then(Fault::of);
        let frame = reply.map(|reply| reply.frame).unwrap_or_default();
        Ok((waits_for, TextAnswer { fault, did_nothing, acknowledged, frame }))
    }
}

fn what(delivery: &Delivery<'_>) -> Delivered {
    match delivery {
        Delivery::Receipt(_) => Delivered::Receipt,
        Delivery::Mailbox(Next::Message(message)) => Delivered::Message(message.seq),
        Delivery::Mailbox(Next::CaughtUp) => Delivered::CaughtUp,
    }
}

fn text(frame: SeatFrame) -> io::Result<(bool, String)> {
    match frame {
        SeatFrame::Text { again, text } => Ok((again, text)),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// Waits until the hub has something for the session.
async fn raised(signal: &Signal) {
    poll_fn(|cx| if signal.poll(cx.waker()) { Poll::Ready(()) } else { Poll::Pending }).await;
}

/// Waits until the session has to end.
async fn over(handle: &SessionHandle, signal: &Signal) {
    while !signal.is_evicted() && handle.is_over().is_ok() {
        raised(signal).await;
    }
}
