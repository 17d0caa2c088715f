//! `ephemeral serve`: runs the profile until it is stopped, for programs and commands that come by
//! its socket.

use std::path::PathBuf;

use clap::Args;
use sd_notify::NotifyState;

use super::exit::{Exit, Failure};
use super::init::authority;
use super::reach::Host;
use super::running::RunArgs;
use super::words::{self, fl};
use super::{profile, socket, stop};
use ephemeral_client::ServerUrl;
use ephemeral_client::engine::Profile;

/// A profile that is not kept.
#[derive(Args)]
pub(super) struct MemoryArgs {
    /// Keep nothing on the disk: the profile lives as long as the process.
    #[arg(long, requires = "server")]
    ephemeral: bool,
    /// The server of a profile that is not kept.
    #[arg(long, env = "EPHEMERAL_SERVER", value_name = "URL")]
    server: Option<ServerUrl>,
    /// What contacts of a profile that is not kept are told that it is called.
    #[arg(long, value_name = "NAME", default_value = "")]
    name: String,
}

impl MemoryArgs {
    pub(super) fn is_used(&self) -> bool {
        self.ephemeral
    }

    /// Makes the profile.
    pub(super) fn create(&self) -> Result<Profile, Failure> {
        let server = self.server.as_ref().ok_or_else(|| Failure::usage(fl!("serve-needs-server")))?;
        profile::lock_memory();
        Ok(Profile::create(None, authority(server)?, &self.name)?)
    }
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  ephemeral serve
  ephemeral serve --ephemeral --server NAME.onion --name Alice --profile meeting

It stays connected, fetches and sends. The other commands find it and use it: they need no passphrase
then. Programs talk to it by lines of JSON (JSON-RPC 2.0, `docs/rpc.md`) over the socket that it
prints, which is this user's alone. Ctrl-C or SIGTERM ends it.")]
pub(super) struct ServeArgs {
    #[command(flatten)]
    memory: MemoryArgs,
    #[command(flatten)]
    run: RunArgs,
}

pub(super) async fn run(args: ServeArgs) -> Result<(), Failure> {
    let (host, path) = if args.memory.is_used() { in_memory(&args).await? } else { kept(&args)? };
    args.run.route.note(&fl!("serve-at", path = words::path(&path)));
    // Without a service manager, there is nobody to tell.
    let _ = sd_notify::notify(&[NotifyState::Ready]);
    let mut host = host;
    tokio::select! {
        ended = host.ended() => return ended,
        result = stop::requested() => result?,
    }
    let _ = sd_notify::notify(&[NotifyState::Stopping]);
    host.stop().await
}

fn kept(args: &ServeArgs) -> Result<(Host, PathBuf), Failure> {
    let directory = args.run.profile.directory()?;
    let profile = args.run.profile.open()?;
    let path = socket::of_directory(&directory);
    let mut host = args.run.host(profile, Some(directory), args.run.fetching(), false)?;
    host.open_door(&path)?;
    Ok((host, path))
}

async fn in_memory(args: &ServeArgs) -> Result<(Host, PathBuf), Failure> {
    let place = args.run.profile.memory_socket();
    let path = place.ok_or_else(|| Failure::usage(fl!("serve-no-place")))?;
    socket::make_folder(&path)?;
    if socket::connect(&path).await?.is_some() {
        return Err(Failure::new(Exit::InUse, fl!("serve-taken", path = words::path(&path))));
    }
    let mut host = args.run.host(args.memory.create()?, None, args.run.fetching(), false)?;
    host.open_door(&path)?;
    Ok((host, path))
}
