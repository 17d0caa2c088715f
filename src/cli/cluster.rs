//! `ephemeral-server cluster`: what several machines need before they are one server.

mod join;
mod set_key;
mod text;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use zeroize::Zeroizing;

use super::places::Candidates;
use super::status::EXIT_NOT_READY;
use super::{complain, failure, print};
use crate::admin::client::{AdminClientError, ask};
use crate::admin::routes::{ClusterDrainAnswer, ClusterDrainRequest, ClusterInviteRequest, ClusterStatusRequest};
use crate::cluster::lead::SECRET;
use ephemeral_tor::private_file;
pub(super) use join::run as join;
pub(super) use set_key::run as set_key;

/// What the help shows.
pub(super) const EXAMPLES: &str = "Examples:
  ephemeral-server cluster secret /var/lib/ephemeral-server/cluster.secret
  ephemeral-server cluster status
  ephemeral-server cluster drain
  ephemeral-server cluster invite

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

const INVITE_HELP: &str = "\
Examples:
  ephemeral-server cluster invite
  ephemeral-server cluster invite --json

Ask a running machine that has the key of the onion service. Type the code on the new machine within ten minutes: \
`ephemeral-server cluster join CODE`. It is good for one machine; five wrong ones, a `panic` or another invite end it.";

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
    /// Make a code for which one new machine is given the key of the onion service
    #[command(after_help = INVITE_HELP)]
    Invite {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Fetch the key of the onion service from a machine that has it, before this one's first start
    #[command(after_help = join::HELP)]
    Join(join::ClusterJoinArgs),
    /// Say that this machine's secret and service key are the cluster's, and not those of the first
    #[command(after_help = set_key::HELP)]
    SetKey,
}

impl Command {
    /// Returns whether it works with the settings, and not with a running server.
    pub(super) fn needs_settings(&self) -> bool {
        matches!(self, Self::Join(_) | Self::SetKey)
    }
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
        Command::Invite { json } => super::on_runtime(async {
            match candidates.to_change() {
                Ok(instance) => invite(&instance.socket, json).await.unwrap_or_else(failure),
                Err(error) => failure(error),
            }
        }),
        // They need the settings.
        Command::Join(_) | Command::SetKey => ExitCode::SUCCESS,
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

async fn invite(socket: &Path, json: bool) -> Result<ExitCode, AdminClientError> {
    let answer = ask(socket, &ClusterInviteRequest {}).await?;
    if json {
        let text = Zeroizing::new(serde_json::to_string(&answer).unwrap_or_default() + "\n");
        return Ok(print(&text));
    }
    complain(format_args!(
        "within {} minutes, on the new machine: `ephemeral-server cluster join CODE`. Whoever has this code and the \
         cluster's secret is given the key of {}",
        answer.seconds / 60,
        answer.address
    ));
    Ok(print(&Zeroizing::new(format!("{}\n", answer.code))))
}

fn make_secret(file: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let mut secret = Zeroizing::new([0; SECRET]);
    getrandom::fill(&mut *secret)?;
    private_file::create_new(file, &*secret)?;
    Ok(())
}
