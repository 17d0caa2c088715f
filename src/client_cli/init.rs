//! `ephemeral init`: makes a profile.

use std::io::IsTerminal as _;

use clap::Args;
use serde_json::json;

use super::exit::{Failure, say};
use super::output::{print, print_json};
use super::profile::ProfileArgs;
use super::words::{fl, path};
use ephemeral_client::ServerUrl;
use ephemeral_client::engine::Profile;
use ephemeral_e2e::authority::Authority;

#[derive(Args)]
#[command(after_help = "\
Example:
  ephemeral init --server NAME.onion --name Alice

A profile is who you are to your contacts. It is kept in one encrypted file, which the passphrase
opens: whoever forgets it has lost the profile. Nobody is told of a profile; there are no accounts.")]
pub(super) struct InitArgs {
    /// Your server: NAME.onion, or http://127.0.0.1:8443 on this machine.
    #[arg(long, env = "EPHEMERAL_SERVER", value_name = "URL")]
    server: ServerUrl,
    /// What your contacts are told that you are called.
    #[arg(long, value_name = "NAME", default_value = "")]
    name: String,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    profile: ProfileArgs,
}

pub(super) fn run(args: &InitArgs) -> Result<(), Failure> {
    let directory = args.profile.directory()?;
    let server = authority(&args.server)?;
    if ephemeral_client::vault::Vault::exists(&directory) {
        return Err(ephemeral_client::vault::VaultError::Exists(directory).into());
    }
    if std::io::stdin().is_terminal() {
        say(&fl!("init-cannot-be-recovered"));
    }
    let passphrase = args.profile.passphrase.read_new()?;
    Profile::create(Some((&directory, &passphrase)), server, &args.name)?;
    if args.json {
        return print_json(&json!({"profile": directory.to_string_lossy(), "server": args.server.authority()}));
    }
    print(&format!("{}\n", fl!("init-done", path = path(&directory))))
}

/// Returns the name of a server as it stands in cards and invites.
pub(super) fn authority(server: &ServerUrl) -> Result<Authority, Failure> {
    let named = if server.is_onion() {
        Authority::onion(&server.authority())
    } else {
        Authority::loopback(&server.authority())
    };
    named.map_err(|_| Failure::usage(fl!("init-server")))
}
