//! `ephemeral-server cluster`: what several machines need before they are one server.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use zeroize::Zeroizing;

use super::failure;
use crate::cluster::lead::SECRET;
use ephemeral_tor::private_file;

/// What the help shows.
pub(super) const EXAMPLES: &str = "Example:
  ephemeral-server cluster secret /var/lib/ephemeral-server/cluster.secret

docs/several-machines.md says what a cluster is, and that most servers need none.";

const SECRET_HELP: &str = "\
Example:
  ephemeral-server cluster secret /var/lib/ephemeral-server/cluster.secret

Make it once, copy it to all machines by a safe way, and name it as secret_file in [cluster]. Whoever has it, and can \
reach the NATS servers, can read what waits.";

#[derive(Debug, Clone, Subcommand)]
pub(super) enum Command {
    /// Make the secret that all machines of a cluster share
    #[command(after_help = SECRET_HELP)]
    Secret {
        /// The file to write; one that is there already is left as it is
        file: PathBuf,
    },
}

pub(super) fn run(command: &Command) -> ExitCode {
    let Command::Secret { file } = command;
    match make_secret(file) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure(error),
    }
}

fn make_secret(file: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let mut secret = Zeroizing::new([0; SECRET]);
    getrandom::fill(&mut *secret)?;
    private_file::create_new(file, &*secret)?;
    Ok(())
}
