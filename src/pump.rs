//! WebSocket ↔ session ↔ hub: the only place that reads and writes a WebSocket.
//!
//! One task owns both directions of a connection. In a turn it handles every frame that has arrived, queues the answers
//! and what its mailbox has for it, wakes whom it has to wake, and flushes once. While the peer does not read, nothing
//! is read from it and nothing is taken from the mailbox: a slow peer costs what one turn can queue.

mod established;
mod meter;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_util::sync::CancellationToken;

use crate::hub::{Hub, JoinError};
use crate::protocol::{CloseReason, Welcome, encode};
use crate::session::{AwaitingAuth, Established, Rules};
use crate::transport::{CircuitHandle, Io};
use established::Pump;
use meter::Meter;

/// How long a session waits for its peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// From the upgrade to a valid `auth` frame.
    pub auth_timeout: Duration,
    /// Between two pings.
    pub ping_interval: Duration,
    /// Without a byte from the peer.
    pub idle_timeout: Duration,
    /// For a peer that does not read what it is sent.
    pub write_timeout: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            auth_timeout: Duration::from_secs(10),
            ping_interval: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(90),
            write_timeout: Duration::from_secs(20),
        }
    }
}

/// What every session needs.
pub struct Settings {
    /// Where messages wait.
    pub hub: Arc<Hub>,
    /// What holds for every session.
    pub rules: Rules,
    /// How long it waits for its peer.
    pub timing: Timing,
    /// Cancelled when the server shuts down.
    pub drain: CancellationToken,
}

/// Read at once, and allocated for every connection: the larger part of what an idle one costs.
const READ_BUFFER: usize = 2048;
/// Bytes of frames that one turn takes from the mailbox, before it flushes.
const TURN_BYTES: usize = 16 * 1024;
/// Bytes that are read from a peer which has not authenticated, at most. An `auth` frame has some 150.
const UNAUTHENTICATED_BYTES: usize = 16 * 1024;
/// For the close handshake.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// Bytes that are read and thrown away after a peer has broken the protocol, at most, so that it reads why.
const LINGER_BYTES: usize = 1 << 20;

type Socket = WebSocketStream<Meter<Box<dyn Io>>>;

/// Runs a session from the upgrade to its end. `read_ahead` is what had already been read after the request. `permit`
/// is released once the peer has authenticated; from then on `circuit`, if there is one, counts as established.
pub async fn run(
    settings: Arc<Settings>,
    io: Box<dyn Io>,
    read_ahead: Bytes,
    session: AwaitingAuth,
    circuit: Option<CircuitHandle>,
    permit: OwnedSemaphorePermit,
) {
    let frame_bytes = settings.rules.frame_bytes();
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(4 * TURN_BYTES)
        .max_write_buffer_size(8 * TURN_BYTES + 2 * frame_bytes)
        .max_frame_size(Some(frame_bytes))
        .max_message_size(Some(frame_bytes));
    let io = Meter::new(io, UNAUTHENTICATED_BYTES.saturating_sub(read_ahead.len()));
    let socket = if read_ahead.is_empty() {
        WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await
    } else {
        WebSocketStream::from_partially_read(io, read_ahead.to_vec(), Role::Server, Some(config)).await
    };
    // Boxed: what authentication needs is freed before the long life of the session begins.
    if let Some(pump) = Box::pin(authenticate(settings, socket, session)).await {
        drop(permit);
        let _established = circuit.as_ref().map(CircuitHandle::established);
        let (socket, reason) = pump.await;
        match reason {
            Some(reason) => Box::pin(close(socket, reason)).await,
            None => Box::pin(hang_up(socket)).await,
        }
    }
}

/// Challenge, answer, `welcome`.
async fn authenticate(settings: Arc<Settings>, mut socket: Socket, session: AwaitingAuth) -> Option<Pump> {
    let deadline = Instant::now() + settings.timing.auth_timeout;
    let answer = settings.drain.run_until_cancelled(answer(&settings, &mut socket, session));
    let answer = timeout_at(deadline, answer).await.map(|answer| answer.unwrap_or(Err(CloseReason::Draining)));
    match answer {
        Ok(Ok(Some((established, seat, pending)))) => {
            let welcome = encode(&Welcome {
                fingerprint: established.fingerprint,
                epoch: settings.hub.epoch(),
                pending,
                server_time: settings.hub.now(),
                limits: settings.rules.limits(settings.hub.bounds(), established.window),
            });
            socket.get_mut().unlimit();
            // Flushed in the pump's first turn.
            socket.feed(Message::text(welcome)).await.ok()?;
            Some(Pump::new(settings, socket, established, seat))
        }
        Ok(Ok(None)) => {
            hang_up(socket).await;
            None
        }
        Ok(Err(reason)) => {
            close(socket, reason).await;
            None
        }
        Err(_) => {
            close(socket, CloseReason::AuthTimeout).await;
            None
        }
    }
}

/// `Ok(None)` if the peer is gone.
async fn answer(
    settings: &Settings,
    socket: &mut Socket,
    session: AwaitingAuth,
) -> Result<Option<(Established, crate::hub::Seat, usize)>, CloseReason> {
    if socket.send(Message::text(session.first_frame(settings.timing.auth_timeout))).await.is_err() {
        return Ok(None);
    }
    let established = loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => break session.answer(&text, &settings.rules)?,
            Some(Ok(Message::Binary(_))) => return Err(CloseReason::AuthRequired),
            // The socket answers a close by itself, when it is asked for what comes next: nothing.
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_))) => {}
            None => return Ok(None),
            Some(Err(error)) => return reason_of(&error, socket.get_ref()).map_or(Ok(None), Err),
        }
    };
    match settings.hub.join(established.fingerprint, established.receipts, established.window) {
        Ok((seat, pending)) => Ok(Some((established, seat, pending))),
        Err(JoinError::Overloaded) => Err(CloseReason::Overloaded),
        Err(JoinError::Draining) => Err(CloseReason::Draining),
    }
}

/// What a peer is told that broke the protocol; `None` if there is nobody to tell.
fn reason_of(error: &Error, meter: &Meter<Box<dyn Io>>) -> Option<CloseReason> {
    use tokio_tungstenite::tungstenite::error::ProtocolError;
    match error {
        _ if meter.is_exhausted() => Some(CloseReason::FrameTooLarge),
        Error::Capacity(_) => Some(CloseReason::FrameTooLarge),
        Error::Utf8(_) => Some(CloseReason::InvalidUtf8),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
        Error::Protocol(_) => Some(CloseReason::ProtocolError),
        _ => None,
    }
}

/// The peer has said goodbye, or is gone. The answer to its close may still be in the stream's buffer: one of a
/// rendezvous circuit sends nothing of it unless it is flushed.
async fn hang_up(mut socket: Socket) {
    let io = socket.get_mut();
    let farewell = async {
        io.flush().await?;
        io.shutdown().await
    };
    // Past the deadline it is dropped as it is.
    let _ = timeout(CLOSE_TIMEOUT, farewell).await;
}

/// Tells the peer why, and gives it [`CLOSE_TIMEOUT`] to read that.
async fn close(mut socket: Socket, reason: CloseReason) {
    let frame = CloseFrame { code: CloseCode::from(reason.code()), reason: reason.name().into() };
    let handshake = async {
        if socket.send(Message::Close(Some(frame))).await.is_err() {
            return;
        }
        // Ends at once where the stream cannot be understood any more.
        while let Some(Ok(_)) = socket.next().await {}
        let io = socket.get_mut();
        io.unlimit();
        if io.shutdown().await.is_err() {
            return;
        }
        // A socket that is dropped with bytes unread is reset, and the peer would not read the reason.
        let (mut left, mut waste) = (LINGER_BYTES, [0; 1024]);
        while let Ok(read @ 1..) = io.read(&mut waste).await {
            left = left.saturating_sub(read);
            if left == 0 {
                return;
            }
        }
    };
    // Past the deadline it is dropped as it is.
    let _ = timeout(CLOSE_TIMEOUT, handshake).await;
}
