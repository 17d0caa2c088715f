//! Lines of a stream, with a bound on their length and on how long one takes.

use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::time::{Instant, timeout_at};

/// Says why there is no further line.
#[derive(Debug, thiserror::Error)]
pub(super) enum LineFault {
    #[error(transparent)]
    Read(#[from] std::io::Error),
    #[error("a line is too long")]
    Long,
    /// It ended in the middle, or took too long.
    #[error("half a line")]
    Half,
}

/// Reads lines.
pub(super) struct LineReader<R> {
    reader: BufReader<R>,
    line: Vec<u8>,
    longest: usize,
    patience: Option<Duration>,
    deadline: Option<Instant>,
}

impl<R: AsyncRead + Unpin> LineReader<R> {
    /// Reads lines of at most `longest` bytes. `patience`: from the first byte of a line to its
    /// last.
    pub(super) fn new(reader: R, longest: usize, patience: Option<Duration>) -> Self {
        Self { reader: BufReader::new(reader), line: Vec::new(), longest, patience, deadline: None }
    }

    /// Returns the next line without its end; `None` at the end. Cancelling it loses nothing.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<u8>>, LineFault> {
        loop {
            let filling = self.reader.fill_buf();
            let piece = match self.deadline {
                Some(deadline) => timeout_at(deadline, filling).await.map_err(|_| LineFault::Half)??,
                None => filling.await?,
            };
            if piece.is_empty() {
                return if self.line.is_empty() { Ok(None) } else { Err(LineFault::Half) };
            }
            let end = piece.iter().position(|byte| *byte == b'\n');
            let room = self.longest.saturating_sub(self.line.len());
            let length = end.unwrap_or(piece.len());
            self.line.extend(piece.iter().take(length.min(room)));
            let used = length + usize::from(end.is_some());
            self.reader.consume(used);
            if length > room {
                return Err(LineFault::Long);
            }
            if end.is_some() {
                self.deadline = None;
                return Ok(Some(std::mem::take(&mut self.line)));
            }
            self.deadline = self.deadline.or_else(|| self.patience.map(|patience| Instant::now() + patience));
        }
    }
}
