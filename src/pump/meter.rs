//! A byte stream under a WebSocket: it counts what is read, follows the frames, and holds back the
//! beginning of a large message until the budget has room for the rest.

mod gone;
mod writing;

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::frames::{FrameReader, Passed};
use crate::admission::{FrameAccount, SMALL_MESSAGE};
use ephemeral_core::protocol::CloseReason;

/// A message that waits for room asks again that often.
const AGAIN: Duration = Duration::from_secs(1);
/// Bytes of a control frame, at most.
const CONTROL_BYTES: u64 = 125;
/// A message has the time for a write once, and once more for each such piece of it.
const PIECE: usize = 64 * 1024;

/// A byte stream that ends with an error where too much is read from it.
pub struct Meter<S> {
    io: S,
    /// Bytes that may still be read.
    allowance: usize,
    frames: FrameReader,
    /// Bytes of one message, at most.
    most: usize,
    account: Option<FrameAccount>,
    waiting: Option<Waiting>,
    farewell: Option<Farewell>,
    /// Bytes that were read, and come after what waits.
    held_back: Vec<u8>,
    /// When the message began that is not complete, and how many bytes it has said to have.
    begun: Option<(Instant, usize)>,
    refusal: Option<CloseReason>,
    heard: bool,
    written: bool,
}

/// A message that waits for room. The WebSocket must not see the last byte of its header before
/// there is some: it reserves memory for the payload then.
#[derive(Clone, Copy)]
struct Waiting {
    last_of_header: u8,
    wants: usize,
    /// When it asks again.
    again: Instant,
}

/// A close frame that waits until what came before it was answered: once the WebSocket has seen it,
/// it sends nothing but its answer to that.
#[derive(Clone, Copy)]
struct Farewell {
    last_of_header: u8,
    /// Whether the reader has been told that there is nothing else.
    is_due: bool,
}

impl<S> Meter<S> {
    /// Makes one of which `allowance` bytes may be read. `read_ahead` was read before, and is
    /// counted.
    pub(super) fn new(io: S, allowance: usize, read_ahead: &[u8]) -> Self {
        let mut meter = Self {
            io,
            allowance: allowance.saturating_sub(read_ahead.len()),
            frames: FrameReader::default(),
            most: allowance,
            account: None,
            waiting: None,
            farewell: None,
            held_back: Vec::new(),
            begun: None,
            refusal: None,
            heard: false,
            written: false,
        };
        // The WebSocket has these bytes already: what is wrong with them, it finds itself.
        let mut rest = read_ahead;
        while !rest.is_empty() {
            let (passed, what) = meter.frames.pass(rest);
            if matches!(what, Passed::Header { .. } | Passed::Control(_) | Passed::Close(_)) {
                meter.frames.ends_at_once();
            }
            rest = rest.get(passed..).unwrap_or_default();
        }
        meter
    }

    /// Lets any number of bytes be read from now on, whatever they are.
    pub fn unlimit(&mut self) {
        self.allowance = usize::MAX;
        self.most = usize::MAX;
        self.account = None;
        self.refusal = None;
        self.waiting = None;
        self.farewell = None;
        self.held_back = Vec::new();
    }

    /// Lets messages of up to `most` bytes be read, within the share of the budget of a peer that
    /// has authenticated.
    pub(super) fn authenticated(&mut self, account: FrameAccount, most: usize) {
        self.allowance = usize::MAX;
        self.most = most;
        self.account = Some(account);
    }

    /// Returns why nothing more is read, if that is so.
    pub(super) fn refusal(&self) -> Option<CloseReason> {
        self.refusal
    }

    /// Returns when the message that has begun has to be complete.
    pub(super) fn message_deadline(&self, write_timeout: Duration) -> Option<Instant> {
        let (begun, bytes) = self.begun?;
        let pieces = u32::try_from(bytes / PIECE).unwrap_or(u32::MAX);
        Some(begun + write_timeout.saturating_mul(pieces.saturating_add(1)))
    }

    /// Returns when a message that waits for room asks again.
    pub(super) fn asks_again(&self) -> Option<Instant> {
        self.waiting.map(|waiting| waiting.again)
    }

    /// Tells whether anything has been read since the last call.
    pub(super) fn take_heard(&mut self) -> bool {
        std::mem::take(&mut self.heard)
    }

    /// Tells whether anything has been written since the last call.
    pub(super) fn take_written(&mut self) -> bool {
        std::mem::take(&mut self.written)
    }

    fn refuse<T>(&mut self, reason: CloseReason) -> io::Result<T> {
        self.refusal = Some(reason);
        Err(io::Error::other("nothing more is read from it"))
    }

    /// Follows bytes that are to be handed on, up to the header of a message that has to wait.
    /// Returns how many may be handed on; what comes after them is held back.
    fn follow(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> io::Result<usize> {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let (passed, what) = self.frames.pass(rest);
            at += passed;
            match what {
                Passed::All => {}
                Passed::Message => self.complete(),
                // A frame of control is short (RFC 6455, section 5.5): nothing is reserved for a
                // longer one.
                Passed::Control(length) | Passed::Close(length) if length > CONTROL_BYTES => {
                    return self.refuse(CloseReason::ProtocolError);
                }
                Passed::Control(_) => {
                    self.frames.ends_at_once();
                }
                // The WebSocket would answer in words of its own.
                Passed::Code(code) if !CloseCode::from(code).is_allowed() => {
                    return self.refuse(CloseReason::ProtocolError);
                }
                Passed::Code(_) => {}
                Passed::Close(_) => {
                    self.frames.ends_at_once();
                    let last_of_header = rest.get(passed - 1).copied().unwrap_or_default();
                    self.farewell = Some(Farewell { last_of_header, is_due: at == 1 });
                    self.hold_back(bytes, at);
                    cx.waker().wake_by_ref();
                    return Ok(at - 1);
                }
                Passed::Header { message, is_fragmented } => {
                    let message = self.within_bounds(message)?;
                    if let Some((_, bytes)) = &mut self.begun {
                        *bytes = message;
                    }
                    // Fragments are put together in a buffer that may be twice as large as they
                    // are.
                    let wants = if is_fragmented { message.saturating_mul(2) } else { message };
                    if message > SMALL_MESSAGE && self.poll_room(cx, wants)?.is_pending() {
                        let last_of_header = rest.get(passed - 1).copied().unwrap_or_default();
                        self.waiting = Some(Waiting { last_of_header, wants, again: Instant::now() + AGAIN });
                        self.hold_back(bytes, at);
                        return Ok(at - 1);
                    }
                    if self.frames.ends_at_once() {
                        self.complete();
                    }
                }
            }
        }
        self.note_begun();
        Ok(at)
    }

    /// Holds back what comes after so many bytes.
    fn hold_back(&mut self, bytes: &[u8], at: usize) {
        self.held_back = bytes.get(at..).unwrap_or_default().to_vec();
        self.note_begun();
    }

    /// Returns the bytes of a message, if it is not too large.
    fn within_bounds(&mut self, bytes: u64) -> io::Result<usize> {
        match usize::try_from(bytes) {
            Ok(bytes) if bytes <= self.most => Ok(bytes),
            _ => self.refuse(CloseReason::FrameTooLarge),
        }
    }

    /// Notes when a message has begun that did not come whole.
    fn note_begun(&mut self) {
        if self.begun.is_none() && self.frames.is_within_message() {
            let bytes = usize::try_from(self.frames.message()).unwrap_or(usize::MAX);
            self.begun = Some((Instant::now(), bytes));
        }
    }

    fn complete(&mut self) {
        self.begun = None;
        if let Some(account) = &mut self.account {
            account.complete();
        }
    }

    fn poll_room(&mut self, cx: &mut Context<'_>, wants: usize) -> io::Result<Poll<()>> {
        let Some(account) = &mut self.account else { return Ok(Poll::Ready(())) };
        match account.poll_grow(cx, wants) {
            Poll::Ready(Ok(())) => Ok(Poll::Ready(())),
            Poll::Ready(Err(_)) => self.refuse(CloseReason::TooSlow),
            Poll::Pending => Ok(Poll::Pending),
        }
    }

    /// Hands on what was held back, as far as it may be. Returns whether there was anything.
    fn poll_held_back(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<bool>> {
        let mut any = false;
        if let Some(Waiting { last_of_header, wants, .. }) = self.waiting {
            if self.poll_room(cx, wants)?.is_pending() {
                self.waiting = Some(Waiting { last_of_header, wants, again: Instant::now() + AGAIN });
                return Poll::Pending;
            }
            self.waiting = None;
            any = true;
            buffer.put_slice(&[last_of_header]);
            if self.frames.ends_at_once() {
                self.complete();
            }
        }
        if let Some(Farewell { last_of_header, is_due }) = self.farewell {
            if !is_due {
                self.farewell = Some(Farewell { last_of_header, is_due: true });
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            self.farewell = None;
            any = true;
            buffer.put_slice(&[last_of_header]);
        }
        if self.held_back.is_empty() || buffer.remaining() == 0 {
            return Poll::Ready(Ok(any));
        }
        let mut now = std::mem::take(&mut self.held_back);
        let later = now.split_off(now.len().min(buffer.remaining()));
        let passed = self.follow(cx, &now)?;
        self.held_back.extend(later);
        buffer.put_slice(now.get(..passed).unwrap_or_default());
        if any || passed > 0 { Poll::Ready(Ok(true)) } else { Poll::Pending }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Meter<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let meter = &mut *self;
        if meter.refusal.is_some() || meter.allowance == 0 {
            let reason = meter.refusal.unwrap_or(CloseReason::FrameTooLarge);
            return Poll::Ready(meter.refuse(reason));
        }
        if meter.account.as_ref().is_some_and(|account| account.gave_way(cx)) {
            return Poll::Ready(meter.refuse(CloseReason::TooSlow));
        }
        if ready!(meter.poll_held_back(cx, buffer))? {
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut meter.io).poll_read(cx, buffer))?;
        let new = buffer.filled().get(before..).unwrap_or_default();
        if new.is_empty() {
            return Poll::Ready(Ok(()));
        }
        meter.heard = true;
        if meter.allowance != usize::MAX {
            meter.allowance = meter.allowance.saturating_sub(new.len());
        }
        if meter.most == usize::MAX {
            return Poll::Ready(Ok(()));
        }
        let passed = meter.follow(cx, new)?;
        buffer.set_filled(before + passed);
        // The budget wakes the task when there is room.
        if passed > 0 { Poll::Ready(Ok(())) } else { Poll::Pending }
    }
}
