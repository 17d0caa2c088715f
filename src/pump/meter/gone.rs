//! Looks whether a peer is still there with whom nothing is spoken just now.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

use super::Meter;

/// Bytes that are read ahead meanwhile, at most.
const AHEAD_BYTES: usize = 1024;

impl<S: AsyncRead + Unpin> Meter<S> {
    /// Waits until the peer is gone. What it sends meanwhile is held back, up to a bound; beyond
    /// that nobody looks any more.
    pub(in crate::pump) async fn gone(&mut self) {
        poll_fn(|cx| self.poll_gone(cx)).await;
    }

    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut bytes = [0; AHEAD_BYTES];
        while self.held_back.len() < AHEAD_BYTES {
            let mut buffer = ReadBuf::new(&mut bytes);
            match ready!(Pin::new(&mut self.io).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {
                    self.allowance = self.allowance.saturating_sub(buffer.filled().len());
                    self.held_back.extend_from_slice(buffer.filled());
                }
                Ok(()) | Err(_) => return Poll::Ready(()),
            }
        }
        Poll::Pending
    }
}
