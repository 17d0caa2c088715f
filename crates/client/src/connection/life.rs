//! Notes when a server last gave a sign of life: any byte is one, so that a large message on a slow
//! circuit counts as soon as it begins to come.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use crate::ByteStream;

/// The time at which the last byte came.
#[derive(Debug, Clone)]
pub(super) struct LastByte(Arc<Mutex<Instant>>);

impl LastByte {
    /// Returns the time of the last byte.
    pub(super) fn at(&self) -> Instant {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_now(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

/// A byte stream that notes when bytes come.
struct Noting {
    stream: Box<dyn ByteStream>,
    last_byte: LastByte,
}

/// Returns the same stream, and where one can see when its last byte came. To begin with, that is
/// now.
pub(super) fn noting(stream: Box<dyn ByteStream>) -> (Box<dyn ByteStream>, LastByte) {
    let last_byte = LastByte(Arc::new(Mutex::new(Instant::now())));
    (Box::new(Noting { stream, last_byte: last_byte.clone() }), last_byte)
}

impl AsyncRead for Noting {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.last_byte.is_now();
        }
        outcome
    }
}

impl AsyncWrite for Noting {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
