//! `status`, `status blocks` and `unblock`: what the running daemon says of itself.

mod screen;
pub(super) mod text;

use std::io::IsTerminal as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::Value;

use super::admin::{self, AdminClientError};
use super::{complain, failure, print};

/// Between two looks of `--watch`.
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
    /// Who is blocked, by the name that the log gives them today, and until when
    #[command(after_help = "Example:\n  ephemeral-server status blocks --json")]
    Blocks,
}

/// Exit code where the daemon answers, and clients cannot connect.
const EXIT_NOT_READY: u8 = 3;

pub(super) fn run(status: &Status, socket: &Path) -> ExitCode {
    super::on_runtime(async {
        let shown = match status.part {
            Some(Part::Blocks) => blocks(socket, status.json).await,
            None if status.watch => watch(socket).await,
            None => once(socket, status.json).await,
        };
        shown.unwrap_or_else(failure)
    })
}

pub(super) fn unblock(who: &str, socket: &Path) -> ExitCode {
    super::on_runtime(async {
        // What is not a name of ours need not be asked for, and cannot be part of a request.
        if !who.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return failure(format_args!("{who:?} is not a name that `status blocks` gives"));
        }
        match admin::ask(&admin::socket(socket), Method::DELETE, &format!("/blocks/{who}")).await {
            Ok(_) => print(&format!("{who} is no longer blocked\n")),
            Err(error) => failure(error),
        }
    })
}

/// Asks for no more than a stranger is told, so that a machine which asks every minute checks in for nobody.
pub(super) fn health(socket: &Path) -> ExitCode {
    super::on_runtime(async {
        match admin::ask(&admin::socket(socket), Method::GET, "/health").await {
            Ok(_) => print("healthy\n"),
            Err(AdminClientError::Refused(_)) => {
                complain("clients cannot connect (yet): `ephemeral-server status` says why");
                EXIT_NOT_READY.into()
            }
            Err(error) => failure(error),
        }
    })
}

async fn once(socket: &Path, json: bool) -> Result<ExitCode, AdminClientError> {
    let figures = admin::ask(&admin::socket(socket), Method::GET, "/stats").await?;
    let text = if json { format!("{figures}\n") } else { text::report(&figures) };
    let printed = print(&text);
    let ready = figures["status"] == "healthy";
    Ok(if ready || printed != ExitCode::SUCCESS { printed } else { EXIT_NOT_READY.into() })
}

async fn blocks(socket: &Path, json: bool) -> Result<ExitCode, AdminClientError> {
    let blocks = admin::ask(&admin::socket(socket), Method::GET, "/blocks").await?;
    Ok(print(&if json { format!("{blocks}\n") } else { text::blocks(&blocks) }))
}

async fn watch(socket: &Path) -> Result<ExitCode, AdminClientError> {
    if !std::io::stdout().is_terminal() {
        complain("--watch needs a terminal; without one, use `status --json` again and again");
        return Ok(ExitCode::FAILURE);
    }
    let socket = admin::socket(socket);
    // Before the screen is taken: an error should stay readable.
    let first = admin::ask(&socket, Method::GET, "/stats").await?;
    let mut screen = match screen::Screen::open() {
        Ok(screen) => screen,
        Err(error) => return Ok(failure(format_args!("the terminal cannot be used: {error}"))),
    };
    let mut next: Result<Value, AdminClientError> = Ok(first);
    loop {
        if let Err(error) = screen.show(next.as_ref().map_err(ToString::to_string)) {
            return Ok(failure(format_args!("the terminal cannot be used: {error}")));
        }
        if screen.wants_to_end(LOOK).await {
            return Ok(ExitCode::SUCCESS);
        }
        next = admin::ask(&socket, Method::GET, "/stats").await;
    }
}
