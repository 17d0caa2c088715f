//! The commands of `ephemeral`: what people and scripts see of the client. Results go to stdout, everything else to
//! stderr; how it ended is in the exit code.

mod discovery;
mod exit;
mod identity;
mod moved;
mod recv;
mod route;
mod send;
mod stop;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use exit::{Exit, Failure};

/// Sends and receives messages through an Ephemeral Messenger Server.
#[derive(Parser)]
#[command(name = "ephemeral", version, max_term_width = 100, after_help = exit::HELP, after_long_help = exit::HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make an identity, or show the fingerprint that others write to.
    #[command(subcommand)]
    Identity(identity::Command),
    /// Make or show the key for a server that not everybody can find.
    #[command(subcommand)]
    Discovery(discovery::Command),
    /// Send a message.
    Send(send::SendArgs),
    /// Print the messages that come.
    Recv(recv::RecvArgs),
    /// Check a server's notice of its move, and follow it from now on.
    Moved(moved::MovedArgs),
}

/// The definition of the command line, for whoever documents it.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

/// Parses the command line, runs the command, and says how it ended.
#[must_use]
pub fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Identity(command) => identity::run(&command),
        Command::Discovery(command) => discovery::run(&command),
        Command::Send(args) => on_runtime(send::run(args)),
        Command::Recv(args) => on_runtime(recv::run(args)),
        Command::Moved(args) => on_runtime(moved::run(args)),
    };
    match outcome {
        Ok(()) => Exit::Ok.into(),
        Err(failure) => {
            failure.report();
            failure.exit.into()
        }
    }
}

fn on_runtime(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::local(format!("cannot start: {error}")))?;
    let outcome = runtime.block_on(command);
    // A thread that still waits for the terminal's input must not keep the program.
    runtime.shutdown_background();
    outcome
}
