//! A stream of a rendezvous circuit, which ends when its circuit is closed: Arti lets a circuit
//! live for as long as somebody holds a stream of it.

use std::io::{Error, ErrorKind, Result};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// See the module. Both directions belong to one task: it is the one that is woken.
pub(in crate::transport) struct CircuitStream<S> {
    /// `None`: the circuit is closed.
    stream: Option<S>,
    closed: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl<S: Unpin> CircuitStream<S> {
    pub(in crate::transport) fn new(stream: S, closed: &CancellationToken) -> Self {
        Self { stream: Some(stream), closed: Box::pin(closed.clone().cancelled_owned()) }
    }

    /// Returns the stream, unless its circuit is closed; then it is dropped here and now.
    fn open(&mut self, context: &mut Context<'_>) -> Result<Pin<&mut S>> {
        if self.stream.is_some() && self.closed.as_mut().poll(context).is_ready() {
            self.stream = None;
        }
        self.stream.as_mut().map(Pin::new).ok_or_else(|| Error::from(ErrorKind::ConnectionReset))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for CircuitStream<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        self.open(context)?.poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for CircuitStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        self.open(context)?.poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        self.open(context)?.poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        self.open(context)?.poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn a_reader_that_waits_is_woken_by_the_end_of_the_circuit() {
        let (ours, mut theirs) = tokio::io::duplex(64);
        let closed = CancellationToken::new();
        let mut stream = CircuitStream::new(ours, &closed);
        theirs.write_all(b"hello").await.unwrap();
        assert_eq!(stream.read(&mut [0; 64]).await.unwrap(), 5);
        let (ended, ()) = tokio::join!(stream.read_u8(), async { closed.cancel() });
        assert_eq!(ended.unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert_eq!(
            theirs.read(&mut [0; 64]).await.unwrap(),
            0,
            "the stream below is gone, though this one is still held"
        );
        assert!(stream.write_all(b"more").await.is_err());
        assert!(stream.flush().await.is_err());
        assert!(stream.shutdown().await.is_err());
    }

    #[tokio::test]
    async fn a_writer_that_waits_is_woken_as_well() {
        let (ours, _theirs) = tokio::io::duplex(4);
        let closed = CancellationToken::new();
        let mut stream = CircuitStream::new(ours, &closed);
        let (ended, ()) = tokio::join!(stream.write_all(&[0; 64]), async { closed.cancel() });
        assert_eq!(ended.unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
}
