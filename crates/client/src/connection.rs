//! Holds one authenticated connection: frames out, events in, a timeout on everything. It knows
//! nothing of reconnecting.

mod errors;
mod handshake;
mod life;
mod parse;
#[cfg(test)]
mod tests;

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::{Sink as _, Stream as _};
use serde::Serialize;
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

pub use errors::{ConnectError, Lost};
pub(crate) use errors::{NAMELESS, status_words};
pub use handshake::Welcome;
use life::LastByte;

use super::{ByteStream, Dial, Identity, ServerUrl};
use ephemeral_core::backoff::random_fraction;
use ephemeral_core::protocol::{ServerEvent, encode};

/// The options that a client has for each of its sessions.
///
/// ```
/// use ephemeral_client::{ConnectOptions, Timeouts};
/// // A client that tells nobody when it takes messages, and takes one at a time.
/// let options = ConnectOptions { receipts: false, window: Some(1), timing: Timeouts::default() };
/// # assert!(!options.receipts);
/// ```
#[derive(Debug, Clone)]
pub struct ConnectOptions {
    /// Whether senders get a receipt when this client acknowledges their messages. The default is
    /// `true`.
    pub receipts: bool,
    /// How many messages the server may have out without an acknowledgement. The server lowers what
    /// is above its own bound (`limits.window` in [`Welcome`]). `None`, the default, leaves it to
    /// the server.
    pub window: Option<u32>,
    /// How long this client waits for the server.
    pub timing: Timeouts,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self { receipts: true, window: None, timing: Timeouts::default() }
    }
}

/// How long a client waits for its server. Each of them ends in an error, never in a wait without
/// end.
///
/// Reaching the server is not among them: each dialer has a limit of its own (see [`Dial`]).
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// Bounds each step from the upgrade to `welcome`, and the wait for the answer to a message. 30
    /// s by default.
    pub answer: Duration,
    /// Bounds the time until queued frames are written. 30 s by default.
    pub write: Duration,
    /// Bounds the time without any byte from the server. After a third to a half of it, at random,
    /// the client asks for one by a WebSocket ping. 25 s by default.
    pub silence: Duration,
    /// Bounds the wait for the server's answer to a goodbye. 5 s by default.
    pub close: Duration,
}

impl Default for Timeouts {
    /// Returns generous bounds: a circuit may stall for seconds and go on. A server whose machine
    /// has lost its power says no goodbye: silence is all that tells of it.
    fn default() -> Self {
        Self {
            answer: Duration::from_secs(30),
            write: Duration::from_secs(30),
            silence: Duration::from_secs(25),
            close: Duration::from_secs(5),
        }
    }
}

impl Timeouts {
    /// Returns how much silence there is before the server is asked for a sign of life.
    fn ping_after(&self) -> Duration {
        self.silence.mul_f64((2.0 + random_fraction()) / 6.0)
    }
}

/// An authenticated connection. Dropping it drops the byte stream.
pub struct Connection {
    socket: WebSocketStream<Box<dyn ByteStream>>,
    timing: Timeouts,
    last_byte: LastByte,
    /// When a ping was sent that nothing has come after.
    pinged: Option<Instant>,
    /// How much silence there is before the next ping: at random, so that the sessions of one
    /// person do not ask together.
    ping_after: Duration,
    /// Since when something is queued and not yet written.
    unflushed_since: Option<Instant>,
    queued_bytes: usize,
}

impl Connection {
    /// Past this much unwritten, [`is_clogged`](Self::is_clogged).
    const CLOGGED_BYTES: usize = 256 * 1024;

    /// Dials, upgrades and authenticates.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub async fn connect(
        dialer: &dyn Dial,
        url: &ServerUrl,
        identity: &Identity,
        options: &ConnectOptions,
    ) -> Result<(Self, Welcome), ConnectError> {
        let stream = dialer.dial(url).await?;
        Self::open(stream, url, identity, options).await
    }

    /// Upgrades and authenticates on a byte stream that leads to the server.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub async fn open(
        stream: Box<dyn ByteStream>,
        url: &ServerUrl,
        identity: &Identity,
        options: &ConnectOptions,
    ) -> Result<(Self, Welcome), ConnectError> {
        let (stream, last_byte) = life::noting(stream);
        let socket = handshake::upgrade(stream, url, options.timing.answer).await?;
        // Until `welcome` each step has a bound of its own, which says more than that there is
        // silence.
        let timing = Timeouts { silence: 4 * options.timing.answer, ..options.timing };
        let mut connection = Self {
            socket,
            timing,
            last_byte,
            pinged: None,
            ping_after: timing.ping_after(),
            unflushed_since: None,
            queued_bytes: 0,
        };
        let welcome = handshake::authenticate(&mut connection, url, identity, options).await?;
        connection.timing = options.timing;
        connection.ping_after = options.timing.ping_after();
        Ok((connection, welcome))
    }

    /// Queues a text frame; [`next_event`](Self::next_event) or [`flush`](Self::flush) writes it.
    ///
    /// # Errors
    /// If the connection is lost, or more than 16 MiB are queued.
    pub fn queue(&mut self, text: &str) -> Result<(), Lost> {
        self.queued_bytes = self.queued_bytes.saturating_add(text.len());
        self.queue_message(Message::text(text))
    }

    /// Returns whether so much is waiting to be written that no more should be queued.
    #[must_use]
    pub fn is_clogged(&self) -> bool {
        self.queued_bytes >= Self::CLOGGED_BYTES
    }

    /// Writes a frame, and the frames that were queued before it.
    ///
    /// # Errors
    /// [`Lost`].
    pub async fn send<F: Serialize>(&mut self, frame: &F) -> Result<(), Lost> {
        self.queue(&encode(frame))?;
        self.flush().await
    }

    /// Writes queued frames. It does not read meanwhile: for long sequences, use
    /// [`next_event`](Self::next_event).
    ///
    /// # Errors
    /// [`Lost`].
    pub async fn flush(&mut self) -> Result<(), Lost> {
        let deadline = Instant::now() + self.timing.write;
        let flushing = poll_fn(|context| self.poll_flush(context));
        timeout_at(deadline, flushing).await.map_err(|_| Lost::NotReading)?
    }

    /// Returns the server's next frame, and writes queued frames meanwhile. Cancelling it loses
    /// nothing.
    ///
    /// # Errors
    /// [`Lost`]. The connection is of no more use then.
    pub async fn next_event(&mut self) -> Result<ServerEvent, Lost> {
        loop {
            match self.next_message().await? {
                Message::Text(text) => {
                    if let Some(event) = parse::event(&text)? {
                        return Ok(event);
                    }
                }
                Message::Binary(_) => return Err(Lost::Protocol("a binary frame")),
                Message::Close(frame) => return Err(Lost::closed(frame)),
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
            }
        }
    }

    /// Says goodbye, and waits for the answer within [`Timeouts::close`].
    ///
    /// The server handles frames in order. Returns `true` if the answer came: everything that was
    /// sent before has arrived then.
    pub async fn close(mut self) -> bool {
        let deadline = Instant::now() + self.timing.close;
        let goodbye = CloseFrame { code: CloseCode::Normal, reason: "".into() };
        if self.queue_message(Message::Close(Some(goodbye))).is_err() {
            return false;
        }
        loop {
            match timeout_at(deadline, self.next_message()).await {
                Ok(Ok(Message::Close(_))) => return true,
                Ok(Ok(_)) => {}
                Ok(Err(_)) | Err(_) => return false,
            }
        }
    }

    fn queue_message(&mut self, message: Message) -> Result<(), Lost> {
        Pin::new(&mut self.socket).start_send(message)?;
        self.unflushed_since.get_or_insert_with(Instant::now);
        Ok(())
    }

    async fn next_message(&mut self) -> Result<Message, Lost> {
        loop {
            match timeout_at(self.patience_ends(), poll_fn(|context| self.poll_message(context))).await {
                Ok(message) => {
                    self.pinged = None;
                    return message;
                }
                // What was unwritten when the wait began may have been written meanwhile: then
                // there is more time.
                Err(_) if Instant::now() < self.patience_ends() => {}
                Err(_) if self.stuck_at().is_some_and(|at| at <= Instant::now()) => return Err(Lost::NotReading),
                Err(_) if self.is_asked() => return Err(Lost::Silent),
                Err(_) => {
                    self.pinged = Some(Instant::now());
                    self.ping_after = self.timing.ping_after();
                    self.queue_message(Message::Ping(Bytes::new()))?;
                }
            }
        }
    }

    /// Returns the time at which something has to be done if nothing comes.
    fn patience_ends(&self) -> Instant {
        let silence = if self.is_asked() { self.timing.silence } else { self.ping_after };
        let silent_at = self.last_byte.at() + silence;
        self.stuck_at().map_or(silent_at, |at| at.min(silent_at))
    }

    /// Returns whether the server was asked for a sign of life, and has given none since.
    fn is_asked(&self) -> bool {
        self.pinged.is_some_and(|pinged| pinged >= self.last_byte.at())
    }

    fn stuck_at(&self) -> Option<Instant> {
        self.unflushed_since.map(|since| since + self.timing.write)
    }

    fn poll_message(&mut self, context: &mut Context<'_>) -> Poll<Result<Message, Lost>> {
        let flushed = self.poll_flush(context);
        match Pin::new(&mut self.socket).poll_next(context) {
            Poll::Ready(Some(message)) => Poll::Ready(message.map_err(Lost::from)),
            Poll::Ready(None) => Poll::Ready(Err(Lost::Dropped)),
            // Only when there is nothing left to read: a server that closes says why before writing
            // fails.
            Poll::Pending => match flushed {
                Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                _ => Poll::Pending,
            },
        }
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Lost>> {
        if self.unflushed_since.is_none() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.socket).poll_flush(context).map(|result| {
            self.unflushed_since = None;
            self.queued_bytes = 0;
            result.map_err(Lost::from)
        })
    }
}

impl From<WsError> for Lost {
    fn from(error: WsError) -> Self {
        match error {
            // The end came before the answer to the upgrade, within it, within a frame, or around a
            // goodbye.
            WsError::Protocol(
                ProtocolError::HandshakeIncomplete
                | ProtocolError::ResetWithoutClosingHandshake
                | ProtocolError::SendAfterClosing
                | ProtocolError::ReceivedAfterClosing,
            )
            | WsError::ConnectionClosed
            | WsError::AlreadyClosed => Self::Dropped,
            WsError::Io(error) => Self::Io(error),
            WsError::Capacity(_) => Self::Protocol("a frame that is too large"),
            WsError::Utf8(_) => Self::Protocol("text that is not UTF-8"),
            WsError::WriteBufferFull(_) => Self::NotReading,
            _ => Self::Protocol("something that is no WebSocket"),
        }
    }
}
