//! `ephemeral rpc`: methods and notifications for a program that starts this one: lines of JSON
//! (JSON-RPC 2.0) on standard input and output.

use clap::Args;
use tokio::io::{copy_bidirectional, join};
use tokio::net::UnixStream;

use super::exit::Failure;
use super::reach::Host;
use super::running::RunArgs;
use super::serve::MemoryArgs;
use super::stdio::{stdin, stdout};
use super::words::{files, fl};
use super::{socket, stop};

#[derive(Args)]
#[command(after_help = "\
Example:
  echo '{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"contacts.list\"}' | ephemeral rpc

A request is an object on a line, and so is its answer: JSON-RPC 2.0. After `subscribe`, what comes is
told by notifications of the method `event`; what could not be written comes again the next time. The
end of standard input ends it. If an engine has the profile already (`ephemeral serve`), that one
answers. `docs/rpc.md` lists the methods and events.")]
pub(super) struct RpcArgs {
    #[command(flatten)]
    memory: MemoryArgs,
    #[command(flatten)]
    run: RunArgs,
}

pub(super) async fn run(args: RpcArgs) -> Result<(), Failure> {
    if args.memory.is_used() {
        let profile = args.memory.create()?;
        return serve(args.run.host(profile, None, args.run.fetching(), false)?).await;
    }
    if let Some(stream) = args.run.profile.running().await? {
        return pass_on(stream).await;
    }
    let directory = args.run.profile.directory()?;
    let profile = args.run.profile.open()?;
    let mut host = args.run.host(profile, Some(directory.clone()), args.run.fetching(), false)?;
    host.open_door(&socket::of_directory(&directory))?;
    serve(host).await
}

/// Lets the program talk to the engine of this process.
async fn serve(host: Host) -> Result<(), Failure> {
    let over = host.service.connect(join(stdin(), stdout()), None).await;
    tokio::select! {
        // The service ended, or the program has nothing more to say.
        _ = over => {}
        result = stop::requested() => result?,
    }
    host.stop().await
}

/// Lets the program talk to the engine of another process.
async fn pass_on(mut stream: UnixStream) -> Result<(), Failure> {
    let mut pipes = join(stdin(), stdout());
    tokio::select! {
        copied = copy_bidirectional(&mut pipes, &mut stream) => {
            copied.map(drop).map_err(|error| Failure::local(fl!("engine-broken", why = files::system(&error))))
        }
        result = stop::requested() => result,
    }
}
