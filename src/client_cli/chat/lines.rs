//! The linear mode: standard input and output, a line at a time.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _, stdin, stdout};

use tokio::task::JoinSet;

use ephemeral_chat::{Chat, ChatInput};

/// The longest line that is read, in bytes.
const MOST: u64 = 256 * 1024;

/// Standard input and output.
pub(super) struct Lines {
    /// At most one line is being read: whether it is a secret is known only then.
    reading: JoinSet<io::Result<Option<String>>>,
}

impl Lines {
    pub(super) fn new() -> Self {
        Self { reading: JoinSet::new() }
    }

    /// Prints what was said since the last time.
    pub(super) fn show(chat: &mut Chat) -> io::Result<()> {
        let mut out = stdout().lock();
        for line in chat.lines() {
            writeln!(out, "{line}")?;
        }
        out.flush()
    }

    /// Returns the next line; `None` at the end. Cancelling it loses nothing.
    pub(super) async fn next(&mut self, chat: &Chat) -> Option<ChatInput> {
        if chat.is_busy() {
            // Whether the next line is a secret is not known yet.
            return std::future::pending().await;
        }
        if self.reading.is_empty() {
            let secret = chat.is_secret() && stdin().is_terminal();
            self.reading.spawn_blocking(move || if secret { hidden() } else { read() });
        }
        match self.reading.join_next().await {
            Some(Ok(Ok(Some(line)))) => Some(ChatInput::Line(line)),
            _ => None,
        }
    }
}

fn read() -> io::Result<Option<String>> {
    let mut line = Vec::new();
    let read = stdin().lock().take(MOST).read_until(b'\n', &mut line)?;
    Ok((read > 0).then(|| String::from_utf8_lossy(&line).into_owned()))
}

/// Reads a line without showing what is typed.
fn hidden() -> io::Result<Option<String>> {
    rpassword::read_password().map(Some)
}
