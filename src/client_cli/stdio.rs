//! Standard input and output that keep nothing of what went through them: texts and invites do.
//! The buffers of the standard library and of tokio hold the last of it until the process ends.

use std::io;
use std::os::fd::AsFd as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::task::{JoinHandle, spawn_blocking};
use zeroize::{Zeroize as _, Zeroizing};

/// How many bytes are read or written at once.
const PIECE: usize = 64 * 1024;

/// Bytes that are wiped when they are not needed any more.
pub(super) type Bytes = Zeroizing<Vec<u8>>;

/// Standard input, or what stands for it.
pub(super) struct Input {
    reading: Option<JoinHandle<io::Result<Bytes>>>,
    ready: Bytes,
    at: usize,
    source: fn(&mut [u8]) -> io::Result<usize>,
}

/// Standard output, or what stands for it.
pub(super) struct Output {
    writing: Option<JoinHandle<io::Result<()>>>,
    sink: fn(&[u8]) -> io::Result<()>,
}

/// Returns this process's standard input.
pub(super) fn stdin() -> Input {
    Input { reading: None, ready: Bytes::default(), at: 0, source: read_input }
}

/// Reads standard input to its end, but no more than so many bytes.
pub(super) async fn read_all(most: u64) -> io::Result<Bytes> {
    let mut bytes = Bytes::default();
    stdin().take(most).read_to_end(&mut bytes).await?;
    Ok(bytes)
}

/// Returns this process's standard output.
pub(super) fn stdout() -> Output {
    Output { writing: None, sink: write_output }
}

/// Reads past the standard library's buffer.
pub(super) fn read_input(buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match rustix::io::read(io::stdin().as_fd(), &mut *buffer) {
            Err(rustix::io::Errno::INTR) => {}
            outcome => return outcome.map_err(io::Error::from),
        }
    }
}

/// Writes past the standard library's buffer.
fn write_output(mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(io::stdout().as_fd(), bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

impl AsyncRead for Input {
    /// Wipes the caller's buffer before it waits: a buffered reader has what came before in it.
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let own = self.get_mut();
        buffer.initialize_unfilled().zeroize();
        if own.at == own.ready.len() {
            let source = own.source;
            let reading = own.reading.get_or_insert_with(|| {
                spawn_blocking(move || {
                    let mut bytes = Bytes::new(vec![0; PIECE]);
                    let read = source(&mut bytes)?;
                    bytes.truncate(read);
                    Ok(bytes)
                })
            });
            let read = ready!(Pin::new(reading).poll(context));
            own.reading = None;
            own.ready = read.map_err(io::Error::other)??;
            own.at = 0;
        }
        let rest = own.ready.get_mut(own.at..).unwrap_or_default();
        let (taken, _) = rest.split_at_mut(rest.len().min(buffer.remaining()));
        buffer.put_slice(taken);
        taken.zeroize();
        own.at += taken.len();
        Poll::Ready(Ok(()))
    }
}

impl Output {
    fn poll_written(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(writing) = &mut self.writing else { return Poll::Ready(Ok(())) };
        let written = ready!(Pin::new(writing).poll(context));
        self.writing = None;
        Poll::Ready(written.map_err(io::Error::other)?)
    }
}

impl AsyncWrite for Output {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let own = self.get_mut();
        ready!(own.poll_written(context))?;
        let piece = Bytes::new(bytes.get(..PIECE).unwrap_or(bytes).to_vec());
        let length = piece.len();
        let sink = own.sink;
        own.writing = Some(spawn_blocking(move || sink(&piece)));
        Poll::Ready(Ok(length))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_written(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_written(context)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};

    use super::*;

    #[tokio::test]
    async fn lines_come_as_they_are_and_the_reader_keeps_nothing_of_them() {
        static PIECES: Mutex<Vec<&[u8]>> = Mutex::new(Vec::new());
        *PIECES.lock().unwrap() = vec![b"", b"ee\n", b"one\ntwo\nthr"];
        let source = |buffer: &mut [u8]| {
            let piece = PIECES.lock().unwrap().pop().unwrap_or_default();
            buffer[..piece.len()].copy_from_slice(piece);
            Ok(piece.len())
        };
        let input = Input { reading: None, ready: Bytes::default(), at: 0, source };
        let mut lines = BufReader::new(input).lines();
        for line in ["one", "two", "three"] {
            assert_eq!(lines.next_line().await.unwrap().as_deref(), Some(line));
        }
        assert_eq!(lines.next_line().await.unwrap(), None);
        let input = lines.into_inner().into_inner();
        assert!(input.ready.iter().all(|byte| *byte == 0));
        assert!(read_input(&mut []).is_ok_and(|read| read == 0));

        // What a buffered reader hands in is wiped while nothing comes.
        let mut waiting = Input { source: |_| Ok(0), ..input };
        let mut old = *b"what came before";
        let mut buffer = ReadBuf::new(&mut old);
        let first = std::future::poll_fn(|context| Poll::Ready(Pin::new(&mut waiting).poll_read(context, &mut buffer)));
        let _ = first.await;
        assert_eq!(old, [0; 16]);
        let mut rest = Vec::new();
        assert_eq!(waiting.read_to_end(&mut rest).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn all_of_it_is_written_in_order_and_an_error_is_told() {
        static WRITTEN: Mutex<Vec<u8>> = Mutex::new(Vec::new());
        let sink = |bytes: &[u8]| {
            WRITTEN.lock().unwrap().extend_from_slice(bytes);
            if bytes == b"x" { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(()) }
        };
        let mut output = Output { writing: None, sink };
        let long: Vec<u8> = (0..3 * PIECE as u32).map(|number| number.to_be_bytes()[3]).collect();
        output.write_all(&long).await.unwrap();
        output.flush().await.unwrap();
        assert!(*WRITTEN.lock().unwrap() == long);
        output.write_all(b"x").await.unwrap();
        assert_eq!(output.flush().await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
