//! `ephemeral-server cluster`: what several machines need before they are one server.

mod text;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use zeroize::Zeroizing;

use super::places::Candidates;
use super::status::EXIT_NOT_READY;
use super::{failure, print};
use crate::admin::client::{AdminClientError, ask};
use crate::admin::routes::{ClusterDrainAnswer, ClusterDrainRequest, ClusterStatusRequest};
use crate::cluster::lead::SECRET;
use ephemeral_tor::private_file;

/// What the help shows.
pub(super) const EXAMPLES: &str = "Examples:
  ephemeral-server cluster secret /var/lib/ephemeral-server/cluster.secret
  ephemeral-server cluster status
  ephemeral-server cluster drain

docs/several-machines.md says what a cluster is, and that most servers need none.";

const SECRET_HELP: &str = "\
Example:
  ephemeral-server cluster secret /var/lib/ephemeral-server/cluster.secret

Make it once, copy it to all machines by a safe way, and name it as secret_file in [cluster]. Whoever has it, and can \
reach the NATS servers, can read what waits.";

const STATUS_HELP: &str = "\
Examples:
  ephemeral-server cluster status
  ephemeral-server cluster status --json

Exit code 0: one machine is active, another one could take over, and three NATS servers have everything; 3: not so.";

const DRAIN_HELP: &str = "\
Examples:
  ephemeral-server cluster drain
  ephemeral-server cluster drain a
  ephemeral-server cluster drain a --undo

It waits until another machine is the active one. Exit code 1: none can be, and everything is as it was.";

#[derive(Debug, Clone, Subcommand)]
pub(super) enum Command {
    /// Make the secret that all machines of a cluster share
    #[command(after_help = SECRET_HELP)]
    Secret {
        /// The file to write; one that is there already is left as it is
        file: PathBuf,
    },
    /// Show all machines, the NATS servers and how far each has the journal, from any machine
    #[command(after_help = STATUS_HELP)]
    Status {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Have a machine hand over to another one, and not take over any more until its next start
    #[command(after_help = DRAIN_HELP)]
    Drain {
        /// The machine's name; without one: this machine
        #[arg(value_name = "NODE")]
        node: Option<String>,
        /// Let it take over again
        #[arg(long)]
        undo: bool,
    },
}

pub(super) fn run(command: Command, candidates: &Candidates) -> ExitCode {
    match command {
        Command::Secret { file } => match make_secret(&file) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failure(error),
        },
        Command::Status { json } => {
            super::on_runtime(async { status(&candidates.to_ask().socket, json).await.unwrap_or_else(failure) })
        }
        Command::Drain { node, undo } => super::on_runtime(async {
            match candidates.to_change() {
                Ok(instance) => drain(&instance.socket, node, undo).await.unwrap_or_else(failure),
                Err(error) => failure(error),
            }
        }),
    }
}

async fn status(socket: &Path, json: bool) -> Result<ExitCode, AdminClientError> {
    let survey = ask(socket, &ClusterStatusRequest {}).await?;
    let text = if json { serde_json::to_string(&survey).unwrap_or_default() + "\n" } else { text::report(&survey) };
    let printed = print(&text);
    Ok(if printed != ExitCode::SUCCESS || text::is_well(&survey) { printed } else { EXIT_NOT_READY.into() })
}

async fn drain(socket: &Path, node: Option<String>, undo: bool) -> Result<ExitCode, AdminClientError> {
    let said = node.clone().unwrap_or_else(|| "this machine".to_owned());
    let ClusterDrainAnswer { active } = ask(socket, &ClusterDrainRequest { node, undo }).await?;
    let active = active.map(|active| format!("; {active} is the active one")).unwrap_or_default();
    let what = if undo { "takes over again where it is needed" } else { "stands back until its next start" };
    Ok(print(&format!("{said} {what}{active}\n")))
}

fn make_secret(file: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let mut secret = Zeroizing::new([0; SECRET]);
    getrandom::fill(&mut *secret)?;
    private_file::create_new(file, &*secret)?;
    Ok(())
}
