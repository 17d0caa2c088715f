//! The byte stream of a connection that is not a session yet. It holds what hyper does not: answers
//! that hyper gives by itself, to what it cannot read, become like all others; and a peer that does
//! not read its answers is given up.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use crate::http;
use crate::transport::Io;

/// A byte stream between hyper and a peer.
pub(super) struct ResponseIo {
    io: Box<dyn Io>,
    /// Set when a request is being answered, until the answer has been written. What hyper writes
    /// else, is its own.
    answering: Arc<AtomicBool>,
    /// What is sent in place of hyper's own answer, which is the last one on a connection.
    instead: Option<Bytes>,
    /// Whether the bytes come over TLS.
    tls: bool,
    write_timeout: Duration,
    /// Runs while the peer does not read.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl ResponseIo {
    pub(super) fn new(io: Box<dyn Io>, answering: Arc<AtomicBool>, tls: bool, write_timeout: Duration) -> Self {
        Self { io, answering, instead: None, tls, write_timeout, stalled: None }
    }

    pub(super) fn into_inner(self) -> Box<dyn Io> {
        self.io
    }

    /// Fails where the peer has not read anything for too long.
    fn or_stalled<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let timeout = self.write_timeout;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(timeout)));
        stalled.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }

    fn poll_instead(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.instead.as_mut().filter(|rest| rest.has_remaining()) {
            let written = Pin::new(&mut self.io).poll_write(cx, rest);
            let written = ready!(self.or_stalled(cx, written))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            if let Some(rest) = &mut self.instead {
                rest.advance(written);
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for ResponseIo {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buffer))?;
        // hyper closes without a word what begins like HTTP/2. As a method that there is not, it is
        // answered 400.
        if let Some(read) = buffer.filled_mut().get_mut(before..).filter(|read| read.starts_with(b"PRI * HTTP/2")) {
            read.iter_mut().take(1).for_each(|first| *first = b'(');
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ResponseIo {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.answering.load(Ordering::Relaxed) {
            let written = Pin::new(&mut self.io).poll_write(cx, bytes);
            return self.or_stalled(cx, written);
        }
        if self.instead.is_none() {
            self.instead = Some(http::instead_of(bytes, self.tls));
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_instead(cx))?;
        let flushed = Pin::new(&mut self.io).poll_flush(cx);
        ready!(self.or_stalled(cx, flushed))?;
        self.answering.store(false, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_instead(cx))?;
        let shut = Pin::new(&mut self.io).poll_shutdown(cx);
        self.or_stalled(cx, shut)
    }
}
