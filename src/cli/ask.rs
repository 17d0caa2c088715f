//! The commands that ask the running server one thing and print its answer. Another one is a
//! variant of [`Command`] with an arm of [`run`], and its request in `admin::routes`.

use std::path::Path;
use std::process::ExitCode;

use clap::Subcommand;

use super::places::Candidates;
use super::status::EXIT_NOT_READY;
use super::status::text::duration;
use super::{complain, failure, print};
use crate::admin::client::{AdminClientError, ask};
use crate::admin::routes::{CheckInAnswer, CheckInRequest, DropAnswer, DropRequest, HealthRequest, UnblockRequest};
use crate::http::Health;

#[derive(Debug, Clone, Subcommand)]
pub(super) enum Command {
    /// Say whether clients can connect, for a health check; unlike `status` it is no check-in
    #[command(
        after_help = "Example:\n  ephemeral-server health\n\nExit code 0: they can; 3: they cannot (yet); 1: no server answers."
    )]
    Health,
    /// End a block before its time
    #[command(after_help = "Example:\n  ephemeral-server unblock address-abcdefghijklm")]
    Unblock {
        /// The name that `status blocks` gives
        #[arg(value_name = "NAME")]
        who: String,
    },
    /// Overwrite and drop what waits from one sender; it may go on sending
    #[command(after_help = "Example:\n  ephemeral-server drop key-abcdefghijklm")]
    Drop {
        /// The name that `status senders` gives
        #[arg(value_name = "NAME")]
        who: String,
    },
    /// Tell the dead-man switch ([panic] in the configuration) that somebody is there
    #[command(after_help = "Example:\n  ephemeral-server check-in")]
    CheckIn,
}

pub(super) fn run(command: Command, candidates: &Candidates) -> ExitCode {
    super::on_runtime(async {
        let asked = match command {
            Command::Health => health(&candidates.to_ask().socket).await,
            Command::Unblock { who } => unblock(&candidates.to_ask().socket, who).await,
            Command::Drop { who } => drop_waiting(&candidates.to_ask().socket, who).await,
            Command::CheckIn => match candidates.to_change() {
                Ok(instance) => check_in(&instance.socket).await,
                Err(error) => return failure(error),
            },
        };
        asked.unwrap_or_else(failure)
    })
}

/// Asks for no more than whether clients can connect: a machine that asks every minute checks in
/// for nobody.
async fn health(socket: &Path) -> Result<ExitCode, AdminClientError> {
    if ask(socket, &HealthRequest {}).await?.status == Health::Healthy {
        return Ok(print("healthy\n"));
    }
    complain("clients cannot connect (yet): `ephemeral-server status` says why");
    Ok(EXIT_NOT_READY.into())
}

async fn unblock(socket: &Path, who: String) -> Result<ExitCode, AdminClientError> {
    let freed = format!("{who} is no longer blocked\n");
    ask(socket, &UnblockRequest { who }).await?;
    Ok(print(&freed))
}

async fn drop_waiting(socket: &Path, who: String) -> Result<ExitCode, AdminClientError> {
    let DropAnswer { messages } = ask(socket, &DropRequest { who: who.clone() }).await?;
    Ok(print(&format!("{messages} messages from {who} are erased\n")))
}

async fn check_in(socket: &Path) -> Result<ExitCode, AdminClientError> {
    let CheckInAnswer { dead_man } = ask(socket, &CheckInRequest {}).await?;
    Ok(print(&match dead_man {
        None => "the dead-man switch is off: [panic] after_days is 0\n".to_owned(),
        Some(before) => {
            format!("checked in: {} d from now on; {} were left\n", before.after_days, duration(before.left_s))
        }
    }))
}
