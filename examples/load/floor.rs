//! The floor: a server that forwards the frame's bytes from each even connection to the odd one
//! beside it, and answers `accepted`. No identity, no store, no bounds: what the sockets and the
//! WebSocket library cost, and nothing else. One task a connection, and one flush a turn, as in the
//! server.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use anyhow::Result;
use futures::task::AtomicWaker;
use futures::{Sink, Stream};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async_with_config};

const ACCEPTED: &str = r#"{"type":"accepted","id":"m12345","expires_at":"2026-01-03T12:00:00.000Z","duplicate":false}"#;

#[derive(Default)]
struct Inbox {
    frames: Mutex<Vec<Utf8Bytes>>,
    waker: AtomicWaker,
}

type Inboxes = Arc<Mutex<Vec<Arc<Inbox>>>>;

/// Serves for ever.
pub(crate) async fn run(listen: SocketAddr) -> Result<()> {
    let listener = TcpListener::bind(listen).await?;
    let inboxes = Inboxes::default();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(serve(stream, Arc::clone(&inboxes)));
    }
}

async fn serve(stream: TcpStream, inboxes: Inboxes) {
    // Boxed, as in the server: the handshake's state is freed with it.
    let Some((mut socket, number)) = Box::pin(accept(stream)).await else { return };
    let own = inbox(&inboxes, number);
    let other = inbox(&inboxes, number ^ 1);
    poll_fn(|cx| turn(cx, &mut socket, number.is_multiple_of(2), &own, &other)).await;
}

#[allow(clippy::result_large_err, reason = "the library's type")]
async fn accept(stream: TcpStream) -> Option<(WebSocketStream<TcpStream>, usize)> {
    let mut number = None;
    let config = WebSocketConfig::default().read_buffer_size(2048).write_buffer_size(64 * 1024);
    let callback = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
        number = request.uri().query().and_then(|query| query.strip_prefix("fingerprint=")?.parse().ok());
        Ok(response)
    };
    let socket = accept_hdr_async_with_config(stream, callback, Some(config)).await.ok()?;
    Some((socket, number?))
}

fn inbox(inboxes: &Inboxes, number: usize) -> Arc<Inbox> {
    let mut inboxes = inboxes.lock().unwrap_or_else(PoisonError::into_inner);
    if inboxes.len() <= number {
        inboxes.resize_with(number + 1, Arc::default);
    }
    Arc::clone(&inboxes[number])
}

fn turn(
    cx: &mut Context<'_>,
    socket: &mut WebSocketStream<TcpStream>,
    sends: bool,
    own: &Inbox,
    other: &Inbox,
) -> Poll<()> {
    let mut socket = Pin::new(socket);
    let mut wake = false;
    let mut queued = false;
    while let Poll::Ready(next) = socket.as_mut().poll_next(cx) {
        let Some(Ok(message)) = next else { return Poll::Ready(()) };
        if let (true, Message::Text(text)) = (sends, message) {
            other.frames.lock().unwrap_or_else(PoisonError::into_inner).push(text);
            wake = true;
            queued = true;
            if socket.as_mut().start_send(Message::text(ACCEPTED)).is_err() {
                return Poll::Ready(());
            }
        }
    }
    if wake {
        other.waker.wake();
    }
    own.waker.register(cx.waker());
    for frame in std::mem::take(&mut *own.frames.lock().unwrap_or_else(PoisonError::into_inner)) {
        queued = true;
        if socket.as_mut().start_send(Message::Text(frame)).is_err() {
            return Poll::Ready(());
        }
    }
    if queued && matches!(socket.as_mut().poll_flush(cx), Poll::Ready(Err(_))) {
        return Poll::Ready(());
    }
    Poll::Pending
}
