//! The bytes to and from a broker: in WebSocket frames, or as they are.

use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use anyhow::{Result, anyhow};
use bytes::Bytes;
use futures::{Sink, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

/// Bytes that are read at once.
const READ: usize = 4096;

pub(super) enum BrokerWire {
    WebSocket(Box<WebSocketStream<TcpStream>>),
    Tcp {
        stream: TcpStream,
        /// What is not written yet.
        queued: Vec<u8>,
    },
}

impl BrokerWire {
    pub(super) async fn connect(address: SocketAddr, over_websocket: bool) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        if !over_websocket {
            return Ok(Self::Tcp { stream, queued: Vec::new() });
        }
        let config = WebSocketConfig::default().read_buffer_size(READ).write_buffer_size(64 * 1024);
        let (socket, _) = client_async_with_config(format!("ws://{address}/"), stream, Some(config)).await?;
        Ok(Self::WebSocket(Box::new(socket)))
    }

    pub(super) fn feed(&mut self, bytes: Vec<u8>) -> Result<()> {
        match self {
            Self::WebSocket(socket) => Pin::new(socket).start_send(Message::Binary(Bytes::from(bytes)))?,
            Self::Tcp { queued, .. } => queued.extend(bytes),
        }
        Ok(())
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        match self {
            Self::WebSocket(socket) => Pin::new(socket).poll_flush(cx).map_err(Into::into),
            Self::Tcp { stream, queued } => {
                while !queued.is_empty() {
                    let written = ready!(Pin::new(&mut *stream).poll_write(cx, queued))?;
                    queued.drain(..written);
                }
                Poll::Ready(Ok(()))
            }
        }
    }

    /// Appends what has come.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, read: &mut Vec<u8>) -> Poll<Result<()>> {
        let before = read.len();
        match self {
            Self::WebSocket(socket) => {
                if let Some(message) = ready!(Pin::new(socket).poll_next(cx)) {
                    read.extend_from_slice(&message?.into_data());
                    return Poll::Ready(Ok(()));
                }
            }
            Self::Tcp { stream, .. } => {
                let mut bytes = [0; READ];
                let mut buffer = ReadBuf::new(&mut bytes);
                ready!(Pin::new(stream).poll_read(cx, &mut buffer))?;
                read.extend_from_slice(buffer.filled());
            }
        }
        if read.len() > before {
            Poll::Ready(Ok(()))
        } else {
            Poll::Ready(Err(anyhow!("the broker closed the connection")))
        }
    }
}
