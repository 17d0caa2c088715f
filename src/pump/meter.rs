//! A byte stream that counts what is read from it, and tells whether anything moves.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A byte stream that counts what is read from it, and ends with an error where that is too much.
pub struct Meter<S> {
    io: S,
    allowance: usize,
    heard: bool,
    written: bool,
}

impl<S> Meter<S> {
    /// `allowance`: how many bytes may be read.
    pub(super) fn new(io: S, allowance: usize) -> Self {
        Self { io, allowance, heard: false, written: false }
    }

    /// From now on any number of bytes may be read.
    pub fn unlimit(&mut self) {
        self.allowance = usize::MAX;
    }

    pub(super) fn is_exhausted(&self) -> bool {
        self.allowance == 0
    }

    /// Whether anything has been read since the last call.
    pub(super) fn take_heard(&mut self) -> bool {
        std::mem::take(&mut self.heard)
    }

    /// Whether anything has been written since the last call.
    pub(super) fn take_written(&mut self) -> bool {
        std::mem::take(&mut self.written)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Meter<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.allowance == 0 {
            return Poll::Ready(Err(io::Error::other("more than was allowed")));
        }
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.io).poll_read(cx, buffer);
        let read = buffer.filled().len() - before;
        if read > 0 {
            self.heard = true;
            if self.allowance != usize::MAX {
                self.allowance = self.allowance.saturating_sub(read);
            }
        }
        result
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Meter<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.written |= matches!(result, Poll::Ready(Ok(1..)));
        result
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
