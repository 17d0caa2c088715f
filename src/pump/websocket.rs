//! The WebSocket of a session: how it is opened, what a peer is told that breaks it, and how it
//! ends. It knows nothing of sessions: `examples/echo.rs` is made of it, for a test suite of RFC
//! 6455 to talk to.

use std::time::Duration;

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::TURN_BYTES;
pub use super::meter::Meter;
use crate::transport::Io;
use ephemeral_core::protocol::CloseReason;

/// Read at once, and allocated for every connection: the larger part of what an idle one costs.
const READ_BUFFER: usize = 2048;
/// Bytes that are read from a peer which has not authenticated, at most. An `auth` frame has some
/// 150.
const UNAUTHENTICATED_BYTES: usize = 16 * 1024;
/// How long the close handshake may take.
pub(super) const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// Bytes that are read and thrown away after a peer has broken the protocol, at most, so that it
/// reads why.
const LINGER_BYTES: usize = 1 << 20;

/// A WebSocket, the server's side. Until [`Meter::unlimit`] few bytes are read from it.
pub type Socket = WebSocketStream<Meter<Box<dyn Io>>>;

/// Returns the WebSocket on a stream that was upgraded. `read_ahead` is what had already been read
/// after the request; `frame_bytes` the largest frame, and the largest message, that is read.
pub async fn open(io: Box<dyn Io>, read_ahead: Bytes, frame_bytes: usize) -> Socket {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(4 * TURN_BYTES)
        .max_write_buffer_size(8 * TURN_BYTES + 2 * frame_bytes)
        .max_frame_size(Some(frame_bytes))
        .max_message_size(Some(frame_bytes));
    let io = Meter::new(io, UNAUTHENTICATED_BYTES, &read_ahead);
    if read_ahead.is_empty() {
        WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await
    } else {
        WebSocketStream::from_partially_read(io, read_ahead.to_vec(), Role::Server, Some(config)).await
    }
}

/// Returns the reason for which a peer that broke the protocol is closed; `None` if it is gone.
#[must_use]
pub fn reason_of(error: &Error, socket: &Socket) -> Option<CloseReason> {
    use tokio_tungstenite::tungstenite::error::ProtocolError;
    match error {
        _ if socket.get_ref().refusal().is_some() => socket.get_ref().refusal(),
        Error::Capacity(_) => Some(CloseReason::FrameTooLarge),
        Error::Utf8(_) => Some(CloseReason::InvalidUtf8),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
        Error::Protocol(_) => Some(CloseReason::ProtocolError),
        _ => None,
    }
}

/// Hangs up, since the peer has said goodbye or is gone. The answer to its close may still be in
/// the stream's buffer: one of a rendezvous circuit sends nothing of it unless it is flushed.
pub async fn hang_up(mut socket: Socket) {
    let io = socket.get_mut();
    let farewell = async {
        io.flush().await?;
        io.shutdown().await
    };
    // Past the deadline it is dropped as it is.
    let _ = timeout(CLOSE_TIMEOUT, farewell).await;
}

/// Tells the peer why, and gives it two seconds to read that.
pub async fn close(mut socket: Socket, reason: CloseReason) {
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
        // A socket that is dropped with bytes unread is reset, and the peer would not read the
        // reason.
        let mut left = LINGER_BYTES;
        let mut waste = [0; 1024];
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
