//! `ephemeral discovery`: makes and shows the key for a server that not everybody can find.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;

use super::directories::directories;
use super::exit::Failure;
use super::words::{self, fl};
use ephemeral_client::text::printable_json;
use ephemeral_client::{ServerUrl, discovery_file};
use ephemeral_tor::DiscoverySecret;

const NEW_HELP: &str = "\
Example:
  ephemeral discovery new --server NAME.onion

It prints the public half, descriptor:x25519:…: send that to the operator, who adds it with
`ephemeral-server clients add NAME KEY`. From then on `send` and `recv` find the server.

With --socks, it is the other Tor that needs the key: add `ClientOnionAuthDir DIRECTORY` to its torrc, and copy the
file there; it has the format that C tor reads, and `ephemeral discovery show --json` says where it is. One key for
each server: two servers that saw the same one would know that it is the same client. A server that has moved is the
same server: once its news is followed (`ephemeral moved`), the key for its old address finds the new one.";

#[derive(Subcommand)]
pub(super) enum Command {
    /// Make a discovery key for a restricted server, and print its public half. It never overwrites
    /// one.
    #[command(after_help = NEW_HELP)]
    New(DiscoveryOptions),
    /// Print the public half of the discovery key for a server.
    #[command(after_help = "Example:\n  ephemeral discovery show --server NAME.onion")]
    Show(DiscoveryOptions),
}

#[derive(Args)]
pub(super) struct DiscoveryOptions {
    /// The server: NAME.onion, with http:// or without.
    #[arg(long, env = "EPHEMERAL_SERVER", value_name = "URL")]
    server: ServerUrl,
    #[command(flatten)]
    directory: DirectoryArgs,
    /// Print a JSON object instead.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct DirectoryArgs {
    /// Where discovery keys are kept; by default discovery/ in the platform's configuration
    /// directory.
    #[arg(long = "discovery-dir", env = "EPHEMERAL_DISCOVERY_DIR", value_name = "DIR")]
    directory: Option<PathBuf>,
}

impl DirectoryArgs {
    pub(super) fn path(&self) -> Result<PathBuf, Failure> {
        match &self.directory {
            Some(directory) => Ok(directory.clone()),
            None => Ok(directories()?.config_dir().join("discovery")),
        }
    }
}

pub(super) fn run(command: &Command) -> Result<(), Failure> {
    let (Command::New(options) | Command::Show(options)) = command;
    let Some(onion) = options.server.onion_name() else {
        return Err(Failure::usage(fl!("discovery-only-onion")));
    };
    let path = discovery_file::path(&options.directory.path()?, onion);
    let secret = match command {
        Command::New(_) => {
            let failed = |error: getrandom::Error| Failure::local(fl!("no-random-numbers", why = error.to_string()));
            let secret = DiscoverySecret::generate().map_err(failed)?;
            discovery_file::create(&path, &secret, onion)?;
            secret
        }
        Command::Show(_) => match discovery_file::read(&path, onion)? {
            Some(secret) => secret,
            None => {
                return Err(Failure::local(fl!("discovery-none", path = words::path(&path))));
            }
        },
    };
    print(&secret, &path, options.json)
}

fn print(secret: &DiscoverySecret, path: &Path, as_json: bool) -> Result<(), Failure> {
    let key = secret.public().to_string();
    let line = if as_json {
        printable_json(&json!({"discovery_key": key, "key_file": path.to_string_lossy()}).to_string())
    } else {
        key
    };
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{line}").and_then(|()| stdout.flush()).map_err(|error| Failure::output(&error))
}
