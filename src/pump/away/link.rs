//! The connection of a seat: taken, served, and taken again with the next hub.

use std::future::{pending, poll_fn};
use std::io;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, Fuse};
use parking_lot::Mutex;
use tokio::io::{AsyncWriteExt as _, ReadHalf, WriteHalf, duplex, split};
use tokio::time::{sleep, timeout};

use super::queues::Queues;
use crate::admission::Admission;
use crate::hub::Within;
use crate::pump::host::host;
use crate::pump::seat_wire::{Before, Proof, SeatFrame, SeatReader, SeatRequest, SeatWelcome};
use crate::pump::{SessionContext, TURN_BYTES};
use crate::transport::Io;
use crate::transport::link::front::{HubPlace, HubWay};
use ephemeral_core::backoff::{Backoff, Jitter};
use ephemeral_core::protocol::CloseReason;
use ephemeral_core::store::Acquaintance;

/// How long a session waits for the next hub.
const WITHOUT_HUB: Duration = Duration::from_secs(60);
/// How long somebody who has just come waits for a hub: three quarters of the time for
/// authenticating, and no longer than this.
const FIRST_SEAT: Duration = Duration::from_secs(8);
/// How long a hub may take to answer.
const ANSWER: Duration = Duration::from_secs(10);
/// The first pause between two attempts, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// Bytes between a session and the hub of its own machine.
const PIPE: usize = TURN_BYTES;

/// What a session needs to take a seat.
pub(super) struct SeatLink {
    pub(super) settings: Arc<SessionContext>,
    pub(super) admission: Arc<Admission>,
    pub(super) way: HubWay,
    pub(super) proof: Proof,
    pub(super) least: Acquaintance,
}

/// A seat.
pub(super) struct Seated {
    reader: SeatReader<ReadHalf<Box<dyn Io>>>,
    writer: WriteHalf<Box<dyn Io>>,
    /// The hub's end, where that is this machine.
    host: Fuse<BoxFuture<'static, ()>>,
    /// Counts it, then.
    within: Option<Within>,
}

/// Why there is no seat.
enum NoSeat {
    /// The session is over.
    Ended(CloseReason),
    /// That hub has none now.
    NotNow(CloseReason),
    /// It was not reached.
    Unreached,
}

impl From<io::Error> for NoSeat {
    fn from(_: io::Error) -> Self {
        Self::Unreached
    }
}

impl SeatLink {
    /// Takes the first seat of a session.
    ///
    /// # Errors
    /// The reason for which the session is closed instead.
    pub(super) async fn first(&self) -> Result<(Seated, SeatWelcome), CloseReason> {
        let patience = FIRST_SEAT.min(self.settings.timing.auth_timeout / 4 * 3);
        timeout(patience, self.seek(|| None)).await.unwrap_or(Err(CloseReason::Draining))
    }

    /// Keeps a seat for a session until that ends. Returns why it does.
    pub(super) async fn keep(self, mut seated: Seated, at_first: Before, queues: Arc<Mutex<Queues>>) -> CloseReason {
        loop {
            if let Some(reason) = seated.serve(&queues).await {
                return reason;
            }
            drop(seated);
            queues.lock().lose();
            // In a box: a session that has its seat does not pay for how it looks for one.
            let again = self.seek(|| Some(queues.lock().before(&at_first))).boxed();
            seated = match timeout(WITHOUT_HUB, again).await {
                Ok(Ok((next, _))) => next,
                Ok(Err(reason)) => return reason,
                Err(_) => return CloseReason::Draining,
            };
        }
    }

    /// Asks for a seat until there is one.
    async fn seek(&self, before: impl Fn() -> Option<Before>) -> Result<(Seated, SeatWelcome), CloseReason> {
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE).with_jitter(Jitter::Half);
        loop {
            let before = before();
            let is_first = before.is_none();
            match self.ask(before).await {
                Ok(seated) => return Ok(seated),
                Err(NoSeat::Ended(reason)) => return Err(reason),
                // It is told at once, and may come again.
                Err(NoSeat::NotNow(reason)) if is_first && reason != CloseReason::Draining => return Err(reason),
                Err(NoSeat::NotNow(_) | NoSeat::Unreached) => sleep(backoff.next_wait()).await,
            }
        }
    }

    /// Waits for a hub, and asks it for a seat.
    async fn ask(&self, before: Option<Before>) -> Result<(Seated, SeatWelcome), NoSeat> {
        let (place, _turn) = self.way.open().await?;
        let is_here = matches!(place, HubPlace::Here);
        let mut seated = self.seat(place);
        let request = SeatRequest { proof: self.proof.clone(), least: self.least, before };
        let mut out = Vec::new();
        SeatFrame::Request(Box::new(request)).put(&mut out)?;
        let Seated { reader, writer, host, .. } = &mut seated;
        let asking = async {
            writer.write_all(&out).await?;
            writer.flush().await?;
            reader.next().await
        };
        let hosting = async {
            host.await;
            pending::<()>().await;
        };
        let answer = tokio::select! {
            answer = timeout(ANSWER, asking) => answer,
            () = hosting => return Err(NoSeat::Unreached),
        };
        match answer.map_err(|_| NoSeat::Unreached)?? {
            SeatFrame::Welcome(welcome) => {
                let hub = &self.settings.hub;
                seated.within = is_here.then(|| hub.count_within());
                Ok((seated, *welcome))
            }
            SeatFrame::End { reason, for_good: true } => Err(NoSeat::Ended(reason)),
            SeatFrame::End { reason, for_good: false } => Err(NoSeat::NotNow(reason)),
            _ => Err(NoSeat::Unreached),
        }
    }

    fn seat(&self, place: HubPlace) -> Seated {
        let (io, host): (Box<dyn Io>, Fuse<BoxFuture<'static, ()>>) = match place {
            HubPlace::There(io) => (io, Fuse::terminated()),
            HubPlace::Here => {
                let (ours, theirs) = duplex(PIPE);
                let hosting = host(Arc::clone(&self.settings), Arc::clone(&self.admission), Box::new(theirs));
                (Box::new(ours), hosting.boxed().fuse())
            }
        };
        let (reader, writer) = split(io);
        Seated { reader: SeatReader::new(reader, None), writer, host, within: None }
    }
}

impl Seated {
    /// Moves texts to the hub, and what it has for the client into the queues. Returns the reason
    /// for which the session ends; `None`: the seat is lost.
    async fn serve(&mut self, queues: &Mutex<Queues>) -> Option<CloseReason> {
        let Self { reader, writer, host, .. } = self;
        let reading = async {
            loop {
                // The session's task is polled again when something was taken.
                poll_fn(|_| if queues.lock().has_room() { Poll::Ready(()) } else { Poll::Pending }).await;
                match reader.next().await {
                    Ok(SeatFrame::Answer(answer)) => {
                        if !queues.lock().answered(answer) {
                            return None;
                        }
                    }
                    Ok(SeatFrame::Delivery(what, frame)) => queues.lock().delivered(what, frame),
                    Ok(SeatFrame::End { reason, for_good: true }) => return Some(reason),
                    Ok(_) | Err(_) => return None,
                }
            }
        };
        let writing = async {
            // Why there is an end, the reader learns.
            let _: Result<(), io::Error> = Self::write(writer, queues).await;
            pending::<()>().await;
        };
        let hosting = async {
            host.await;
            pending::<()>().await;
        };
        tokio::select! {
            reason = reading => reason,
            () = writing => None,
            () = hosting => None,
        }
    }

    /// Moves texts to the hub.
    async fn write(writer: &mut WriteHalf<Box<dyn Io>>, queues: &Mutex<Queues>) -> io::Result<()> {
        loop {
            // The session's task is polled again when there is a text.
            let first = poll_fn(|_| queues.lock().next_text().map_or(Poll::Pending, Poll::Ready)).await;
            let mut out = Vec::new();
            first.put(&mut out)?;
            while out.len() < TURN_BYTES
                && let Some(next) = queues.lock().next_text()
            {
                next.put(&mut out)?;
            }
            writer.write_all(&out).await?;
            writer.flush().await?;
        }
    }
}
