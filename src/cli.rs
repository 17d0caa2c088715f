//! The commands of `ephemeral-server`, and what each prints.
//!
//! Exit codes: 0; 1 for what went wrong while it ran; 78 (`EX_CONFIG` of sysexits.h) for what it
//! was told and cannot use, be it a flag, a variable or a line of the file, so that a supervisor
//! need not try again; 75 (`EX_TEMPFAIL`) for the same where the supervisor holds messages, so that
//! it tries again and keeps them; 74 (`EX_IOERR`) for what was to be erased and is left.

#![allow(clippy::print_stderr)]

mod address;
mod arguments;
mod ask;
mod clients;
mod cluster;
mod doctor;
mod keys;
mod link_key;
mod output;
mod panic;
mod places;
mod status;

use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory, Parser, Subcommand};

use crate::causes::with_causes;
use crate::clock::Clock;
use crate::config::{Config, Flags};
use crate::daemon::EarlySignals;
use crate::erase::EraseError;
use crate::{daemon, hardening, logging, systemd};
use output::{complain, failure, not_erased, print};
use places::Candidates;

/// `EX_CONFIG`.
const EXIT_CONFIG: u8 = 78;
/// `EX_TEMPFAIL`.
const EXIT_TRY_AGAIN: u8 = 75;
/// `EX_IOERR`.
const EXIT_NOT_ERASED: u8 = 74;
/// How long threads may take to end, and to wipe what they leave behind.
const THREADS_END: Duration = Duration::from_millis(500);
/// How long the last lines on stderr may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// A Tor onion service that carries messages between people and keeps what waits in RAM only.
#[derive(Debug, Parser)]
#[command(name = "ephemeral-server", version, after_help = RUN_EXAMPLES)]
struct Cli {
    #[command(flatten)]
    flags: Flags,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Clone, Default, Subcommand)]
enum Command {
    /// Run the server; this is what it does when no command is given
    #[default]
    #[command(after_help = RUN_EXAMPLES)]
    Run,
    /// Print the settings in force as TOML, or everything that is wrong with them, and start
    /// nothing
    #[command(after_help = "Example:\n  ephemeral-server check-config --config /etc/ephemeral-server.toml")]
    CheckConfig,
    /// Print the .onion address, offline; the key is made if there is none yet
    #[command(after_help = "Example:\n  ephemeral-server address --state-dir /var/lib/ephemeral-server")]
    Address,
    /// Print this machine's key for the link between machines, offline; it is made if there is none
    /// yet
    #[command(after_help = "Example:\n  ephemeral-server link-key --state-dir /var/lib/ephemeral-server")]
    LinkKey,
    /// Say who can find a restricted service, by their discovery keys, offline or while it runs
    #[command(subcommand, after_help = clients::EXAMPLES)]
    Clients(clients::Command),
    /// Prepare machines that are one server together
    #[command(subcommand, after_help = cluster::EXAMPLES)]
    Cluster(cluster::Command),
    /// Show the state of the running server: reachable or not, sessions, waiting messages, events
    #[command(after_help = status::EXAMPLES)]
    Status(status::Status),
    #[command(flatten)]
    Ask(ask::Command),
    /// Back up, restore, move or exchange the key of the onion service, offline
    #[command(subcommand, after_help = keys::EXAMPLES)]
    Keys(keys::Command),
    /// Erase at once everything that waits, and with --keys the identity, too
    #[command(after_help = panic::EXAMPLES)]
    Panic(panic::Panic),
    /// Look at where and how the server runs, and say what is wrong and what to do
    #[command(after_help = doctor::EXAMPLES)]
    Doctor(doctor::Doctor),
}

const RUN_EXAMPLES: &str = "Examples:
  ephemeral-server
  ephemeral-server --state-dir state --clearnet
  ephemeral-server --no-tor --clearnet 127.0.0.1:8080
  ephemeral-server run --config /etc/ephemeral-server.toml

Flags win over the environment, which wins over the file. Exit code 78: a setting that cannot be used.";

/// Returns the definition of the command line, from which the manual is made.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

/// Does what the command line says.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = arguments::with_joined_address(std::env::args_os(), &Cli::command());
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // A closed terminal leaves nobody to tell.
            let _ = error.print();
            return if error.use_stderr() { unusable(&[], &Flags::default()) } else { ExitCode::SUCCESS };
        }
    };
    let code = carry_out(cli);
    hardening::wipe_stack();
    logging::flush(PATIENCE);
    code
}

/// Does what was asked, in a frame of its own: what that leaves on the stack is wiped.
#[inline(never)]
fn carry_out(cli: Cli) -> ExitCode {
    match cli.command.unwrap_or_default() {
        Command::Run => run(cli.flags),
        Command::CheckConfig => check_config(&cli.flags),
        command => other(command, &cli.flags),
    }
}

/// Looks a variable up.
fn environment(name: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(name)
}

fn check_config(flags: &Flags) -> ExitCode {
    match Config::load(flags, &environment) {
        Ok(config) => {
            let concerns = config.clearnet.as_ref().map(|settings| settings.concerns(Clock::System.wall()));
            concerns.unwrap_or_default().iter().for_each(complain);
            print(&config.to_toml())
        }
        Err(error) => {
            error.to_string().lines().for_each(complain);
            EXIT_CONFIG.into()
        }
    }
}

/// Runs a command that needs only some of the settings: the others may be broken, and in an
/// emergency they are.
fn other(command: Command, flags: &Flags) -> ExitCode {
    let candidates = Candidates::find(&flags.places(&environment));
    match command {
        Command::Ask(command) => return ask::run(command, &candidates),
        Command::Status(status) => return status::run(&status, &candidates),
        Command::Panic(panic) => return panic::run(panic, &candidates),
        Command::Cluster(command) if !command.needs_settings() => return cluster::run(command, &candidates),
        _ => {}
    }
    let examined = Config::examine(flags, &environment);
    let config = &examined.config;
    if let Err(error) = logging::init(&config.log_filter, config.log_format) {
        return failure(error);
    }
    if let Err(error) = logging::start_writing() {
        return failure(format_args!("no thread for the log can be started: {error}"));
    }
    if let Command::Doctor(doctor) = command {
        return doctor::run(&doctor, &examined, flags.config_file(&environment));
    }
    if let Some(error) = examined.error.as_ref().filter(|_| !examined.onion_is_known) {
        // Another key than the one that is meant would be worse than none.
        error.to_string().lines().for_each(complain);
        return EXIT_CONFIG.into();
    }
    match command {
        Command::Address => address::run(config),
        Command::LinkKey => link_key::run(config),
        Command::Cluster(cluster::Command::Join(join)) => cluster::join(&join, &examined),
        Command::Cluster(cluster::Command::SetKey) => cluster::set_key(&examined),
        Command::Keys(command) => match keys::run(&command, config) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) if error.is_configuration() => {
                complain(error);
                EXIT_CONFIG.into()
            }
            Err(error) => failure(error),
        },
        Command::Clients(command) => {
            let restricted = config.onion.as_ref().is_some_and(|onion| onion.restricted);
            let nickname = config.onion.as_ref().map(|onion| onion.nickname.as_str());
            clients::run(&command, &config.state_dir, nickname, restricted)
        }
        _ => ExitCode::SUCCESS,
    }
}

/// Runs a command that talks to the daemon.
fn on_runtime(command: impl Future<Output = ExitCode>) -> ExitCode {
    on_runtime_with(command).unwrap_or_else(|code| code)
}

/// Runs what talks to the daemon; `Err`: it cannot be run.
fn on_runtime_with<T>(command: impl Future<Output = T>) -> Result<T, ExitCode> {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => Ok(runtime.block_on(command)),
        Err(error) => Err(failure(format_args!("the runtime cannot be started: {error}"))),
    }
}

fn run(flags: Flags) -> ExitCode {
    // First of all: no wish may be lost while it starts.
    let early = match EarlySignals::hear() {
        Ok(early) => early,
        Err(error) => return failure(format_args!("cannot listen for signals: {error}")),
    };
    let config = match Config::load(&flags, &environment) {
        Ok(config) => config,
        Err(error) => {
            if let Some(state_dir) = flags.places(&environment).state_dir {
                early.leave_wipe(&state_dir);
            }
            let problems: Vec<_> = error.to_string().lines().map(str::to_owned).collect();
            return unusable(&problems, &flags);
        }
    };
    let state_dir = config.state_dir.clone();
    let code = serve(config, flags, &early);
    early.leave_wipe(&state_dir);
    code
}

fn serve(config: Config, flags: Flags, early: &EarlySignals) -> ExitCode {
    let log = match logging::init(&config.log_filter, config.log_format) {
        Ok(log) => log,
        Err(error) => return failure(error),
    };
    // This has to come before there is another thread.
    daemon::harden(config.bounds.total_bytes);
    if let Err(error) = logging::start_writing() {
        return failure(format_args!("no thread for the log can be started: {error}"));
    }
    let mut threads = tokio::runtime::Builder::new_multi_thread();
    let runtime = match threads.enable_all().on_thread_stop(hardening::wipe_stack).build() {
        Ok(runtime) => runtime,
        Err(error) => return failure(format_args!("the runtime cannot be started: {error}")),
    };
    let result = runtime.block_on(daemon::run(config, daemon::ConfigSource { flags, log }, early));
    // The daemon has waited for its tasks for as long as it wanted to; a library's thread does not
    // hold up the end for long.
    runtime.shutdown_timeout(THREADS_END);
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.downcast_ref::<EraseError>().is_some() => not_erased(with_causes(&error)),
        Err(error) => failure(with_causes(&error)),
    }
}

/// Says what cannot be used of what the daemon was told, and how it is to go on.
fn unusable(problems: &[String], flags: &Flags) -> ExitCode {
    problems.iter().for_each(complain);
    let state_dir = flags.places(&environment).state_dir;
    let is_to_be_wiped = state_dir.is_some_and(|path| daemon::wipe_mark::read(&path).is_some());
    // A manager that gives up drops what waits. Where a wipe was asked for, that is right.
    if !systemd::has_store_fd() || is_to_be_wiped {
        return EXIT_CONFIG.into();
    }
    complain(
        "the service manager holds messages that wait: it keeps them and tries again until this is mended. \
         `systemctl stop` drops them",
    );
    EXIT_TRY_AGAIN.into()
}

#[cfg(test)]
mod tests;
