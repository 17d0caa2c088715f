//! `status`, `status blocks` and `status senders`: what the running daemon says of itself.

mod screen;
pub(super) mod text;

use std::io::IsTerminal as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::places::Candidates;
use super::{complain, failure, print};
use crate::admin::client::{AdminClientError, ask};
use crate::admin::routes::{BlocksRequest, CheckInRequest, SendersRequest, StatsRequest};
use crate::http::Health;

/// What the help shows.
pub(super) const EXAMPLES: &str = "Examples:
  ephemeral-server status
  ephemeral-server status --watch
  ephemeral-server status --json
  ephemeral-server status blocks
  ephemeral-server status senders

Exit code 3: the server runs, and clients cannot connect (yet). On a terminal, `status` without an option is a check-in \
for the dead-man switch; nothing else here is.";

/// The time between two looks of `--watch`.
const LOOK: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Args)]
pub(super) struct Status {
    /// Show it live, until q or Ctrl-C
    #[arg(long, conflicts_with = "json")]
    watch: bool,
    /// Print one JSON object
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    part: Option<Part>,
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum Part {
    /// List the blocked peers and clients, by the names that the log gives them today, and until
    /// when
    #[command(after_help = "Example:\n  ephemeral-server status blocks --json")]
    Blocks,
    /// List the senders whose messages take most of the store, by the names that the log would give
    /// them
    #[command(after_help = "Example:\n  ephemeral-server status senders --json")]
    Senders,
}

/// Exit code where the daemon answers, and clients cannot connect.
pub(super) const EXIT_NOT_READY: u8 = 3;

pub(super) fn run(status: &Status, candidates: &Candidates) -> ExitCode {
    let socket = &candidates.to_ask().socket;
    super::on_runtime(async {
        let shown = match status.part {
            Some(Part::Blocks) => blocks(socket, status.json).await,
            Some(Part::Senders) => senders(socket, status.json).await,
            None if status.watch => watch(socket).await,
            None => once(socket, status.json).await,
        };
        shown.unwrap_or_else(failure)
    })
}

async fn once(socket: &Path, json: bool) -> Result<ExitCode, AdminClientError> {
    let answer = ask(socket, &StatsRequest {}).await?;
    let text = if json { written(&answer) } else { text::report(&answer) };
    let printed = print(&text);
    // Only a person reads a terminal; a script, a scraper or a forgotten `--watch` is nobody's sign
    // of life.
    if !json && std::io::stdout().is_terminal() && answer.stats.dead_man.is_some() {
        ask(socket, &CheckInRequest {}).await?;
    }
    let ready = answer.status == Health::Healthy;
    Ok(if ready || printed != ExitCode::SUCCESS { printed } else { EXIT_NOT_READY.into() })
}

async fn blocks(socket: &Path, json: bool) -> Result<ExitCode, AdminClientError> {
    let blocks = ask(socket, &BlocksRequest {}).await?;
    Ok(print(&if json { written(&blocks) } else { text::blocks(&blocks) }))
}

async fn senders(socket: &Path, json: bool) -> Result<ExitCode, AdminClientError> {
    let senders = ask(socket, &SendersRequest {}).await?;
    Ok(print(&if json { written(&senders) } else { text::senders(&senders) }))
}

fn written<T: Serialize>(answer: &T) -> String {
    serde_json::to_string(answer).unwrap_or_default() + "\n"
}

async fn watch(socket: &Path) -> Result<ExitCode, AdminClientError> {
    let is_plain = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    if !std::io::stdout().is_terminal() || is_plain {
        complain("--watch needs a terminal that it can draw on; without one, use `status --json` again and again");
        return Ok(ExitCode::FAILURE);
    }
    // Before the screen is taken: an error should stay readable.
    let first = ask(socket, &StatsRequest {}).await?;
    let mut screen = match screen::Screen::open() {
        Ok(screen) => screen,
        Err(error) => return Ok(failure(format_args!("the terminal cannot be used: {error}"))),
    };
    let mut next = Ok(first);
    loop {
        if let Err(error) = screen.show(next.map_err(|error: AdminClientError| error.to_string())) {
            return Ok(failure(format_args!("the terminal cannot be used: {error}")));
        }
        if screen.wants_to_end(LOOK).await {
            return Ok(ExitCode::SUCCESS);
        }
        next = ask(socket, &StatsRequest {}).await;
    }
}
