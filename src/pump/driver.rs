//! The long life of a session, as a future without borrowed state, so that an idle one is small.

mod frames;
mod held;
mod room;
mod texts;
mod timing;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::{Sink, Stream};
use tokio::io::AsyncWrite;
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use super::websocket::{Socket, reason_of};
use super::{OutgoingFrames, SessionContext, TURN_BYTES, offence};
use crate::admission::PeerConnection;
use crate::pump::seat::Seat;
use ephemeral_core::limits::Bucket;
use ephemeral_core::protocol::CloseReason;
use ephemeral_core::session::Established;
use held::HeldAnswers;
use room::LongRoom;
use texts::TurnTexts;
use timing::ping_pause;

/// Frames that one turn reads, at most, before it answers them.
const TURN_FRAMES: usize = 64;

/// The size from which on a frame is held until the next one was read: then its buffer is freed
/// instead of used again.
const LARGE_FRAME: usize = TURN_BYTES;

/// An established session. Ends with its socket, what is not written yet, and what the peer is to
/// be told, if it is still there.
pub(super) struct Pump(Option<Box<State>>);

struct State {
    settings: Arc<SessionContext>,
    socket: Socket,
    session: Established,
    seat: Seat,
    connection: PeerConnection,
    /// The messages that were refused for their rate.
    hasty: Bucket,
    /// The frames that did nothing.
    idle_frames: Bucket,
    /// The time until which nothing is read, because there were too many of those.
    unread_until: Option<Instant>,
    /// What it has acknowledged, as far as it was counted.
    acknowledged: u64,
    timer: Pin<Box<Sleep>>,
    heard: Instant,
    /// When the next ping is due.
    ping_at: Instant,
    /// Since when the peer has not read any of what is queued for it.
    stalled: Option<Instant>,
    unflushed: bool,
    outgoing: OutgoingFrames,
    /// The room for long messages in `outgoing`.
    room: LongRoom,
    /// Whether the peer has said goodbye: nothing is said after the answer to that.
    parting: bool,
    collect: bool,
    /// Answers that wait until what they say holds.
    held: HeldAnswers,
    /// The last frame of the turn before, if it was large: then this turn comes at once.
    large: Option<Utf8Bytes>,
}

/// The rest that a turn left to read.
enum Unread {
    /// Nothing; the task is woken when something comes.
    Nothing,
    /// Perhaps something: a turn reads no more.
    Unknown,
    /// Perhaps something: too much waits for an answer.
    Refused,
}

/// Why a session ends.
enum End {
    /// The peer is gone.
    Lost,
    /// The peer has to be told the reason.
    Close(CloseReason),
}

impl From<CloseReason> for End {
    fn from(reason: CloseReason) -> Self {
        Self::Close(reason)
    }
}

impl Pump {
    pub(super) fn new(
        settings: Arc<SessionContext>,
        socket: Socket,
        session: Established,
        seat: Seat,
        connection: PeerConnection,
    ) -> Self {
        let now = Instant::now();
        let ping_at = now + ping_pause(&settings.timing);
        let timer = Box::pin(sleep_until(ping_at));
        Self(Some(Box::new(State {
            settings,
            socket,
            session,
            seat,
            connection,
            hasty: Bucket::default(),
            idle_frames: Bucket::default(),
            unread_until: None,
            acknowledged: 0,
            timer,
            heard: now,
            ping_at,
            stalled: None,
            unflushed: true,
            outgoing: OutgoingFrames::default(),
            room: LongRoom::default(),
            parting: false,
            collect: true,
            held: HeldAnswers::default(),
            large: None,
        })))
    }
}

impl Future for Pump {
    type Output = (Socket, OutgoingFrames, Option<CloseReason>);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(state) = &mut self.0 else { return Poll::Pending };
        let end = match state.poll_end(cx) {
            Ok(()) => return Poll::Pending,
            Err(End::Lost) => None,
            Err(End::Close(reason)) => {
                offence(&state.connection, reason);
                Some(reason)
            }
        };
        match self.0.take() {
            // The seat is given up here: what was not acknowledged can be delivered
            // elsewhere at once.
            Some(state) => Poll::Ready((state.socket, state.outgoing, end)),
            None => Poll::Pending,
        }
    }
}

impl State {
    /// Runs one turn, between two flushes. Returns pending with every waker registered.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Result<(), End> {
        self.check_time(cx)?;
        self.seat.poll(cx)?;
        self.collect |= self.room.poll(cx)?;
        if self.poll_flushed(cx)? {
            self.turn(cx)?;
            if self.poll_flushed(cx)? {
                return self.watch_reading(cx);
            }
        }
        // The peer does not read: nothing but the end of the session matters.
        self.large = None;
        self.check_time(cx)?;
        if self.seat.signal().poll(cx.waker()) {
            // Whatever it was, it is collected once the peer reads again.
            self.collect = true;
            self.stay()?;
            self.seat.is_over()?;
        }
        Ok(())
    }

    /// Returns whether all that was queued has been written.
    fn poll_flushed(&mut self, cx: &mut Context<'_>) -> Result<bool, End> {
        if self.unflushed {
            match self.poll_written(cx) {
                Poll::Ready(Ok(())) => {
                    self.unflushed = false;
                    self.stalled = None;
                    self.room.written();
                }
                Poll::Ready(Err(_)) => return Err(End::Lost),
                Poll::Pending => {
                    let now = Instant::now();
                    let reads = self.socket.get_mut().take_written();
                    match self.stalled {
                        // It reads, if slowly. No ping gets through to it meanwhile, and no pong is
                        // read.
                        Some(_) if reads => {
                            self.heard = now;
                            self.stalled = Some(now);
                        }
                        Some(_) => {}
                        None => self.stalled = Some(now),
                    }
                }
            }
        }
        Ok(!self.unflushed)
    }

    /// Writes what the WebSocket has, which is short, and then the frames.
    fn poll_written(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        ready!(Pin::new(&mut self.socket).poll_flush(cx))?;
        if self.outgoing.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let io = self.socket.get_mut();
        ready!(self.outgoing.poll_write(cx, io))?;
        AsyncWrite::poll_flush(Pin::new(io), cx).map_err(Error::from)
    }

    /// Reads, answers and collects what there is.
    fn turn(&mut self, cx: &mut Context<'_>) -> Result<(), End> {
        let mut texts = TurnTexts::new();
        if self.unread_until.is_some_and(|until| until <= Instant::now()) {
            self.unread_until = None;
        }
        let read = self.read(cx, &mut texts);
        self.large = None;
        if self.socket.get_mut().take_heard() {
            self.heard = Instant::now();
        }
        // What came before the end of the stream, or before what nobody understands, counts.
        self.answer(cx, &texts)?;
        let more = match read? {
            Unread::Unknown => true,
            Unread::Nothing => false,
            // Nobody will tell that there is room again.
            Unread::Refused => !self.is_full(0),
        };
        self.large = texts.pop_whole().filter(|text| text.len() >= LARGE_FRAME);
        if more || self.collect {
            // There may be more, and nobody will tell: the next turn comes after the others had
            // theirs.
            cx.waker().wake_by_ref();
        }
        Ok(())
    }

    /// Reads what has arrived, as much as one turn answers.
    fn read(&mut self, cx: &mut Context<'_>, texts: &mut TurnTexts) -> Result<Unread, End> {
        let mut bytes = 0;
        for _ in 0..TURN_FRAMES {
            if bytes >= TURN_BYTES {
                break;
            }
            if self.unread_until.is_some() {
                // The timer goes off then.
                return Ok(Unread::Nothing);
            }
            if self.is_full(bytes) {
                return Ok(Unread::Refused);
            }
            let Poll::Ready(next) = Pin::new(&mut self.socket).poll_next(cx) else { return Ok(Unread::Nothing) };
            match next {
                Some(Ok(Message::Text(text))) => {
                    bytes += text.len();
                    texts.push(text);
                }
                Some(Ok(Message::Binary(_))) => return Err(End::Close(CloseReason::Unsupported)),
                // The socket has queued a pong.
                Some(Ok(Message::Ping(_))) => {
                    self.unflushed = true;
                    self.did_nothing(self.settings.hub.now());
                }
                Some(Ok(Message::Pong(_) | Message::Frame(_))) => {}
                // It answers by itself.
                Some(Ok(Message::Close(_))) => {
                    self.unflushed = true;
                    self.parting = true;
                }
                None => return Err(End::Lost),
                Some(Err(error)) => {
                    return Err(reason_of(&error, &self.socket).map_or(End::Lost, End::Close));
                }
            }
        }
        Ok(Unread::Unknown)
    }

    /// Returns whether too much waits for an answer for anything more to be read. So many bytes
    /// were read in this turn.
    fn is_full(&self, read: usize) -> bool {
        self.held.is_full() || self.seat.is_full(read)
    }

    /// Ends the session where it is blocked.
    fn stay(&self) -> Result<(), End> {
        if self.seat.signal().is_evicted() { Err(End::Close(CloseReason::Blocked)) } else { Ok(()) }
    }

    /// Queues a frame for the peer, whose goodbye nothing follows.
    fn queue(&mut self, frame: &str) {
        if !self.parting {
            self.unflushed = true;
            self.outgoing.push(frame);
        }
    }

    fn ping(&mut self) -> Result<(), End> {
        self.unflushed = true;
        Pin::new(&mut self.socket).start_send(Message::Ping(bytes::Bytes::new())).map_err(|_| End::Lost)
    }
}
