//! `ephemeral-server clients`: who can find a restricted service. It works on files, whether the
//! server runs or not.

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;

use super::{complain, failure, print};
use crate::transport::onion_service::clients;
use ephemeral_tor::DiscoveryKey;

/// What the help shows.
pub(super) const EXAMPLES: &str = "Example:
  ephemeral-server clients add alice descriptor:x25519:ZAALVFJ7…
  ephemeral-server clients list
  ephemeral-server clients remove alice

With restricted = true in [onion], nobody else can find the service, even who knows its address. That keeps strangers \
and their floods away; it is not what decides who may write to whom.";

const ADD_HELP: &str = "\
Example:
  ephemeral-server clients add alice descriptor:x25519:ZAALVFJ7…

The client makes its key with `ephemeral discovery new`, which prints the public half: that is KEY. A running \
server takes it up within a few seconds; the network has it at most about a minute later. It has an effect \
where `restricted = true` stands in [onion].";

const REMOVE_HELP: &str = "\
Example:
  ephemeral-server clients remove alice

A running server closes its introduction points within seconds and takes new ones, which the client cannot find. \
A connection that it has open stays open: restart the server to end that, too.";

#[derive(Debug, Clone, Subcommand)]
pub(super) enum Command {
    /// Let the holder of a key find the service
    #[command(after_help = ADD_HELP)]
    Add {
        /// What you call the client: 1 to 32 of a-z, 0-9, - and _
        name: String,
        /// The public half of its discovery key, as `ephemeral discovery new` prints it
        key: String,
    },
    /// List the clients that can find the service
    #[command(after_help = "Example:\n  ephemeral-server clients list\n  ephemeral-server clients list --json")]
    List(ListOptions),
    /// Take a client away again: it cannot come in any more
    #[command(after_help = REMOVE_HELP)]
    Remove {
        /// What it was called when it was added
        name: String,
    },
}

#[derive(Debug, Clone, Args)]
pub(super) struct ListOptions {
    /// Print a JSON array instead
    #[arg(long)]
    json: bool,
}

/// Runs the command. `restricted`: whether the configuration says so; without it the clients have
/// no effect. `nickname`: the service's.
pub(super) fn run(command: &Command, state_dir: &Path, nickname: Option<&str>, restricted: bool) -> ExitCode {
    let outcome = match command {
        Command::Add { name, key } => {
            let added =
                key.parse::<DiscoveryKey>().map_err(Into::into).and_then(|key| clients::add(state_dir, name, &key));
            added.map(|()| {
                if !restricted {
                    complain("added, without an effect: everybody can find the service until restricted = true stands in [onion]");
                }
                String::new()
            })
        }
        Command::List(ListOptions { json }) => clients::list(state_dir).map(|clients| {
            if *json {
                let entries: Vec<_> =
                    clients.iter().map(|(name, key)| json!({"name": name, "key": key.to_string()})).collect();
                format!("{}\n", json!(entries))
            } else {
                clients.iter().map(|(name, key)| format!("{name} {key}\n")).collect()
            }
        }),
        Command::Remove { name } => clients::remove(state_dir, name).map(|()| {
            // A server that runs does it by itself, and holds the lock.
            if let Some(nickname) = nickname
                && let Err(error) = ephemeral_tor::forget_introduction_points(state_dir, nickname)
            {
                complain(format_args!("removed, but what {name} knows lets it in for some days: {error}"));
            }
            String::new()
        }),
    };
    match outcome {
        Ok(text) => print(&text),
        Err(error) => failure(error),
    }
}
