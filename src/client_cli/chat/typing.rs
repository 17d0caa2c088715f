//! The thread that reads the terminal, which blocks.

use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use tokio::sync::mpsc;

use super::super::stdio::{Bytes, read_input};
use super::burst::{ends_a_line, joined};
use super::keyboard::Keyboard;
use crate::hardening::wipe_stack;
use ephemeral_chat::ChatInput;

/// How long it waits until it looks whether it shall end.
const POLL: Duration = Duration::from_millis(100);
/// What comes so soon behind the end of a line was pasted with it; and behind an escape character,
/// it is one sequence with that.
const GAP: Duration = Duration::from_millis(10);
/// How many keys are one paste at most.
const LONGEST_BURST: usize = 1 << 18;
/// How many bytes are read at once: all that a terminal keeps.
const PIECE: usize = 4096;

/// Tells whether there is something to read, of standard input.
struct Readiness {
    poll: Poll,
    events: Events,
}

impl Readiness {
    fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        let input = io::stdin().as_raw_fd();
        poll.registry().register(&mut SourceFd(&input), Token(0), Interest::READABLE)?;
        Ok(Self { poll, events: Events::with_capacity(1) })
    }

    fn wait(&mut self, wait: Duration) -> io::Result<bool> {
        let input = io::stdin().as_raw_fd();
        // Or only what comes from now on would count.
        self.poll.registry().reregister(&mut SourceFd(&input), Token(0), Interest::READABLE)?;
        match self.poll.poll(&mut self.events, Some(wait)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(false),
            waited => waited.map(|()| !self.events.is_empty()),
        }
    }
}

/// Reads until nobody wants it any more, or there is nothing left to come.
pub(super) fn read(events: &mpsc::Sender<ChatInput>, ends: &AtomicBool) {
    // Whoever waits for more of it hears that there is none.
    let _ = read_on(events, ends);
    wipe_stack();
}

fn read_on(events: &mpsc::Sender<ChatInput>, ends: &AtomicBool) -> io::Result<()> {
    let mut ready = Readiness::new()?;
    let mut keyboard = Keyboard::default();
    while !ends.load(Ordering::Relaxed) {
        if !ready.wait(POLL)? {
            continue;
        }
        for input in joined(burst(&mut ready, &mut keyboard)?) {
            if events.blocking_send(input).is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Returns what came in one go.
fn burst(ready: &mut Readiness, keyboard: &mut Keyboard) -> io::Result<Vec<ChatInput>> {
    let mut burst = Vec::new();
    let mut bytes = Bytes::new(vec![0; PIECE]);
    loop {
        let read = read_input(&mut bytes)?;
        if read == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        keyboard.take(bytes.get(..read).unwrap_or_default(), &mut burst);
        let waits = keyboard.has_escape() || burst.last().is_some_and(ends_a_line);
        let wait = if waits { GAP } else { Duration::ZERO };
        if burst.len() >= LONGEST_BURST || !ready.wait(wait)? {
            keyboard.pause(&mut burst);
            return Ok(burst);
        }
    }
}
