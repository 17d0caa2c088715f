//! The linear mode: standard input and output, a line at a time.

use std::io::{self, IsTerminal as _, Write as _, stdout};

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::task::JoinSet;

use super::super::stdio::{Bytes, Input, stdin};
use ephemeral_chat::{Chat, ChatInput};

/// The longest line that is read, in bytes.
const MOST: usize = 256 * 1024;

/// Standard input and output.
pub(super) struct Lines {
    input: BufReader<Input>,
    /// What has come of the line that is being read; `None` if none is.
    begun: Option<Bytes>,
    /// At most one line is being read: whether it is a secret is known only then.
    hidden: JoinSet<io::Result<String>>,
}

impl Lines {
    pub(super) fn new() -> Self {
        Self { input: BufReader::new(stdin()), begun: None, hidden: JoinSet::new() }
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
        if self.begun.is_none() && self.hidden.is_empty() && chat.is_secret() && io::stdin().is_terminal() {
            // It does not show what is typed.
            self.hidden.spawn_blocking(rpassword::read_password);
        }
        if let Some(read) = self.hidden.join_next().await {
            return read.ok()?.ok().map(ChatInput::Line);
        }
        self.line().await.ok()?.map(ChatInput::Line)
    }

    /// Reads a line, or as much of one as is read at most; `None` at the end.
    async fn line(&mut self) -> io::Result<Option<String>> {
        let line = self.begun.get_or_insert_default();
        loop {
            let bytes = self.input.fill_buf().await?;
            let is_end = bytes.is_empty();
            let up_to_end = bytes.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
            let taken = up_to_end.unwrap_or(bytes.len()).min(MOST - line.len());
            line.extend_from_slice(bytes.get(..taken).unwrap_or_default());
            self.input.consume(taken);
            if is_end || line.ends_with(b"\n") || line.len() == MOST {
                let text = String::from_utf8_lossy(line).into_owned();
                self.begun = None;
                return Ok(Some(text).filter(|text| !text.is_empty()));
            }
        }
    }
}
