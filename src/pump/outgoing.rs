//! The text frames of a session on their way out.
//!
//! They go past the WebSocket's own buffer: that one stays as large as the longest frame that it
//! has had, and a session that was once sent a long message would hold as much room for ever.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;

use super::TURN_BYTES;

/// A thread keeps room for so many bytes, at most, from one turn to the next.
const KEPT: usize = 2 * TURN_BYTES;
/// A peer that does not read holds so much more room than it needs, at most.
const SPARE: usize = 1024;
/// A text frame that is a whole message (RFC 6455, section 5.2).
const WHOLE_TEXT: u8 = 0x81;

thread_local! {
    /// Room for the frames of a turn. Between two turns there is nothing in it but zeros.
    static ROOM: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Frames that have to be written, one behind the other. It holds no memory while there is none.
#[derive(Debug, Default)]
pub(super) struct OutgoingFrames {
    bytes: Vec<u8>,
    written: usize,
}

impl OutgoingFrames {
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Puts a text frame behind what is there.
    pub(super) fn push(&mut self, text: &str) {
        if self.bytes.capacity() == 0 {
            self.bytes = ROOM.take();
        }
        let more = text.len() + 10;
        if more > TURN_BYTES {
            self.bytes.reserve_exact(more);
        } else {
            self.bytes.reserve(more);
        }
        self.bytes.push(WHOLE_TEXT);
        match text.len() {
            short @ 0..=125 => self.bytes.push(u8::try_from(short).unwrap_or_default()),
            medium @ 126..=0xffff => {
                self.bytes.push(126);
                self.bytes.extend(u16::try_from(medium).unwrap_or_default().to_be_bytes());
            }
            long => {
                self.bytes.push(127);
                self.bytes.extend((long as u64).to_be_bytes());
            }
        }
        self.bytes.extend(text.as_bytes());
    }

    /// Writes what there is. While the peer does not read, only what it has not read is held.
    ///
    /// # Errors
    /// If the stream takes no more.
    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        io: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<io::Result<()>> {
        while let Some(rest) = self.bytes.get(self.written..).filter(|rest| !rest.is_empty()) {
            let Poll::Ready(written) = Pin::new(&mut *io).poll_write(cx, rest) else {
                self.tighten();
                return Poll::Pending;
            };
            match written? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.written += written,
            }
        }
        if self.bytes.capacity() > 0 {
            self.give_back();
        }
        Poll::Ready(Ok(()))
    }

    /// Writes what is left, and flushes it.
    ///
    /// # Errors
    /// If the stream takes no more.
    pub(super) async fn finish(&mut self, io: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        std::future::poll_fn(|cx| {
            ready!(self.poll_write(cx, io))?;
            Pin::new(&mut *io).poll_flush(cx)
        })
        .await
    }

    /// Gives up the room that what is left does not need.
    fn tighten(&mut self) {
        let rest = self.bytes.get(self.written..).unwrap_or_default();
        if self.bytes.capacity() > 2 * rest.len() + SPARE {
            let rest = rest.to_vec();
            self.give_back();
            self.bytes = rest;
        }
    }

    fn give_back(&mut self) {
        let mut room = std::mem::take(&mut self.bytes);
        self.written = 0;
        // A larger one is overwritten by the allocator.
        if room.capacity() <= KEPT {
            room.fill(0);
            room.clear();
            ROOM.set(room);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::AsyncReadExt as _;

    use super::*;

    /// Writes as much as `io` takes.
    async fn write_some(outgoing: &mut OutgoingFrames, io: &mut (impl AsyncWrite + Unpin)) -> bool {
        poll_fn(|cx| Poll::Ready(outgoing.poll_write(cx, io).is_ready())).await
    }

    #[tokio::test]
    async fn frames_of_every_length_are_those_of_the_specification() {
        for (length, header) in [
            (0, vec![0x81, 0]),
            (125, vec![0x81, 125]),
            (126, vec![0x81, 126, 0, 126]),
            (65_535, vec![0x81, 126, 0xff, 0xff]),
            (65_536, vec![0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let text = "x".repeat(length);
            let mut outgoing = OutgoingFrames::default();
            outgoing.push("before");
            outgoing.push(&text);
            let mut written = Vec::new();
            outgoing.finish(&mut written).await.unwrap();
            assert_eq!(written, [&b"\x81\x06before"[..], &header, text.as_bytes()].concat(), "{length}");
        }
    }

    #[tokio::test]
    async fn a_session_to_which_nothing_is_written_holds_no_room_and_a_thread_a_bounded_one() {
        let mut outgoing = OutgoingFrames::default();
        for length in [400_000, 10, TURN_BYTES] {
            outgoing.push(&"s".repeat(length));
            outgoing.finish(&mut tokio::io::sink()).await.unwrap();
            assert_eq!(outgoing.bytes.capacity(), 0, "{length}");
        }
        let room = ROOM.take();
        assert!((TURN_BYTES..=KEPT).contains(&room.capacity()), "{}", room.capacity());
    }

    #[tokio::test]
    async fn while_a_peer_does_not_read_only_what_it_has_not_read_is_held() {
        let (mut near, mut far) = tokio::io::duplex(1000);
        let mut outgoing = OutgoingFrames::default();
        outgoing.push(&"x".repeat(300_000));
        let mut read = 0;
        while !write_some(&mut outgoing, &mut near).await {
            let left = 300_010 - read - 1000;
            assert!(outgoing.bytes.capacity() <= 2 * left + SPARE, "{} for {left}", outgoing.bytes.capacity());
            read += far.read(&mut [0; 1000]).await.unwrap();
            // A task that never waits is made to: nothing is written then.
            tokio::task::yield_now().await;
        }
        assert_eq!(outgoing.bytes.capacity(), 0);
    }
}
