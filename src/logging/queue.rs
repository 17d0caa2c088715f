//! A bounded queue of log lines, and the one thread that writes them. A task that logs never waits
//! for a reader.
//!
//! A terminal under Ctrl-S and a pipe that nobody reads hold up a writer for as long as they like.
//! A line that finds the queue full is dropped and counted, and the count is logged once lines are
//! written again.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// Lines that wait to be written, at most.
const LINES: usize = 1024;
/// Bytes of a line, at most: together with [`LINES`] the queue's share of the memory.
const LINE_BYTES: usize = 4096;

/// The lines that wait.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    lines: VecDeque<Vec<u8>>,
    /// Whether the thread has taken a line and not yet written it.
    writing: bool,
    dropped: u64,
    /// How many of the dropped lines the log has mentioned.
    mentioned: u64,
}

impl Queue {
    /// Adds a line, or drops it where there is no room. Never waits for the reader.
    pub(super) fn push(&self, line: &[u8]) {
        let mut state = self.lock();
        if state.lines.len() >= LINES {
            state.dropped += 1;
            return;
        }
        state.lines.push_back(cut(line));
        self.changed.notify_all();
    }

    /// Returns how many lines were dropped so far.
    pub(super) fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    /// Waits until every line is written, for so long at most.
    pub(super) fn flush(&self, within: Duration) {
        let is_pending = |state: &mut State| state.writing || !state.lines.is_empty();
        let _ = self.changed.wait_timeout_while(self.lock(), within, is_pending);
    }

    /// Writes lines for ever. `mention` is told how many were dropped, once there is room again.
    pub(super) fn write(&self, mut out: impl Write, mention: impl Fn(u64)) {
        loop {
            let (line, dropped) = self.next();
            // A log that cannot be written is no reason to end.
            let _ = out.write_all(&line).and_then(|()| out.flush());
            self.lock().writing = false;
            self.changed.notify_all();
            if dropped > 0 {
                mention(dropped);
            }
        }
    }

    fn next(&self) -> (Vec<u8>, u64) {
        let mut state = self.lock();
        loop {
            if let Some(line) = state.lines.pop_front() {
                state.writing = true;
                let dropped = state.dropped - state.mentioned;
                state.mentioned = state.dropped;
                return (line, dropped);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Copies a line, and shortens one that is too long.
fn cut(line: &[u8]) -> Vec<u8> {
    match line.get(..LINE_BYTES) {
        Some(start) if line.len() > LINE_BYTES => [start, "…\n".as_bytes()].concat(),
        _ => line.to_vec(),
    }
}

/// Hands each line of `tracing_subscriber` to the queue.
#[derive(Debug, Clone, Copy)]
pub(super) struct QueueWriter(pub(super) &'static Queue);

impl Write for QueueWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for QueueWriter {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        *self
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc;

    use super::*;

    /// A reader that reads nothing until it is told to.
    struct Stuck {
        entered: mpsc::Sender<()>,
        release: mpsc::Receiver<()>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.entered.send(());
            let _ = self.release.recv();
            self.written.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn while_nobody_reads_lines_are_dropped_and_counted_and_the_count_is_mentioned_afterwards() {
        let queue = Arc::new(Queue::default());
        let (entered, has_entered) = mpsc::channel();
        let (release, released) = mpsc::channel();
        let (mention, mentioned) = mpsc::channel();
        let written = Arc::<Mutex<Vec<u8>>>::default();
        let stuck = Stuck { entered, release: released, written: Arc::clone(&written) };
        let writing = Arc::clone(&queue);
        std::thread::spawn(move || writing.write(stuck, move |dropped| mention.send(dropped).unwrap()));
        queue.push(b"first\n");
        has_entered.recv().unwrap();
        for _ in 0..LINES + 5 {
            queue.push(b"more\n");
        }
        assert_eq!(queue.dropped(), 5);
        queue.flush(Duration::from_millis(1));
        assert!(written.lock().unwrap().is_empty(), "nobody has read yet, and nobody waited for that");
        drop(release);
        assert_eq!(mentioned.recv().unwrap(), 5);
        queue.flush(Duration::from_secs(60));
        let text = String::from_utf8(written.lock().unwrap().clone()).unwrap();
        assert_eq!((text.lines().count(), text.lines().next()), (LINES + 1, Some("first")));
    }

    #[test]
    fn a_line_of_any_length_takes_a_bounded_room() {
        assert_eq!(cut(b"short\n"), b"short\n");
        let long = cut(&vec![b'x'; 1 << 20]);
        assert!(long.len() < LINE_BYTES + 8 && long.ends_with("…\n".as_bytes()));
    }
}
