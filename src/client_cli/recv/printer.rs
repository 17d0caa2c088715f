//! Prints what comes.

use std::time::Duration;

use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;

use crate::client_cli::exit::Failure;
use crate::client_cli::output::line;
use crate::client_cli::stdio::{Output, stdout};
use crate::client_cli::words::fl;
use ephemeral_client::api::Notification;
use ephemeral_client::text::printable_json;

/// How long a line that is being written is waited for when the person wants to end.
const LAST_WRITE: Duration = Duration::from_secs(1);

/// Writes to stdout.
pub(super) struct Printer {
    stdout: Output,
    json: bool,
    /// How much of what `--wait` waits for was written.
    pub(super) printed: u64,
    /// Whether the person wants to end.
    pub(super) stopped: bool,
}

impl Printer {
    pub(super) fn new(json: bool) -> Self {
        Self { stdout: stdout(), json, printed: 0, stopped: false }
    }

    /// Writes what happened, unless the person wants to end and nobody reads it.
    pub(super) async fn print_until(
        &mut self,
        news: &Notification,
        stopped: &mut (impl Future<Output = Result<(), Failure>> + Unpin),
    ) -> Result<(), Failure> {
        let line = match self.json {
            true => comes_of_others(news).then(|| printable_json(&json!(news).to_string())),
            false => line(news),
        };
        let Some(line) = line.map(|line| line + "\n") else { return Ok(()) };
        let mut writing = std::pin::pin!(write(&mut self.stdout, &line));
        let written = tokio::select! {
            biased;
            written = &mut writing => written,
            result = &mut *stopped, if !self.stopped => {
                result?;
                self.stopped = true;
                let unread = |_| Failure::local(fl!("recv-interrupted-unread"));
                timeout(LAST_WRITE, writing).await.map_err(unread)?
            }
        };
        written.map_err(|error| Failure::output(&error))?;
        self.printed += u64::from(counts(news));
        Ok(())
    }
}

/// Returns whether it is what `--wait` waits for.
fn counts(news: &Notification) -> bool {
    matches!(news, Notification::Text { .. } | Notification::GroupText { .. } | Notification::FileSaved { .. })
}

/// Returns whether something came of others, rather than of the engine and its connections.
fn comes_of_others(news: &Notification) -> bool {
    !matches!(
        news,
        Notification::Sent { .. }
            | Notification::AtServer { .. }
            | Notification::GroupAtServer { .. }
            | Notification::SentAgain { .. }
            | Notification::Changed {}
            | Notification::FileProgress { .. }
            | Notification::FileWaits { .. }
            | Notification::FolderFailed { .. }
            | Notification::FileUnreadable { .. }
            | Notification::Connecting {}
            | Notification::TorStarting { .. }
            | Notification::TorSearching {}
            | Notification::Online { .. }
            | Notification::Offline { .. }
            | Notification::Unusable { .. }
            | Notification::ShortMemory { .. }
            | Notification::Elsewhere {}
            | Notification::AllFetched {}
            | Notification::Settled {}
            | Notification::Unknown
    )
}

async fn write(stdout: &mut Output, line: &str) -> std::io::Result<()> {
    stdout.write_all(line.as_bytes()).await?;
    // Only with this the bytes have left the process, and only then an error is known.
    stdout.flush().await
}
